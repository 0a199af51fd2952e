package raftstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"github.com/hashicorp/raft"
)

// appliedFile says how far this node had applied the log, at least. Raft keeps no
// such thing on disk: after a restart it believes whatever the next leader has, and
// a leader with an older copy of its data has less.
const appliedFile = "applied"

// recoveredFile says up to where an operator took this node's log for the cluster's, with
// a recovery. Another survivor may have had less, and lead: what is here is given up then,
// which is what was decided.
const recoveredFile = "recovered"

// keepApplied writes the mark down every second, until the store stops. It is not
// synced: an older one is true as well, and what is no mark is none.
func (s *Store) keepApplied() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	mark := appliedMark{kept: readApplied(s.dir)}
	note := func() {
		i := s.Indexes().Applied
		if !mark.moves(i) || s.Err() != nil {
			return
		}
		if err := writeMark(s.dir, appliedFile, i); err != nil {
			s.log.Debug("could not write down what is applied", "error", err)
		}
	}
	for {
		select {
		case <-t.C:
			note()
		case <-s.stopped:
			note()
			return
		}
	}
}

// appliedMark is what is written down, and what this run has seen.
type appliedMark struct{ kept, seen uint64 }

// moves says whether i, which is applied now, is to be written down. After a start raft
// applies again what was applied before, and less than the mark says nothing. What falls
// in one run does so because a snapshot of another survivor took the place of more than
// it holds, as after a recovery: an older mark would have this node stop when it is next
// contradicted in what it has not applied.
func (m *appliedMark) moves(i uint64) bool {
	fell := i < m.seen
	m.seen = i
	if !fell && i <= m.kept {
		return false
	}
	m.kept = i
	return true
}

func encodeMark(index uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, index)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// writeMark writes a mark and does not sync it.
func writeMark(d *dataDir, file string, index uint64) error {
	name := d.file(file)
	if err := os.WriteFile(name+tempSuffix, encodeMark(index), 0o600); err != nil {
		return err
	}
	return os.Rename(name+tempSuffix, name)
}

func readApplied(d *dataDir) uint64 { return readMark(d, appliedFile) }

// readMark returns a mark, 0 if there is none that is whole.
func readMark(d *dataDir, file string) uint64 {
	b, err := os.ReadFile(d.file(file))
	if err != nil || len(b) != 12 || binary.BigEndian.Uint32(b[8:]) != crc32.ChecksumIEEE(b[:8]) {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// diverged is the error of a leader that takes back entries from on, of which this
// node had applied some.
func (r *records) diverged(from uint64) error {
	return fmt.Errorf("%w: entries %d to %d in %s; to have what the others have, wipe this node and let it join anew; to keep what this one has, stop the others and run 'signet operator recover' here",
		ErrDiverged, from, r.applied(), r.path)
}

// hasLost is the error of a log that ends before what this node had applied of it; nil if
// it does not. held is the last entry that the log, or a snapshot, has. An entry is on disk
// before it is applied, so files were lost, or an older copy of them was put back: this node
// voted for entries, and acknowledged them, that it does not know of any more.
func (d *dataDir) hasLost(held uint64) error {
	applied := readApplied(d)
	if held >= applied {
		return nil
	}
	return fmt.Errorf("%w: it ends at entry %d in %s, and this node had applied %d; put all files of the directory back as they were, or, in a cluster, remove this node, empty the directory and let it join anew; a node alone begins again from a backup",
		ErrLogLost, held, d.path, applied)
}

// mayInstall refuses the snapshot of a leader that has less than this node has applied,
// and stops the node, as for a log that is contradicted: whoever sends it was put back to
// an older copy of its data. A snapshot of a term that is over raft does not look at.
func (s *Store) mayInstall(req *raft.InstallSnapshotRequest) error {
	applied := s.records.applied()
	if req.Term < s.Term() || req.LastLogIndex >= applied {
		return nil
	}
	if applied <= readMark(s.dir, recoveredFile) {
		return s.giveUp(req.LastLogIndex)
	}
	err := s.records.diverged(req.LastLogIndex + 1)
	s.fail(err)
	return err
}

// giveUp forgets that more than index was applied, before a snapshot of index takes the
// place of what a recovery kept here: neither its leader nor a later start of this node
// is told that entries are missing which were given up. The mark is synced: the snapshot
// outlives a loss of power, and an older mark must not.
func (s *Store) giveUp(index uint64) error {
	if err := s.dir.replace(appliedFile, encodeMark(index)); err != nil {
		return err
	}
	s.before.Store(index)
	return nil
}
