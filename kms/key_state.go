package kms

import (
	"context"
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// StateRequest puts one version into another state.
type StateRequest struct {
	Version int64  // or, of an issuer's key, KID
	KID     string // "" of a transit key
	State   string
	Reason  string // for the audit log, at most MaxReason bytes
}

// MaxReason is how long a reason may be, in bytes.
const MaxReason = 256

// need is what it takes: a destroyed version does not come back.
func (r *StateRequest) need() policy.Capability {
	if r.State == string(state.Destroyed) {
		return policy.Update | policy.Sudo
	}
	return policy.Update
}

// check refuses what is wrong whatever the version, and notes what is asked for.
func (r *StateRequest) check(a *gate.Admission) error {
	if state.VersionState(r.State).Known() {
		note(a, "state", r.State)
	}
	if r.Reason != "" && len(r.Reason) <= MaxReason {
		note(a, "reason", r.Reason)
	}
	switch {
	case r.State == "":
		return saying(ErrBadRequest, "'state' is missing; use one of %v", state.VersionStates())
	case !state.VersionState(r.State).Known():
		return saying(ErrBadRequest, "%s is no state; use one of %v", state.Quote(r.State), state.VersionStates())
	case len(r.Reason) > MaxReason:
		return saying(ErrBadRequest, "'reason' has at most %d bytes", MaxReason)
	}
	return nil
}

// SetKeyState puts a version of a transit key into another state. It needs update,
// and for destroyed sudo too: that one is for good.
//
// Errors: ErrKeyNotFound, ErrKeyDeleted, ErrKeyBound, ErrBadRequest,
// ErrVersionTooNew, ErrVersionTooOld, ErrBadTransition.
func (s *Service) SetKeyState(ctx context.Context, c *Call, ref KeyRef, req StateRequest) (KeyInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "transit/keys/state", need: req.need()}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		if err := req.check(a); err != nil {
			return nil, err
		}
		k, err := c.key(ref, ErrKeyNotFound)
		if err == nil {
			err = inUse(k)
		}
		if err != nil {
			return nil, err
		}
		switch n := req.Version; {
		case n <= 0:
			return nil, saying(ErrBadRequest, "'version' is missing or not positive")
		case n > int64(k.Latest):
			return nil, saying(ErrVersionTooNew, "the key %s has no version %d yet; the latest is %d", k.Name, n, k.Latest)
		case n < int64(k.MinAvailable):
			return nil, saying(ErrVersionTooOld, "version %d of the key %s was trimmed; the oldest is %d", n, k.Name, k.MinAvailable)
		}
		v, err := c.version(k, uint32(req.Version))
		if err != nil {
			return nil, err
		}
		return req.command(a, k, v)
	})
	if err != nil {
		return KeyInfo{}, err
	}
	s.forgetGone()
	return s.written(c, ref, result)
}

// command makes the command, if v may go that way. Error: ErrBadTransition.
func (r *StateRequest) command(a *gate.Admission, k *state.Key, v *state.KeyVersion) (state.Command, error) {
	a.Record.KeyVersion, a.Record.KID = v.Number, v.KID
	note(a, "from", string(v.State))
	if err := k.CheckMove(v, state.VersionState(r.State)); err != nil {
		return nil, err
	}
	return &state.SetVersionState{Mount: k.Mount, Name: k.Name, Issuer: k.Issuer, Number: v.Number, State: state.VersionState(r.State)}, nil
}

// SetIssuerState puts a version of an issuer's key into another state: suspended
// and back, and destroyed when it is retired or given up. The others are what
// rotation and CompromiseVersion do. It needs update, and for destroyed sudo too.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadRequest, ErrBadTransition.
func (s *Service) SetIssuerState(ctx context.Context, c *Call, name string, req StateRequest) (IssuerInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "jwt/issuers/state", need: req.need()}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = name
		if err := req.check(a); err != nil {
			return nil, err
		}
		iv, err := c.view.issuer(name)
		if err != nil {
			return nil, err
		}
		v, err := req.find(iv)
		if err != nil {
			return nil, err
		}
		return req.command(a, iv.key, v)
	})
	if err != nil {
		return IssuerInfo{}, err
	}
	s.forgetGone()
	s.nudge()
	if req.State == string(state.Active) && !c.replayed {
		c.Warnings = append(c.Warnings, fmt.Sprintf(
			"whoever fetched the JWKS while the version was suspended does not know it until jwks_max_age is over, %d s; to rotate instead breaks nobody", c.view.Issuer(name).MaxAge))
	}
	return c.writtenIssuer(name, result)
}

// find is the version that the request is about.
func (r *StateRequest) find(iv *issuerView) (*state.KeyVersion, error) {
	switch {
	case r.KID != "" && r.Version != 0:
		return nil, saying(ErrBadRequest, "send one of 'kid' and 'version', not both")
	case r.KID != "":
		if v := iv.byKID[r.KID]; v != nil {
			return v, nil
		}
		return nil, saying(ErrBadRequest, "the issuer %s has no version with the kid %s", iv.Name, gate.Scrub(r.KID))
	case r.Version <= 0:
		return nil, saying(ErrBadRequest, "'kid' or 'version' is missing, or the version is not positive")
	}
	for _, v := range iv.versions {
		if int64(v.Number) == r.Version {
			return v, nil
		}
	}
	return nil, saying(ErrBadRequest, "the issuer %s has no version %d", iv.Name, r.Version)
}
