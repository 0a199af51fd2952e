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

// TokenRequest asks for a new token.
type TokenRequest struct {
	Policies        []string // nil: those of the role, or of the caller
	Meta            map[string]string
	DisplayName     string
	TTL             time.Duration // 0: that of the role, or the default
	Period          time.Duration // 0: not periodic. Needs sudo, or a role with a period
	ExplicitMax     time.Duration // from creation; 0: none
	Uses            int64         // 0: no limit
	NotRenewable    bool
	NoDefaultPolicy bool
	Orphan          bool   // needs sudo, a role that makes orphans, or the path auth/token/create-orphan
	OrphanPath      bool   // asked through auth/token/create-orphan
	Role            string // asked through auth/token/create/<role>; "" none
}

// maxUses is more than anybody counts: past it a number is a mistake.
const maxUses = 1 << 31

// CreateToken makes a token. It needs update on the request's path; a period or
// an orphan that neither a role gives nor auth/token/create-orphan needs sudo
// there too. A caller without sudo gives away only policies it has itself, or
// that the role allows. A caller whose uses are counted makes no tokens: they
// would not be counted.
func (s *Service) CreateToken(ctx context.Context, c *Call, req TokenRequest) (Token, TokenInfo, error) {
	var role *state.TokenRole
	if req.Role != "" {
		role = c.view.TokenRole(req.Role)
	}
	token := newToken(c.view.Cluster.TokenKey)
	var record state.Token
	_, err := s.write(ctx, c, verb{operation: "auth/token/create", need: req.needs(role)}, func(a *gate.Admission) (state.Command, error) {
		if c.counted {
			return nil, saying(ErrBadRequest, "restricted use token cannot generate child tokens")
		}
		if req.Role != "" && role == nil {
			return nil, saying(ErrBadRequest, "unknown role %s", Quote(req.Role))
		}
		policies, err := grantable(c, &req, role)
		if err != nil {
			return nil, err
		}
		c.Warnings = append(c.Warnings, req.through(role)...)
		if record, err = c.newTokenRecord(&req, role, policies, token); err != nil {
			return nil, err
		}
		c.warnOfPolicies(policies)
		a.Record.Fields = map[string]string{"new_accessor": record.Accessor, "new_policies": joined(policies)}
		if role != nil {
			a.Record.Fields["role"] = role.Name
		}
		return &state.CreateToken{Token: record}, nil
	})
	if err != nil {
		return Token{}, TokenInfo{}, err
	}
	return token, infoOf(&record, c.now()), nil
}

// needs is what the caller must be allowed on the path.
func (r *TokenRequest) needs(role *state.TokenRole) policy.Capability {
	orphan := r.Orphan && !r.OrphanPath && (role == nil || !role.Orphan)
	periodic := r.Period != 0 && (role == nil || role.Period == 0)
	if orphan || periodic {
		return policy.Update | policy.Sudo
	}
	return policy.Update
}

// through applies what a role limits: of two values the lesser.
func (r *TokenRequest) through(role *state.TokenRole) (warnings []string) {
	if role == nil {
		return nil
	}
	r.NotRenewable = r.NotRenewable || role.NotRenewable
	r.Orphan = r.Orphan || role.Orphan
	if r.TTL == 0 {
		r.TTL = inSeconds(role.TTL)
	}
	if role.Uses != 0 && (r.Uses == 0 || role.Uses < r.Uses) {
		r.Uses = role.Uses
	}
	lesser := func(asked *time.Duration, limit int64, what string) {
		switch l := inSeconds(limit); {
		case l == 0:
		case *asked == 0:
			*asked = l
		default:
			*asked = min(*asked, l)
			warnings = append(warnings, fmt.Sprintf("%s specified both during creation call and in role; using the lesser value of %d seconds", what, int64(*asked/time.Second)))
		}
	}
	lesser(&r.ExplicitMax, role.ExplicitMax, "Explicit max TTL")
	lesser(&r.Period, role.Period, "Period")
	return warnings
}

const (
	maxMeta        = 64       // entries
	maxMetaBytes   = 16 << 10 // of all names and values
	maxDisplayName = 256
	maxPolicies    = 128
)

// check refuses what no token can have.
func (r *TokenRequest) check(policies []string) error {
	size, secret := 0, gate.LooksSecret(r.DisplayName)
	for k, v := range r.Meta {
		size += len(k) + len(v)
		secret = secret || gate.LooksSecret(k) || gate.LooksSecret(v)
	}
	switch {
	case secret:
		return fmt.Errorf("%w: display_name or meta looks like a token or a share, and both are stored and shown in clear", ErrBadRequest)
	case len(r.Meta) > maxMeta || size > maxMetaBytes || len(r.DisplayName) > maxDisplayName || len(policies) > maxPolicies:
		return fmt.Errorf("%w: at most %d meta entries of %d bytes together, a display name of %d and %d policies", ErrBadRequest, maxMeta, maxMetaBytes, maxDisplayName, maxPolicies)
	case r.TTL < 0 || r.Period < 0 || r.ExplicitMax < 0:
		return fmt.Errorf("%w: ttl, period and explicit_max_ttl must not be negative, not %s, %s and %s", ErrBadRequest, r.TTL, r.Period, r.ExplicitMax)
	case r.ExplicitMax > maxExplicit:
		return fmt.Errorf("%w: explicit_max_ttl is at most 876000h, not %s; without one a token has no explicit end", ErrBadRequest, r.ExplicitMax)
	case r.Uses < 0:
		return saying(ErrBadRequest, "number of uses cannot be negative")
	case r.Uses > maxUses:
		return fmt.Errorf("%w: num_uses is at most %d, not %d; 0 is no limit", ErrBadRequest, maxUses, r.Uses)
	}
	return nil
}

func (c *Call) newTokenRecord(req *TokenRequest, role *state.TokenRole, policies []string, token Token) (state.Token, error) {
	if err := req.check(policies); err != nil {
		return state.Token{}, err
	}
	ttl, period, explicit, err := c.lifetime(req, slices.Contains(policies, policy.RootName))
	if err != nil {
		return state.Token{}, err
	}
	now := c.now()
	t := state.Token{
		Hash: token.hash(), Accessor: state.AccessorFor(token.hash(), randomText(8)), Policies: policies, Meta: req.Meta, Path: "auth/token/create",
		DisplayName: displayName(req.DisplayName), Created: now, TTL: int64(ttl / time.Second), Renewable: !req.NotRenewable && ttl != 0,
		Period: int64(period / time.Second), ExplicitMax: int64(explicit / time.Second), Uses: req.Uses,
		// Where the caller may not be, a token that it makes may not be either.
		// A role decides for itself: it is what its writer wants it to be.
		BoundCIDRs: c.token.BoundCIDRs,
		// What an application makes is the application's, orphans included: a block
		// must reach all of it.
		Application: c.Caller.Application,
	}
	switch {
	case role != nil:
		t.Path += "/" + role.Name
		if role.PathSuffix != "" {
			t.Path += "/" + role.PathSuffix
		}
		t.Role, t.BoundCIDRs = role.Name, role.BoundCIDRs
	case req.OrphanPath:
		t.Path = "auth/token/create-orphan"
	}
	if ttl != 0 {
		t.Expire = now + int64(ttl)
	}
	if !req.Orphan {
		t.Parent = c.token.Hash
	}
	return t, nil
}

// lifetime is what a new token gets, 0 for a root token that never expires, and
// the period and explicit end as they are kept.
func (c *Call) lifetime(req *TokenRequest, root bool) (ttl, period, explicit time.Duration, err error) {
	ttl, period, explicit = wholeSeconds(req.TTL), min(wholeSeconds(req.Period), MaxTTL), wholeSeconds(req.ExplicitMax)
	switch {
	case ttl != 0 || period != 0:
	case !root:
		ttl = DefaultTTL
		if explicit > 0 { // what nobody asked for is no reason for a warning
			ttl = min(ttl, explicit)
		}
	case explicit != 0:
		ttl = explicit
	case c.token.Expire != 0:
		// Vault's rule: a root token that expires cannot make one that does not.
		return 0, 0, 0, saying(ErrBadRequest, "expiring root tokens cannot create non-expiring root tokens")
	default:
		return 0, 0, 0, nil
	}
	ttl, warnings := granted(ttl, wholeSeconds(req.Period), explicit, 0)
	c.Warnings = append(c.Warnings, warnings...)
	return ttl, period, explicit, nil
}

// displayName is Vault's form: "token", or "token-" and the name with everything
// but letters, digits and dashes turned into dashes.
func displayName(name string) string {
	if name == "" {
		return "token"
	}
	return "token-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
}
