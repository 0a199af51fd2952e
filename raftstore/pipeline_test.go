package raftstore

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// heard is a pipeline that keeps what goes out.
type heard struct {
	raft.AppendPipeline
	sent []*raft.AppendEntriesRequest
}

func (h *heard) AppendEntries(args *raft.AppendEntriesRequest, _ *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	h.sent = append(h.sent, args)
	return nil, nil
}

// What says something goes out: entries always, a commit index once, and the first
// message of a connection. So does what says nothing, from time to time.
func TestAppendsThatSayNothingStay(t *testing.T) {
	to := &heard{}
	p := &pipeline{AppendPipeline: to, again: time.Hour}
	one := []*raft.Log{{Index: 7}}
	for i, step := range []struct {
		entries []*raft.Log
		commit  uint64
		goes    bool
	}{
		{nil, 0, true}, // the first
		{nil, 0, false},
		{one, 0, true},
		{one, 0, true},
		{nil, 0, false},
		{nil, 7, true}, // it is committed
		{nil, 7, false},
		{one, 8, true},
		{nil, 8, false}, // told with the entry
	} {
		before := len(to.sent)
		args := &raft.AppendEntriesRequest{Entries: step.entries, LeaderCommitIndex: step.commit}
		future, err := p.AppendEntries(args, nil)
		if goes := len(to.sent) > before; err != nil || goes != step.goes {
			t.Errorf("step %d: sent %v, %v", i, goes, err)
		}
		if !step.goes && (future.Request() != args || future.Error() == nil) {
			t.Errorf("step %d: the future is %v", i, future)
		}
	}
	p.again = 0
	before := len(to.sent)
	if _, err := p.AppendEntries(&raft.AppendEntriesRequest{LeaderCommitIndex: 8}, nil); err != nil || len(to.sent) == before {
		t.Errorf("nothing is said again: %v", err)
	}
}
