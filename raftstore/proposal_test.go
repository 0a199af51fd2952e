package raftstore

import (
	"context"
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

func TestThreeResults(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	ctx := testContext(t)

	if got, err := s.Propose(ctx, []byte("fine")); got != 1 || err != nil {
		t.Errorf("applied: %v, %v", got, err)
	}

	got, err := s.Propose(ctx, []byte("refuse:"))
	if got != nil || !errors.Is(err, errRefused) {
		t.Errorf("refused: %v, %v", got, err)
	}
	for _, other := range []error{ErrUnknownOutcome, ErrNotProposed, ErrNotLeader} {
		if errors.Is(err, other) {
			t.Errorf("a refusal is %v", other)
		}
	}

	p := s.Enqueue([]byte("block:"))
	<-b.blocked
	short, cancel := context.WithCancel(ctx)
	cancel()
	got, err = p.Wait(short)
	if got != nil {
		t.Errorf("unknown: %v", got)
	}
	wantErr(t, err, ErrUnknownOutcome, context.Canceled)
	close(b.block)
	if got, err := p.Wait(ctx); got != 2 || err != nil {
		t.Errorf("asked again: %v, %v", got, err)
	}
	if got, err := p.Wait(short); got != 2 || err != nil {
		t.Errorf("an outcome that is there is not given: %v, %v", got, err)
	}
}

func TestEndedContextProposesNothing(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Propose(ctx, []byte("x"))
	wantErr(t, err, ErrNotProposed, context.Canceled)
	if err := s.Barrier(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := b.read(); len(got) != 0 {
		t.Errorf("proposed all the same: %q", got)
	}
}

func TestSizesAreBounded(t *testing.T) {
	s := lead(t, t.TempDir(), newBook())
	ctx := testContext(t)
	_, err := s.Propose(ctx, nil)
	wantErr(t, err, ErrNotProposed, ErrEmpty)
	_, err = s.Propose(ctx, make([]byte, MaxEntry+1))
	wantErr(t, err, ErrNotProposed, ErrTooLarge)
	if _, err := s.Propose(ctx, make([]byte, MaxEntry)); err != nil {
		t.Errorf("the largest entry: %v", err)
	}
}

// With the machine standing still everything fills up, and what does not fit
// any more is determinately not proposed.
func TestEnqueueTimeout(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	s.enqueueTimeout = 1e6
	first := s.Enqueue([]byte("block:"))
	<-b.blocked
	var accepted []*Proposal
	var err error
	for err == nil {
		p := s.Enqueue([]byte("more"))
		select {
		case <-p.done:
			_, err = p.Wait(context.Background())
		default:
			accepted = append(accepted, p)
		}
		if len(accepted) > 100_000 {
			t.Fatal("never full")
		}
		// A goroutine sees the time-out, so look at the last ones again.
		for _, p := range accepted[max(0, len(accepted)-3):] {
			select {
			case <-p.done:
				_, err = p.Wait(context.Background())
			default:
			}
		}
	}
	wantErr(t, err, ErrNotProposed, raft.ErrEnqueueTimeout)
	if errors.Is(err, ErrUnknownOutcome) {
		t.Error("also unknown")
	}
	close(b.block)
	if _, err := first.Wait(testContext(t)); err != nil {
		t.Fatal(err)
	}
	applied := 1
	for _, p := range accepted {
		if _, err := p.Wait(testContext(t)); err == nil {
			applied++
		} else if !errors.Is(err, ErrNotProposed) {
			t.Errorf("%v", err)
		}
	}
	if got := len(b.read()); got != applied {
		t.Errorf("%d entries for %d proposals that were applied", got, applied)
	}
}

// Close while the machine stands still: what is not answered is unknown, and
// what was not handed over is not.
func TestCloseWithProposalsUnderWay(t *testing.T) {
	dir := t.TempDir()
	b := newBook()
	s := lead(t, dir, b)
	s.drainTimeout = 1e6
	p := s.Enqueue([]byte("block:"))
	<-b.blocked
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for s.raft.Load().State() != raft.Shutdown { // Close has given up waiting
	}
	_, err := s.Propose(testContext(t), []byte("late"))
	wantErr(t, err, ErrNotProposed, ErrClosed)
	close(b.block)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if got, err := p.Wait(testContext(t)); !errors.Is(err, ErrUnknownOutcome) && got != 1 {
		t.Errorf("%v, %v", got, err)
	}
	again := newBook()
	again.block = b.block // closed
	lead(t, dir, again)
	if got := again.read(); len(got) != 1 || got[0] != "block:" {
		t.Errorf("replayed %q", got)
	}
}

// Every error that raft gives an Apply, by what it says about the entry.
func TestOutcomes(t *testing.T) {
	refusal := errors.New("no")
	for _, c := range []struct {
		err      error
		response any
		want     error // nil: applied
	}{
		{nil, "result", nil},
		{nil, refusal, refusal},
		{nil, &Fatal{Err: refusal}, ErrUnknownOutcome},
		{raft.ErrNotLeader, nil, ErrNotLeader},
		{raft.ErrLeadershipTransferInProgress, nil, ErrNotProposed},
		{raft.ErrEnqueueTimeout, nil, ErrNotProposed},
		{raft.ErrLeadershipLost, nil, ErrUnknownOutcome},
		{raft.ErrRaftShutdown, nil, ErrUnknownOutcome},
		{raft.ErrAbortedByRestore, nil, ErrUnknownOutcome},
		{ErrStorageFailed, nil, ErrUnknownOutcome},
	} {
		got, err := outcome(answered{err: c.err, response: c.response})
		if c.want == nil {
			if got != c.response || err != nil {
				t.Errorf("%v: %v, %v", c.err, got, err)
			}
			continue
		}
		if got != nil {
			t.Errorf("%v: a result beside an error: %v", c.err, got)
		}
		wantErr(t, err, c.want)
		for _, other := range []error{ErrNotLeader, ErrNotProposed, ErrUnknownOutcome} {
			if other != c.want && errors.Is(err, other) {
				t.Errorf("%v is %v and %v", c.err, c.want, other)
			}
		}
	}
}

// answered is a future that raft has answered.
type answered struct {
	raft.ApplyFuture
	err      error
	response any
}

func (a answered) Error() error  { return a.err }
func (a answered) Response() any { return a.response }
