package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal"
)

// TermStatus describes the barrier's active term.
type TermStatus struct {
	Term     uint64 // from 1
	Since    time.Time
	Commands uint64 // sealed under it so far
}

// RotationConfig says when the barrier's term rotates by itself.
type RotationConfig struct {
	Enabled  bool
	Commands uint64        // sealed under one term
	Interval time.Duration // its age; 0: never by age
}

// RotationRequest changes what is not nil.
type RotationRequest struct {
	Enabled  *bool
	Commands *int64         // at least 1,000
	Interval *time.Duration // 0, or at least a day
}

const (
	minRotationCommands = 1000
	minRotationInterval = 24 * time.Hour
	maxRotationInterval = 100 * 365 * 24 * time.Hour

	// maxTerms bounds the terms of a cluster. Each rotation writes all of them in
	// one entry of the log, which raft bounds: 6,000 are 384 KiB of its 512.
	maxTerms = 6000
	// termsInHand is how many rotations by itself a cluster may make at once; over
	// its life they are one a day. A small Commands and much to do would use up
	// maxTerms within days otherwise.
	termsInHand = 64
)

func termStatus(st *state.State) TermStatus {
	return TermStatus{Term: st.Term, Since: time.Unix(0, st.TermSince).UTC(), Commands: st.TermUses}
}

// KeyStatus describes the barrier's active term. It needs read on sys/key-status.
func (s *Service) KeyStatus(c *Call) (TermStatus, error) {
	var out TermStatus
	err := s.act(c, verb{operation: "sys/key-status", need: policy.Read}, func(*gate.Admission) error {
		out = termStatus(c.view.State)
		return nil
	})
	return out, err
}

// RotateTerm makes a new term of the barrier the active one. What older terms
// sealed stays readable, and the shares stay what they are. It needs update and
// sudo on sys/rotate. Errors: ErrBusy, ErrBadRequest when there are maxTerms.
func (s *Service) RotateTerm(ctx context.Context, c *Call) (TermStatus, error) {
	return s.rotateTerm(ctx, c, nil)
}

// rotateTerm rotates if due, asked of the newest state, is nil or says so.
//
// One rotation at a time, and each waits first until whatever raft has in hand is
// applied: one whose outcome was not known is settled before the next is built on
// it. So two different successors with the same number are not in the log, unless
// a leadership was lost in between; then the state refuses the second by its
// number, and with it its record.
func (s *Service) rotateTerm(ctx context.Context, c *Call, due func(*state.State) bool) (TermStatus, error) {
	release := func() {}
	defer func() { release() }()
	_, err := s.write(ctx, c, verb{operation: "sys/rotate", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		var err error
		if release, err = s.settleSeal(ctx); err != nil {
			return nil, err
		}
		s.refresh(c)
		if due != nil && !due(c.view.State) {
			return nil, nil
		}
		if c.view.Term >= maxTerms {
			return nil, saying(ErrBadRequest, "the barrier has %d terms, and there is no room for another", c.view.Term)
		}
		cmd, term, err := s.machine.nextTerm(wall.Now().UnixNano())
		if err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"term": fmt.Sprint(term)}
		return cmd, nil
	})
	if err != nil {
		return TermStatus{}, err
	}
	return termStatus(c.view.State), nil
}

// settleSeal begins a change of the seal record: nobody else on this node makes
// one until release is called, and what raft has in hand is applied. release is
// never nil. Errors: ErrBusy, ErrNoLeader; nothing was done.
func (s *Service) settleSeal(ctx context.Context) (release func(), err error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	select {
	case s.rotating <- struct{}{}:
		release = func() { <-s.rotating }
	case <-ctx.Done():
		return func() {}, saying(ErrBusy, "another change of the seal is under way; nothing was done, try again shortly")
	}
	if s.follows() != "" {
		// A follower has asked the leader already, see fence, and raft would tell it
		// nothing: should another change be under way, the state refuses this one by
		// its number.
		return release, nil
	}
	if err := s.store.Barrier(ctx); err != nil {
		if err = translate(err); Code(err) != "internal" {
			return release, err
		}
		return release, saying(ErrBusy, "earlier changes are not settled yet; nothing was done, try again shortly")
	}
	return release, nil
}

// withRecord is a command with the seal record that goes into the same entry.
type withRecord struct {
	state.Command
	record clearRecord
}

// nextTerm makes the successor of the seal record with one more term, whose number
// it returns, and the command that goes with it. ErrSealed.
func (m *machine) nextTerm(now int64) (cmd *withRecord, term uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened == nil {
		return nil, 0, ErrSealed
	}
	next, err := m.opened.NextTerm(now)
	if err != nil {
		return nil, 0, err
	}
	term = m.state.Term + 1
	cmd, err = m.beside(next, &state.RotateTerm{Term: term, Seal: m.state.SealRevision})
	return cmd, term, err
}

// beside joins a command and the record that it puts in force. The MAC is of the
// present term: nobody has the next one before the record is in force. The caller
// holds mu.
func (m *machine) beside(next *seal.Record, cmd state.Command) (*withRecord, error) {
	body, err := next.Marshal()
	if err != nil {
		return nil, err
	}
	mac, err := next.MAC(m.opened.Barrier())
	if err != nil {
		return nil, err
	}
	return &withRecord{cmd, clearRecord{body, mac}}, nil
}

// inClear takes a command apart into what is sealed and what stands beside it in
// clear.
func inClear(cmd state.Command) (state.Command, []state.Part) {
	switch w := cmd.(type) {
	case *withRecord:
		return w.Command, []state.Part{{Kind: state.PartSeal, Data: w.record.encode()}}
	case *withRoster:
		return w.Command, []state.Part{{Kind: state.PartRoster, Data: w.roster.encode()}}
	}
	return cmd, nil
}

// ReadRotation says when the barrier's term rotates by itself. It needs read on
// sys/rotate/config.
func (s *Service) ReadRotation(c *Call) (RotationConfig, error) {
	var out RotationConfig
	err := s.act(c, verb{operation: "sys/rotate/config", need: policy.Read}, func(*gate.Admission) error {
		r := c.view.RotationNow()
		out = RotationConfig{Enabled: !r.Disabled, Commands: r.Commands, Interval: time.Duration(r.Interval)}
		return nil
	})
	return out, err
}

// ConfigRotation sets when the barrier's term rotates by itself. It needs update
// and sudo on sys/rotate/config, since it can end rotation. Errors: ErrBadRequest.
func (s *Service) ConfigRotation(ctx context.Context, c *Call, req RotationRequest) error {
	_, err := s.write(ctx, c, verb{operation: "sys/rotate/config", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		r := c.view.RotationNow()
		if req.Enabled != nil {
			r.Disabled = !*req.Enabled
		}
		if n := req.Commands; n != nil {
			if *n < minRotationCommands {
				return nil, saying(ErrBadRequest, "max_operations must be at least %d, not %d", minRotationCommands, *n)
			}
			r.Commands = uint64(*n)
		}
		if d := req.Interval; d != nil {
			if *d != 0 && (*d < minRotationInterval || *d > maxRotationInterval) {
				return nil, saying(ErrBadRequest, "interval must be 0 to rotate by use alone, or at least 24h and at most a hundred years, not %s", *d)
			}
			r.Interval = int64(*d)
		}
		if r == c.view.RotationNow() {
			return nil, nil
		}
		a.Record.Fields = map[string]string{
			"enabled": fmt.Sprint(!r.Disabled), "max_operations": fmt.Sprint(r.Commands), "interval": time.Duration(r.Interval).String(),
		}
		return &state.ConfigRotation{Rotation: r}, nil
	})
	return err
}
