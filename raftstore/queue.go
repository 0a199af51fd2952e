package raftstore

import (
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// queue is the entries on their way to raft. Raft writes what has gathered when it looks,
// and looks at once: of fifteen that come together it would sync one or two alone, and
// then the others. So whoever hands over first lets those run who are about to propose,
// which costs nothing while nobody is; and hands over the next when those are applied.
// They would wait for the followers in raft as long, which have one append under way at a
// time, and in smaller batches: each costs every node its syncs.
type queue struct {
	mu      sync.Mutex // guards what follows
	entries []queued   // in the order in which they are to be appended
	handing bool       // somebody hands over, or is about to

	// order is held while entries are handed over.
	order sync.Mutex
}

type queued struct {
	proposal *Proposal
	raft     *node
	data     []byte
}

// gatherYields is how often others run first.
const gatherYields = 2

// maxQueued is how many entries wait here. Whoever brings more waits until raft takes them.
const maxQueued = 64

// add puts an entry behind those that are there.
func (q *queue) add(e queued) {
	q.mu.Lock()
	q.entries = append(q.entries, e)
	full := len(q.entries) >= maxQueued
	if !q.handing && !full {
		q.handing = true
		go q.run()
	}
	q.mu.Unlock()
	if full {
		q.flush()
	}
}

func (q *queue) run() {
	for {
		for range gatherYields {
			runtime.Gosched()
		}
		if last := q.flush(); last != nil {
			select {
			case <-last.done:
			case <-last.store.failed:
			case <-last.store.stopped:
			}
		}
		q.mu.Lock()
		if len(q.entries) == 0 {
			q.handing = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
	}
}

// flush hands over what is there, and returns when raft has it: what is handed over after
// that comes after it. It returns the last of them, nil if there was none. What raft does
// not take within the store's enqueueTimeout, all together, is not proposed: whoever waits here
// may hold a lock that others want.
func (q *queue) flush() (last *Proposal) {
	q.order.Lock()
	defer q.order.Unlock()
	q.mu.Lock()
	entries := q.entries
	q.entries = nil
	q.mu.Unlock()
	began := time.Now()
	for _, e := range entries {
		store := e.proposal.store
		left := store.enqueueTimeout - time.Since(began)
		if left <= 0 {
			e.proposal.end(nil, notProposed(raft.ErrEnqueueTimeout))
			store.proposals.Done()
			continue
		}
		future := e.raft.Apply(e.data, left)
		go func() { // each by itself: a raft that stops leaves some without an answer
			defer store.proposals.Done()
			e.proposal.end(outcome(future))
		}()
		last = e.proposal
	}
	return last
}
