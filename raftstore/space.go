package raftstore

import (
	"sync/atomic"
	"time"
)

// To ask the file system for its free space is a system call, and one for each entry
// costs more than the rest of Enqueue. Far from the reserve an answer is good for a
// while: within spaceFresh, spaceAhead bytes more than the reserve do not fill up, at
// over a gigabyte a second, and if they did the reserve would still be there. Near the
// reserve every entry asks, as it must.
const (
	spaceFresh = 50 * time.Millisecond
	spaceAhead = 64 << 20 // bytes above the reserve
)

// space remembers for a moment that the disk is far from full.
type space struct {
	plentyUntil atomic.Int64 // nanoseconds since begun; 0: nothing is known
	begun       time.Time
}

// hasRoom tells whether entries may be written: whether at least reserve bytes are
// free. The error is that of asking.
func (s *space) hasRoom(reserve uint64, free func() (uint64, error)) (bool, error) {
	now := time.Since(s.begun)
	if int64(now) < s.plentyUntil.Load() {
		return true, nil
	}
	n, err := free()
	if err != nil {
		return false, err
	}
	if n >= reserve+spaceAhead {
		// From before the question: what it took is not added to the answer's life.
		s.plentyUntil.Store(int64(now + spaceFresh))
	}
	return n >= reserve, nil
}
