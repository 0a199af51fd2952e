package lease

import (
	"math"
	"slices"
	"time"
)

// offsetAge is how long a holder's wall clock is remembered.
const offsetAge = 5 * time.Second

// offset is how far a holder's wall clock was ahead of the leader's when its
// last request arrived. The way of the request makes it smaller by its delay.
type offset struct {
	node string
	at   Instant
	by   time.Duration
}

func (g *Grantor) noteOffset(node string, theirs int64, now Instant, ours int64) {
	o := offset{node, now, difference(theirs, ours)}
	if i := slices.IndexFunc(g.offsets, func(o offset) bool { return o.node == node }); i >= 0 {
		g.offsets[i] = o
	} else {
		g.offsets = append(g.offsets, o)
	}
}

// Offsets gives how far the wall clocks of these voters were ahead of the
// leader's, for those that asked for a lease in the last five seconds. The
// leader is one of them, with an offset near zero, when it asks itself too.
func (g *Grantor) Offsets(voters []string, now Instant) []time.Duration {
	var offsets []time.Duration
	for _, o := range g.offsets {
		if now < o.at.after(offsetAge) && slices.Contains(voters, o.node) {
			offsets = append(offsets, o.by)
		}
	}
	return offsets
}

// ForgetOffsets forgets all that Offsets gives, for a leader whose clock was set.
func (g *Grantor) ForgetOffsets() { g.offsets = nil }

// Agree says whether a majority of so many voters have wall clocks that differ by no more
// than within, as far as these offsets of theirs tell. The median of the offsets is then
// one of that majority's, or between two of them, whatever the rest will say.
func Agree(offsets []time.Duration, voters int, within time.Duration) bool {
	majority := voters/2 + 1
	s := slices.Clone(offsets)
	slices.Sort(s)
	for i := majority - 1; i < len(s); i++ {
		if difference(int64(s[i]), int64(s[i-majority+1])) <= within {
			return true
		}
	}
	return false
}

// Median gives the middle of the offsets, the mean of the two in the middle if
// their number is even, and 0 of none. It leaves the slice as it is.
func Median(offsets []time.Duration) time.Duration {
	if len(offsets) == 0 {
		return 0
	}
	s := slices.Clone(offsets)
	slices.Sort(s)
	low, high := s[(len(s)-1)/2], s[len(s)/2]
	return low/2 + high/2 + (low%2+high%2)/2
}

// difference is a-b, or the nearest duration if that overflows.
func difference(a, b int64) time.Duration {
	d := a - b
	switch {
	case b > 0 && d > a:
		return math.MinInt64
	case b < 0 && d < a:
		return math.MaxInt64
	}
	return time.Duration(d)
}
