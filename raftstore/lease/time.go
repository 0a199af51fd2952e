package lease

import (
	"math"
	"time"
)

// The times of the protocol. Booking is Duration and a tenth: a leader whose
// clock runs a tenth faster than a holder's outwaits the holder all the same.
const (
	// Duration is how long a holder trusts a lease, counted on its own clock
	// from the moment before it asked.
	Duration = 2 * time.Second

	// Booking is how long the leader reckons with a lease, counted on its own
	// clock from the arrival of the request, and how long a new leader waits
	// for the leases of its predecessors.
	Booking = 2200 * time.Millisecond

	// Renewal is how often a holder asks.
	Renewal = 500 * time.Millisecond

	// Patience is how long a round of echoes may hold up the requests that
	// came after it began, before another round may replace it.
	Patience = time.Second
)

// Instant is a reading of one node's CLOCK_BOOTTIME, in nanoseconds. That clock
// never goes back, and it counts the time a machine is suspended, which Go's
// own monotonic reading does not. Instants of two nodes, or of one node before
// and after a reboot, have nothing to do with each other.
type Instant int64

// after gives the instant d later, the last one there is if that overflows.
func (i Instant) after(d time.Duration) Instant {
	if i > math.MaxInt64-Instant(d) {
		return math.MaxInt64
	}
	return i + Instant(d)
}
