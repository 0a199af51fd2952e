package apitest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// A sealed node follows the members of its cluster: it asks which of the rosters in its
// log are in force.
func TestASealedNodeFollowsTheMembers(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	f, root := c.Followers(), c.Nodes[0].Root()
	sealed := f[0]
	wantStatus(t, sealed.Post("sys/seal", root, nil), 204)
	fourth := c.Add("late")
	fourth.Start()
	c.Join(fourth, true)
	knows := func() bool {
		b, err := os.ReadFile(filepath.Join(sealed.DataDir(), "raft", "roster"))
		return err == nil && strings.Contains(string(b), `"late"`)
	}
	c.Eventually("the sealed node knows the new member", knows)
	sealed.Stop()
	sealed.Start()
	if !knows() {
		t.Error("it forgot with a restart")
	}
	c.Unseal(sealed)
	c.Settle()
}

// A replica that was down when it was removed hears of that, though it never asks for a
// vote.
func TestARemovedReplicaHearsOfIt(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 1)
	first, root := c.Nodes[0], c.Nodes[0].Root()
	replica := c.Add("r1")
	replica.Start()
	c.Join(replica, true)
	c.Settle()
	replica.Stop()
	wantStatus(t, first.Post("sys/storage/raft/remove-peer", root, asked("r1")), 204)
	replica.Start()
	c.Eventually("it says that the others refuse it", func() bool {
		time.Sleep(100 * time.Millisecond)
		return strings.Contains(replica.Get("sys/health", "").Text("why"), "the other members refuse this node's certificate")
	})
	replica.Stop()
}
