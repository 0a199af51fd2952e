package jose

import "slices"

// MaxLeeway is the most that clocks may differ, in seconds.
const MaxLeeway = 60

// Demand is what a verifier asks of claims.
type Demand struct {
	Issuer   string // iss must be this, byte for byte; empty matches no token
	Audience string // must be in aud, byte for byte; empty asks nothing
	Scope    string // scopes with spaces between them, each of which the token must have; empty asks nothing
	MaxAge   int64  // seconds since iat at most; 0 asks nothing, and less is never met
	Leeway   int64  // seconds that the issuer's clock may differ; more than MaxLeeway counts as MaxLeeway, less than 0 as 0
	Now      int64  // seconds since 1970
}

// Check returns the first reason, in the order of Reasons, that keeps the claims
// from what d demands, or ReasonNone. Signature, type of the token and revocation
// are the caller's: who checks revocation between the two halves, as the order of
// the reasons has it, calls Standing and HasScope instead.
func (c *Claims) Check(d *Demand) Reason {
	if r := c.Standing(d); r != ReasonNone {
		return r
	}
	if !c.HasScope(d.Scope) {
		return ReasonInsufficientScope
	}
	return ReasonNone
}

// Standing checks issuer, audience and times. At the second of exp a token is
// expired, at the second of nbf it is valid (RFC 7519, sections 4.1.4 and 4.1.5).
// One that was issued in the future is not yet valid: it comes from a clock that
// differs by more than the leeway.
func (c *Claims) Standing(d *Demand) Reason {
	if d.Issuer == "" || c.Issuer != d.Issuer {
		return ReasonWrongIssuer
	}
	if d.Audience != "" && !slices.Contains(c.Audience, d.Audience) {
		return ReasonWrongAudience
	}
	leeway := min(max(d.Leeway, 0), MaxLeeway)
	early, late := d.Now-leeway, d.Now+leeway
	if !c.Expires.Set() || c.Expires.reached(early) {
		return ReasonExpired
	}
	if d.MaxAge != 0 && (d.MaxAge < 0 || !c.IssuedAt.Set() || early-c.IssuedAt.seconds > d.MaxAge) {
		return ReasonExpired
	}
	if c.NotBefore.Set() && !c.NotBefore.reached(late) {
		return ReasonNotYetValid
	}
	if c.IssuedAt.Set() && !c.IssuedAt.reached(late) {
		return ReasonNotYetValid
	}
	return ReasonNone
}

// HasScope says whether the token has every scope of a list with spaces between
// them. An empty list asks nothing.
func (c *Claims) HasScope(want string) bool {
	for want != "" {
		var one string
		if one, want = cutScope(want); one != "" && !scopeIn(c.Scope, one) {
			return false
		}
	}
	return true
}
