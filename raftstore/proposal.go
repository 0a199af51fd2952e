package raftstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Proposal is an entry on its way.
type Proposal struct {
	store  *Store
	done   chan struct{} // closed once result and err are set
	result any
	err    error
}

// Enqueue hands data to the log and returns without waiting for it to be
// written. Entries are appended in the order of the calls; callers that need an
// order make them one after the other. It may wait for room, for a few seconds
// at the most. data is the store's from here on: whoever gave it must not change it.
// The outcome is that of Wait.
func (s *Store) Enqueue(data []byte) *Proposal {
	p := &Proposal{store: s, done: make(chan struct{})}
	r, err := s.admit(data)
	if err != nil {
		p.end(nil, err)
		return p
	}
	s.queue.add(queued{p, r, data})
	return p
}

func (p *Proposal) end(result any, err error) {
	p.result, p.err = result, err
	close(p.done)
}

// admit refuses what is known not to get anywhere, before raft sees it.
// Without an error the caller owes a proposals.Done.
func (s *Store) admit(data []byte) (*node, error) {
	switch {
	case len(data) == 0:
		return nil, notProposed(ErrEmpty)
	case len(data) > MaxEntry:
		return nil, notProposed(fmt.Errorf("%w: %d bytes of at most %d", ErrTooLarge, len(data), MaxEntry))
	}
	// A write to the log file that fails stops the node; one refused here
	// costs nothing and leaves everything else running.
	switch room, err := s.space.hasRoom(s.reserve, s.dir.free); {
	case err != nil:
		return nil, notProposed(err)
	case !room:
		return nil, notProposed(ErrStorageFull)
	}
	r, err := s.enter()
	if err != nil {
		return nil, notProposed(err)
	}
	return r, nil
}

// Full says whether new entries are refused for want of space on the disk.
func (s *Store) Full() bool {
	free, err := s.dir.free()
	return err != nil || free < s.reserve
}

// enter counts a proposal or barrier in, unless the store is going down. The
// caller owes a proposals.Done.
func (s *Store) enter() (*node, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.raft.Load()
	switch {
	case s.closing:
		return nil, ErrClosed
	case r == nil:
		return nil, ErrNotBootstrapped
	}
	s.proposals.Add(1)
	return r, nil
}

// Wait returns the outcome, which is one of these:
//
//   - applied: the machine's result, no error;
//   - refused by the machine: the error that it returned, as it is;
//   - ErrNotLeader or ErrNotProposed: nothing was or will be appended;
//   - ErrUnknownOutcome: the entry may take effect or not. This is what the
//     end of ctx gives; calling Wait again may still give the outcome.
//
// It may be called often and by many.
func (p *Proposal) Wait(ctx context.Context) (any, error) {
	var cause error
	select {
	case <-p.done:
		return p.result, p.err
	case <-ctx.Done():
		cause = ctx.Err()
	case <-p.store.failed:
		cause = p.store.failure
	case <-p.store.stopped:
		cause = ErrClosed
	}
	select {
	case <-p.done: // both came; an answer says more
		return p.result, p.err
	default:
		return nil, unknown(cause)
	}
}

// Propose is Enqueue and Wait. A ctx that has ended already gives
// ErrNotProposed.
func (s *Store) Propose(ctx context.Context, data []byte) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, notProposed(err)
	}
	return s.Enqueue(data).Wait(ctx)
}

// outcome waits for raft and sorts its answer. This is the one place where the
// machine's own result is told from raft's errors.
func outcome(future raft.ApplyFuture) (any, error) {
	switch err := future.Error(); {
	case err == nil:
		return result(future.Response())

	// Follower, candidate and a leader that has just removed itself answer so
	// from the queue, before anything is appended.
	case errors.Is(err, raft.ErrNotLeader):
		return nil, ErrNotLeader

	// The leader answers so from the queue while it hands over.
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return nil, notProposed(err)

	// Apply gave up before the entry was in the queue.
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return nil, notProposed(err)

	// What is left has been in the queue, or cannot be told from what has:
	//
	// ErrLeadershipLost: appended here, and perhaps on others that now elect
	// a leader which commits it.
	// ErrRaftShutdown: from Apply if raft was down already, but also for an
	// entry that is committed and was about to go to the machine; enter
	// sorts out the first case but for a race.
	// ErrAbortedByRestore: appended; what a restore leaves of it is the
	// restore's to say.
	// Anything else comes from writing the log file, which fails before,
	// while or after the bytes reach the disk.
	default:
		return nil, unknown(err)
	}
}

// result sorts what the machine returned.
func result(response any) (any, error) {
	err, refused := response.(error)
	if !refused {
		return response, nil
	}
	// Committed, and applied in part or not at all; on the next start it will
	// be applied again.
	var fatal *Fatal
	if errors.As(err, &fatal) {
		return nil, unknown(err)
	}
	return nil, err
}

// Barrier waits until the machine has applied everything that was committed
// before the call. Only a leader can tell. Errors: ErrNotLeader,
// ErrNotBootstrapped, ErrClosed, the fatal error, that of ctx.
func (s *Store) Barrier(ctx context.Context) error {
	r, err := s.enter()
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	go func() {
		defer s.proposals.Done()
		s.queue.flush() // what was given to Enqueue before comes before
		answer <- r.Barrier(s.enqueueTimeout).Error()
	}()
	select {
	case err = <-answer:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.failed:
	case <-s.stopped:
		return ErrClosed
	}
	// A machine that has failed lets barriers through and applies nothing.
	if err := s.Err(); err != nil {
		return err
	}
	s.noteTransfer(errors.Is(err, raft.ErrLeadershipTransferInProgress))
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	case errors.Is(err, raft.ErrRaftShutdown):
		return ErrClosed
	}
	return err
}

// Snapshot takes a snapshot now and waits until it is on disk. With nothing
// applied yet it does nothing. When ctx ends first, the snapshot is completed
// all the same. Errors: ErrNotBootstrapped, ErrClosed, the fatal error, that of
// ctx, and those of writing it.
func (s *Store) Snapshot(ctx context.Context) error {
	r := s.raft.Load()
	if r == nil {
		return ErrNotBootstrapped
	}
	answer := make(chan error, 1)
	go func() { answer <- r.Snapshot().Error() }()
	select {
	case err := <-answer:
		switch {
		case errors.Is(err, raft.ErrNothingNewToSnapshot):
			return nil
		case s.Err() != nil:
			return s.Err()
		case errors.Is(err, raft.ErrRaftShutdown):
			return ErrClosed
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.failed:
		return s.failure
	case <-s.stopped:
		return ErrClosed
	}
}
