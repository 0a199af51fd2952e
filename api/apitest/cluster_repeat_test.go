package apitest_test

import (
	"sync"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// Who repeats a revocation that is under way is told no sooner than the first one that
// it is done: while a node that is cut off still serves, under its lease, from before it.
func TestARepeatedRevocationWaitsToo(t *testing.T) {
	t.Parallel()
	network := apitest.NewNetwork(t)
	c := apitest.NewCluster(t, 3, apitest.In(network))
	leader, f, root := c.Leader(), c.Followers(), c.Nodes[0].Root()
	token := leader.NewToken("default")
	for _, n := range c.Nodes {
		wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	}
	revoke := func(n *apitest.Node) (apitest.Reply, error) {
		return n.Send("POST", "auth/token/revoke", root, object{"token": token}, "Idempotency-Key", "once")
	}
	network.Isolate(f[0], leader, f[1])
	served := f[0].Get("auth/token/lookup-self", token).Status == 200
	var first sync.WaitGroup
	first.Go(func() {
		if r, err := revoke(leader); err != nil || r.Status != 204 {
			t.Errorf("the first one: %v %s", err, r)
		}
	})
	c.Eventually("the revocation is committed", func() bool { return f[1].Get("auth/token/lookup-self", token).Status == 403 })
	r, err := revoke(f[1])
	after := f[0].Get("auth/token/lookup-self", token)
	if err != nil || r.Status != 204 {
		t.Errorf("the repeated one: %v %s", err, r)
	}
	if after.Status == 200 {
		t.Error("a repeated revocation returned while a node still accepted the token")
	}
	if !served {
		t.Error("the node that was cut off had no lease to begin with: the test shows nothing")
	}
	first.Wait()
	network.Heal(c.Nodes...)
	c.Settle()
}
