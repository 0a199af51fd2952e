package kms

import (
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
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
	Renewed     time.Time     // zero never
	Period      time.Duration // that each renewal grants; 0 not periodic
	ExplicitMax time.Duration // from creation; 0 none
	Uses        int64         // left; 0 no limit, -1 none: this request spent the last
	Role        string        // the token role it was made through
	BoundCIDRs  []string      // where it may be used from; empty anywhere
	Application string        // that it belongs to
}

func infoOf(t *state.Token, now int64) TokenInfo {
	i := TokenInfo{
		Accessor: t.Accessor, Policies: t.Policies, Meta: t.Meta, DisplayName: t.DisplayName, Path: t.Path,
		Orphan: len(t.Parent) == 0, Renewable: t.Renewable, Created: time.Unix(0, t.Created).UTC(), TTL: inSeconds(t.TTL),
		Period: inSeconds(t.Period), ExplicitMax: inSeconds(t.ExplicitMax), Uses: t.Uses, Role: t.Role, BoundCIDRs: t.BoundCIDRs, Application: t.Application,
	}
	if t.Expire != 0 {
		i.Expires = time.Unix(0, t.Expire).UTC()
		i.Left = inSeconds(secondsOf(max(0, t.Expire-now)))
	}
	if t.Renewed != 0 {
		i.Renewed = time.Unix(0, t.Renewed).UTC()
	}
	return i
}

// inSeconds is a duration of the state, which counts in seconds.
func inSeconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// now is the time by which tokens are accepted and given their end: a clock that
// was set back brings none to life again.
func (c *Call) now() int64 { return max(wall.Now().UnixNano(), c.view.Time) }

// describe is infoOf, and knows that a caller whose last use this request spent
// has none left, where 0 would mean that there is no limit.
func (c *Call) describe(t *state.Token) TokenInfo {
	info := infoOf(t, c.now())
	if c.spent() && t.ID() == c.token.ID() {
		info.Uses = -1
	}
	return info
}

// TokenRef names a token: by itself, by its accessor, or as the caller's own.
type TokenRef struct {
	Self     bool
	Token    Token
	Accessor string
}

func (s *Service) resolve(c *Call, ref TokenRef) (*state.Token, error) {
	return s.resolveAt(c, ref, c.now())
}

// resolveAt is resolve at a time, unix nanoseconds; at 0 it finds expired tokens too.
func (s *Service) resolveAt(c *Call, ref TokenRef, now int64) (*state.Token, error) {
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
		t = s.lookupToken(c.view, ref.Token.Reveal(), now)
	}
	if t == nil || t.Expired(now) {
		return nil, ErrTokenNotFound
	}
	if t.ID() == c.token.ID() {
		t = c.token // as the use that this request spent left it
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
		info = c.describe(t)
		return nil
	})
	return info, err
}

// ListAccessors returns the accessor of every token there is, in their order. It
// needs list and sudo: with them every token can be revoked.
func (s *Service) ListAccessors(c *Call) ([]string, error) {
	var accessors []string
	err := s.act(c, verb{operation: "auth/token/accessors", need: policy.List | policy.Sudo}, func(*gate.Admission) error {
		accessors = c.view.Accessors()
		return nil
	})
	return accessors, err
}
