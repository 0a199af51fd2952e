package kms

import (
	"slices"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Moment is one point of a schedule's time line. Times are unix nanoseconds.
type Moment struct {
	At       int64
	What     string // one of the Moment constants
	Version  uint32
	KID      string // "" of a version that is not made yet
	Expected bool   // has not happened; it happens then or a little later, never before
	Imported bool   // the version was made elsewhere
}

// What happens to a version.
const (
	MomentPublished   = "published"   // in the JWKS from here on
	MomentActive      = "active"      // signs from here on
	MomentSuspended   = "suspended"   // by an operator
	MomentRetired     = "retired"     // verifies only, from here on
	MomentCompromised = "compromised" // out of the JWKS, and nothing under it is accepted
	MomentRemoved     = "removed"     // out of the JWKS, and the private half is erased
)

// Schedule is what happened and what will happen to the versions of an issuer's
// key that are not over.
type Schedule struct {
	Issuer  *state.Issuer
	Now     int64             // when it was made
	Active  *state.KeyVersion // nil: none signs
	Pending *state.KeyVersion // nil: no rotation is under way
	Moments []Moment          // by time
}

// Rotation describes the schedule of an issuer. It needs read. Errors:
// ErrIssuerNotFound, ErrKeyDeleted.
func (s *Service) Rotation(c *Call, name string) (Schedule, error) {
	var out Schedule
	err := s.act(c, verb{operation: "jwt/rotation/read", need: policy.Read}, func(a *gate.Admission) error {
		a.Record.Key = name
		iv, err := c.view.issuer(name)
		if err != nil {
			return err
		}
		out = c.view.schedule(iv)
		return nil
	})
	return out, err
}

// schedule is the time line of an issuer as v has it.
func (v *view) schedule(iv *issuerView) Schedule {
	out := Schedule{Issuer: iv.Issuer, Now: max(wall.Now().UnixNano(), v.Time), Active: iv.signer, Pending: iv.pending}
	add := func(at int64, what string, k *state.KeyVersion, expected bool) {
		if at != 0 {
			out.Moments = append(out.Moments, Moment{at, what, k.Number, k.KID, expected, k.Imported})
		}
	}
	for _, k := range iv.versions {
		if k.State == state.Destroyed {
			continue
		}
		add(k.Created, MomentPublished, k, false)
		add(k.Activated, MomentActive, k, false)
		add(k.Suspended, MomentSuspended, k, false)
		add(k.Retired, MomentRetired, k, false)
		add(k.Compromised, MomentCompromised, k, false)
		add(k.RemoveAt, MomentRemoved, k, true)
		if k.State == state.Pending {
			add(k.ActiveAt, MomentActive, k, true)
		}
	}
	before := v.Version(iv.Mount, iv.Name, iv.key.SignerNumber())
	if p := out.Pending; p != nil && before != nil {
		add(p.ActiveAt, MomentRetired, before, true)
		add(p.ActiveAt+iv.Lifetime(), MomentRemoved, before, true)
	}
	if publish, activate := v.NextRotation(iv.Issuer); publish != 0 {
		next := &state.KeyVersion{Number: iv.key.Latest + 1}
		add(publish, MomentPublished, next, true)
		add(activate, MomentActive, next, true)
	}
	slices.SortStableFunc(out.Moments, func(a, b Moment) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return int(a.Version) - int(b.Version)
	})
	return out
}
