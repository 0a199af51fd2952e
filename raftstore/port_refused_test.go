package raftstore

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func TestOnlyLastingRefusalsOfAllCount(t *testing.T) {
	var r refusals
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, step := range []struct {
		after   time.Duration
		id      string
		refused bool
		want    bool
	}{
		{0, "n1", true, false}, // others may not have heard of this node yet
		{time.Second, "n1", true, false},
		{time.Second, "n1", true, true},
		{time.Second, "n2", false, false}, // one takes it
		{time.Second, "n1", true, false},
		{30 * time.Second, "n1", true, true}, // and not lately any more
		{time.Second, "n1", false, false},
		{time.Second, "n1", true, false}, // from the beginning
		{31 * time.Second, "n1", true, false},
	} {
		now = now.Add(step.after)
		r.note(step.id, step.refused, now)
		if got := r.all(now); got != step.want {
			t.Errorf("%v: refused %v", step, got)
		}
	}
	if r.all(now.Add(time.Hour)) {
		t.Error("refused by what was said an hour ago")
	}
}

func TestACertificateIsRefusedByItsAlertAlone(t *testing.T) {
	for _, other := range []error{
		nil, net.ErrClosed, errors.New("remote error: tls: bad certificate"), tls.AlertError(42),
		&net.OpError{Op: "remote error", Err: errors.New("tls: internal error")},
		&net.OpError{Op: "local error", Err: errors.New("tls: bad certificate")},
	} {
		if certificateRefused(other) {
			t.Errorf("%v is taken for a refusal", other)
		}
	}
	if !certificateRefused(fmt.Errorf("x: %w", &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")})) {
		t.Error("a refusal is not recognized")
	}
}

// A voter that cannot be asked is told of once a minute, and each by itself.
func TestVotesNotAskedAreLoggedOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	q := newQuiet(hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Info}))
	for term := range 10 {
		q.Error(voteNotAsked, "target", "n1", "error", "refused", "term", term)
		q.Named("raft").Error(voteNotAsked, "target", "n2", "error", "refused", "term", term)
	}
	q.Error("something else", "target", "n1")
	if got := strings.Count(out.String(), voteNotAsked); got != 2 || !strings.Contains(out.String(), "something else") {
		t.Errorf("logged %d times:\n%s", got, out.String())
	}
	var r repeats
	now := time.Now()
	if args := []any{"target", "n1"}; !r.due(now, args) || r.due(now.Add(59*time.Second), args) || !r.due(now.Add(time.Minute), args) {
		t.Error("not once a minute")
	}
}

// A member that was removed while it was dead learns of it when it comes back.
func TestANodeRemovedWhileDeadIsRefused(t *testing.T) {
	c := newMesh(t, 3)
	propose(t, c.stores[0], "three")
	c.all("three")
	must(t, c.stores[2].Close())
	must(t, c.stores[0].Remove(testContext(t), "node2"))
	gone := *c.roster.Member("node2")
	gone.Removed = true
	c.roster = c.roster.With(gone)
	must(t, c.stores[0].SetRoster(c.roster))
	must(t, c.stores[1].SetRoster(c.roster))
	c.open(2)
	until(t, "it knows that it is refused", c.stores[2].RefusedByPeers)
	if c.stores[0].RefusedByPeers() || c.stores[1].RefusedByPeers() {
		t.Error("those who stay take themselves for removed")
	}
}
