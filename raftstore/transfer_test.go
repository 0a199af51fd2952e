package raftstore

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// A leader that raft keeps in a transfer of the lead for good ends, and one that is in
// one for a moment, again and again, does not.
func TestALeaderThatStaysInATransferEnds(t *testing.T) {
	s := openWithPort(t)
	for range 3 {
		s.noteTransfer(true)
		s.transferring.Add(int64(transferTime) * -9 / 10)
		s.noteTransfer(true)
		s.noteTransfer(false)
	}
	if err := s.Err(); err != nil {
		t.Fatalf("it ended: %v", err)
	}
	s.noteTransfer(true)
	s.transferring.Add(-int64(transferTime) - int64(time.Second))
	s.noteTransfer(true)
	if err := s.Err(); !errors.Is(err, errTransferStuck) {
		t.Errorf("it goes on: %v", err)
	}
}

// raft 1.7.3 locks up in pipelines: see DESIGN.md.
func TestEntriesAreNotSentInPipelines(t *testing.T) {
	s := openWithPort(t)
	if _, err := s.transport.AppendEntriesPipeline("n2", "n2"); !errors.Is(err, raft.ErrPipelineReplicationNotSupported) {
		t.Errorf("a pipeline: %v", err)
	}
}

func openWithPort(t *testing.T) *Store {
	t.Helper()
	s, err := Open(Options{Dir: t.TempDir(), NodeID: "n1", Listen: "127.0.0.1:0"}, newBook())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
