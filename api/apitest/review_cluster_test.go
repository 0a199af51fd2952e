package apitest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// Who asks for what another one has just taken away waits as that one does: a
// revocation that finds the token gone must not return while a node still takes it.
func TestARevocationThatFindsNothingWaitsToo(t *testing.T) {
	t.Parallel()
	net := apitest.NewNetwork(t)
	c := apitest.NewCluster(t, 3, apitest.In(net))
	root, leader, cut, other := c.Nodes[0].Root(), c.Leader(), c.Followers()[0], c.Followers()[1]
	token := leader.NewToken("default")
	wantStatus(t, cut.Get("auth/token/lookup-self", token), 200)
	time.Sleep(2300 * time.Millisecond) // what the leader of before granted is over
	net.Isolate(cut, c.Nodes...)
	first := make(chan apitest.Reply, 1)
	go func() {
		r, _ := leader.Send("POST", "auth/token/revoke", root, object{"token": token})
		first <- r
	}()
	// The second one comes when the first is made, and waits.
	for end := time.Now().Add(time.Second); time.Now().Before(end) && other.Get("auth/token/lookup-self", token).Status == 200; {
		time.Sleep(5 * time.Millisecond)
	}
	for _, n := range []*apitest.Node{other, leader} {
		wantStatus(t, n.Post("auth/token/revoke", root, object{"token": token}), 204)
		if r := cut.Get("auth/token/lookup-self", token); r.Status == 200 {
			t.Errorf("%s said that the token is revoked, and %s takes it: %s", n.ID(), cut.ID(), r)
		}
	}
	if r := <-first; r.Status != 204 {
		t.Errorf("the first revocation: %s", r)
	}
	net.Heal(c.Nodes...)
	c.Settle()
}

// request is a certificate request of a node (RFC 2986, DER).
func request(t *testing.T, key *ecdsa.PrivateKey, id string) []byte {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: id}}, key)
	must(t, err)
	return csr
}

// joinProof is what a node shows of its join token, over all that it says of itself.
func joinProof(t *testing.T, token string, said ...string) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	secret, err := base64.RawURLEncoding.DecodeString(parts[2])
	must(t, err)
	key := sha256.Sum256(append([]byte("signet join token v1\x00"+parts[1]+"\x00"), secret...))
	m := hmac.New(sha256.New, key[:])
	for _, p := range append([]string{"signet join request v1", parts[1]}, said...) {
		m.Write(binary.AppendUvarint(nil, uint64(len(p))))
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

// A used join token gives its node nothing that was taken from it since, and nobody
// else the node's place.
func TestAUsedJoinTokenChangesNothing(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 1)
	first, root := c.Nodes[0], c.Nodes[0].Root()
	n := c.Add("n2")
	n.Start()
	token := c.JoinToken("n2", false)
	wantStatus(t, joins(n, first, token), 200)
	c.Admitted(n)
	c.Settle()
	wantStatus(t, first.Post("sys/storage/raft/demote", root, asked("n2")), 204)

	file := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(n.DataDir(), "raft", name))
		must(t, err)
		return b
	}
	block, _ := pem.Decode(file("node.key"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	incarnation := strings.TrimSpace(string(file("node-incarnation")))
	address, _ := member(t, first, "n2")["address"].(string)
	ask := func(csr, proof []byte) apitest.Reply {
		return first.Post("sys/storage/raft/admit", "", object{
			"token_id": strings.Split(token, ".")[1], "proof": proof, "node_id": "n2", "incarnation": incarnation, "csr": csr, "feature_level": 1,
			"cluster_addr": address, "api_addr": n.URL(),
		})
	}
	proof := func(csr []byte) []byte {
		return joinProof(t, token, "n2", incarnation, string(csr), address, n.URL(), "\x00\x00\x00\x00\x00\x00\x00\x01")
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	own, other := request(t, key.(*ecdsa.PrivateKey), "n2"), request(t, stranger, "n2")
	wantError(t, ask(other, proof(other)), 400, "invalid_credentials") // with the token, and another key
	wantError(t, ask(other, proof(own)), 400, "invalid_credentials")   // who saw the request of the node
	wantError(t, ask(own, nil), 400, "invalid_credentials")
	wantStatus(t, ask(own, proof(own)), 200) // it may not have heard the answer
	if m := member(t, first, "n2"); m["will_vote"] != false || m["voter"] != false {
		t.Errorf("a demoted node asked again, and is to vote: %v", m)
	}
	wantStatus(t, n.Post("transit/keys/on", root, object{"type": "ed25519"}), 200)
}

// Whoever asks a member to join something leaves a bounded number of records.
func TestStrangersWhoAskForAJoinDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	token := "sgj1.abc." + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43)
	began := time.Now()
	for i := range 400 {
		r := n.Post("sys/storage/raft/join", "", object{"leader_api_addr": "https://127.0.0.1:1", "join_token": token})
		if r.Status == 200 {
			t.Fatalf("request %d joined: %s", i, r)
		}
	}
	most := 20 + int(11*time.Since(began).Seconds()) // see audit's limits on strangers
	recs, err := n.Audit()
	must(t, err)
	wrote := 0
	for _, r := range recs {
		if r.Path == "sys/storage/raft/join" {
			wrote++
		}
	}
	if wrote == 0 || wrote > most {
		t.Errorf("400 requests of a stranger wrote %d records, at most %d are expected", wrote, most)
	}
}
