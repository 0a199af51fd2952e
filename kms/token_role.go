package kms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// TokenRole is a template and a limit for the tokens made through it. Its
// lifetimes are in seconds.
type TokenRole struct{ state.TokenRole }

// TokenRoleChange sets what is not nil of a role; a new role has the zero value
// of the rest, and makes renewable tokens.
type TokenRoleChange struct {
	Allowed         []string // policies; empty, and AllowedGlobs too: those of the caller
	Disallowed      []string
	AllowedGlobs    []string // with '*' for any text
	DisallowedGlobs []string
	Orphan          *bool
	Renewable       *bool
	NoDefault       *bool // no default policy unless it is asked for by name, and allowed
	PathSuffix      *string
	TTL             *time.Duration // of tokens that ask for none
	ExplicitMax     *time.Duration
	Period          *time.Duration
	Uses            *int64
	BoundCIDRs      []string // addresses and prefixes
}

// WriteTokenRole makes a role or changes it; tokens that were made through it
// stay as they are. It needs update, as in Vault, or create if the role does not
// exist.
//
// Whoever may write a role and use it gives itself every policy but root.
func (s *Service) WriteTokenRole(ctx context.Context, c *Call, name string, change TokenRoleChange) error {
	if err := s.mayWait(c, "auth/token/roles/write"); err != nil {
		return err
	}
	// Held from the look at the role until its change is applied: two changes at
	// once must not undo each other.
	unlock, err := s.keyLocks.lock(ctx, "auth/token/roles/"+name)
	if err != nil {
		err = saying(ErrBusy, "other requests are changing this role; nothing was done, try again")
		s.Reject(c.Origin, c, err)
		return err
	}
	defer unlock()
	s.refresh(c)
	old := c.view.TokenRole(name)
	need := policy.Update
	// A request that is sent again changes nothing, and is allowed what the first
	// one was.
	again := c.once != nil && c.view.Once(c.once.Caller, c.once.Key) != nil
	if (old == nil || again) && c.Caller.Allow(c.Path, policy.Create) {
		need = policy.Create
	}
	_, err = s.write(ctx, c, verb{operation: "auth/token/roles/write", need: need}, func(a *gate.Admission) (state.Command, error) {
		if gate.LooksSecret(name) {
			return nil, saying(ErrBadRequest, "the role's name looks like a token or a share, and names are shown to everybody who may list them")
		}
		a.Record.Fields = map[string]string{"role": name}
		role := state.TokenRole{Name: name}
		if old != nil {
			role = *old
		}
		if err := change.apply(&role); err != nil {
			return nil, err
		}
		a.Record.Fields["allowed_policies"] = joined(append(slices.Clone(role.Allowed), role.AllowedGlobs...))
		c.Warnings = append(c.Warnings, roleWarnings(&role)...)
		if change.Allowed != nil {
			c.warnOfPolicies(role.Allowed)
		}
		return &state.PutTokenRole{Role: role}, nil
	})
	return err
}

func (r *TokenRoleChange) apply(role *state.TokenRole) error {
	for _, list := range []struct {
		field string
		from  []string
		to    *[]string
		canon func(string) (string, error)
	}{
		{"allowed_policies", r.Allowed, &role.Allowed, policy.CanonicalName},
		{"disallowed_policies", r.Disallowed, &role.Disallowed, policy.CanonicalName},
		{"allowed_policies_glob", r.AllowedGlobs, &role.AllowedGlobs, canonicalGlob},
		{"disallowed_policies_glob", r.DisallowedGlobs, &role.DisallowedGlobs, canonicalGlob},
		{"token_bound_cidrs", r.BoundCIDRs, &role.BoundCIDRs, canonicalBound},
	} {
		if list.from == nil {
			continue
		}
		out, err := canonicalList(list.from, list.canon)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrBadRequest, list.field, err)
		}
		*list.to = out
	}
	if r.PathSuffix != nil {
		if *r.PathSuffix != "" && (!validSuffix(*r.PathSuffix) || gate.LooksSecret(*r.PathSuffix)) {
			return fmt.Errorf("%w: path_suffix is 1 to 128 characters of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or a digit", ErrBadRequest)
		}
		role.PathSuffix = *r.PathSuffix
	}
	setBool(&role.Orphan, r.Orphan, true)
	setBool(&role.NotRenewable, r.Renewable, false)
	setBool(&role.NoDefault, r.NoDefault, true)
	return r.applyLimits(role)
}

func (r *TokenRoleChange) applyLimits(role *state.TokenRole) error {
	for _, d := range []struct {
		field string
		from  *time.Duration
		to    *int64
	}{{"token_ttl", r.TTL, &role.TTL}, {"token_explicit_max_ttl", r.ExplicitMax, &role.ExplicitMax}, {"token_period", r.Period, &role.Period}} {
		if d.from == nil {
			continue
		}
		if *d.from < 0 || *d.from > maxExplicit {
			return fmt.Errorf("%w: %s is between 0 and 876000h, not %s", ErrBadRequest, d.field, *d.from)
		}
		*d.to = int64(wholeSeconds(*d.from) / time.Second)
	}
	if r.Uses != nil {
		if *r.Uses < 0 || *r.Uses > maxUses {
			return fmt.Errorf("%w: token_num_uses is between 0, which is no limit, and %d, not %d", ErrBadRequest, maxUses, *r.Uses)
		}
		role.Uses = *r.Uses
	}
	return nil
}

func setBool(to *bool, from *bool, when bool) {
	if from != nil {
		*to = *from == when
	}
}

// canonicalList brings every entry to its one form, sorts them and drops repeated
// ones. An entry is shown in the error only if it cannot be a secret.
func canonicalList(list []string, canon func(string) (string, error)) ([]string, error) {
	if len(list) > maxPolicies {
		return nil, fmt.Errorf("at most %d entries", maxPolicies)
	}
	out := make([]string, 0, len(list))
	for _, entry := range list {
		c, err := canon(entry)
		if err != nil {
			return nil, err
		}
		if gate.LooksSecret(c) {
			return nil, fmt.Errorf("an entry looks like a token or a share, and roles are shown to everybody who may read them")
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// canonicalGlob is a policy's name in which '*' stands for any text.
func canonicalGlob(glob string) (string, error) {
	// With a letter in place of each '*' it must be a name. "*" alone is one too.
	if _, err := policy.CanonicalName(strings.ReplaceAll(glob, "*", "x")); err != nil {
		return "", fmt.Errorf("a pattern is a policy's name in which '*' stands for any text: %w", err)
	}
	return strings.ToLower(strings.Trim(glob, " \t\r\n\v\f")), nil
}

// canonicalBound keeps an address an address and cuts a prefix to its bits.
func canonicalBound(text string) (string, error) {
	text = strings.TrimSpace(text)
	p, err := state.ParseBound(text)
	if err != nil {
		return "", fmt.Errorf("%s is no IP address or prefix, such as 10.0.0.0/8; IPv4 in its own form", Quote(text))
	}
	if !strings.Contains(text, "/") {
		return p.Addr().String(), nil
	}
	return p.Masked().String(), nil
}

// validSuffix holds a suffix to what names in paths are.
func validSuffix(s string) bool {
	if len(s) > 128 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}) < 0 && strings.IndexByte("._-", s[0]) < 0
}

// roleWarnings says what a role does that its writer may not expect.
func roleWarnings(r *state.TokenRole) (out []string) {
	listed := len(r.Allowed)+len(r.AllowedGlobs) != 0
	if !listed && len(r.Disallowed)+len(r.DisallowedGlobs) != 0 {
		out = append(out, `without allowed policies the role's tokens have at most those of whoever makes them; to allow all but the disallowed ones set allowed_policies_glob to "*"`)
	}
	if inSeconds(r.Period) > MaxTTL || inSeconds(r.TTL) > MaxTTL {
		out = append(out, fmt.Sprintf("token_period or token_ttl exceeds the longest lifetime of %s; tokens get no more", MaxTTL))
	}
	return out
}

// ReadTokenRole describes a role. It needs read. ErrNotFound if there is none.
func (s *Service) ReadTokenRole(c *Call, name string) (TokenRole, error) {
	var role TokenRole
	err := s.act(c, verb{operation: "auth/token/roles/read", need: policy.Read}, func(*gate.Admission) error {
		r := c.view.TokenRole(name)
		if r == nil {
			return ErrNotFound
		}
		role = TokenRole{*r}
		return nil
	})
	return role, err
}

// ListTokenRoles returns the names of the roles, sorted; ErrNotFound if there are
// none. It needs list.
func (s *Service) ListTokenRoles(c *Call) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "auth/token/roles/list", need: policy.List}, func(*gate.Admission) error {
		if names = c.view.TokenRoleNames(); len(names) == 0 {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}

// DeleteTokenRole removes a role; one that does not exist is no error. Tokens
// that were made through it stay, and can be renewed. It needs delete.
func (s *Service) DeleteTokenRole(ctx context.Context, c *Call, name string) error {
	_, err := s.write(ctx, c, verb{operation: "auth/token/roles/delete", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"role": name}
		return &state.DeleteTokenRole{Name: name}, nil
	})
	return err
}
