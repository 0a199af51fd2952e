package raftstore

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-kms/signet/raftstore/lease"
)

// Whose clock is wrong a leader says when it can tell: one that only knows its own clock
// and a wrong one must not take its own for wrong, and give the lead to that one.
func TestALeaderNamesRightClocksWhenItCanTell(t *testing.T) {
	const h = time.Hour
	voters := []string{"a", "b", "c", "d", "e"}
	for _, c := range []struct {
		name    string
		voters  int
		offsets map[string]time.Duration // a leads
		after   time.Duration            // since it began to listen
		want    string                   // "?" if it cannot tell
	}{
		{"nothing known", 3, nil, time.Minute, "?"},
		{"its own alone", 3, map[string]time.Duration{"a": 0}, time.Minute, "?"},
		{"two of three agree", 3, map[string]time.Duration{"a": 0, "b": time.Second}, 0, "ab"},
		{"two of three that differ", 3, map[string]time.Duration{"a": 0, "b": h}, 0, "?"},
		{"two of three that differ, the third does not tell", 3, map[string]time.Duration{"a": 0, "b": h}, lease.Duration, ""},
		{"the third tells", 3, map[string]time.Duration{"a": 0, "b": h, "c": 0}, 0, "ac"},
		{"its own is wrong", 3, map[string]time.Duration{"a": 0, "b": -h, "c": -h}, 0, "bc"},
		{"the two others agree before its own is known", 3, map[string]time.Duration{"b": -h, "c": -h}, 0, "bc"},
		{"all of three differ", 3, map[string]time.Duration{"a": 0, "b": h, "c": 2 * h}, 0, "b"},
		{"two that differ", 2, map[string]time.Duration{"a": 0, "b": h}, time.Minute, ""},
		{"two that agree", 2, map[string]time.Duration{"a": 0, "b": 6 * time.Second}, 0, "ab"},
		{"two wrong of five first", 5, map[string]time.Duration{"a": 0, "b": h, "c": h}, 0, "?"},
		{"two wrong of five and two right", 5, map[string]time.Duration{"a": 0, "b": h, "c": h, "d": 0}, 0, "?"},
		{"two wrong of five", 5, map[string]time.Duration{"a": 0, "b": h, "c": h, "d": 0, "e": 0}, 0, "ade"},
		{"three of five agree", 5, map[string]time.Duration{"a": 0, "c": 0, "e": time.Second}, 0, "ace"},
	} {
		g := &granting{self: "a", grantor: lease.NewGrantor(lease.Leadership{Self: "a", Term: 1}), listens: 1}
		of := voters[:c.voters]
		g.grantor.SetMembers(of)
		g.grantor.Open(1, false)
		now := lease.Instant(1) + lease.Instant(c.after)
		for node, by := range c.offsets {
			_ = g.grantor.Arrive(node, lease.Request{Wall: int64(by)}, now, 0)
		}
		got := "?"
		if g.knowsClocks(of, now) {
			got = ""
			for _, node := range g.rightClocks(of, now) {
				got += node
			}
		} else if right := g.rightClocks(of, now); right != nil {
			t.Errorf("%s: it cannot tell, and names %v", c.name, right)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if !slices.Equal(of, voters[:c.voters]) {
			t.Errorf("%s: the voters were changed: %v", c.name, of)
		}
	}
}
