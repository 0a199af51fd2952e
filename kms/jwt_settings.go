package kms

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/state"
)

// What an issuer may be set to.
const (
	defaultAlg    = "ES256"
	defaultMaxAge = 5 * time.Minute
	defaultLeeway = 30 * time.Second

	minMaxAge = time.Second
	maxMaxAge = 24 * time.Hour
	maxLeeway = time.Minute
	maxLead   = 90 * 24 * time.Hour
	maxPeriod = 10 * 365 * 24 * time.Hour

	maxIssuerURL = 1024 // bytes
)

// suite is what one algorithm of JOSE signs with.
type suite struct {
	alg  string
	keys []state.KeyType // the first by default
	size int             // bytes of an hmac key, which are its hash's (RFC 7518, section 3.2)
}

// suites lists the algorithms that an issuer may have.
func suites() []suite {
	rsa := []state.KeyType{state.RSA2048, state.RSA3072, state.RSA4096}
	return []suite{
		{"ES256", []state.KeyType{state.ECDSAP256}, 0},
		{"ES384", []state.KeyType{state.ECDSAP384}, 0},
		{"ES512", []state.KeyType{state.ECDSAP521}, 0},
		{"RS256", rsa, 0}, {"RS384", rsa, 0}, {"RS512", rsa, 0},
		{"PS256", rsa, 0}, {"PS384", rsa, 0}, {"PS512", rsa, 0},
		{"EdDSA", []state.KeyType{state.Ed25519}, 0},
		{"Ed25519", []state.KeyType{state.Ed25519}, 0},
		{"HS256", []state.KeyType{state.HMAC}, 32},
		{"HS384", []state.KeyType{state.HMAC}, 48},
		{"HS512", []state.KeyType{state.HMAC}, 64},
	}
}

// suiteOf finds an algorithm and the type of key for it; typ "" is the default.
func suiteOf(alg, typ string) (suite, state.KeyType, error) {
	var names []string
	for _, s := range suites() {
		if s.alg != alg {
			names = append(names, s.alg)
			continue
		}
		switch {
		case typ == "":
			return s, s.keys[0], nil
		case slices.Contains(s.keys, state.KeyType(typ)):
			return s, state.KeyType(typ), nil
		}
		return s, "", saying(ErrUnknownKeyType, "'key_type' of an issuer with alg %s is one of %v, not %s", alg, s.keys, state.Quote(typ))
	}
	return suite{}, "", saying(ErrBadRequest, "'alg' is one of %s", strings.Join(names, ", "))
}

// settings are what can be changed of an issuer, in seconds.
type settings struct {
	maxAge, leeway, lead, period int64
	jwksURI                      string
}

// apply changes what r says, and checks the whole.
func (s *settings) apply(r *IssuerRequest) error {
	led := s.lead == 2*s.maxAge // nobody chose the lead, or they chose what nobody would have to
	for _, f := range []struct {
		name string
		from *time.Duration
		to   *int64
	}{{"jwks_max_age", r.MaxAge, &s.maxAge}, {"leeway", r.Leeway, &s.leeway}, {"rotation.lead_time", r.Lead, &s.lead}, {"rotation.period", r.Period, &s.period}} {
		if f.from == nil {
			continue
		}
		if *f.from < 0 || *f.from%time.Second != 0 {
			return saying(ErrBadRequest, "'%s' is in whole seconds", f.name)
		}
		*f.to = int64(*f.from / time.Second)
	}
	if r.Lead == nil && led {
		s.lead = max(s.lead, 2*s.maxAge)
	}
	if r.JWKSURI != nil {
		s.jwksURI = *r.JWKSURI
	}
	return s.check()
}

func (s *settings) check() error {
	between := func(n int64, low, high time.Duration) bool {
		return n >= int64(low/time.Second) && n <= int64(high/time.Second)
	}
	switch {
	case !between(s.maxAge, minMaxAge, maxMaxAge):
		return saying(ErrBadRequest, "'jwks_max_age' is 1 s to 24 h")
	case !between(s.leeway, 0, maxLeeway):
		return saying(ErrBadRequest, "'leeway' is 0 to 60 s")
	case s.lead < 2*s.maxAge:
		return saying(ErrBadRequest, "'rotation.lead_time' is at least twice jwks_max_age, %d s: verifiers must have seen a key before it signs", 2*s.maxAge)
	case !between(s.lead, 0, maxLead):
		return saying(ErrBadRequest, "'rotation.lead_time' is at most 90 days")
	case s.period != 0 && s.period < s.lead+s.maxAge:
		return saying(ErrBadRequest, "'rotation.period' is 0 for never, or at least lead_time and jwks_max_age together, %d s: one rotation ends before the next begins", s.lead+s.maxAge)
	case !between(s.period, 0, maxPeriod):
		return saying(ErrBadRequest, "'rotation.period' is at most 10 years")
	case s.jwksURI != "":
		return checkWebURL("jwks_uri", s.jwksURI, true)
	}
	return nil
}

// checkWebURL checks a URL that verifiers compare byte for byte, or fetch keys
// from: https, or http for a loopback host, with one spelling (RFC 8414, section
// 2). Errors: ErrBadRequest.
func checkWebURL(field, text string, query bool) error {
	bad := func(why string) error { return saying(ErrBadRequest, "'%s' %s", field, why) }
	if gate.LooksSecret(text) {
		return bad("holds what looks like a token or a share, and is shown to everybody")
	}
	if len(text) > maxIssuerURL {
		return bad(fmt.Sprintf("is at most %d bytes", maxIssuerURL))
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return bad("holds a character that no URL has; write it as %XX")
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.String() != text:
		return bad("is not a URL in its one spelling, such as https://issuer.example/path")
	case u.User != nil || strings.Contains(text, "#") || !query && strings.Contains(text, "?"):
		return bad("has no user, no fragment, and no query where it is an issuer")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return bad("begins with https://; http:// is for a loopback host alone")
	case u.Hostname() == "" || u.Host != strings.ToLower(u.Host):
		return bad("has a host, in lower case")
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(u.Path, "/"), "/") {
		if segment == "." || segment == ".." {
			return bad(`has no "." or ".." in its path`)
		}
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
