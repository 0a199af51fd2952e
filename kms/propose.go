package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

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

// propose gives a command its number, seals it, hands it to raft in number order
// and waits. The result is the state machine's. Errors: ErrSealed and ErrNoLeader when
// it certainly did not happen, ErrOutcomeUnknown when it may have, and the
// refusals of the state machine.
func (s *Service) propose(ctx context.Context, id []byte, cmd state.Command) (applied, error) {
	s.numbering.Lock()
	if s.numbering.bar == nil || s.sealing.Load() {
		s.numbering.Unlock()
		return applied{}, ErrSealed
	}
	if s.numbering.epoch == 0 {
		s.numbering.Unlock()
		return applied{}, ErrNoLeader
	}
	if err := ctx.Err(); err != nil {
		s.numbering.Unlock()
		return applied{}, saying(ErrBusy, "the request waited too long for its turn; nothing was written")
	}
	s.numbering.seq++ // a number that is lost with an error below is a legal gap
	entry, err := s.sealCommandLocked(&state.Numbered{
		Epoch: s.numbering.epoch, Seq: s.numbering.seq, At: time.Now().UnixNano(), Proposal: id, Command: cmd,
	})
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
		return applied{}, translate(err)
	}
	done, ok := result.(applied)
	if !ok {
		return applied{}, saying(ErrOutcomeUnknown, "the node was sealed while the write was under way; it is done, or refused, at the next unseal")
	}
	return done, nil
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
