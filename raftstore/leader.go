package raftstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// leadership is what raft last said about this node leading.
type leadership struct {
	mu      sync.Mutex
	leading bool
	term    uint64        // term it leads in
	since   time.Time     // when it was told so; zero while it does not lead
	changed chan struct{} // closed and replaced at each change

	leaderless atomic.Pointer[time.Time] // since when no leader was known; nil while one is
}

func (l *leadership) set(leading bool, term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading, l.term, l.since = leading, term, time.Time{}
	if leading {
		l.since = time.Now()
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *leadership) get() (leading bool, term uint64, since time.Time, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leading, l.term, l.since, l.changed
}

// watch takes raft's notices until the store stops. Raft waits for each notice
// to be taken before it goes on, so none is lost and the term read here is that
// of the notice, or a later one in which this node does not lead.
func (s *Store) watch(r *raft.Raft, notices <-chan bool) {
	for {
		select {
		case leading := <-notices:
			s.leader.set(leading, r.CurrentTerm())
		case <-s.stopped:
			return
		}
	}
}

// leads says whether this node leads, in which term, and when it gained that
// leadership. Notices arrive a little late, so raft is asked too: leadership lost and
// won again meanwhile shows in the term.
func (s *Store) leads() (term uint64, since time.Time, leads bool, changed <-chan struct{}) {
	leading, term, since, changed := s.leader.get()
	r := s.raft.Load()
	if !leading || r == nil || r.State() != raft.Leader || r.CurrentTerm() != term || s.Err() != nil {
		return 0, time.Time{}, false, changed
	}
	return term, since, true, changed
}

// Leading tells whether this node leads, as far as it knows: another one may
// have been elected meanwhile. It does not say that the machine has caught up;
// Barrier does.
func (s *Store) Leading() bool {
	_, _, leads, _ := s.leads()
	return leads
}

// LeadingTerm returns the term in which this node leads, and whether it does, as far
// as it knows. A node gains the lead once in a term at the most: between two calls
// with the same term nobody else led.
func (s *Store) LeadingTerm() (term uint64, leads bool) {
	term, _, leads, _ = s.leads()
	return term, leads
}

// LeaderSince returns when this node gained its present leadership, the zero
// time when it does not lead. The monotonic reading in it stands still while
// the machine is suspended.
func (s *Store) LeaderSince() time.Time {
	_, since, _, _ := s.leads()
	return since
}

// Leader returns id and address of the leader as this node knows it, empty when
// it knows none.
func (s *Store) Leader() (id, address string) {
	r := s.raft.Load()
	if r == nil {
		return "", ""
	}
	a, i := r.LeaderWithID()
	if i != "" {
		s.leader.leaderless.Store(nil)
	} else if s.leader.leaderless.Load() == nil {
		now := time.Now()
		s.leader.leaderless.CompareAndSwap(nil, &now)
	}
	return string(i), string(a)
}

// Leaderless is for how long this node has known no leader; 0 while it knows one.
// It counts from the first look: something looks all the time, see Leader.
func (s *Store) Leaderless() time.Duration {
	if at := s.leader.leaderless.Load(); at != nil {
		return time.Since(*at)
	}
	return 0
}

// LeadershipChanged returns a channel that is closed the next time this node
// gains or loses leadership, or the store closes.
func (s *Store) LeadershipChanged() <-chan struct{} {
	_, _, _, changed := s.leader.get()
	return changed
}

// WaitLeader waits until this node leads. Errors: ErrNotBootstrapped,
// ErrClosed, the fatal error, and that of ctx.
func (s *Store) WaitLeader(ctx context.Context) error {
	for {
		if !s.Bootstrapped() {
			return ErrNotBootstrapped
		}
		_, _, leads, changed := s.leads()
		if leads {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.failed:
			return s.failure
		case <-s.stopped:
			return ErrClosed
		}
	}
}
