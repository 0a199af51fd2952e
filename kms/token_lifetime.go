package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Lifetimes of tokens.
const (
	// DefaultTTL is what a token gets that asks for nothing, and MaxTTL what it
	// can reach, renewals included: Vault's system defaults. A periodic token has
	// no end but an explicit one, and no period beyond MaxTTL.
	DefaultTTL = 32 * 24 * time.Hour
	MaxTTL     = 32 * 24 * time.Hour

	// maxExplicit bounds an explicit end, far enough from where nanoseconds
	// overflow.
	maxExplicit = 100 * 365 * 24 * time.Hour
)

// granted is how long a token lives from now on, of which asked is wanted: not
// past MaxTTL, or its explicit end, from its creation, which was age ago. A
// period takes the place of what is asked, and of MaxTTL as its end. Zero or less
// means that its time is over. The warnings say what was cut.
//
// The rules are Vault's. What is left is not rounded: a token in its last second
// must not come to a lifetime of 0, which elsewhere means no end.
func granted(asked, period, explicit, age time.Duration) (ttl time.Duration, warnings []string) {
	return grantedWithin(0, asked, period, explicit, age)
}

// grantedWithin is granted with another limit than MaxTTL, if it is lower and not 0.
func grantedWithin(most, asked, period, explicit, age time.Duration) (ttl time.Duration, warnings []string) {
	longest := MaxTTL
	if most > 0 {
		longest = min(longest, most)
	}
	if explicit > 0 {
		longest = min(longest, explicit)
	}
	ttl, left := asked, longest-age
	if period > 0 {
		if period > longest {
			warnings = append(warnings, fmt.Sprintf("period of %s exceeded the effective max_ttl of %s; period value is capped accordingly", period, longest))
		}
		ttl = min(period, longest)
		if left = ttl; explicit > 0 {
			left = explicit - age
		}
	}
	if ttl > left {
		warnings = append(warnings, fmt.Sprintf("TTL of %s exceeded the effective max_ttl of %s; TTL value is capped accordingly", ttl, max(0, left).Round(time.Second)))
		ttl = left
	}
	return ttl, warnings
}

// wholeSeconds cuts a duration to the unit in which lifetimes are kept; a part of
// a second counts as one, since 0 means something else.
func wholeSeconds(d time.Duration) time.Duration {
	if d > 0 && d < time.Second {
		return time.Second
	}
	return d.Truncate(time.Second)
}

// RenewToken moves a token's expiry to increment from now, or by its first ttl
// if increment is 0, and never past MaxTTL, or its explicit end, from its
// creation. A periodic token gets its period, whatever the increment. It needs
// update.
func (s *Service) RenewToken(ctx context.Context, c *Call, ref TokenRef, increment time.Duration) (TokenInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "auth/token/renew", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		t, err := s.resolve(c, ref)
		if err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"accessor": t.Accessor}
		return c.renewal(t, increment)
	})
	if err != nil {
		return TokenInfo{}, err
	}
	t, ok := result.(*state.Token)
	if !ok { // renewed before, under the same idempotency key, and gone since
		return TokenInfo{}, ErrTokenNotFound
	}
	return c.describe(t), nil
}

func (c *Call) renewal(t *state.Token, increment time.Duration) (state.Command, error) {
	switch {
	case !t.Renewable || t.Expire == 0 || increment < 0:
		return nil, saying(ErrTokenNotRenewable, "lease is not renewable")
	case c.spent() && t.ID() == c.token.ID():
		return nil, saying(ErrTokenNotRenewable, "lease is not renewable: this request was the token's last use")
	}
	terms, err := c.renewalTerms(t)
	if err != nil {
		return nil, err
	}
	if increment = wholeSeconds(increment); increment == 0 {
		increment = inSeconds(terms.ttl)
	}
	now := c.now()
	ttl, warnings := grantedWithin(inSeconds(terms.most), increment, inSeconds(terms.period), inSeconds(t.ExplicitMax), time.Duration(now-t.Created))
	if ttl <= 0 {
		return nil, saying(ErrTokenNotRenewable, "past the max TTL, cannot renew")
	}
	c.Warnings = append(c.Warnings, warnings...)
	return &state.RenewToken{Hash: t.Hash, Expire: now + int64(ttl)}, nil
}

// renewalTerms are what a renewal of a token goes by, in seconds.
type renewalTerms struct{ ttl, most, period int64 }

// renewalTerms goes by what the token carries, except that one of a login also needs
// its role, and gets what the role gives now: whoever narrows a role, or deletes it,
// means those who are logged in too. It is Vault's rule.
func (c *Call) renewalTerms(t *state.Token) (renewalTerms, error) {
	terms := renewalTerms{ttl: t.TTL, period: t.Period}
	if t.Path != loginPath {
		return terms, nil
	}
	r := c.view.AppRole(t.Meta["role_name"])
	if r == nil || r.Application != t.Application {
		return terms, saying(ErrTokenNotRenewable, "the role of the login does not exist any more; the token cannot be renewed")
	}
	terms.most, terms.period = r.MaxTTL, r.Period
	if r.TTL != 0 {
		terms.ttl = r.TTL
	}
	return terms, nil
}
