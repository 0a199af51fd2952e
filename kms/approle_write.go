package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// AppRoleChange sets what is not nil of a role. A new role has the zero value of the
// rest, a random role id, and wants secret ids.
type AppRoleChange struct {
	RoleID       *string
	Application  *string // "": none
	BindSecretID *bool
	SecretCIDRs  []string // addresses and prefixes
	SecretUses   *int64
	SecretTTL    *time.Duration
	Policies     []string
	NoDefault    *bool
	TTL          *time.Duration
	MaxTTL       *time.Duration
	ExplicitMax  *time.Duration
	Period       *time.Duration
	Uses         *int64
	TokenCIDRs   []string
}

// WriteAppRole makes a role or changes it. Secret ids and tokens that it gave stay
// as they are, but the address and lifetime limits of the role hold for later logins
// and renewals. It needs create for a new role and update for one that exists.
//
// Whoever may write a role and make secret ids of it gives itself every policy but
// root, and passes for any application.
func (s *Service) WriteAppRole(ctx context.Context, c *Call, name string, change AppRoleChange) error {
	const operation = "auth/approle/role/write"
	unlock, err := s.lockToWrite(ctx, c, operation, "auth/approle/role/"+name)
	if err != nil {
		return err
	}
	defer unlock()
	old := c.view.AppRole(name)
	return s.putAppRole(ctx, c, verb{operation: operation, need: c.writing(old != nil)}, name, func(a *gate.Admission) (*state.AppRole, error) {
		if gate.LooksSecret(name) {
			return nil, errSecretName
		}
		role := state.AppRole{Name: name, RoleID: newUUID()}
		if old != nil {
			role = *old
		}
		return &role, change.apply(c, &role)
	})
}

// SetAppRole changes a role that exists, through the path of one of its settings. It
// needs update. ErrNotFound if there is none.
func (s *Service) SetAppRole(ctx context.Context, c *Call, name string, change AppRoleChange) error {
	const operation = "auth/approle/role/set"
	unlock, err := s.lockToWrite(ctx, c, operation, "auth/approle/role/"+name)
	if err != nil {
		return err
	}
	defer unlock()
	return s.putAppRole(ctx, c, verb{operation: operation, need: policy.Update}, name, func(*gate.Admission) (*state.AppRole, error) {
		old := c.view.AppRole(name)
		if old == nil {
			return nil, noRole(name)
		}
		role := *old
		return &role, change.apply(c, &role)
	})
}

// ClearAppRole gives settings of a role that change sets their defaults again. A
// role that does not exist is no error. It needs delete.
func (s *Service) ClearAppRole(ctx context.Context, c *Call, name string, change AppRoleChange) error {
	const operation = "auth/approle/role/clear"
	if !c.Caller.Allow(c.Path, policy.Delete) { // before it queues: see mayWait
		return s.refuse(c, verb{operation: operation, need: policy.Delete}, ErrPermissionDenied)
	}
	unlock, err := s.keyLocks.lock(ctx, "auth/approle/role/"+name)
	if err != nil {
		s.Reject(c.Origin, c, err)
		return err
	}
	defer unlock()
	s.refresh(c)
	return s.putAppRole(ctx, c, verb{operation: operation, need: policy.Delete}, name, func(*gate.Admission) (*state.AppRole, error) {
		old := c.view.AppRole(name)
		if old == nil {
			return nil, nil
		}
		role := *old
		return &role, change.apply(c, &role)
	})
}

// putAppRole writes the role that build returns, or nothing where it returns none.
func (s *Service) putAppRole(ctx context.Context, c *Call, v verb, name string, build func(a *gate.Admission) (*state.AppRole, error)) error {
	_, err := s.write(ctx, c, v, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"role": name}
		role, err := build(a)
		if err != nil || role == nil {
			return nil, err
		}
		a.Record.Fields["role_policies"], a.Record.Fields["application"] = joined(role.Policies), role.Application
		if inSeconds(role.MaxTTL) > MaxTTL {
			c.Warnings = append(c.Warnings, fmt.Sprintf("token_max_ttl exceeds the longest lifetime of %s; tokens get no more", MaxTTL))
		}
		return &state.PutAppRole{Role: *role}, nil
	})
	return err
}

func noRole(name string) error { return saying(ErrNotFound, "role %s does not exist", Quote(name)) }

func (r *AppRoleChange) apply(c *Call, role *state.AppRole) error {
	if err := r.applyIdentity(c, role); err != nil {
		return err
	}
	for _, list := range []struct {
		field string
		from  []string
		to    *[]string
	}{{"secret_id_bound_cidrs", r.SecretCIDRs, &role.SecretCIDRs}, {"token_bound_cidrs", r.TokenCIDRs, &role.TokenCIDRs}} {
		if list.from == nil {
			continue
		}
		out, err := canonicalList(list.from, canonicalBound)
		if err != nil {
			return saying(ErrBadRequest, "%s: %v", list.field, err)
		}
		*list.to = out
	}
	setBool(&role.NoSecretID, r.BindSecretID, false)
	setBool(&role.NoDefault, r.NoDefault, true)
	if err := r.applyLimits(role); err != nil {
		return err
	}
	if role.NoSecretID && len(role.SecretCIDRs) == 0 && len(role.TokenCIDRs) == 0 {
		return saying(ErrBadRequest, "at least one constraint should be enabled on the role: bind_secret_id, secret_id_bound_cidrs or token_bound_cidrs")
	}
	return nil
}

func (r *AppRoleChange) applyIdentity(c *Call, role *state.AppRole) error {
	if r.RoleID != nil {
		if !visible(*r.RoleID, maxRoleID) || gate.LooksSecret(*r.RoleID) {
			return saying(ErrBadRequest, "role_id is 1 to %d printable ASCII characters without spaces, and does not look like a token, a secret id or a share: it is no secret", maxRoleID)
		}
		role.RoleID = *r.RoleID
	}
	if r.Application != nil {
		if *r.Application != "" && c.view.Application(*r.Application) == nil {
			return saying(ErrBadRequest, "application: there is none of the name %s; write it first", Quote(*r.Application))
		}
		role.Application = *r.Application
	}
	if r.Policies != nil {
		policies, err := loginPolicies("token_policies", r.Policies)
		if err != nil {
			return err
		}
		role.Policies = policies
		c.warnOfPolicies(policies)
	}
	return nil
}

func (r *AppRoleChange) applyLimits(role *state.AppRole) error {
	for _, d := range []struct {
		field string
		from  *time.Duration
		to    *int64
	}{
		{"secret_id_ttl", r.SecretTTL, &role.SecretTTL}, {"token_ttl", r.TTL, &role.TTL}, {"token_max_ttl", r.MaxTTL, &role.MaxTTL},
		{"token_explicit_max_ttl", r.ExplicitMax, &role.ExplicitMax}, {"token_period", r.Period, &role.Period},
	} {
		if d.from == nil {
			continue
		}
		if *d.from < 0 || *d.from > maxExplicit {
			return saying(ErrBadRequest, "%s is between 0 and 876000h, not %s", d.field, *d.from)
		}
		*d.to = int64(wholeSeconds(*d.from) / time.Second)
	}
	for _, n := range []struct {
		field string
		from  *int64
		to    *int64
	}{{"secret_id_num_uses", r.SecretUses, &role.SecretUses}, {"token_num_uses", r.Uses, &role.Uses}} {
		if n.from == nil {
			continue
		}
		if *n.from < 0 || *n.from > maxUses {
			return saying(ErrBadRequest, "%s is between 0, which is no limit, and %d, not %d", n.field, int64(maxUses), *n.from)
		}
		*n.to = *n.from
	}
	switch {
	case role.MaxTTL != 0 && role.TTL > role.MaxTTL:
		return saying(ErrBadRequest, "token_ttl should not be greater than token_max_ttl: %s is more than %s", inSeconds(role.TTL), inSeconds(role.MaxTTL))
	case inSeconds(role.Period) > MaxTTL:
		return saying(ErrBadRequest, "token_period is at most %s, not %s", MaxTTL, inSeconds(role.Period))
	}
	return nil
}
