package kms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/raftstore"
)

// barrierDone is what is known of a write that takes something away. The zero value
// is that of one which does not.
type barrierDone struct {
	Everywhere bool          `json:"everywhere,omitempty"` // no node serves from before it
	Took       time.Duration `json:"took,omitempty"`       // the wait for that, after it was committed
}

// Everywhere says whether the call's write took something away, and is in force on
// all nodes: no request that begins now, on any of them, is decided without it. took
// is how long the call waited for that after its write was committed.
func (c *Call) Everywhere() (took time.Duration, everywhere bool) {
	return c.barrier.Took, c.barrier.Everywhere
}

// everywhere waits, at the leader, until no node serves from before index, where a
// command stands that takes something away. Error: ErrOutcomeUnknown, and then the
// same proposal may be made again: it takes no second effect, and waits again.
func (s *Service) everywhere(ctx context.Context, index uint64) (barrierDone, error) {
	s.observed.waiting.Inc()
	took, err := s.store.Leases().Barrier(ctx, index)
	s.observed.waiting.Dec()
	if err != nil {
		return barrierDone{}, saying(ErrOutcomeUnknown, "the change is made, but whether other nodes know it is not certain yet: they do within %v", 3*time.Second)
	}
	s.observed.barrier.Observe(took.Seconds())
	return barrierDone{true, took}, nil
}

// awaitEarlier has a request that finds done what it asks for return no sooner than the
// one that did it may: what that took away is taken away everywhere. It may be a
// repeat, or somebody else's who revokes the same token. Which command the first one was
// is not remembered, so all of them wait, those for nothing that need not.
func (s *Service) awaitEarlier(ctx context.Context, c *Call) error {
	if err := s.Confirm(c); err != nil {
		return err // it could not be told anyway
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	return s.everywhereSince(ctx, c.view.Index)
}

// everywhereSince waits, on any node, until no node serves from before index. It asks
// again when the lead changes.
func (s *Service) everywhereSince(ctx context.Context, index uint64) error {
	_, err := resubmit(ctx, s.awaitLead, func(bool) (applied, error) {
		leader := s.follows()
		if leader == "" {
			_, err := s.everywhere(ctx, index)
			return applied{}, err
		}
		body, err := json.Marshal(index)
		if err == nil {
			_, err = s.askWhileItLeads(ctx, leader, opBarrier, body)
		}
		if err != nil {
			return applied{}, fmt.Errorf("%w: the write was done before, and the leader does not say whether all nodes know it: %w", ErrOutcomeUnknown, err)
		}
		return applied{}, nil
	})
	return err
}

// answerBarrier is everywhereSince at the leader.
func (s *Service) answerBarrier(ctx context.Context, body []byte) ([]byte, error) {
	var index uint64
	if json.Unmarshal(body, &index) != nil {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: ErrBadRequest.text}
	}
	if !s.leading() {
		return nil, errNotTheLeader
	}
	if err := s.reach(ctx, index); err != nil { // where the index is not known, nothing is certain
		return nil, peerError(errors.Join(ErrOutcomeUnknown, err))
	}
	if _, err := s.everywhere(ctx, index); err != nil {
		return nil, peerError(err)
	}
	return nil, nil
}

var errNotTheLeader = &raftstore.PeerError{Code: codeNotProposed, Text: "this node does not lead"}
