package kms

import (
	"context"
	"errors"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// RevokeToken removes a token and its descendants, however many, in one command,
// or cuts the children loose if orphan is set, which needs sudo. It needs update.
// When it returns, no request begun afterwards is admitted with any of them.
func (s *Service) RevokeToken(ctx context.Context, c *Call, ref TokenRef, orphan bool) error {
	need := policy.Update
	if orphan {
		need |= policy.Sudo
	}
	_, err := s.write(ctx, c, verb{operation: "auth/token/revoke", need: need}, func(a *gate.Admission) (state.Command, error) {
		t, err := s.resolve(c, ref)
		if errors.Is(err, ErrTokenNotFound) {
			t, err = s.resolveExpired(ctx, c, ref)
		}
		if errors.Is(err, ErrTokenNotFound) && ref.Accessor == "" && !orphan {
			return nil, nil // gone is what was asked for; a repeated request is no error
		}
		if err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"accessor": t.Accessor}
		if c.spent() && t.ID() == c.token.ID() {
			return nil, nil // its last use took it, for this request
		}
		return &state.RevokeToken{Hash: t.Hash, Orphan: orphan}, nil
	})
	return err
}

// resolveExpired finds a token that has expired by this node's clock, which may be ahead,
// and not by that of the cluster: other nodes accept it still, and when its revocation
// returns they must not.
func (s *Service) resolveExpired(ctx context.Context, c *Call, ref TokenRef) (*state.Token, error) {
	t, err := s.resolveAt(c, ref, 0)
	if err != nil {
		return t, err
	}
	done, err := s.propose(ctx, newProposal(), &state.Tick{}) // removes what has expired
	if err != nil {
		return nil, err
	}
	s.moveTo(c, done)
	return s.resolveAt(c, ref, 0)
}
