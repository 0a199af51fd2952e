package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Lifetimes of tokens.
const (
	// DefaultTTL is what a token gets that asks for nothing, and MaxTTL what it
	// can reach, renewals included: Vault's system defaults.
	DefaultTTL = 32 * 24 * time.Hour
	MaxTTL     = 32 * 24 * time.Hour
)

// TokenInfo is a token without the token.
type TokenInfo struct {
	Accessor    string
	Policies    []string
	Meta        map[string]string
	DisplayName string
	Path        string
	Orphan      bool
	Renewable   bool
	Created     time.Time
	TTL         time.Duration // granted at creation; 0 never expires
	Expires     time.Time     // zero never
	Left        time.Duration // rounded up to seconds; 0 with Expires zero
}

func infoOf(t *state.Token, now int64) TokenInfo {
	i := TokenInfo{
		Accessor: t.Accessor, Policies: t.Policies, Meta: t.Meta, DisplayName: t.DisplayName, Path: t.Path,
		Orphan: len(t.Parent) == 0, Renewable: t.Renewable, Created: time.Unix(0, t.Created).UTC(), TTL: time.Duration(t.TTL) * time.Second,
	}
	if t.Expire != 0 {
		i.Expires = time.Unix(0, t.Expire).UTC()
		i.Left = time.Duration(secondsOf(max(0, t.Expire-now))) * time.Second
	}
	return i
}

// TokenRequest asks for a new token.
type TokenRequest struct {
	Policies        []string // nil: those of the caller
	Meta            map[string]string
	DisplayName     string
	TTL             time.Duration // 0: the default
	NotRenewable    bool
	NoDefaultPolicy bool
	Orphan          bool // needs sudo, or the path auth/token/create-orphan
	OrphanPath      bool // asked through auth/token/create-orphan
}

// CreateToken makes a token. It needs update on the request's path; an orphan
// through auth/token/create needs sudo there too. A caller without sudo gives
// away only policies it has itself.
func (s *Service) CreateToken(ctx context.Context, c *Call, req TokenRequest) (Token, TokenInfo, error) {
	need := policy.Update
	if req.Orphan && !req.OrphanPath {
		need |= policy.Sudo
	}
	token := newToken(c.view.Cluster.TokenKey)
	var record state.Token
	_, err := s.write(ctx, c, verb{operation: "auth/token/create", need: need}, func(a *gate.Admission) (state.Command, error) {
		policies, err := s.grantable(c, req)
		if err != nil {
			return nil, err
		}
		if record, err = s.newTokenRecord(c, req, policies, token); err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"new_accessor": record.Accessor, "new_policies": joined(policies)}
		return &state.CreateToken{Token: record}, nil
	})
	if err != nil {
		return Token{}, TokenInfo{}, err
	}
	return token, infoOf(&record, time.Now().UnixNano()), nil
}

// grantable returns the sorted policies of the token to be made, or an error if
// the caller may not give them away.
func (s *Service) grantable(c *Call, req TokenRequest) ([]string, error) {
	asked := req.Policies
	if asked == nil {
		asked = c.Caller.Policies
	}
	set := map[string]bool{}
	for _, name := range asked {
		name, err := policy.CanonicalName(name)
		if err != nil {
			return nil, fmt.Errorf("%w: policy %w", ErrBadRequest, err)
		}
		if gate.LooksSecret(name) {
			return nil, fmt.Errorf("%w: a policy's name looks like a token or a share, and would stand in every record of the new token", ErrBadRequest)
		}
		set[name] = true
	}
	sudo := c.Caller.Capabilities(c.Path).Has(policy.Sudo)
	for name := range set {
		switch {
		case name == "root" && !c.Caller.Root:
			return nil, saying(ErrBadRequest, "root tokens may not be created without parent token being root")
		case !sudo && !slices.Contains(c.Caller.Policies, name):
			return nil, saying(ErrBadRequest, "child policies must be subset of parent")
		}
	}
	// A caller that went without the default policy cannot give it to a child.
	if !req.NoDefaultPolicy && !set["root"] && (sudo || slices.Contains(c.Caller.Policies, policy.DefaultName)) {
		set[policy.DefaultName] = true
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("%w: a token needs at least one policy", ErrBadRequest)
	}
	policies := make([]string, 0, len(set))
	for name := range set {
		policies = append(policies, name)
	}
	slices.Sort(policies)
	return policies, nil
}

const (
	maxMeta        = 64       // entries
	maxMetaBytes   = 16 << 10 // of all names and values
	maxDisplayName = 256
	maxPolicies    = 128
)

func (s *Service) newTokenRecord(c *Call, req TokenRequest, policies []string, token Token) (state.Token, error) {
	size, secret := 0, gate.LooksSecret(req.DisplayName)
	for k, v := range req.Meta {
		size += len(k) + len(v)
		secret = secret || gate.LooksSecret(k) || gate.LooksSecret(v)
	}
	if secret {
		return state.Token{}, fmt.Errorf("%w: display_name or meta looks like a token or a share, and both are stored and shown in clear", ErrBadRequest)
	}
	if len(req.Meta) > maxMeta || size > maxMetaBytes || len(req.DisplayName) > maxDisplayName || len(policies) > maxPolicies {
		return state.Token{}, fmt.Errorf("%w: at most %d meta entries of %d bytes together, a display name of %d and %d policies", ErrBadRequest, maxMeta, maxMetaBytes, maxDisplayName, maxPolicies)
	}
	now := max(time.Now().UnixNano(), c.view.Time)
	root := slices.Contains(policies, "root")
	ttl := wholeSeconds(req.TTL)
	switch {
	case ttl < 0:
		return state.Token{}, fmt.Errorf("%w: ttl must not be negative", ErrBadRequest)
	case ttl == 0 && !root:
		ttl = DefaultTTL
	case ttl > MaxTTL: // root tokens too, if they ask for a ttl at all
		c.Warnings = append(c.Warnings, fmt.Sprintf("TTL of %s exceeded the effective max_ttl of %s; TTL value is capped accordingly", ttl, MaxTTL))
		ttl = MaxTTL
	}
	if root && ttl == 0 && c.token.Expire != 0 {
		// Vault's rule: a root token that expires cannot make one that does not.
		return state.Token{}, saying(ErrBadRequest, "expiring root tokens cannot create non-expiring root tokens")
	}
	t := state.Token{
		Hash: token.hash(), Accessor: randomText(24), Policies: policies, Meta: req.Meta, Path: "auth/token/create",
		DisplayName: displayName(req.DisplayName), Created: now, TTL: int64(ttl / time.Second), Renewable: !req.NotRenewable && ttl != 0,
	}
	if req.OrphanPath {
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

// wholeSeconds cuts a duration to the unit in which lifetimes are kept; a part of
// a second counts as one, since 0 means something else.
func wholeSeconds(d time.Duration) time.Duration {
	if d > 0 && d < time.Second {
		return time.Second
	}
	return d.Truncate(time.Second)
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

// TokenRef names a token: by itself, by its accessor, or as the caller's own.
type TokenRef struct {
	Self     bool
	Token    Token
	Accessor string
}

func (s *Service) resolve(c *Call, ref TokenRef) (*state.Token, error) {
	var t *state.Token
	switch {
	case ref.Self:
		t = c.token
	case ref.Accessor != "":
		t = c.view.TokenByAccessor(ref.Accessor)
		if t == nil {
			return nil, saying(ErrTokenNotFound, "invalid accessor")
		}
	default:
		t = s.lookupToken(c.view, ref.Token.Reveal())
	}
	if t == nil || t.Expired(max(time.Now().UnixNano(), c.view.Time)) {
		return nil, ErrTokenNotFound
	}
	return t, nil
}

// LookupToken describes a token. It needs read on a lookup-self path and update
// on the others.
func (s *Service) LookupToken(c *Call, ref TokenRef) (TokenInfo, error) {
	need := policy.Update
	if ref.Self && c.Method == "GET" {
		need = policy.Read
	}
	var info TokenInfo
	err := s.act(c, verb{operation: "auth/token/lookup", need: need}, func(a *gate.Admission) error {
		t, err := s.resolve(c, ref)
		if err != nil {
			return err
		}
		a.Record.Fields = map[string]string{"accessor": t.Accessor}
		info = infoOf(t, time.Now().UnixNano())
		return nil
	})
	return info, err
}

// RenewToken moves a token's expiry to increment from now, or by its first ttl
// if increment is 0, and never past MaxTTL from its creation. It needs update.
func (s *Service) RenewToken(ctx context.Context, c *Call, ref TokenRef, increment time.Duration) (TokenInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "auth/token/renew", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		t, err := s.resolve(c, ref)
		if err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"accessor": t.Accessor}
		if !t.Renewable || increment < 0 {
			return nil, saying(ErrTokenNotRenewable, "lease is not renewable")
		}
		if increment = wholeSeconds(increment); increment == 0 {
			increment = time.Duration(t.TTL) * time.Second
		}
		now := max(time.Now().UnixNano(), c.view.Time)
		// Compared as durations from now: now + increment could overflow.
		left := t.Created + int64(MaxTTL) - now
		if int64(increment) > left {
			c.Warnings = append(c.Warnings, fmt.Sprintf("TTL of %s exceeded the effective max_ttl; TTL value is capped accordingly", increment))
			increment = time.Duration(left)
		}
		return &state.RenewToken{Hash: t.Hash, Expire: now + int64(increment)}, nil
	})
	if err != nil {
		return TokenInfo{}, err
	}
	t, ok := result.(*state.Token)
	if !ok {
		return TokenInfo{}, ErrTokenNotFound // renewed, and revoked meanwhile
	}
	return infoOf(t, time.Now().UnixNano()), nil
}

// RevokeToken removes a token and its descendants, or cuts those loose if orphan
// is set, which needs sudo. It needs update. When it returns, no request begun
// afterwards is admitted with it.
func (s *Service) RevokeToken(ctx context.Context, c *Call, ref TokenRef, orphan bool) error {
	need := policy.Update
	if orphan {
		need |= policy.Sudo
	}
	_, err := s.write(ctx, c, verb{operation: "auth/token/revoke", need: need}, func(a *gate.Admission) (state.Command, error) {
		t, err := s.resolve(c, ref)
		if errors.Is(err, ErrTokenNotFound) && ref.Accessor == "" && !orphan {
			return nil, nil // gone is what was asked for; a repeated request is no error
		}
		if err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"accessor": t.Accessor}
		return &state.RevokeToken{Hash: t.Hash, Orphan: orphan}, nil
	})
	return err
}
