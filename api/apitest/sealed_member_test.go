package apitest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
