package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/state"
)

// newProposal returns the id of one intended change: 16 random bytes, the same
// in the intent, in the outcome and in the command.
func newProposal() []byte {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // does not fail: crypto/rand ends the process instead
	return id
}

func proposalText(id []byte) string { return hex.EncodeToString(id) }

// propose commits a command under the proposal id and returns the state machine's
// result. When leadership is lost under way it is proposed again, under the same
// id, until ctx ends: the state knows the id, so it takes effect once. Errors:
// ErrSealed, ErrNoLeader and ErrBusy when it certainly did not happen,
// ErrOutcomeUnknown when it may have, and the refusals of the state machine.
func (s *Service) propose(ctx context.Context, id []byte, cmd state.Command) (applied, error) {
	return s.proposeFor(ctx, &state.Numbered{Proposal: id, Command: cmd})
}

// proposeFor is propose for a command that somebody asked for: n has its Proposal and
// Command, its Once if it is to take effect once, and the Caller whose token authorised
// it, who must still be one when it is applied. Further error: ErrInvalidToken.
func (s *Service) proposeFor(ctx context.Context, n *state.Numbered) (applied, error) {
	return resubmit(ctx, s.awaitLead, func(again bool) (applied, error) {
		asked := *n
		asked.Again = again
		return s.submit(ctx, &asked)
	})
}

// resubmit tries until the outcome is known or ctx ends. await returns when it
// makes sense to try again, and false when it does not. try is told whether it
// tries again.
func resubmit(ctx context.Context, await func(context.Context) bool, try func(again bool) (applied, error)) (applied, error) {
	done, err := try(false)
	if !errors.Is(err, ErrOutcomeUnknown) {
		return done, err
	}
	for unknown := err; ctx.Err() == nil && await(ctx); {
		done, err = try(true)
		switch outcome(err) {
		case audit.OutcomeUnknown:
			unknown = err
		case audit.OutcomeFailed:
			// This one did not happen for sure; an earlier one still may have. Who
			// cannot reach a leader has not heard of the next one yet, perhaps.
			if !errors.Is(err, ErrNoLeader) {
				return applied{}, unknown
			}
			err = unknown
		default:
			return done, err
		}
	}
	return applied{}, err
}

// electionTime is how long a write waits for a leader that is being elected.
const electionTime = 4 * time.Second

// awaitElection waits until there is a leader, here or elsewhere.
func (s *Service) awaitElection(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, electionTime)
	defer cancel()
	return s.awaitLead(ctx)
}

// awaitLead waits until this node leads, or knows who does. It gives up with
// ctx, and on a node that is being sealed or stopped.
func (s *Service) awaitLead(ctx context.Context) bool {
	for ctx.Err() == nil && !s.closing.Load() && !s.sealing.Load() && s.view.Load() != nil {
		pause(ctx, 10*time.Millisecond) // at least once: what fails at once is not tried all the time
		if s.leading() || s.follows() != "" {
			return ctx.Err() == nil
		}
	}
	return false
}

// submit commits a command, through the leader if that is another node, and returns
// when it is in force wherever it has to be. While there is no leader it waits for
// one.
func (s *Service) submit(ctx context.Context, n *state.Numbered) (applied, error) {
	if s.follows() == "" && !s.leading() && s.hasPeers() && !s.awaitElection(ctx) {
		return applied{}, s.whyNotServing()
	}
	if leader := s.follows(); leader != "" {
		done, err := s.forward(ctx, leader, n)
		if !errors.Is(err, errLeadsItself) {
			return done, err
		}
	}
	done, err := s.commit(ctx, n)
	if err == nil && state.BarrierClass(n.Command.Kind()) {
		done.barrier, err = s.everywhere(ctx, done.state.Index)
	}
	return done, err
}

// commit gives a command its number, seals it, hands it to raft in number order
// and waits. Number and time that n may have are not looked at.
func (s *Service) commit(ctx context.Context, n *state.Numbered) (applied, error) {
	if err := firstError(s.clockWrong(), s.levelAllows(n.Command)); err != nil {
		return applied{}, err
	}
	numbered := *n
	if v := s.view.Load(); v == nil || v.Membership.Level < state.CallerLevel {
		numbered.Caller = nil // a build that may still be gone back to would not read it
	}
	s.numbering.Lock()
	if s.numbering.bar == nil || s.sealing.Load() {
		s.numbering.Unlock()
		return applied{}, ErrSealed
	}
	if !s.leadingLocked() {
		s.numbering.Unlock()
		return applied{}, ErrNoLeader
	}
	if err := ctx.Err(); err != nil {
		s.numbering.Unlock()
		return applied{}, saying(ErrBusy, "the request waited too long for its turn; nothing was written")
	}
	now := s.lookAtClock()
	if err := s.clockUnsure(); err != nil {
		s.numbering.Unlock()
		return applied{}, err
	}
	s.numbering.seq++ // a number that is lost with an error below is a legal gap
	numbered.Epoch, numbered.Seq, numbered.At = s.numbering.epoch, s.numbering.seq, now
	entry, err := s.sealCommandLocked(&numbered)
	if err != nil {
		s.numbering.Unlock()
		return applied{}, err
	}
	// Handed over under the lock, so that raft's queue has the order of the
	// numbers: a lower number behind a higher one would stop every node.
	proposal := s.store.Enqueue(entry)
	s.numbering.Unlock()
	result, err := proposal.Wait(ctx)
	if err != nil {
		return applied{}, translate(spent(err))
	}
	done, ok := result.(applied)
	if !ok {
		return applied{}, saying(ErrOutcomeUnknown, "the node was sealed while the write was under way; it is done, or refused, at the next unseal")
	}
	return done.told(), nil
}

// told is done with the result of the first time, where a command had taken effect
// before.
func (d applied) told() applied {
	if again, ok := d.result.(state.Replay); ok {
		d.result, d.replayed = again.Result, again.Asked
	}
	return d
}

func (s *Service) sealCommand(n *state.Numbered) ([]byte, error) {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	if s.numbering.bar == nil {
		return nil, ErrSealed
	}
	return s.sealCommandLocked(n)
}

func (s *Service) sealCommandLocked(n *state.Numbered) ([]byte, error) {
	plain := *n
	var beside []state.Part
	plain.Command, beside = inClear(n.Command)
	clear, err := state.Encode(&plain)
	if err != nil {
		return nil, err
	}
	// A leader that cannot read its own command must not give it to the others:
	// they would all stop.
	if _, err := state.Decode(clear); err != nil {
		return nil, err
	}
	sealed, err := s.numbering.bar.Seal(commandName, clear)
	if err != nil {
		return nil, err
	}
	return state.EncodeEntry(append(beside, state.Part{Kind: state.PartCommand, Data: sealed})...), nil
}
