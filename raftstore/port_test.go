package raftstore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// testCA signs certificates of members, as the domain does.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &testCA{cert, key}
}

func (ca *testCA) sign(t *testing.T, nodeID string, spki []byte) []byte {
	t.Helper()
	public, err := x509.ParsePKIXPublicKey(spki)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: nodeID}}, ca.cert, public, ca.key)
	must(t, err)
	return der
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// meshed is a cluster whose nodes speak over real sockets.
type meshed struct {
	t       *testing.T
	ca      *testCA
	roster  *Roster
	options Options
	dirs    []string
	stores  []*Store
	books   []*book
}

func newMesh(t *testing.T, n int) *meshed {
	t.Helper()
	return newMeshWith(t, n, Options{})
}

// newMeshWith is newMesh with options that all nodes have.
func newMeshWith(t *testing.T, n int, o Options) *meshed {
	t.Helper()
	c := &meshed{t: t, ca: newTestCA(t), options: o}
	c.roster = &Roster{ClusterID: "11111111-2222-4333-8444-555555555555", Epoch: 1, CA: c.ca.cert.Raw}
	for i := range n {
		c.dirs = append(c.dirs, t.TempDir())
		c.stores, c.books = append(c.stores, nil), append(c.books, nil)
		c.open(i)
		c.admit(i)
	}
	first := c.stores[0]
	must(t, first.SetCertificate(c.ca.sign(t, "node0", first.Identity().Public), c.ca.cert.Raw))
	c.spread()
	must(t, first.Bootstrap(testContext(t)))
	for i := 1; i < n; i++ {
		c.enter(i)
		must(t, first.Promote(testContext(t), fmt.Sprint("node", i)))
	}
	return c
}

func (c *meshed) open(i int) {
	c.t.Helper()
	c.books[i] = newBook()
	o := c.options
	o.Dir, o.NodeID, o.Listen, o.TrailingLogs = c.dirs[i], fmt.Sprint("node", i), "127.0.0.1:0", 1
	s, err := Open(o, c.books[i])
	must(c.t, err)
	c.t.Cleanup(func() { s.Close() })
	c.stores[i] = s
}

// admit puts a node into the roster, where it is now.
func (c *meshed) admit(i int) {
	s := c.stores[i]
	c.roster = c.roster.With(Member{
		NodeID: s.identity.NodeID, Incarnation: s.identity.Incarnation, TLSKey: s.identity.Public,
		Address: s.port.listener.Addr().String(), Suffrage: Voter,
	})
}

func (c *meshed) spread() {
	c.t.Helper()
	for _, s := range c.stores {
		must(c.t, s.SetRoster(c.roster))
	}
}

// enter lets a node join through node0.
func (c *meshed) enter(i int) {
	c.t.Helper()
	id := fmt.Sprint("node", i)
	must(c.t, c.stores[0].AddReplica(testContext(c.t), id))
	must(c.t, c.stores[i].Join(c.roster, c.ca.sign(c.t, id, c.stores[i].identity.Public)))
}

func (c *meshed) all(want ...string) {
	c.t.Helper()
	for i, b := range c.books {
		until(c.t, fmt.Sprintf("node%d has %q", i, want), func() bool { return slices.Equal(b.read(), want) })
	}
}

func TestNodesJoinOverTheClusterPort(t *testing.T) {
	c := newMesh(t, 3)
	propose(t, c.stores[0], "over sockets")
	c.all("over sockets")
	servers, err := c.stores[1].Servers()
	must(t, err)
	if fmt.Sprint(servers) != "[{node0 true} {node1 true} {node2 true}]" {
		t.Errorf("servers %v", servers)
	}

	// A node that starts again knows its peers, and may live elsewhere.
	must(t, c.stores[2].Close())
	c.open(2)
	if err := c.stores[2].SetRoster(c.roster); err != nil || !c.stores[2].Bootstrapped() {
		t.Errorf("%v, bootstrapped %t", err, c.stores[2].Bootstrapped())
	}
	c.admit(2)
	c.spread()
	propose(t, c.stores[0], "moved")
	c.all("over sockets", "moved")

	must(t, c.stores[0].Transfer(testContext(t), "node2"))
	until(t, "node2 leads", c.stores[2].Leading)
	propose(t, c.stores[2], "by another")
	c.all("over sockets", "moved", "by another")
}

func TestPeersAskEachOther(t *testing.T) {
	c := newMesh(t, 2)
	ctx := testContext(t)
	_, err := c.stores[0].Ask(ctx, "node1", "x", nil)
	var refused *PeerError
	if !errors.As(err, &refused) || refused.Code != "not_ready" {
		t.Errorf("nobody answers yet: %v", err)
	}
	c.stores[1].HandlePeers(func(ctx context.Context, from, op string, body []byte) ([]byte, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("no deadline arrived")
		}
		switch op {
		case "refuse":
			return nil, &PeerError{"because", "I do not"}
		case "fail":
			return nil, errors.New("secret detail")
		case "hang":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return append([]byte(from+" "+op+" "), body...), nil
	})
	big := bytes.Repeat([]byte("x"), MaxEntry)
	out, err := c.stores[0].Ask(ctx, "node1", "repeat", big)
	if err != nil || !bytes.Equal(out, append([]byte("node0 repeat "), big...)) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if _, err = c.stores[0].Ask(ctx, "node1", "refuse", nil); !errors.As(err, &refused) || *refused != (PeerError{"because", "I do not"}) {
		t.Error(err)
	}
	if _, err = c.stores[0].Ask(ctx, "node1", "fail", nil); !errors.As(err, &refused) || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	if _, err = c.stores[0].Ask(ctx, "node1", "repeat", bytes.Repeat(big, 2)); !errors.As(err, &refused) || refused.Code != "bad_message" {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err = c.stores[0].Ask(short, "node1", "hang", nil); !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	if _, err = c.stores[0].Ask(ctx, "stranger", "repeat", nil); !errors.Is(err, ErrNotDelivered) {
		t.Error(err)
	}
	must(t, c.stores[1].Close())
	if _, err = c.stores[0].Ask(ctx, "node1", "repeat", nil); err == nil {
		t.Error("a closed node answers")
	}
	if _, err = c.stores[0].Ask(ctx, "node1", "repeat", nil); !errors.Is(err, ErrNotDelivered) {
		t.Error(err)
	}
}

// Nobody gets a byte through who is not in the roster with the key at hand, under
// the cluster's CA, of the cluster's epoch, by TLS 1.3.
func TestStrangersAreRefusedOnTheClusterPort(t *testing.T) {
	c := newMesh(t, 2)
	propose(t, c.stores[0], "one")
	c.all("one")
	address := c.stores[0].port.listener.Addr().String()
	roster, own := c.stores[1].port.known()
	other := newTestCA(t)
	self, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&self.PublicKey)
	must(t, err)
	with := func(der []byte, key *ecdsa.PrivateKey) *tls.Certificate {
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	next := *roster
	next.Epoch++
	key := own.PrivateKey.(*ecdsa.PrivateKey)
	for name, try := range map[string]struct {
		cert    *tls.Certificate
		sni     string
		max     uint16
		proto   string
		welcome bool
	}{
		"a member":                      {own, roster.serverName(), 0, alpnPeer, true},
		"no certificate":                {nil, roster.serverName(), 0, alpnPeer, false},
		"a key of its own":              {with(c.ca.sign(t, "node1", spki), self), roster.serverName(), 0, alpnPeer, false},
		"an id that nobody has":         {with(c.ca.sign(t, "node9", spki), self), roster.serverName(), 0, alpnPeer, false},
		"a CA of its own":               {with(other.sign(t, "node1", c.stores[1].identity.Public), key), roster.serverName(), 0, alpnPeer, false},
		"a later epoch":                 {own, next.serverName(), 0, alpnPeer, false},
		"another cluster":               {own, "e1.x.signet", 0, alpnPeer, false},
		"TLS 1.2":                       {own, roster.serverName(), tls.VersionTLS12, alpnPeer, false},
		"a protocol that nobody speaks": {own, roster.serverName(), 0, "h2", false},
		"no protocol":                   {own, roster.serverName(), 0, "", false},
	} {
		config := &tls.Config{InsecureSkipVerify: true, ServerName: try.sni, MaxVersion: try.max}
		if try.proto != "" {
			config.NextProtos = []string{try.proto}
		}
		if try.cert != nil {
			config.Certificates = []tls.Certificate{*try.cert}
		}
		if got := greeted(t, address, config); got != try.welcome {
			t.Errorf("%s: welcome %t", name, got)
		}
	}

	// Somebody else at the address of a member is noticed by who calls.
	liar := *roster
	liar.Members = slices.Clone(roster.Members)
	liar.Member("node0").Address = c.stores[1].port.listener.Addr().String()
	liar.Version += 5
	must(t, c.stores[1].SetRoster(&liar))
	if _, err := c.stores[1].Ask(testContext(t), "node0", "x", nil); !errors.Is(err, ErrNotDelivered) {
		t.Errorf("node1 takes itself for node0: %v", err)
	}
}

// greeted says whether a request gets any answer.
func greeted(t *testing.T, address string, config *tls.Config) bool {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	secured := tls.Client(conn, config)
	if secured.Handshake() != nil {
		return false
	}
	if _, err := secured.Write([]byte("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")); err != nil {
		return false
	}
	n, _ := secured.Read(make([]byte, 100))
	return n > 0
}

// A removed node is hung up on, refused, and cannot disturb those who stay.
func TestARemovedNodeIsHungUpOn(t *testing.T) {
	c := newMesh(t, 3)
	propose(t, c.stores[0], "three")
	c.all("three")
	term := c.stores[0].Term()
	must(t, c.stores[0].Remove(testContext(t), "node2"))
	gone := *c.roster.Member("node2")
	gone.Removed = true
	c.roster = c.roster.With(gone)
	must(t, c.stores[0].SetRoster(c.roster))
	must(t, c.stores[1].SetRoster(c.roster))
	until(t, "its connections are closed", func() bool {
		for _, s := range c.stores[:2] {
			s.port.mu.Lock()
			open := len(slices.Collect(func(yield func(int) bool) {
				for _, m := range s.port.conns {
					if m.NodeID == "node2" && !yield(0) {
						return
					}
				}
			}))
			s.port.mu.Unlock()
			if open != 0 {
				return false
			}
		}
		return true
	})
	if _, err := c.stores[2].Ask(testContext(t), "node0", "x", nil); err == nil {
		t.Error("a removed node is answered")
	}
	time.Sleep(3 * time.Second) // in which it would stand for election, if it could
	propose(t, c.stores[0], "two")
	if now := c.stores[0].Term(); now != term || !c.stores[0].Leading() {
		t.Errorf("a removed node disturbed the others: term %d, before %d", now, term)
	}
	if got := c.books[2].read(); slices.Contains(got, "two") {
		t.Errorf("a removed node gets %q", got)
	}
}

// A roster that is old, or of an earlier epoch, changes nothing.
func TestOldRostersAreIgnored(t *testing.T) {
	c := newMesh(t, 1)
	old := *c.roster
	old.Version--
	must(t, c.stores[0].SetRoster(&old))
	if got := c.stores[0].Roster().Version; got != c.roster.Version {
		t.Errorf("version %d, want %d", got, c.roster.Version)
	}
	// One of the same version that says else is what is committed: the file was wrong.
	same := *c.roster
	same.Members = slices.Clone(same.Members)
	same.Members[0].APIAddress = "https://elsewhere:1"
	must(t, c.stores[0].SetRoster(&same))
	if got := c.stores[0].Roster().Members[0].APIAddress; got != "https://elsewhere:1" {
		t.Errorf("what is committed does not take the place of what is not: %q", got)
	}
	later := old
	later.Epoch++
	must(t, c.stores[0].SetRoster(&later))
	must(t, c.stores[0].SetRoster(c.roster))
	if got := c.stores[0].Roster(); got.Epoch != 2 || got.Version != old.Version {
		t.Errorf("epoch %d, version %d", got.Epoch, got.Version)
	}
	must(t, c.stores[0].Close())
	c.open(0)
	if got := c.stores[0].Roster(); got.Epoch != 2 {
		t.Errorf("after a restart: epoch %d", got.Epoch)
	}
}

func TestBadRostersAreRefused(t *testing.T) {
	good := `{"cluster_id":"c","epoch":1,"version":2,"ca":"","members":[{"node_id":"a","incarnation":"i","tls_key":"AA==","address":"h:1","suffrage":"voter","removed":false}]}`
	r, err := ParseRoster([]byte(good))
	must(t, err)
	again, err := r.Marshal()
	must(t, err)
	if _, err := ParseRoster(again); err != nil {
		t.Error(err)
	}
	if _, err := ParseRoster([]byte(`[{"node_id":"a","incarnation":"i","tls_key":"AA==","address":"","suffrage":"voter","removed":false}]`)); err != nil {
		t.Errorf("of a cluster before 0.4.0: %v", err)
	}
	for name, change := range map[string][2]string{
		"two of one id":   {`"members":[`, `"members":[{"node_id":"a","incarnation":"i","tls_key":"AA==","address":"h:1","suffrage":"voter","removed":false},`},
		"no id":           {`"node_id":"a"`, `"node_id":""`},
		"another part":    {`"suffrage":"voter"`, `"suffrage":"king"`},
		"no key":          {`"tls_key":"AA=="`, `"tls_key":""`},
		"a CA that is no": {`"ca":""`, `"ca":"AAAA"`},
		"unknown member":  {`"epoch":1`, `"epoch":1,"more":1`},
		"cut short":       {`]}`, `]`},
		"data after it":   {`]}`, `]}{}`},
	} {
		if _, err := ParseRoster([]byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzParseRoster(f *testing.F) {
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"cluster_id":"c","epoch":1,"version":2,"ca":"","members":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRoster(b)
		if err != nil {
			return
		}
		out, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRoster(out); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAddressesOfClusterPorts(t *testing.T) {
	for _, good := range []string{"10.0.0.1:8201", "node-a.example:8201", "[::1]:1"} {
		must(t, CheckAddress(good))
	}
	for _, bad := range []string{"", "x", ":8201", "0.0.0.0:8201", "[::]:8201", "https://a:1", "a:0", "a b:1"} {
		if CheckAddress(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
