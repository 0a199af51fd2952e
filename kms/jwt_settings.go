package kms

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// What an issuer may be set to.
const (
	defaultAlg    = jose.ES256
	defaultMaxAge = 5 * time.Minute
	defaultLeeway = 30 * time.Second

	minMaxAge = time.Second
	maxMaxAge = 24 * time.Hour
	maxLeeway = time.Minute
	maxLead   = 90 * 24 * time.Hour
	maxPeriod = 10 * 365 * 24 * time.Hour

	maxIssuerURL = 1024 // bytes
)

// keyOf is the type and size of the key for an algorithm; asked "" is the default.
// Errors: ErrBadRequest, ErrUnknownKeyType.
func keyOf(alg jose.Alg, asked string) (typ state.KeyType, size int, err error) {
	if !alg.Known() {
		return "", 0, saying(ErrBadRequest, "'alg' is one of %v", jose.Algs())
	}
	switch alg.Kty() {
	case jose.KtyRSA:
		typ = state.RSA2048
	case jose.KtyOKP:
		typ = state.Ed25519
	case jose.KtyOct:
		typ = state.HMAC
	default:
		typ = map[jose.Alg]state.KeyType{jose.ES256: state.ECDSAP256, jose.ES384: state.ECDSAP384, jose.ES512: state.ECDSAP521}[alg]
	}
	if asked != "" {
		typ = state.KeyType(asked)
	}
	if keyring.CheckAlg(typ, alg) != nil {
		return "", 0, saying(ErrUnknownKeyType, "'key_type' %s does not fit the alg %s; leave it out, or for RSA say rsa-2048, rsa-3072 or rsa-4096", state.Quote(asked), alg)
	}
	return typ, alg.MinKeySize(), nil // an HMAC key is as long as its hash (RFC 7518, section 3.2)
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
			return saying(ErrBadRequest, "'%s' is in whole seconds and not negative, not %s", f.name, *f.from)
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
		return saying(ErrBadRequest, "'jwks_max_age' is 1 s to 24 h, not %s", inSeconds(s.maxAge))
	case !between(s.leeway, 0, maxLeeway):
		return saying(ErrBadRequest, "'leeway' is 0 to 60 s, not %s", inSeconds(s.leeway))
	case s.lead < 2*s.maxAge:
		return saying(ErrBadRequest, "'rotation.lead_time' is at least twice jwks_max_age, %d s, not %s: verifiers must have seen a key before it signs", 2*s.maxAge, inSeconds(s.lead))
	case !between(s.lead, 0, maxLead):
		return saying(ErrBadRequest, "'rotation.lead_time' is at most 90 days, not %s", inSeconds(s.lead))
	case s.period != 0 && s.period < s.lead+s.maxAge:
		return saying(ErrBadRequest, "'rotation.period' is 0 for never, or at least lead_time and jwks_max_age together, %d s, not %s: one rotation ends before the next begins", s.lead+s.maxAge, inSeconds(s.period))
	case !between(s.period, 0, maxPeriod):
		return saying(ErrBadRequest, "'rotation.period' is at most 10 years, not %s", inSeconds(s.period))
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
