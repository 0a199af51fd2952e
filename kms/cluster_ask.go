package kms

import (
	"context"
	"time"
)

// A leader that is frozen keeps its connections and answers nothing. The others elect
// another one within a second or two; who still waited for the frozen one's answer would
// do so until the request's time is over, for a write that the new leader can decide.

const (
	// deposedLook is how often one who waits for a leader looks whether it still leads.
	deposedLook = 500 * time.Millisecond
	// deposedLooks is at how many of these looks another one leads before the answer is
	// given up: a leader that handed over says so itself, a moment after the new one is
	// known.
	deposedLooks = 3
)

// askWhileItLeads is Store.Ask of the leader, for what the leader alone can answer. It
// gives up, with raftstore.ErrNoAnswer, once this node knows for a while that another
// one leads.
func (s *Service) askWhileItLeads(ctx context.Context, leader, op string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(deposedLook, func() { s.watchDeposed(ctx, leader, cancel) })
	defer watch.Stop()
	return s.store.Ask(ctx, leader, op, body)
}

// watchDeposed calls gone once another node leads, and is known to for a while. It
// returns with ctx.
func (s *Service) watchDeposed(ctx context.Context, leader string, gone func()) {
	for seen := 0; ctx.Err() == nil; pause(ctx, deposedLook) {
		now := s.follows()
		if now == leader || now == "" && !s.leading() {
			seen = 0
			continue
		}
		if seen++; seen == deposedLooks {
			gone()
		}
	}
}
