package kms

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// spent says whether this request was the last use of the caller's token, which
// is gone since.
func (c *Call) spent() bool { return c.counted && c.token.Uses == 0 }

// count finishes the authentication of a token whose uses are limited. A request
// over a rate limit spends none: it is to come again.
func (s *Service) count(c *Call) error {
	if err := s.LimitToken(c); err != nil {
		return err
	}
	c.limited = true
	// Not the request's own context: what became of the use must be known to the
	// log even if the client hangs up.
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	after, err := s.spendUse(ctx, c, c.token)
	if err != nil {
		c.seen = c.token
		c.token, c.Caller = nil, policy.Caller{} // nobody, as far as this request goes
		return err
	}
	c.token, c.counted = after, true
	return nil
}

// spendUse takes one use from a token whose uses are counted, through raft, before
// the request it is spent on does anything, and whether that request succeeds or
// not. So n uses are n requests, however many arrive at once or before a crash:
// where the outcome is not known the request is refused.
//
// Errors: ErrInvalidToken when somebody else spent the last, ErrOutcomeUnknown,
// and those of a write.
func (s *Service) spendUse(ctx context.Context, c *Call, t *state.Token) (*state.Token, error) {
	id := newProposal()
	rec := audit.Record{
		Type: audit.TypeIntent, RequestID: c.RequestID, Operation: "auth/token/use", Accessor: t.Accessor, DisplayName: t.DisplayName,
		Application: t.Application, Policies: t.Policies, Remote: c.Remote, Proposal: proposalText(id),
	}
	intent := rec
	if err := s.audit.Append(&intent); err != nil {
		if !c.late {
			return nil, translate(err)
		}
		s.audit.AppendLate(&intent)
	}
	done, err := s.propose(ctx, id, &state.UseToken{Hash: t.Hash})
	s.moveTo(c, done)
	if errors.Is(err, ErrTokenNotFound) || errors.Is(err, state.ErrTokenMissing) {
		err = ErrInvalidToken // spent, expired or revoked since the view was taken
	}
	after, ok := done.result.(*state.Token)
	if err == nil && !ok {
		// Something was applied, and what it left is not known.
		err = saying(ErrOutcomeUnknown, "a use of the token was spent, and how many are left is not known; the request was not served")
	}
	rec.Type, rec.Outcome, rec.Code = audit.TypeOutcome, outcome(err), Code(err)
	if err == nil {
		rec.Fields = map[string]string{"uses_left": fmt.Sprint(after.Uses)}
	}
	s.audit.AppendLate(&rec)
	if err != nil {
		return nil, err
	}
	return after, nil
}

// within says whether a peer's address is one of those that a token is bound to:
// addresses and prefixes as state.ParseBound reads them. An address that is none is
// not.
func within(bound []string, remote string) bool {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, text := range bound {
		if p, err := state.ParseBound(text); err == nil && p.Contains(addr) {
			return true
		}
	}
	return false
}
