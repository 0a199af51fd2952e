package kms

import (
	"context"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// CompromiseRequest says which version of an issuer's key is given up.
type CompromiseRequest struct {
	KID    string // required
	DryRun bool   // only say what would happen
}

// Compromise is what giving a version up does, or would do. Times are unix
// nanoseconds.
type Compromise struct {
	Version     *state.KeyVersion // as it was before
	SignedSince int64             // 0: it never signed
	SignedUntil int64             // 0: it never signed
	TokensEnd   int64             // no token under it is valid later, anywhere; 0: there is none
	CachedUntil int64             // until then a verifier may keep a JWKS that has it
	Signer      uint32            // the version that signs from then on; 0 none, or one that would be made for it
	KID         string            // of Signer; "" for one that is not there
	Unknown     bool              // Signer is new to verifiers that keep a JWKS: they learn of it until CachedUntil
	Profiles    []string          // of the issuer: what the tokens are of
	Schedule    Schedule          // as it is now
}

// CompromiseVersion gives a version of an issuer's key up at once and for good. It
// leaves the JWKS, and everything under its kid is refused, whatever iat says:
// whoever has the key chooses that. If it signs, the pending version takes over,
// or one that is made now. A dry run changes nothing, and is recorded. It needs
// update and sudo.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadRequest for an unknown kid,
// ErrBadTransition when it is given up or destroyed already.
func (s *Service) CompromiseVersion(ctx context.Context, c *Call, name string, req CompromiseRequest) (Compromise, error) {
	const operation = "jwt/compromise"
	var out Compromise
	if req.DryRun {
		err := s.act(c, verb{operation: operation, need: policy.Update | policy.Sudo}, func(a *gate.Admission) (err error) {
			note(a, "dry_run", "true")
			out, err = c.compromise(a, name, req.KID)
			return err
		})
		return out, err
	}
	mount, unlock, err := s.claimIssuer(ctx, c, name, operation)
	if err != nil {
		return out, err
	}
	defer unlock()
	_, err = s.write(ctx, c, verb{operation: operation, need: policy.Update | policy.Sudo, action: pass.Generate, key: mount + "/" + name}, func(a *gate.Admission) (state.Command, error) {
		found, err := c.compromise(a, name, req.KID)
		if err != nil {
			return nil, err
		}
		cmd := &state.CompromiseVersion{Issuer: name, Number: found.Version.Number}
		if found.Unknown && found.Signer == 0 {
			k := c.view.Key(mount, name)
			if cmd.Next, err = s.generate(ctx, a, mount, name, k.Latest+1, k.Type, int(k.KeySize)); err != nil {
				return nil, err
			}
			note(a, "next_kid", cmd.Next.KID)
			a.Record.KeyVersion, a.Record.KID = found.Version.Number, found.Version.KID
		}
		return cmd, nil
	})
	if _, err := s.rescheduled(c, name, err); err != nil {
		return Compromise{}, err
	}
	// From the state that it made, so that a repetition is told the same.
	iv, err := c.view.issuer(name)
	if err != nil {
		return Compromise{}, err
	}
	v := iv.byKID[req.KID]
	if v == nil {
		return Compromise{}, saying(ErrNotFound, "the version was given up before and is destroyed since")
	}
	return c.affected(iv, v), nil
}

// compromise is what giving up the version with kid would do now.
func (c *Call) compromise(a *gate.Admission, name, kid string) (Compromise, error) {
	a.Record.Key = name
	if kid == "" {
		return Compromise{}, saying(ErrBadRequest, "'kid' is missing: of the version that is given up")
	}
	iv, err := c.view.issuer(name)
	if err != nil {
		return Compromise{}, err
	}
	v := iv.byKID[kid]
	if v == nil {
		return Compromise{}, saying(ErrBadRequest, "the issuer %s has no version with the kid %s", name, gate.Scrub(kid))
	}
	a.Record.KeyVersion, a.Record.KID = v.Number, v.KID
	note(a, "state", string(v.State))
	if !v.State.MayBecome(state.Compromised) {
		return Compromise{}, saying(ErrBadTransition, "version %d of the issuer %s is %s already", v.Number, name, v.State)
	}
	return c.affected(iv, v), nil
}

// affected lists what giving v up, a version of iv, concerns, before or after it
// is done.
func (c *Call) affected(iv *issuerView, v *state.KeyVersion) Compromise {
	at := v.Compromised
	if at == 0 {
		at = max(wall.Now().UnixNano(), c.view.Time)
	}
	out := Compromise{Version: v, SignedSince: v.Activated, CachedUntil: max(at+iv.MaxAge*int64(time.Second), iv.MaxAgeUntil), Schedule: c.view.schedule(iv)}
	c.view.Profiles(iv.Name, func(p *state.Profile) { out.Profiles = append(out.Profiles, p.Name) })
	if v.Activated != 0 {
		if out.SignedUntil = v.Retired; out.SignedUntil == 0 {
			out.SignedUntil = at
		}
		if out.TokensEnd = v.RemoveAt; out.TokensEnd == 0 {
			out.TokensEnd = at + iv.Lifetime()
		}
	}
	next := c.view.Version(iv.Mount, iv.Name, iv.key.SignerNumber())
	takesOver := next != nil && v.Compromised != 0 && next.Activated == v.Compromised
	if next != nil && next.Number == v.Number {
		next, takesOver = iv.pending, true
	}
	switch {
	case next == nil:
		out.Unknown = true
	case takesOver:
		out.Signer, out.KID, out.Unknown = next.Number, next.KID, at < next.Created+iv.MaxAge*int64(time.Second)
	case next.State.Produces():
		out.Signer, out.KID = next.Number, next.KID
	}
	return out
}
