package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Init makes the cluster with the shares of the node's options and keeps shares
// and root token.
func (n *Node) Init() {
	n.t.Helper()
	sort, keys := "secret", "keys"
	if n.o.seal != "" {
		sort, keys = "recovery", "recovery_keys"
	}
	r := n.Do(http.MethodPut, "sys/init", "", map[string]int{sort + "_shares": n.o.shares, sort + "_threshold": n.o.threshold})
	if r.Status != http.StatusOK {
		n.t.Fatalf("init: %s", r)
	}
	n.root, n.keys = r.Text("root_token"), nil
	list, _ := r.At(keys).([]any)
	for i, s := range list {
		n.keys = append(n.keys, fmt.Sprint(s))
		n.HandedOut(fmt.Sprintf("share %d", i+1), n.keys[i])
	}
	if n.root == "" || len(n.keys) != n.o.shares {
		n.t.Fatalf("init: %d shares and a root token of %d characters", len(n.keys), len(n.root))
	}
	n.HandedOut("the root token", n.root)
}

// AwaitUnsealed waits until the node has unsealed by itself, and serves.
func (n *Node) AwaitUnsealed() {
	n.t.Helper()
	var r Reply
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if r = n.Get("sys/health", ""); r.Status == http.StatusOK {
			return
		}
	}
	n.t.Fatalf("apitest: the node did not unseal by itself: %s\n%s", r, n.Log())
}

// SealBy changes the seal blocks, from the next start on.
func (n *Node) SealBy(blocks string) {
	n.t.Helper()
	n.o.seal = blocks
	n.Configure()
}

// Unseal gives as many shares as are needed, beginning with the first.
func (n *Node) Unseal() {
	n.t.Helper()
	for i := range n.o.threshold {
		r := n.Share(n.keys[i])
		if sealed, _ := r.At("sealed").(bool); r.Status != http.StatusOK || sealed != (i < n.o.threshold-1) {
			n.t.Fatalf("unseal with share %d: %s", i+1, r)
		}
	}
}

// Share gives one share.
func (n *Node) Share(share string) Reply {
	n.t.Helper()
	return n.Do(http.MethodPut, "sys/unseal", "", map[string]string{"key": share})
}

// NewToken makes a token with policies, as root.
func (n *Node) NewToken(policies ...string) string {
	n.t.Helper()
	return n.Must("auth/token/create", map[string]any{"policies": policies}).Text("auth", "client_token")
}

// Policy writes a policy, as root.
func (n *Node) Policy(name, text string) {
	n.t.Helper()
	n.Must("sys/policies/acl/"+name, map[string]string{"policy": text})
}

// Allow writes a policy that gives capabilities at one path and returns a token
// with it and the default policy.
func (n *Node) Allow(name, path string, capabilities ...string) string {
	n.t.Helper()
	n.Policy(name, fmt.Sprintf("path %q {\n  capabilities = [\"%s\"]\n}\n", path, strings.Join(capabilities, `", "`)))
	return n.NewToken(name)
}
