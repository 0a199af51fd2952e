package audit

import "time"

// Stats are figures since Open, for metrics.
type Stats struct {
	Records  uint64        // written
	Bytes    uint64        // written
	Groups   uint64        // writes to the file
	Syncs    uint64        // waits for the disk
	LastSync time.Duration // of the last write with its fdatasync
	Unsynced uint64        // records acknowledged before the disk has them (durability os)

	Refused     uint64 // Append calls that failed
	LatePending int    // records kept for recovery
	LateLost    int64  // records beyond what is kept, since the failure began
	Suppressed  uint64 // unauthenticated requests counted and not recorded singly
}

// Stats returns the figures of this moment.
func (l *Log) Stats() Stats {
	j := l.journal
	j.mu.Lock()
	s := j.stats
	s.LatePending = len(j.late)
	s.LateLost = j.lateLost
	j.mu.Unlock()
	l.flood.mu.Lock()
	s.Suppressed = l.flood.suppressed
	l.flood.mu.Unlock()
	return s
}
