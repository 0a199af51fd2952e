package apitest

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Cluster is several daemons that are one cluster. Its nodes have the methods of
// Node; what is done to one by name is done to that process alone.
type Cluster struct {
	t     testing.TB
	Nodes []*Node
}

// NewCluster starts n nodes with configuration files, makes the cluster on the first,
// lets the others join with a join token each, unseals all of them, and waits until
// each serves and each has its vote. They are checked at the end of the test, all
// that they acknowledged on every one of them.
func NewCluster(t testing.TB, n int, opts ...Option) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := range n {
		c.add(fmt.Sprintf("n%d", i+1), opts)
	}
	first := c.Nodes[0]
	first.Start()
	first.Init()
	c.Unseal(first)
	for _, other := range c.Nodes[1:] {
		c.Join(other, false)
	}
	c.Settle()
	return c
}

// Add makes one more node, which is a member of nothing yet and does not run.
func (c *Cluster) Add(id string, opts ...Option) *Node {
	c.t.Helper()
	return c.add(id, opts)
}

func (c *Cluster) add(id string, opts []Option) *Node {
	n := newNode(c.t, opts)
	if n.o.under != "" {
		n.o.dataDir, n.o.auditDir = filepath.Join(n.o.under, id, "data", "signet"), filepath.Join(n.o.under, id, "audit", "signet")
	}
	if w := n.o.network; w != nil {
		n.place, n.space = w.add()
		n.id, n.clusterAddr, n.o.listen = id, networkHost(n.place)+":8201", "127.0.0.1:8200"
	} else {
		n.id, n.clusterAddr, n.o.listen = id, freeAddress(c.t), freeAddress(c.t)
	}
	n.Configure()
	c.Nodes = append(c.Nodes, n)
	return n
}

// freeAddress is an address of loopback that nobody listens on now. It is below the
// ports that kernels give to outgoing connections (32768 and up), of which a node that
// is down for a moment would lose its own to.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		var b [2]byte
		_, _ = rand.Read(b[:]) // does not fail
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+binary.BigEndian.Uint16(b[:])%20000))
		if err == nil {
			defer func() { _ = l.Close() }()
			return l.Addr().String()
		}
	}
	t.Fatal("apitest: no free port")
	return ""
}

// clusterHCL is the part of the configuration that makes a node one of a cluster.
func (n *Node) clusterHCL() string {
	if n.clusterAddr == "" {
		return ""
	}
	scheme := "http"
	if n.o.cert != "" {
		scheme = "https"
	}
	return fmt.Sprintf("node_id = %q\napi_addr = \"%s://%s\"\ncluster_addr = \"https://%s\"\n", n.id, scheme, n.o.listen, n.clusterAddr)
}

// ID is the node id of a node of a cluster.
func (n *Node) ID() string { return n.id }

// JoinToken makes a join token for a node.
func (c *Cluster) JoinToken(id string, replica bool) string {
	c.t.Helper()
	var r Reply
	c.Eventually("a join token for "+id, func() bool {
		leader := c.Leader()
		r = leader.Post("sys/storage/raft/join-token", leader.root, map[string]any{"node_id": id, "non_voter": replica})
		if r.Status >= 400 && r.Status < 500 {
			c.t.Fatalf("join token for %s: %s", id, r)
		}
		return r.Status == http.StatusOK
	})
	token := r.Text("data", "join_token")
	for _, n := range c.Nodes {
		n.HandedOut("a join token", token)
	}
	return token
}

// Join starts a node, lets it join by a request to its API, and unseals it.
func (c *Cluster) Join(n *Node, replica bool) {
	c.t.Helper()
	leader := c.Leader()
	token := c.JoinToken(n.id, replica)
	if !n.Running() {
		n.Start()
	}
	r := n.Do(http.MethodPost, "sys/storage/raft/join", "", map[string]any{"leader_api_addr": n.apiFrom(leader), "join_token": token})
	if r.Status != http.StatusOK || r.At("joined") != true {
		c.t.Fatalf("join of %s: %s", n.id, r)
	}
	c.Admitted(n)
}

// Admitted unseals a node that has joined by itself.
func (c *Cluster) Admitted(n *Node) {
	c.t.Helper()
	n.adoptSecrets(c.Nodes[0])
	c.Unseal(n)
}

// adoptSecrets lets a node know the shares and the root token of its cluster.
func (n *Node) adoptSecrets(from *Node) {
	n.root, n.keys, n.o.shares, n.o.threshold = from.root, from.keys, from.o.shares, from.o.threshold
	from.mu.Lock()
	defer from.mu.Unlock()
	for form, what := range from.secrets {
		n.HandedOut(what, form)
	}
}

// Unseal unseals a node that may not know yet that it is part of a cluster. One with a
// seal of its own it awaits.
func (c *Cluster) Unseal(n *Node) {
	c.t.Helper()
	if n.o.seal != "" {
		c.Eventually(n.id+" unseals by itself", func() bool { return n.Get("sys/seal-status", "").At("sealed") == false })
		return
	}
	c.Eventually(n.id+" is unsealed", func() bool {
		for i := range n.o.threshold {
			if r := n.Share(n.keys[i]); r.Status != http.StatusOK {
				return n.Get("sys/seal-status", "").At("sealed") == false
			}
		}
		return n.Get("sys/seal-status", "").At("sealed") == false
	})
}

// clusterPatience is how long a cluster may take for anything that it does by itself.
const clusterPatience = 30 * time.Second

// Eventually waits until something is so.
func (c *Cluster) Eventually(what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(clusterPatience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("never: %s\n%s", what, c.State())
		}
	}
}

// State says how each node is, for a test that fails.
func (c *Cluster) State() string {
	var b strings.Builder
	for _, n := range c.Nodes {
		if n.Running() {
			fmt.Fprintf(&b, "%s: %s\n", n.id, n.Get("sys/health", ""))
			fmt.Fprintf(&b, "%s: %s\n", n.id, n.Get("sys/leader", ""))
		}
	}
	return b.String()
}

// Leader is the node that leads, and serves.
func (c *Cluster) Leader() *Node {
	c.t.Helper()
	var leader *Node
	c.Eventually("one node leads", func() bool {
		for _, n := range c.Nodes {
			if n.Running() && n.Get("sys/health", "").Status == http.StatusOK && n.Get("sys/leader", "").At("is_self") == true {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// Followers are the running nodes that do not lead.
func (c *Cluster) Followers() []*Node {
	c.t.Helper()
	leader := c.Leader()
	var out []*Node
	for _, n := range c.Nodes {
		if n != leader && n.Running() {
			out = append(out, n)
		}
	}
	return out
}

// Settle waits until every running node serves, and has its vote if it is to have
// one.
func (c *Cluster) Settle() {
	c.t.Helper()
	c.Eventually("every node serves and votes", func() bool {
		for _, n := range c.Nodes {
			if n.Running() && n.Get("sys/health?standbyok=true", "").Status != http.StatusOK {
				return false
			}
		}
		servers, _ := c.Leader().Get("sys/storage/raft/configuration", c.Nodes[0].root).At("data", "config", "servers").([]any)
		for _, s := range servers {
			if m, _ := s.(map[string]any); m["will_vote"] == true && m["voter"] != true {
				return false
			}
		}
		return len(servers) > 0
	})
}
