package raftstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// The mark of what is applied survives starts that come to nothing, and follows a state
// that was replaced with an older one.
func TestTheMarkOfWhatIsApplied(t *testing.T) {
	m := appliedMark{kept: 1000}
	for i, c := range []struct {
		applied uint64
		moves   bool
	}{
		{0, false}, {500, false}, {1000, false}, {1001, true}, {1001, false}, {1010, true}, // a snapshot, the log again, and new entries
		{990, true}, {990, false}, {995, true}, {1020, true}, // an older snapshot, and new entries
	} {
		if m.moves(c.applied) != c.moves {
			t.Errorf("step %d: %d is written down: %t", i, c.applied, !c.moves)
		}
	}
	d := t.TempDir()
	dir, err := openDataDir(d)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	if readApplied(dir) != 0 {
		t.Error("there is a mark in an empty directory")
	}
	for _, i := range []uint64{7, 1 << 40, 3} {
		if err := writeMark(dir, appliedFile, i); err != nil || readApplied(dir) != i {
			t.Errorf("%d is read as %d, %v", i, readApplied(dir), err)
		}
	}
}

// A leader that was put back to an older copy of its data, and has cut off its log since,
// sends a snapshot of less than others have applied.
func TestASnapshotOfLessThanIsApplied(t *testing.T) {
	c := newMesh(t, 2)
	propose(t, c.stores[0], "one", "two")
	c.all("one", "two")
	victim, leader := c.stores[1], c.stores[0].transport.(*transport)
	at := victim.Indexes().Applied
	request := func(term, index uint64) *raft.InstallSnapshotRequest {
		return &raft.InstallSnapshotRequest{
			RPCHeader:       raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("node0"), Addr: []byte("node0")},
			SnapshotVersion: 1, Term: term, LastLogIndex: index, LastLogTerm: 1, Size: 1,
		}
	}
	for _, fine := range []*raft.InstallSnapshotRequest{request(victim.Term(), at), request(victim.Term(), at+9), request(victim.Term()-1, at-1)} {
		if err := victim.mayInstall(fine); err != nil {
			t.Errorf("term %d, index %d: %v", fine.Term, fine.LastLogIndex, err)
		}
	}
	// What an operator took for the cluster's with a recovery may give way to more.
	must(t, writeMark(victim.dir, recoveredFile, at))
	must(t, writeMark(victim.dir, appliedFile, at))
	must(t, victim.mayInstall(request(victim.Term(), at-1)))
	if err := victim.dir.hasLost(at - 1); err != nil {
		t.Errorf("what was given up is missed at the next start: %v", err)
	}
	must(t, writeMark(victim.dir, recoveredFile, at-1))
	err := leader.InstallSnapshot("node1", "node1", request(victim.Term(), at-1), new(raft.InstallSnapshotResponse), bytes.NewReader([]byte{0}))
	if err == nil || !errors.Is(victim.Err(), ErrDiverged) {
		t.Errorf("%v; the node says %v", err, victim.Err())
	}
	if got := c.books[1].read(); len(got) != 2 {
		t.Errorf("the machine has %q", got)
	}
}

// A log that is gone, or an older copy of it, must not be started with: this node would
// vote without what it had acknowledged.
func TestALogThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	propose(t, s, "one", "two")
	file, old := s.records.path, filepath.Join(t.TempDir(), "old")
	closeStore(t, s)
	copyFile := func(to, from string) {
		b, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(to, b, 0o600))
	}
	copyFile(old, file)
	s = lead(t, dir, newBook())
	propose(t, s, "three")
	closeStore(t, s)
	whole := filepath.Join(t.TempDir(), "whole")
	copyFile(whole, file)
	start := func() error {
		s, err := Open(Options{Dir: dir, Dev: true}, newBook())
		if err == nil {
			closeStore(t, s)
		}
		return err
	}
	must(t, os.Remove(file))
	for range 2 { // not at the second time either, with the file that the first one made
		if err := start(); !errors.Is(err, ErrLogLost) || !strings.Contains(err.Error(), "join anew") {
			t.Errorf("without the log: %v", err)
		}
	}
	copyFile(file, old)
	if err := start(); !errors.Is(err, ErrLogLost) {
		t.Errorf("with an older log: %v", err)
	}
	// Nor does a recovery make it the cluster's, and a directory that does not start.
	if r, err := OpenRecovery(Options{Dir: dir, Dev: true}, newBook()); !errors.Is(err, ErrLogLost) {
		t.Errorf("recovering an older log: %v", err)
		if err == nil {
			must(t, r.Close())
		}
	}
	copyFile(file, whole)
	must(t, start())
}
