package raftstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// tally is a state of which only the index is known: what a book has applied.
type tally struct {
	mu      sync.Mutex
	index   uint64
	changed chan struct{}
}

func newTally() *tally { return &tally{changed: make(chan struct{})} }

func (y *tally) at() uint64 {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.index
}

func (y *tally) set(index uint64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.index = max(y.index, index)
	close(y.changed)
	y.changed = make(chan struct{})
}

func (y *tally) reach(ctx context.Context, index uint64) error {
	for {
		y.mu.Lock()
		got, changed := y.index, y.changed
		y.mu.Unlock()
		if got >= index {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leased is a mesh in which every node serves.
func leased(t *testing.T, n int) (*meshed, []*tally) {
	t.Helper()
	c := newMesh(t, n)
	var states []*tally
	for i, s := range c.stores {
		states = append(states, newTally())
		states[i].set(10)
		s.Leases().Serve(states[i].at, states[i].reach)
	}
	must(t, c.stores[0].Leases().Grant(term(t, c.stores[0]), 10, n == 1))
	for i, s := range c.stores {
		until(t, fmt.Sprintf("node%d has a lease", i), func() bool { return s.Leases().Valid(states[i].at()) == nil })
	}
	return c, states
}

func TestEveryNodeServesUnderALease(t *testing.T) {
	c, states := leased(t, 3)
	if err := c.stores[1].Leases().Valid(9); !errors.Is(err, ErrBehind) {
		t.Errorf("a state from before the leader's epoch: %v", err)
	}
	states[0].set(20)
	index, err := c.stores[2].Leases().Fence(testContext(t))
	if err != nil || index != 20 {
		t.Errorf("fence %d, %v", index, err)
	}

	// The barrier ends when the last node has it.
	time.Sleep(2300 * time.Millisecond) // what an earlier leader may have granted
	c.stores[0].Leases().Raise(30)
	states[0].set(30)
	states[1].set(30)
	ended := make(chan time.Duration, 1)
	go func() {
		took, err := c.stores[0].Leases().Barrier(testContext(t), 30)
		if err != nil {
			t.Error(err)
		}
		ended <- took
	}()
	select {
	case <-ended:
		t.Error("the barrier ended before node2 had the command")
	case <-time.After(100 * time.Millisecond):
	}
	states[2].set(30)
	if took := <-ended; took > 2*time.Second {
		t.Errorf("the barrier took %v, though all reported", took)
	}
	until(t, "an old state is refused", func() bool { return errors.Is(c.stores[2].Leases().Valid(29), ErrBehind) })
}

// Without a majority nobody serves for long, the old leader neither, and a barrier
// ends without the node that cannot be reached.
func TestLeasesEndWithoutAMajority(t *testing.T) {
	c, states := leased(t, 3)
	must(t, c.stores[1].Close())
	c.stores[0].Leases().Raise(20)
	states[0].set(20)
	states[2].set(20)
	if _, err := c.stores[0].Leases().Barrier(testContext(t), 20); err != nil {
		t.Fatal(err)
	}
	must(t, c.stores[2].Close())
	until(t, "the last node stops serving", func() bool { return c.stores[0].Leases().Valid(20) != nil && !c.stores[0].Leases().Held() })
	if _, err := c.stores[0].Leases().Fence(testContext(t)); err == nil {
		t.Error("a leader without a majority says what it has")
	}
}

// A leader that was just elected does not end barriers before the leases of the
// earlier one are over.
func TestANewLeaderOutwaitsTheOldLeases(t *testing.T) {
	c, states := leased(t, 3)
	must(t, c.stores[0].Transfer(testContext(t), "node1"))
	until(t, "node1 leads", c.stores[1].Leading)
	c.stores[0].Leases().Cease()
	for _, s := range states {
		s.set(20)
	}
	must(t, c.stores[1].Leases().Grant(term(t, c.stores[1]), 20, false))
	took, err := c.stores[1].Leases().Barrier(testContext(t), 20)
	if err != nil || took < 2*time.Second {
		t.Errorf("the barrier took %v, %v", took, err)
	}
	for i, s := range c.stores {
		until(t, fmt.Sprintf("node%d serves under the new leader", i), func() bool { return s.Leases().Valid(20) == nil })
	}
}

// A lone node serves at once and its barriers end at once.
func TestALoneNodeNeedsNobody(t *testing.T) {
	c, states := leased(t, 1)
	states[0].set(11)
	c.stores[0].Leases().Raise(11)
	took, err := c.stores[0].Leases().Barrier(testContext(t), 11)
	if err != nil || took > time.Second {
		t.Errorf("%v, %v", took, err)
	}
	c.stores[0].Leases().Rest()
	if c.stores[0].Leases().Valid(11) == nil || c.stores[0].Leases().Held() {
		t.Error("a node that rests serves")
	}
}

// term is the one in which a store leads.
func term(t *testing.T, s *Store) uint64 {
	t.Helper()
	term, leads := s.LeadingTerm()
	if !leads {
		t.Fatal("the store does not lead")
	}
	return term
}

// deaf is a way to the others on which nobody is reached.
type deaf struct{}

func (deaf) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is there")
}

// A leader whom the others still follow, but who does not hear from them that they do, has
// no majority's word: it grants nothing, itself included. Raft alone would let it.
func TestALeaseNeedsTheWordOfAMajority(t *testing.T) {
	c, states := leased(t, 3)
	leader := c.stores[0]
	leader.peers.client.Transport.(*http.Transport).RegisterProtocol("https", deaf{}) // the streams of raft stay
	until(t, "the leader stops serving", func() bool { return leader.Leases().Valid(states[0].at()) != nil })
	if _, leads := leader.LeadingTerm(); !leads {
		t.Fatal("it lost the lead meanwhile: the test shows nothing")
	}
	if _, err := leader.Leases().Fence(testContext(t)); err == nil {
		t.Error("a leader that no majority confirmed says what it has")
	}
	l := leader.Leases()
	l.Rest()
	until(t, "no request is under way any more", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.flight == nil
	})
}
