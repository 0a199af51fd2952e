package kms

import (
	"errors"
	"testing"
	"time"

	"github.com/signet-kms/signet/raftstore"
)

// A leader whose clock is off stamps nothing, says why, and goes on when it is right.
func TestALeaderWithAWrongClockWritesNothing(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	for _, off := range []time.Duration{time.Hour, -time.Hour, maxClockOffset + 1, -maxClockOffset - 1} {
		before := n.stateIndex()
		n.clockOffset = func() time.Duration { return off }
		_, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/web/rotate"), ref)
		if !errors.Is(err, ErrNoLeader) || n.stateIndex() != before {
			t.Errorf("off by %v: %v, state %d after %d", off, err, n.stateIndex(), before)
		}
		if h := n.Health(); !h.Serving || !h.Standby || h.Reason != ErrNoLeader.code || h.Why == "" {
			t.Errorf("off by %v: %+v", off, h)
		}
		if n.unfit() != nil {
			t.Errorf("off by %v: unfit by more than its clock: %v", off, n.unfit())
		}
	}
	n.clockOffset = func() time.Duration { return maxClockOffset }
	if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/web/rotate"), ref); err != nil || n.clockWrong() != nil || n.Health().Standby {
		t.Errorf("within the bound: %v", err)
	}
}

// Whom a leader that cannot lead asks to take over, in order.
func TestWhomALeaderGivesTheLead(t *testing.T) {
	var servers []raftstore.Server
	for _, id := range []string{"a", "b", "c", "d"} {
		servers = append(servers, raftstore.Server{NodeID: id, Voter: true})
	}
	for _, c := range []struct {
		h          handing
		last, want string
	}{
		{handing{}, "", "abcd"}, {handing{right: []string{"c", "b"}}, "b", "bcad"}, {handing{right: []string{"d"}, only: true}, "", "d"},
		{handing{right: []string{}, only: true}, "", ""}, {handing{blind: true}, "", "abcd"}, {handing{blind: true}, "b", "cdab"},
		{handing{blind: true}, "d", "abcd"}, {handing{blind: true}, "bb", "cdab"},
	} {
		got := ""
		for _, o := range c.h.order(servers, c.last) {
			got += o.NodeID
		}
		if got != c.want {
			t.Errorf("%+v after %q: %q, want %q", c.h, c.last, got, c.want)
		}
	}
}
