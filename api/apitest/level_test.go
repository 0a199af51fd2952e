package apitest_test

import (
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// nextRelease is a build one feature level above this one: rate limits are written by
// another command, which this build does not know.
var nextRelease = apitest.Changed(
	apitest.Edit{File: "kms/state/level.go", Old: "const Level uint64 = 1\n", New: "const Level uint64 = 2\n"},
	apitest.Edit{File: "kms/state/level.go", Old: "\tcase k > KindPutWrappingKey:", New: "\tcase k == 250:\n\t\treturn 2\n\tcase k > KindPutWrappingKey:"},
	apitest.Edit{File: "kms/state/command.go", Old: "func (*PutQuota) Kind()", New: nextCommand + "func (*PutQuota) Kind()"},
	apitest.Edit{File: "kms/state/command.go", Old: "\tcase KindPutQuota:\n", New: "\tcase 250:\n\t\treturn &PutNextQuota{}, true\n\tcase KindPutQuota:\n"},
	apitest.Edit{File: "kms/quota.go", Old: "&state.PutQuota{", New: "&state.PutNextQuota{"},
)

const nextCommand = `// PutNextQuota is PutQuota.
type PutNextQuota struct { Quota Quota "codec:\"q\"" }

func (*PutNextQuota) Kind() Kind { return 250 }
func (c *PutNextQuota) apply(tx *txn) error { return (&PutQuota{c.Quota}).apply(tx) }

`

const tooOld = "this build is too old for the cluster"

// A cluster is upgraded node by node, under load. What only the next release knows is
// refused while a node of this one is there, and works as soon as none is; then this
// one is refused.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	next := nextRelease.Path(t)
	c := apitest.NewCluster(t, 3)
	root := c.Nodes[0].Root()
	load := newSDKLoad(t, c, 2)
	limit := func(n *apitest.Node) apitest.Reply {
		return n.Post("sys/quotas/rate-limit/all", root, object{"rate": 1e9})
	}
	if got := levels(t, c.Nodes[0]); got["cluster"] != 1 || got["n1"] != 1 || got["n3"] != 1 {
		t.Errorf("levels at first: %v", got)
	}
	wantStatus(t, limit(c.Nodes[2]), 204)
	upgrade := func(n *apitest.Node, to string) {
		n.Stop()
		n.RunWith(to)
		n.Start()
		c.Unseal(n)
		c.Settle()
		load.goesOnFor(30)
	}
	for i, n := range c.Nodes[:2] {
		upgrade(n, next)
		old := c.Nodes[i+1]
		for _, upgraded := range c.Nodes[:i+1] {
			r := wantError(t, limit(upgraded), 400, "cluster_level")
			wantText(t, r, "feature level 2 of the cluster, which is at 1")
			wantText(t, r, "node "+old.ID()+" (version ")
		}
		wantStatus(t, limit(old), 204) // as it always did
	}
	// The lead goes to a node of each kind, and nothing is known of what the others
	// know but what they say.
	for _, n := range []*apitest.Node{c.Nodes[2], c.Nodes[0]} {
		if c.Leader() != n {
			wantStatus(t, c.Leader().Post("sys/step-down", root, asked(n.ID())), 204)
		}
		load.goesOnFor(30)
		wantError(t, limit(c.Nodes[1]), 400, "cluster_level")
	}
	if got := levels(t, c.Nodes[2]); got["cluster"] != 1 || got["n1"] != 2 || got["n3"] != 1 {
		t.Errorf("levels of a mixed cluster: %v", got)
	}
	upgrade(c.Nodes[2], next)
	c.Eventually("the level rises", func() bool { return levels(t, c.Nodes[1])["cluster"] == 2 })
	for _, n := range c.Nodes {
		wantStatus(t, limit(n), 204)
	}
	load.goesOnFor(30)
	load.finish()
	sameDigest(t, c)

	// Nobody goes back, and nobody of this release comes in.
	back := c.Nodes[2]
	back.Stop()
	back.RunWith("")
	if said := back.StartRefused(); !strings.Contains(said, tooOld) || !strings.Contains(said, "feature level 2") {
		t.Errorf("the older release, on data of the next: %s", said)
	}
	back.RunWith(next)
	back.Start()
	c.Unseal(back)
	c.Settle()
	stranger := c.Add("n4")
	stranger.Start()
	token := c.JoinToken("n4", true)
	leader := c.Leader()
	wantText(t, wantError(t, joins(stranger, leader, token), 400, "cluster_level"), "node n4 knows levels up to 1")
	stranger.Stop()
	stranger.RunWith(next)
	stranger.Start()
	wantStatus(t, joins(stranger, leader, token), 200) // the token is not spent
	c.Admitted(stranger)
	c.Settle()
}

// A node alone is its own last one: it rises at once. The log tells an older release
// so, where there is no list of members beside it.
func TestUpgradeOfANodeAlone(t *testing.T) {
	t.Parallel()
	next := nextRelease.Path(t)
	n := apitest.New(t)
	wantStatus(t, n.Post("sys/quotas/rate-limit/all", n.Root(), object{"rate": 1e9}), 204)
	n.Stop()
	n.RunWith(next)
	n.Start()
	n.Unseal()
	wantStatus(t, n.Post("sys/quotas/rate-limit/all", n.Root(), object{"rate": 1e8}), 204) // at once: it waits for the level
	if h := n.Get("sys/health", ""); number(t, h, "feature_level") != 2 {
		t.Errorf("health: %s", h)
	}
	n.Stop()
	n.RunWith("")
	if said := n.StartRefused(); !strings.Contains(said, tooOld) {
		t.Errorf("the older release, on data of the next: %s", said)
	}
	n.RunWith(next)
	n.Start()
	n.Unseal()
	if got := number(t, n.Get("sys/quotas/rate-limit/all", n.Root()), "data", "rate"); got != 1e8 {
		t.Errorf("a rate of %d", got)
	}
}

// levels is the feature level of each node, and of the "cluster".
func levels(t *testing.T, n *apitest.Node) map[string]int64 {
	t.Helper()
	r := wantStatus(t, n.Get("sys/storage/raft/configuration", n.Root()), 200)
	out := map[string]int64{"cluster": number(t, r, "data", "config", "feature_level")}
	servers, _ := r.At("data", "config", "servers").([]any)
	for _, s := range servers {
		m, _ := s.(map[string]any)
		out[m["node_id"].(string)] = number(t, apitest.Reply{Body: mustJSON(t, m)}, "feature_level")
	}
	return out
}

// sameDigest waits until all nodes are at one index, and wants one state there.
func sameDigest(t *testing.T, c *apitest.Cluster) {
	t.Helper()
	c.Eventually("all nodes are at one index with one digest", func() bool {
		seen := map[string]bool{}
		servers, _ := c.Leader().Get("sys/storage/raft/configuration?digest=true", c.Nodes[0].Root()).At("data", "config", "servers").([]any)
		index := map[any]bool{}
		for _, s := range servers {
			m, _ := s.(map[string]any)
			index[m["state_index"].(interface{ String() string }).String()] = true
			digest, _ := m["digest"].(string)
			seen[digest] = true
		}
		if len(index) == 1 && len(seen) > 1 {
			t.Fatalf("at one index the states differ: %v", servers)
		}
		return len(servers) == len(c.Nodes) && len(index) == 1 && len(seen) == 1 && !seen[""]
	})
}
