package raftstore

// A snapshot costs what the state is long. Taken every 8,192 entries, one of a large
// state costs each of those entries more than all else that is done for it. So as many
// entries come between two snapshots as have some length of the last one, up to a
// number that a node goes through again in about a second after a kill; and when the
// entries turn out longer, fewer.
const (
	entryLength = 1024    // bytes, about, with what it takes in the log's pages
	mostEntries = 1 << 16 // between two snapshots
)

// snapshotThreshold is how many entries after a snapshot of size bytes the next one is
// due, with so many bytes of entries in the log since then. It is least if size is small,
// and when the log has grown as long as the state.
func snapshotThreshold(least uint64, size, logged int64) uint64 {
	if logged > size {
		return least
	}
	return max(least, min(mostEntries, uint64(max(size, 0))/entryLength))
}

// paceSnapshots has the next snapshot taken when it costs little for each entry.
func (s *Store) paceSnapshots() {
	r := s.raft.Load()
	if r == nil { // raft starts, and what follows its start looks again
		return
	}
	s.pacing.Lock()
	defer s.pacing.Unlock()
	next := r.ReloadableConfig()
	threshold := snapshotThreshold(s.opts.SnapshotThreshold, s.snapshots.size.Load(), s.logged.Load())
	if next.SnapshotThreshold == threshold {
		return
	}
	next.SnapshotThreshold = threshold
	if err := r.ReloadConfig(next); err != nil {
		s.log.Warn("snapshots are taken as often as before", "error", err)
	}
}

// tookSnapshot is called after each snapshot.
func (s *Store) tookSnapshot() {
	s.logged.Store(0)
	s.paceSnapshots()
}

// appended is called after bytes of entries were put into the log.
func (s *Store) appended(bytes int64) {
	size := s.snapshots.size.Load()
	if now := s.logged.Add(bytes); now > size && now-bytes <= size {
		s.paceSnapshots()
	}
}
