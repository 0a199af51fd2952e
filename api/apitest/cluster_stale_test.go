package apitest_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// What one node has just made no other node denies, however far behind it is.
func TestNoNodeDeniesWhatAnotherMade(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root := c.Nodes[0].Root()
	for i := range 30 {
		n := c.Nodes[i%3]
		token := wantStatus(t, n.Post("auth/token/create", root, object{"policies": "default"}), 200).Text("auth", "client_token")
		key := fmt.Sprintf("k%d", i)
		wantStatus(t, n.Post("transit/keys/"+key, root, object{"type": "ed25519"}), 200)
		for _, other := range c.Nodes {
			if r := other.Get("auth/token/lookup-self", token); r.Status != 200 && r.Status != 503 {
				t.Fatalf("%s on a token that %s made: %s", other.ID(), n.ID(), r)
			}
			if r := other.Post("transit/sign/"+key, root, object{"input": "aGk="}); r.Status != 200 && r.Status != 503 {
				t.Fatalf("%s on a key that %s made: %s", other.ID(), n.ID(), r)
			}
		}
	}
}

// Changes of one key through all nodes at once are done, or may be tried again: none is
// the caller's fault.
func TestChangesThroughAllNodesAtOnce(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root := c.Nodes[0].Root()
	wantStatus(t, c.Nodes[0].Post("transit/keys/web", root, object{"type": "ed25519"}), 200)
	var wg sync.WaitGroup
	for _, n := range c.Nodes {
		wg.Go(func() {
			for range 10 {
				r, err := n.Send("POST", "transit/keys/web/rotate", root, nil)
				if err != nil || r.Status != 200 && r.Code() != "overloaded" {
					t.Errorf("%s: %v %s", n.ID(), err, r)
				}
			}
		})
	}
	wg.Wait()
}
