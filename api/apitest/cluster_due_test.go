package apitest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// What is due by time is done once in the cluster, whoever leads by then: a key is
// destroyed though the leader that was asked to is gone, and one that rotates by itself
// is not rotated again by the next leader.
func TestWhatIsDueIsDoneOnce(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3, apitest.Clocked())
	leader, root := c.Leader(), c.Nodes[0].Root()
	leader.Must("transit/keys/auto", object{"type": "ed25519", "auto_rotate_period": "1h"})
	for i := range 3 {
		path := deletable(leader, fmt.Sprintf("gone-%d", i), "ed25519")
		wantStatus(t, drop(leader, path+"?grace=3s", root), 204)
	}
	leader.Kill()
	for i := range 3 {
		c.Eventually("a key whose grace period is over is destroyed", func() bool {
			r := c.Leader().Get(fmt.Sprintf("transit/keys/gone-%d", i), root)
			return r.Status == 404 && !strings.Contains(r.String(), "will be destroyed")
		})
	}
	leader.Start()
	c.Unseal(leader)
	c.Settle()

	for _, n := range c.Nodes {
		n.SetClock(61 * time.Minute)
	}
	// A key that is deleted makes the leader look at what is due.
	look := func(name string) {
		t.Helper()
		c.Eventually("the leader looks at what is due", func() bool {
			now := c.Leader()
			r, err := now.Send("POST", "transit/keys/"+name, root, object{"type": "ed25519"})
			if err != nil || r.Status != 200 {
				return false
			}
			now.Must("transit/keys/"+name+"/config", object{"deletion_allowed": true})
			return drop(now, "transit/keys/"+name, root).Status == 204
		})
	}
	latest := func() string {
		return fmt.Sprint(c.Leader().Do("GET", "transit/keys/auto", root, nil, "X-Signet-Consistency", "strict").At("data", "latest_version"))
	}
	look("first")
	c.Eventually("the key rotates by itself", func() bool { return latest() == "2" })
	before := c.Leader()
	wantStatus(t, before.Do(http.MethodPut, "sys/step-down", root, nil), 204)
	c.Eventually("another node leads", func() bool { return c.Leader() != before })
	look("second")
	time.Sleep(500 * time.Millisecond) // what it found due it has done
	if now := latest(); now != "2" {
		t.Errorf("after a change of the leader the key has version %s", now)
	}

	done := map[string]int{}
	for _, n := range c.Nodes {
		for _, r := range records(t, n, func(r audit.Parsed) bool {
			return r.Type == "outcome" && r.Outcome == audit.OutcomeOK && strings.HasPrefix(r.DisplayName, "auto-")
		}) {
			done[r.DisplayName+" "+r.Key]++
		}
	}
	for _, what := range []string{"auto-rotate auto", "auto-destroy gone-0", "auto-destroy gone-1", "auto-destroy gone-2"} {
		// One whose leader died between the two has no outcome in any log.
		if done[what] > 1 || done[what] == 0 && what == "auto-rotate auto" {
			t.Errorf("%s: done %d times", what, done[what])
		}
	}
}
