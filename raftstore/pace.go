package raftstore

import (
	"sync"
	"time"
)

// A log is slow when every write to it has taken slowWrite for slowFor. A write is two
// syncs, some 3 ms together on a sound disk, and a busy one has fast writes in between.
const (
	slowWrite = 500 * time.Millisecond
	slowFor   = 3 * time.Second
)

// pace is how fast the writes to the log are, one after the other.
type pace struct {
	mu    sync.Mutex // guards all
	begun time.Time  // of the write under way; zero: none
	since time.Time  // when the first slow write began after which there was no fast one; zero: the last was fast
	last  time.Time  // when that many ended
}

func (p *pace) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = now
}

func (p *pace) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case now.Sub(p.begun) < slowWrite:
		p.since = time.Time{}
	case p.since.IsZero() || p.begun.Sub(p.last) > slowFor: // nobody wrote for a while, and nobody knows how it was
		p.since = p.begun
	}
	p.begun, p.last = time.Time{}, now
}

func (p *pace) slow(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun.IsZero() && now.Sub(p.begun) >= slowFor {
		return true
	}
	return !p.since.IsZero() && now.Sub(p.since) >= slowFor && now.Sub(p.last) < slowFor
}

// Slow says whether the log's disk has been slow for a while. It is false again a while
// after the last write.
func (s *Store) Slow() bool { return s.records.pace.slow(time.Now()) }
