package raftstore

import (
	"slices"
	"time"

	"github.com/signet-kms/signet/raftstore/lease"
)

// KnowsClocks says whether this leader can tell whose wall clock is wrong. It can when a
// majority of its voters have the same time, its own clock included; when it knows the
// clocks of all; and when it knows those of a majority, and who did not tell for the time
// of a lease is not there to tell. Two of three that differ do not suffice before that:
// the one in the middle may be the third's.
func (l *Leases) KnowsClocks() bool {
	g := l.leading()
	if g == nil {
		return false
	}
	_, voters, err := g.members()
	if err != nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.knowsClocks(voters, bootTime())
}

// knowsClocks is KnowsClocks for these voters. mu is held.
func (g *granting) knowsClocks(voters []string, now lease.Instant) bool {
	known := g.grantor.Offsets(voters, now)
	switch {
	case 2*len(known) <= len(voters):
		return false
	case len(known) == len(voters), now-g.listens >= lease.Instant(lease.Duration):
		return true
	}
	return lease.Agree(known, len(voters), 2*MaxClockOffset)
}

// RightClocks gives the voters whose wall clocks are right as far as this leader knows,
// nil while it cannot tell (see KnowsClocks), and whether it knows the clocks of all.
func (l *Leases) RightClocks() (right []string, all bool) {
	g := l.leading()
	if g == nil {
		return nil, false
	}
	_, voters, err := g.members()
	if err != nil {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := bootTime()
	return g.rightClocks(voters, now), len(g.grantor.Offsets(voters, now)) == len(voters)
}

// rightClocks is RightClocks of these voters. mu is held.
func (g *granting) rightClocks(voters []string, now lease.Instant) []string {
	if !g.knowsClocks(voters, now) {
		return nil
	}
	middle := lease.Median(g.grantor.Offsets(voters, now))
	return slices.DeleteFunc(slices.Clone(voters), func(node string) bool {
		own := g.grantor.Offsets([]string{node}, now)
		return len(own) == 0 || own[0]-middle > MaxClockOffset || own[0]-middle < -MaxClockOffset
	})
}

// MaxClockOffset is how far the wall clock of a node that leads, or serves, may be from
// the median of the voters' clocks: tokens expire by it.
const MaxClockOffset = 5 * time.Second

// codeClock is the code of an answer to a holder whose clock is further off than that.
const codeClock = "clock_wrong"

// clockOff is how far another node's clock is from the median of those of the voters,
// if that is too far, as far as this leader knows; 0 if it is not, and for itself, who
// hands over. mu is held.
func (g *granting) clockOff(node string) time.Duration {
	_, voters, err := g.members()
	if err != nil || node == g.self {
		return 0
	}
	now := bootTime()
	known := g.grantor.Offsets(voters, now)
	if 2*len(known) <= len(voters) {
		return 0
	}
	own := g.grantor.Offsets([]string{node}, now)
	if len(own) == 0 {
		return 0
	}
	if off := own[0] - lease.Median(known); off > MaxClockOffset || off < -MaxClockOffset {
		return off
	}
	return 0
}

// ForgetClocks forgets what this leader knows of the wall clocks of others, for one whose
// own was set.
func (l *Leases) ForgetClocks() {
	if g := l.leading(); g != nil {
		g.mu.Lock()
		g.grantor.ForgetOffsets()
		g.listens = bootTime()
		g.mu.Unlock()
	}
}

// ClockOffset is how far this leader's wall clock is behind the median of its
// voters' clocks; zero on others. It is found anew for each who asks: one that is
// remembered from before the others told their clocks is zero, and lets a command be
// stamped by a clock that was just set.
func (l *Leases) ClockOffset() time.Duration {
	if l.sole.Load() {
		return 0 // there is no other clock
	}
	g := l.leading()
	if g == nil {
		return 0
	}
	_, voters, err := g.members()
	if err != nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return lease.Median(g.grantor.Offsets(voters, bootTime()))
}
