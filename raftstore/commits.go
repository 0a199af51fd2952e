package raftstore

import (
	"sync"

	"github.com/hashicorp/raft"
)

// commits has followers hear at once of what is committed. From raft they hear it with
// the next append, which they store and sync first, or after CommitTimeout; and until
// then they hold up whoever waits for them, a revocation barrier above all.
//
// What it sends is a request of raft's own, an append of nothing behind an entry that the
// follower has, in a term that this node led. So it may come late, twice or never, and
// from one who was replaced since: it says nothing that is not so.
type commits struct {
	send func(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error
	work *sync.WaitGroup // those who send

	mu        sync.Mutex // guards what follows; never held while sending
	closed    bool       // nobody sends any more
	term      uint64     // of this node's latest leadership, as raft's own requests have it
	newest    *raft.Log  // known to be committed; nil: none
	followers map[raft.ServerID]*followed
}

// followed is what is known of a follower in one leadership.
type followed struct {
	address raft.ServerAddress
	as      raft.AppendEntriesRequest // who speaks to it, and in which term
	has     uint64                    // index up to which its log is this node's
	told    uint64                    // index up to which it knows what is committed
	sending bool
}

// appended notes that a follower took an append, or a heartbeat, of this node's raft.
func (c *commits) appended(id raft.ServerID, address raft.ServerAddress, a *raft.AppendEntriesRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Term < c.term {
		return
	}
	if a.Term > c.term {
		c.term, c.followers = a.Term, map[raft.ServerID]*followed{}
	}
	f := c.followers[id]
	if f == nil {
		f = &followed{}
		c.followers[id] = f
	}
	f.address, f.as = address, raft.AppendEntriesRequest{RPCHeader: a.RPCHeader, Term: a.Term}
	has := a.PrevLogEntry
	if n := len(a.Entries); n > 0 {
		has = a.Entries[n-1].Index
	}
	f.has = max(f.has, has)
	f.told = max(f.told, min(a.LeaderCommitIndex, has))
	c.tell(id, f)
}

// committed notes that an entry is.
func (c *commits) committed(l *raft.Log) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil && l.Index <= c.newest.Index {
		return
	}
	c.newest = &raft.Log{Index: l.Index, Term: l.Term}
	for id, f := range c.followers {
		c.tell(id, f)
	}
}

// due says whether a follower is to hear of the newest committed entry: it has it, and
// does not know. mu is held.
func (c *commits) due(id raft.ServerID, f *followed) bool {
	return c.newest != nil && c.followers[id] == f && f.told < c.newest.Index && c.newest.Index <= f.has
}

// tell begins to tell a follower, unless somebody does. mu is held.
func (c *commits) tell(id raft.ServerID, f *followed) {
	if f.sending || c.closed || !c.due(id, f) {
		return
	}
	f.sending = true
	c.work.Go(func() {
		for c.sendTo(id, f) {
		}
	})
}

// sendTo tells a follower once, and says whether there is more to tell.
func (c *commits) sendTo(id raft.ServerID, f *followed) bool {
	c.mu.Lock()
	if c.closed || !c.due(id, f) {
		f.sending = false
		c.mu.Unlock()
		return false
	}
	request, address := f.as, f.address
	request.PrevLogEntry, request.PrevLogTerm, request.LeaderCommitIndex = c.newest.Index, c.newest.Term, c.newest.Index
	c.mu.Unlock()
	var answer raft.AppendEntriesResponse
	err := c.send(id, address, &request, &answer)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || !answer.Success { // raft tells it in its own time
		f.sending = false
		return false
	}
	f.told = max(f.told, request.LeaderCommitIndex)
	return true
}

// close has nobody begin to send.
func (c *commits) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}
