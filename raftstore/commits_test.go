package raftstore

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestFollowersHearOfACommitAtOnce has raft never say of itself what is committed, and
// no later append either.
func TestFollowersHearOfACommitAtOnce(t *testing.T) {
	c := newMeshWith(t, 3, Options{commitTimeout: time.Hour})
	for i := range 5 {
		entry := fmt.Sprint("entry", i)
		if _, err := c.stores[0].Propose(testContext(t), []byte(entry)); err != nil {
			t.Fatal(err)
		}
		for _, b := range c.books {
			until(t, "a node applies "+entry, func() bool {
				read := b.read()
				return len(read) > 0 && read[len(read)-1] == entry
			})
		}
	}
}

// wire notes what commits send, and answers as a follower that agrees.
type wire struct {
	mu   sync.Mutex
	sent []raft.AppendEntriesRequest
	deny bool
}

func (w *wire) send(_ raft.ServerID, _ raft.ServerAddress, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, *a)
	r.Success = !w.deny
	return nil
}

// told returns what was sent since the last call, once nobody sends any more.
func (w *wire) told(c *commits) (indexes []uint64) {
	c.work.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.sent {
		if len(a.Entries) > 0 || a.PrevLogEntry != a.LeaderCommitIndex {
			panic("an append that says more than what is committed")
		}
		indexes = append(indexes, a.LeaderCommitIndex)
	}
	w.sent = nil
	return indexes
}

func TestCommitsAreToldToThoseWhoHaveTheEntry(t *testing.T) {
	w := &wire{}
	c := &commits{send: w.send, work: &sync.WaitGroup{}}
	check := func(what string, want ...uint64) {
		t.Helper()
		if got := w.told(c); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: told %d, not %d", what, got, want)
		}
	}
	took := func(term, prev, entries, commit uint64) {
		a := &raft.AppendEntriesRequest{Term: term, PrevLogEntry: prev, LeaderCommitIndex: commit}
		for i := range entries {
			a.Entries = append(a.Entries, &raft.Log{Index: prev + 1 + i, Term: term})
		}
		c.appended("a", "address", a)
	}
	commit := func(index uint64) { c.committed(&raft.Log{Index: index, Term: 3}) }

	commit(4)
	check("nobody follows")
	took(3, 0, 0, 0)
	check("a heartbeat says nothing of what the follower has")
	took(3, 1, 3, 1)
	check("its log has got to what is committed", 4)
	took(3, 4, 2, 4)
	check("what is committed it has heard")
	commit(5)
	check("it has more than what is committed", 5)
	commit(5)
	commit(4)
	check("nothing new")
	commit(9)
	check("it does not have that yet")
	took(3, 6, 3, 5)
	check("now it has", 9)
	took(3, 9, 1, 5)
	commit(10)
	took(2, 0, 20, 1)
	check("an append of before, late", 10)
	took(4, 0, 0, 0)
	commit(11)
	check("what it had is not known any more in a new term")
	took(4, 10, 1, 10)
	check("now it is", 11)

	w.deny = true
	took(4, 11, 1, 11)
	commit(12)
	check("it does not agree, and is left alone until there is something new", 12)
	w.deny = false
	took(4, 12, 1, 11)
	check("then told with the next append that it takes", 12)
	commit(13)
	check("and of what comes then", 13)
	c.close()
	took(4, 13, 1, 13)
	commit(14)
	check("nobody sends after the end")
}
