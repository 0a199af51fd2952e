package kms

import (
	"context"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// RotateIssuer publishes the next version of an issuer's key. It signs when the
// issuer's lead time is over, and no verifier is without it then. It needs update.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadTransition while another
// rotation is under way.
// With from not nil that version was made elsewhere, and then also: ErrBadRequest,
// ErrUnwrapFailed, ErrKeyRejected.
func (s *Service) RotateIssuer(ctx context.Context, c *Call, name string, from *KeyImport) (Schedule, error) {
	return s.rotateIssuer(ctx, c, name, 0, from)
}

// rotateIssuer rotates an issuer; if from is not 0, only while that version signs.
func (s *Service) rotateIssuer(ctx context.Context, c *Call, name string, from uint32, i *KeyImport) (Schedule, error) {
	const operation = "jwt/rotate"
	mount, unlock, err := s.claimIssuer(ctx, c, name, operation)
	if err != nil {
		return Schedule{}, err
	}
	defer unlock()
	_, err = s.write(ctx, c, verb{operation: operation, need: policy.Update, action: i.action(), key: mount + "/" + name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = name
		iv, err := c.view.issuer(name)
		switch {
		case err != nil:
			return nil, err
		case from != 0 && (iv.key.SignerNumber() != from || iv.pending != nil):
			return nil, nil // somebody rotated it meanwhile
		case iv.pending != nil:
			p := iv.pending
			return nil, saying(ErrBadTransition, "a rotation of the issuer %s is under way: version %d becomes active after %s; cancel it to begin anew", name, p.Number, wallTime(p.ActiveAt))
		}
		v, size, err := s.issuerVersion(ctx, c, a, versionID{iv.Mount, name, iv.key.Latest + 1}, iv.key.Type, jose.Alg(iv.Alg), int(iv.key.KeySize), i)
		if err != nil {
			return nil, err
		}
		cmd := &state.RotateIssuer{Issuer: name, Version: *v}
		if v.Imported {
			cmd.KeySize = uint32(size)
		}
		return cmd, nil
	})
	return s.rescheduled(c, name, err)
}

// CancelRotation takes the pending version of an issuer's key back, out of the
// JWKS too, and erases it. Nothing was signed with it. It needs update. Errors:
// ErrIssuerNotFound, ErrKeyDeleted, ErrBadTransition when no version is pending.
func (s *Service) CancelRotation(ctx context.Context, c *Call, name string) (Schedule, error) {
	_, err := s.write(ctx, c, verb{operation: "jwt/rotation/cancel", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = name
		iv, err := c.view.issuer(name)
		if err != nil {
			return nil, err
		}
		p := iv.pending
		if p == nil {
			return nil, saying(ErrBadTransition, "no rotation of the issuer %s is under way", name)
		}
		a.Record.KeyVersion, a.Record.KID = p.Number, p.KID
		return &state.CancelRotation{Issuer: name}, nil
	})
	return s.rescheduled(c, name, err)
}

// rescheduled ends a verb that changed the schedule of an issuer.
func (s *Service) rescheduled(c *Call, name string, err error) (Schedule, error) {
	if err != nil {
		return Schedule{}, err
	}
	s.forgetGone() // the clear half of a version that is over
	s.nudge()
	iv, err := c.view.issuer(name)
	if err != nil {
		return Schedule{}, err
	}
	return c.view.schedule(iv), nil
}
