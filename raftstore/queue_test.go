package raftstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// batches is a book that notes how many entries it gets at once.
type batches struct {
	*book
	sizes []int
}

func (b *batches) ApplyBatch(entries []Entry) []any {
	b.sizes = append(b.sizes, len(entries))
	var results []any
	for _, e := range entries {
		results = append(results, b.Apply(e.Index, e.Data))
	}
	return results
}

// What is proposed while raft is busy goes there together, in order, once it has applied
// what it had.
func TestWhatComesTogetherIsAppliedTogether(t *testing.T) {
	b := &batches{book: newBook()}
	s := lead(t, t.TempDir(), b)
	first := s.Enqueue([]byte("block:"))
	<-b.blocked
	had := s.raft.Load().LastIndex()
	var proposals []*Proposal
	want := []string{"block:"}
	for i := range 40 {
		entry := fmt.Sprint("entry", i)
		proposals, want = append(proposals, s.Enqueue([]byte(entry))), append(want, entry)
	}
	time.Sleep(50 * time.Millisecond)
	if has := s.raft.Load().LastIndex(); has != had {
		t.Errorf("raft was given %d more while it was busy", has-had)
	}
	close(b.block)
	for _, p := range append(proposals, first) {
		if _, err := p.Wait(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.read(); !slices.Equal(got, want) {
		t.Errorf("applied %q", got)
	}
	if len(b.sizes) > 3 {
		t.Errorf("batches of %d", b.sizes)
	}
}

// A barrier comes after what was given to Enqueue before it, although raft does not
// have that yet.
func TestABarrierComesAfterWhatIsQueued(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	for i := range 50 {
		entry := fmt.Sprint("entry", i)
		s.Enqueue([]byte(entry))
		if err := s.Barrier(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if got := b.read(); len(got) == 0 || got[len(got)-1] != entry {
			t.Fatalf("after the barrier %q is not applied", entry)
		}
	}
}

// A raft that stands still holds nobody for long who hands something over: who does so
// may hold a lock that others want.
func TestARaftThatStandsStillHoldsNobodyForLong(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	s.enqueueTimeout = 50 * time.Millisecond
	disk, err := s.records.store.(*boltLog).db.Begin(true) // nobody else writes until it ends
	if err != nil {
		t.Fatal(err)
	}
	var proposals []*Proposal
	var longest time.Duration
	for i := range 5 * maxQueued {
		began := time.Now()
		proposals = append(proposals, s.Enqueue([]byte(fmt.Sprint("entry", i))))
		longest = max(longest, time.Since(began))
	}
	if err := disk.Rollback(); err != nil {
		t.Fatal(err)
	}
	if longest > maxQueued*s.enqueueTimeout/2 {
		t.Errorf("one waited for %v", longest)
	}
	var want []string
	refused := 0
	for i, p := range proposals {
		switch _, err := p.Wait(testContext(t)); {
		case err == nil:
			want = append(want, fmt.Sprint("entry", i))
		case errors.Is(err, ErrNotProposed) && errors.Is(err, raft.ErrEnqueueTimeout) && !errors.Is(err, ErrUnknownOutcome):
			refused++
		default:
			t.Errorf("entry%d: %v", i, err)
		}
	}
	if got := b.read(); refused == 0 || !slices.Equal(got, want) {
		t.Errorf("%d refused; applied %q, not %q", refused, got, want)
	}
}
