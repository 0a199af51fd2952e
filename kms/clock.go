package kms

import (
	"sync"
	"time"
)

const (
	// clockJump is how far the wall clock may run away from the monotonic one
	// between two looks before it counts as set by somebody.
	clockJump = 5 * time.Second
	// clockPatience is how long nothing irreversible is done after that: time for
	// somebody to notice and put the clock right.
	clockPatience = 10 * time.Minute
)

// clock watches this node's clock for those who destroy by its time.
type clock struct {
	mu    sync.Mutex
	last  time.Time // of the last look, with its monotonic reading
	until time.Time // nothing irreversible before it; zero for no limit
}

// look compares the clock with the last look. It reports a jump, in either
// direction, and by how much.
func (k *clock) look(now time.Time) (jumped time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.last.IsZero() {
		jumped = k.advance(now.Round(0).Sub(k.last.Round(0)), now.Sub(k.last), now)
	}
	k.last = now
	return jumped
}

// advance is look with what both clocks say has passed. mu is held.
func (k *clock) advance(wall, monotonic time.Duration, now time.Time) time.Duration {
	jump := wall - monotonic
	if jump.Abs() <= clockJump {
		return 0
	}
	k.until = now.Add(clockPatience)
	return jump
}

// begin starts to watch, at unseal. known is the replicated time: when the wall
// clock is far ahead of it the node may have been down for long or its clock may
// be wrong, and which of the two cannot be told. leapt is when replicated time
// itself last went far ahead: whoever starts a node again with a wrong clock, after
// it has written something by it, is not believed sooner for that.
func (k *clock) begin(now, known, leapt time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last.IsZero() || now.After(k.until) {
		k.until = time.Time{}
	}
	k.last = now
	wait := min(leapt.Add(clockPatience).Sub(now), clockPatience)
	if now.Sub(known) > clockPatience {
		wait = clockPatience
	}
	if wait > 0 && now.Add(wait).After(k.until) {
		k.until = now.Add(wait)
	}
}

// steady says whether something irreversible may be done by this clock.
func (k *clock) steady() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.until.IsZero() || time.Now().After(k.until) // both have monotonic readings
}
