package raftstore

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// A member's key lets nobody speak for another member: raft would follow whatever leader
// a request names, and count a vote for whoever it names.
func TestNobodySpeaksForAnotherMember(t *testing.T) {
	c := newMesh(t, 3)
	propose(t, c.stores[0], "before")
	c.all("before")
	liar, victim := c.stores[2], c.stores[1]
	term := victim.Term()
	header := func(id, addr string) raft.RPCHeader {
		return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(addr)}
	}
	to, out := raft.ServerID("node1"), liar.transport.(*transport)
	for _, h := range []raft.RPCHeader{header("node0", "node0"), header("node2", "node0"), header("node0", "node2"), header("", "node2"), header("node2", "")} {
		asked := map[string]func() error{
			"append": func() error {
				return out.AppendEntries(to, "node1", &raft.AppendEntriesRequest{
					RPCHeader: h, Term: term + 9, PrevLogEntry: 1, PrevLogTerm: 1, Entries: []*raft.Log{{Index: 2, Term: term + 9, Type: raft.LogNoop}},
				}, new(raft.AppendEntriesResponse))
			},
			"heartbeat": func() error {
				return out.AppendEntries(to, "node1", &raft.AppendEntriesRequest{RPCHeader: h, Term: term + 9}, new(raft.AppendEntriesResponse))
			},
			"vote": func() error {
				return out.RequestVote(to, "node1", &raft.RequestVoteRequest{RPCHeader: h, Term: term + 9, LastLogIndex: 99, LastLogTerm: term, LeadershipTransfer: true},
					new(raft.RequestVoteResponse))
			},
			"pre-vote": func() error {
				return out.RequestPreVote(to, "node1", &raft.RequestPreVoteRequest{RPCHeader: h, Term: term + 9}, new(raft.RequestPreVoteResponse))
			},
			"timeout": func() error {
				return out.TimeoutNow(to, "node1", &raft.TimeoutNowRequest{RPCHeader: h}, new(raft.TimeoutNowResponse))
			},
			"snapshot": func() error {
				return out.InstallSnapshot(to, "node1", &raft.InstallSnapshotRequest{RPCHeader: h, SnapshotVersion: 1, Term: term + 9, LastLogIndex: 99, LastLogTerm: term, Size: 1},
					new(raft.InstallSnapshotResponse), bytes.NewReader([]byte{255}))
			},
		}
		for what, ask := range asked {
			if err := ask(); err == nil || !strings.Contains(err.Error(), "node node2 speaks as") {
				t.Fatalf("%s as %q at %q: %v", what, h.ID, h.Addr, err)
			}
		}
	}
	if got := victim.Term(); got != term {
		t.Errorf("the term went from %d to %d", term, got)
	}
	propose(t, c.stores[0], "after")
	c.all("before", "after")
}
