package kms

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// Whoever is refused a lifetime, a number, an audience or a scope is told which one
// of them it was.
func TestRefusalsNameTheValue(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"audience":["api://orders"],"subject":"^user:","scopes":["orders:read"]}`)
	sign := func(edit func(r *JWTRequest)) error {
		req := subject("user:1")
		edit(&req)
		_, err := n.jwt("acme", req)
		return err
	}
	span, number := func(d time.Duration) *time.Duration { return &d }, func(n int64) *int64 { return &n }
	set := func(r IssuerRequest) error {
		s := settings{maxAge: 300, leeway: 30, lead: 600}
		return s.apply(&r)
	}
	role := func(c AppRoleChange) error { return c.applyLimits(&state.AppRole{}) }
	secretID := func(q SecretIDRequest) error { return q.check(&state.AppRole{SecretUses: 3, SecretTTL: 60}) }
	tokenRole := func(c TokenRoleChange) error { return c.applyLimits(&state.TokenRole{}) }
	quota := func(q Quota) error {
		q.Name = "q"
		return q.check()
	}
	for want, err := range map[string]error{
		`allows: "api://other"`:                                 sign(func(r *JWTRequest) { r.Audience = []string{"api://orders", "api://other"} }),
		`"https://api.example.com/orders/v2"`:                   sign(func(r *JWTRequest) { r.Audience = []string{"https://api.example.com/orders/v2"} }),
		`grants: "orders:write"`:                                sign(func(r *JWTRequest) { r.Scope = "orders:read orders:write" }),
		"must be 1 to 3600 seconds, not 24h0m":                  sign(func(r *JWTRequest) { r.TTL = span(24 * time.Hour) }),
		"must be 1 to 3600 seconds, not 0s":                     sign(func(r *JWTRequest) { r.TTL = span(0) }),
		"whole seconds, not 1.5s":                               sign(func(r *JWTRequest) { r.TTL = span(1500 * time.Millisecond) }),
		"whole seconds, not 250ms":                              sign(func(r *JWTRequest) { r.NotBefore = 250 * time.Millisecond }),
		"seconds from now, not 1m0s":                            sign(func(r *JWTRequest) { r.NotBefore = time.Minute }),
		"'leeway' is 0 to 60 s, not 2m0s":                       set(IssuerRequest{Leeway: span(2 * time.Minute)}),
		"whole seconds and not negative, not 1":                 set(IssuerRequest{Leeway: span(time.Millisecond)}),
		"'jwks_max_age' is 1 s to 24 h, not 0s":                 set(IssuerRequest{MaxAge: span(0)}),
		"600 s, not 1m0s":                                       set(IssuerRequest{Lead: span(time.Minute)}),
		"90 days, not 2400h":                                    set(IssuerRequest{Lead: span(2400 * time.Hour)}),
		"900 s, not 10m0s":                                      set(IssuerRequest{Period: span(10 * time.Minute)}),
		"10 years, not 876000h":                                 set(IssuerRequest{Period: span(876000 * time.Hour)}),
		"token_ttl is between 0 and 876000h, not -1s":           role(AppRoleChange{TTL: span(-time.Second)}),
		"token_num_uses is between 0, which is no limit":        role(AppRoleChange{Uses: number(-2)}),
		"is more than":                                          role(AppRoleChange{TTL: span(time.Hour), MaxTTL: span(time.Minute)}),
		"token_period is at most 768h0m0s, not 800h":            role(AppRoleChange{Period: span(800 * time.Hour)}),
		"secret_id_num_uses, 3; 0 is no limit, and 4 was asked": secretID(SecretIDRequest{Uses: number(4)}),
		"secret_id_ttl, 1m0s; 0 does not end, and 2m0s was":     secretID(SecretIDRequest{TTL: span(2 * time.Minute)}),
		"876000h, not -3s":                                      secretID(SecretIDRequest{TTL: span(-3 * time.Second)}),
		"2147483648, not -4":                                    secretID(SecretIDRequest{Uses: number(-4)}),
		"token_period is between 0 and 876000h, not -5s":        tokenRole(TokenRoleChange{Period: span(-5 * time.Second)}),
		"not -6":                      tokenRole(TokenRoleChange{Uses: number(-6)}),
		"not 4294967296":              (&TokenRequest{Uses: 1 << 32}).check(nil),
		"not 876001h":                 (&TokenRequest{ExplicitMax: 876001 * time.Hour}).check(nil),
		"not -7s, 0s and 0s":          (&TokenRequest{TTL: -7 * time.Second}).check(nil),
		"at most 100 years, not 5m0s": checkAutoRotate(5 * time.Minute),
		"not 2e+15":                   quota(Quota{Rate: 2e15, Interval: time.Second}),
		"1 ms to 24 h, not 48h":       quota(Quota{Rate: 1, Interval: 48 * time.Hour}),
		"0 to 24 h, not 25h":          quota(Quota{Rate: 1, Interval: time.Second, Block: 25 * time.Hour}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %s", err, want)
		}
	}
	if err := sign(func(r *JWTRequest) { s := "root"; r.Subject = &s }); err == nil || strings.Contains(err.Error(), "root") {
		t.Errorf("%v: a subject names a person, and is not repeated", err)
	}
}

// What may be a secret in the wrong place is not repeated.
func TestQuoteTargetHidesSecrets(t *testing.T) {
	for value, shown := range map[string]bool{
		"api://orders": true, "orders:read": true, "https://api.example.com/a/long/path/of/it": true,
		"sgt.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA":                         false,
		"https://user:" + "secret-password@api.example.com":                       false,
		"https://api.example.com/?token=0123456789abcdef":                         false,
		"https://api.example.com/sgt.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": false,
		"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOjEifQ.AAAA":                        false,
		"api://" + strings.Repeat("a", 200):                                       false,
	} {
		if got := quoteTarget(value); strings.Contains(got, value) != shown {
			t.Errorf("%s is shown as %s", value, got)
		}
	}
	if got := quoteTarget("api://\x1b[2J"); strings.Contains(got, "\x1b") {
		t.Errorf("%q moves the cursor", got)
	}
}
