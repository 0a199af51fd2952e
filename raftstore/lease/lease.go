package lease

import "sync/atomic"

// Lease is a right to serve. It never changes, so goroutines share it. The zero
// Lease, and nil, is none.
type Lease struct {
	term  uint64
	min   uint64
	from  Instant
	until Instant
}

// Valid says whether an answer that comes from a view of the state at index may
// be given, at an instant of this node's clock that was read after the lease
// was loaded. Errors: ErrNoLease, ErrBehind.
func (l *Lease) Valid(now Instant, index uint64) error {
	// A clock before the lease began has gone back, and says nothing.
	if l == nil || now < l.from || now >= l.until {
		return ErrNoLease
	}
	if index < l.min {
		return ErrBehind
	}
	return nil
}

// Term is that of the leader that granted the lease, 0 if there is none.
func (l *Lease) Term() uint64 { return l.term }

// MinIndex is the oldest index that Valid accepts.
func (l *Lease) MinIndex() uint64 { return l.min }

// Until is the first instant at which the lease is over.
func (l *Lease) Until() Instant { return l.until }

// Cell is where the owner of a Holder shows its lease to those who serve. The
// zero Cell shows none.
type Cell struct{ p atomic.Pointer[Lease] }

// Publish shows l from now on. It must be called after each call of Holder that
// can change the lease, and before a Request or Report that Holder returned
// leaves the node: what was promised there must bind those who serve by then.
func (c *Cell) Publish(l Lease) { c.p.Store(&l) }

// Load gives the lease shown last, none at first. It is never nil.
func (c *Cell) Load() *Lease {
	if l := c.p.Load(); l != nil {
		return l
	}
	return &Lease{}
}

// Valid is Lease.Valid of the lease shown, with the clock read after the lease
// was loaded. In the other order a goroutine that pauses between the two would
// hold a new lease against an old time.
func (c *Cell) Valid(clock func() Instant, index uint64) error {
	l := c.p.Load()
	return l.Valid(clock(), index)
}
