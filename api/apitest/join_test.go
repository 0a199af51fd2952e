package apitest_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// retryJoin is the block of a configuration file that lets a node join.
func retryJoin(leader, tokenFile, caFile string) string {
	ca := ""
	if caFile != "" {
		ca = fmt.Sprintf("    leader_ca_cert_file = %q\n", caFile)
	}
	return fmt.Sprintf("raft {\n  retry_join {\n    leader_api_addr = %q\n    join_token_file = %q\n%s  }\n}\n", leader, tokenFile, ca)
}

func joins(n *apitest.Node, leader *apitest.Node, token string) apitest.Reply {
	return n.Do(http.MethodPost, "sys/storage/raft/join", "", object{"leader_api_addr": leader.URL(), "join_token": token})
}

// A configured node joins by itself, through any node of the cluster, as soon as its
// token file is there and is nobody else's, without a restart.
func TestRetryJoin(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 2)
	follower := c.Followers()[0]
	n := c.Add("n3")
	file := filepath.Join(t.TempDir(), "join-token")
	n.Configure(retryJoin(follower.URL(), file, ""))
	n.Start()
	c.Eventually("it says that there is no token file", func() bool { return strings.Contains(n.Log(), "no such file") })
	token := c.JoinToken("n3", false)
	must(t, os.WriteFile(file, []byte(token), 0o644))
	c.Eventually("it refuses a token file that others can read", func() bool { return strings.Contains(n.Log(), "can be read by others (mode 0644)") })
	h := n.Get("sys/health", "")
	if why := wantStatus(t, h, 501).String(); !strings.Contains(why, "waits to join a cluster") || !strings.Contains(why, "can be read by others") {
		t.Errorf("it does not say what it waits for: %s", why)
	}
	refused := wantError(t, n.Do(http.MethodPut, "sys/init", "", object{"secret_shares": 1, "secret_threshold": 1}), 400, "bad_request")
	wantText(t, refused, "configured to join a cluster")
	must(t, os.Chmod(file, 0o600))
	c.Eventually("it joined", func() bool { return n.Get("sys/health", "").Status == 503 })
	c.Admitted(n)
	c.Settle()
	wantStatus(t, n.Post("transit/keys/third", c.Nodes[0].Root(), object{"type": "ed25519"}), 200)

	// It starts again as what it is: the block and the used token do no harm.
	n.Restart()
	c.Unseal(n)
	c.Settle()
	if strings.Contains(n.Log(), token) {
		t.Error("the join token is in the log")
	}
}

// Over TLS the node asks only who has a certificate of the CA that it was given.
func TestRetryJoinOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	other, _ := certificate(t)
	c := apitest.NewCluster(t, 1, apitest.TLS(cert, key))
	file := writeFile(t, filepath.Join(t.TempDir(), "join-token"), []byte(c.JoinToken("n2", true)))
	must(t, os.Chmod(file, 0o600))
	n := c.Add("n2", apitest.TLS(cert, key))
	n.Configure(retryJoin(c.Nodes[0].URL(), file, other))
	n.Start()
	c.Eventually("it does not trust another CA", func() bool { return strings.Contains(n.Log(), "certificate") })
	if h := n.Get("sys/health", ""); h.Status != 501 {
		t.Errorf("a node that joined nothing: %s", h)
	}
	n.Stop()
	n.Configure(retryJoin(c.Nodes[0].URL(), file, cert))
	n.Start()
	c.Eventually("it joined", func() bool { return n.Get("sys/health", "").Status == 503 })
	c.Admitted(n)
	c.Settle()
	if m := member(t, c.Nodes[0], "n2"); m["voter"] != false || m["will_vote"] != false || m["api_address"] != n.URL() {
		t.Errorf("a replica: %v", m)
	}
	wantStatus(t, n.Post("transit/keys/replica", c.Nodes[0].Root(), object{"type": "ed25519"}), 200)
}

// Nobody joins without a token that this cluster made for this node and that nobody
// else used, and no node joins another cluster than its token's.
func TestJoinRefusals(t *testing.T) {
	t.Parallel()
	a, b := apitest.NewCluster(t, 1), apitest.NewCluster(t, 1)
	first := a.Nodes[0]
	root := first.Root()
	n := a.Add("n2")
	n.Start()
	good, others := a.JoinToken("n2", false), b.JoinToken("n2", false)
	again := a.JoinToken("n2", false) // before anybody of that id is a member

	wantText(t, wantError(t, joins(n, first, "nonsense"), 400, "bad_request"), "no join token")
	wantText(t, wantError(t, joins(n, first, ""), 400, "bad_request"), "join_token is missing")
	wantError(t, joins(n, first, others), 400, "invalid_credentials")                  // of another cluster
	wantError(t, joins(n, b.Nodes[0], good), 400, "invalid_credentials")               // led to another cluster
	wantError(t, joins(n, first, good[:10]+"A"+good[11:]), 400, "invalid_credentials") // of no token
	wantError(t, joins(n, first, a.JoinToken("n7", false)), 400, "invalid_credentials")
	forged := good[:strings.LastIndex(good, ".")] + others[strings.LastIndex(others, "."):]
	wantText(t, wantError(t, joins(n, first, forged), 400, "invalid_credentials"), "not of the cluster that made the join token")
	if h := n.Get("sys/health", ""); h.Status != 501 {
		t.Errorf("a node that joined nothing: %s", h)
	}
	wantStatus(t, joins(n, first, good), 200)
	wantError(t, joins(n, first, good), 400, "already_initialized")
	a.Admitted(n)

	wantText(t, wantError(t, first.Post("sys/storage/raft/join-token", root, object{"node_id": "n2"}), 400, "bad_request"), "is a member already")
	// Another node that says it is n2: with the used token, and with one that is not.
	twin := a.Add("n2")
	twin.Start()
	wantError(t, joins(twin, first, good), 400, "invalid_credentials")
	wantText(t, wantError(t, joins(twin, first, again), 400, "bad_request"), "is a member already, with other data")
	twin.Stop()
	a.Settle()

	// Removed is for good: the data of the first life does not come back.
	wantStatus(t, first.Post("sys/storage/raft/remove-peer", root, asked("n2")), 204)
	wantError(t, joins(n, first, good), 400, "already_initialized")
	n.Stop()
	// A node without a cluster port joins nobody.
	alone := apitest.New(t, apitest.Uninitialized())
	wantText(t, wantError(t, joins(alone, first, a.JoinToken("n9", false)), 400, "bad_request"), "cluster_addr")
	wantStatus(t, first.Post("transit/keys/still", root, object{"type": "ed25519"}), 200)
}

// Whoever is asked, sys/ha-status and sys/leader name the leader.
func TestHAStatus(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 2)
	leader := c.Leader()
	for _, n := range c.Nodes {
		r := wantStatus(t, n.Get("sys/ha-status", n.Root()), 200)
		for _, nodes := range []any{r.At("nodes"), r.At("data", "nodes")} {
			list, _ := nodes.([]any)
			if len(list) != 2 {
				t.Fatalf("%s: %s", n.ID(), r)
			}
			for _, one := range list {
				m, _ := one.(map[string]any)
				is := m["hostname"] == leader.ID()
				if m["active_node"] != is || (m["last_echo"] == nil) != is || m["version"] == "" || !strings.HasPrefix(m["cluster_address"].(string), "https://") {
					t.Errorf("%s says of %v: %v", n.ID(), m["hostname"], m)
				}
			}
		}
		l := wantStatus(t, n.Get("sys/leader", ""), 200)
		if l.At("leader_address") != leader.URL() || l.At("is_self") != (n == leader) || l.Text("leader_cluster_address") == "" {
			t.Errorf("%s: %s", n.ID(), l)
		}
		want := 429
		if n == leader {
			want = 200
		}
		wantStatus(t, n.Get("sys/health", ""), want)
	}
	weak := c.Nodes[1].Allow("nothing", "transit/*", "read")
	wantError(t, c.Nodes[1].Get("sys/ha-status", weak), 403, "permission_denied")
}
