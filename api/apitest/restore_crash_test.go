package apitest_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client"
)

// fillState makes a state of so many pieces and more: policies with long texts.
func fillState(n *apitest.Node, pieces int) {
	text := `path "a" { capabilities = ["read"] }` + "\n#" + strings.Repeat("x", 60<<10)
	for i := range pieces*256/60 + 1 {
		n.Must(fmt.Sprintf("sys/policies/acl/long-%d", i), object{"policy": text})
	}
}

// prepared is how many pieces of a restore a node knows of; 0 when none is under way.
func prepared(n *apitest.Node) int {
	r, err := n.Send("GET", "sys/storage/raft/snapshot-status", n.Root(), nil)
	if err != nil {
		return 0
	}
	var pieces int
	_, _ = fmt.Sscan(fmt.Sprint(r.At("data", "restoring", "pieces")), &pieces)
	return pieces
}

// The leader is killed while a restore is prepared, and around its commit: what comes
// of it is all of it or nothing, the same on every node, and what the caller was told.
func TestAKilledLeaderLeavesAWholeRestoreOrNone(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root := c.Nodes[0].Root()
	fillState(c.Leader(), 16)
	c.Leader().Must("sys/policies/acl/lost", object{"policy": `path "a" { capabilities = ["read"] }`})
	raw := save(t, c.Leader())
	for round, kill := range []struct {
		when int  // so many pieces are there
		here bool // the node that was asked goes, and not the leader
	}{{when: 4}, {when: 16}, {when: 3, here: true}} {
		leader, from := c.Leader(), c.Followers()[0]
		victim := leader
		if kill.here {
			victim = from
		}
		if r := leader.Do("DELETE", "sys/policies/acl/lost", root, nil); r.Status != 204 {
			t.Fatal(r)
		}
		token := from.NewToken("default")
		before := generation(from)
		if !strings.ContainsAny(before, "0123456789") {
			t.Fatalf("the generation is %s", before)
		}
		outcome := make(chan error, 1)
		go func() {
			_, err := from.Client(root).Raft().Restore(context.Background(), bytes.NewReader(raw), client.RestoreOptions{Force: true})
			outcome <- err
		}()
		end := time.Now().Add(10 * time.Second)
		for most := 0; time.Now().Before(end); {
			now := prepared(from)
			if most = max(most, now); now >= kill.when || most > 0 && now == 0 || len(outcome) > 0 {
				break
			}
		}
		victim.Kill()
		err := <-outcome
		victim.Start()
		c.Unseal(victim)
		c.Settle()
		did := generation(c.Leader()) != before
		if err == nil && !did || err != nil && did && !strings.Contains(fmt.Sprint(err), "may or may not") && !strings.Contains(fmt.Sprint(err), "outcome") {
			t.Errorf("round %d: the restore was done: %t, and the caller was told %v", round, did, err)
		}
		t.Logf("round %d: done: %t, told: %v", round, did, err)
		for _, n := range c.Nodes {
			policy, alive := n.Get("sys/policies/acl/lost", root).Status == 200, n.Get("auth/token/lookup-self", token).Status == 200
			if policy != did || alive == did || generation(n) != generation(c.Leader()) {
				t.Errorf("round %d: on %s the policy is there: %t, and the token made since: %t; the restore was done: %t", round, n.ID(), policy, alive, did)
			}
		}
		sameOnAll(t, c)
		c.Settle()
		if prepared(c.Leader()) > 0 {
			wantError(t, c.Leader().Post(restorePath+"-force", root, raw), 503, "overloaded")
			time.Sleep(16 * time.Second) // what a dead node has prepared is in the way for so long
			wantStatus(t, c.Leader().Post(restorePath+"-force", root, raw), 200)
		}
	}
}

// Of two restores at once one is done after the other, or refused as busy: never a
// mixture, and no node is left in another state.
func TestTwoRestoresAtOnce(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root := c.Nodes[0].Root()
	fillState(c.Leader(), 4)
	raw := save(t, c.Leader())
	outcomes := make(chan apitest.Reply, 3)
	for _, n := range c.Nodes {
		go func() {
			r, err := n.Send("POST", restorePath+"-force", root, raw)
			if err != nil {
				t.Error(err)
			}
			outcomes <- r
		}()
	}
	done := 0
	for range c.Nodes {
		switch r := <-outcomes; {
		case r.Status == 200:
			done++
		case r.Status == 503 && r.Code() == "overloaded":
		default:
			t.Errorf("%s", r)
		}
	}
	if got := generation(c.Leader()); done == 0 || got != fmt.Sprint(done) {
		t.Errorf("%d were done, and the generation is %s", done, got)
	}
	sameOnAll(t, c)
	c.Settle()
}

// A client that goes away before the body has ended, or while it is prepared, has
// changed nothing.
func TestAClientThatGoesAwayChangesNothing(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	fillState(n, 6)
	raw := save(t, n)
	token := n.NewToken("default")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := n.Client(n.Root()).Raft().Restore(ctx, &cutReader{raw: raw[:len(raw)/2], end: cancel}, client.RestoreOptions{}); err == nil || strings.Contains(err.Error(), "may or may not") {
		t.Errorf("a body that did not get there: %v", err)
	}
	if got := generation(n); got != "0" {
		t.Errorf("the generation is %s", got)
	}
	wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	wantStatus(t, restore(n, raw), 200)
}

// cutReader gives up after what it has.
type cutReader struct {
	raw []byte
	end func()
}

func (c *cutReader) Read(p []byte) (int, error) {
	if len(c.raw) == 0 {
		c.end()
		time.Sleep(50 * time.Millisecond)
		return 0, context.Canceled
	}
	n := copy(p, c.raw)
	c.raw = c.raw[n:]
	return n, nil
}

// With a full disk a restore is refused while it is prepared, and done when there is
// space again.
func TestARestoreOnAFullDisk(t *testing.T) {
	t.Parallel()
	mount := tmpfs(t, "160m")
	n := apitest.New(t, apitest.DataDir(filepath.Join(mount, "data")))
	fillState(n, 4)
	raw := save(t, n)
	token := n.NewToken("default")
	free := fill(t, mount)
	for range 2 {
		wantError(t, restore(n, raw), 503, "storage_full")
	}
	if got := generation(n); got != "0" {
		t.Errorf("the generation is %s", got)
	}
	wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	free()
	eventually(t, "there is space again", func() bool { return restore(n, raw).Status == 200 })
	wantError(t, n.Get("auth/token/lookup-self", token), 403, "invalid_token")
}
