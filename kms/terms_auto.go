package kms

import (
	"context"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// termDue says whether the barrier's term has to rotate by itself at now, unix
// nanoseconds: it is as old as it may get, or has sealed as much.
func termDue(st *state.State, now int64) bool {
	r := st.RotationNow()
	old := r.Interval > 0 && now-st.TermSince >= r.Interval
	used := r.Commands > 0 && st.TermUses >= r.Commands
	if r.Disabled || !old && !used || st.Cluster.ID == "" {
		return false
	}
	days := uint64(max(0, now-st.Cluster.Created) / int64(24*time.Hour))
	return st.Term < min(termsInHand+days, maxTerms)
}

// noticeTerm wakes watchTerm at a state whose term is due. It waits for nothing.
func (s *Service) noticeTerm(st *state.State) {
	if !termDue(st, st.Time) {
		return
	}
	select {
	case s.termDue <- struct{}{}:
	default: // it is awake already
	}
}

// watchTerm rotates the barrier's term when it is due, for as long as the service
// lives: by use at once, by age within tickInterval.
func (s *Service) watchTerm(ctx context.Context) {
	for ctx.Err() == nil {
		s.awaitTerm(ctx)
		v := s.view.Load()
		if v == nil || !s.leading() || !termDue(v.State, wall.Now().UnixNano()) {
			continue
		}
		if err := s.rotateTermByItself(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("could not rotate the barrier's term, which is due; trying again", "error", err)
			pause(ctx, tickInterval) // every write wakes it again
		}
	}
}

func (s *Service) awaitTerm(ctx context.Context) {
	t := time.NewTimer(tickInterval)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.termDue:
	case <-ctx.Done():
	}
}

// rotateTermByItself rotates the barrier's term as the node.
func (s *Service) rotateTermByItself(ctx context.Context) error {
	c, err := s.Begin(Origin{RequestID: newUUID(), Method: "POST", Path: "sys/rotate"})
	if err != nil {
		return err
	}
	c.Caller = policy.Caller{Root: true, DisplayName: "auto-rotate"}
	_, err = s.rotateTerm(ctx, c, func(st *state.State) bool { return termDue(st, wall.Now().UnixNano()) })
	return err
}
