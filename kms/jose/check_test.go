package jose

import (
	"slices"
	"testing"
)

func parsed(t testing.TB, payload string) *Claims {
	t.Helper()
	c, err := ParseClaims([]byte(payload))
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return c
}

func TestCheck(t *testing.T) {
	const now = 1000
	all := `{"iss":"i","aud":["a","b"],"scope":"r w","iat":900,"nbf":950,"exp":1100}`
	base := Demand{Issuer: "i", Now: now}
	with := func(change func(*Demand)) Demand {
		d := base
		change(&d)
		return d
	}
	for _, c := range []struct {
		name    string
		payload string
		d       Demand
		want    Reason
	}{
		{"valid", all, base, ReasonNone},
		{"another issuer", all, with(func(d *Demand) { d.Issuer = "I" }), ReasonWrongIssuer},
		{"issuer with a slash more", all, with(func(d *Demand) { d.Issuer = "i/" }), ReasonWrongIssuer},
		{"no issuer in the token", `{"exp":1100}`, base, ReasonWrongIssuer},
		{"no issuer demanded", `{"exp":1100}`, with(func(d *Demand) { d.Issuer = "" }), ReasonWrongIssuer},
		{"one of two audiences", all, with(func(d *Demand) { d.Audience = "b" }), ReasonNone},
		{"audience as a string", `{"iss":"i","aud":"b","exp":1100}`, with(func(d *Demand) { d.Audience = "b" }), ReasonNone},
		{"audience in another case", all, with(func(d *Demand) { d.Audience = "B" }), ReasonWrongAudience},
		{"part of an audience", `{"iss":"i","aud":"ab","exp":1100}`, with(func(d *Demand) { d.Audience = "a" }), ReasonWrongAudience},
		{"no audience in the token", `{"iss":"i","exp":1100}`, with(func(d *Demand) { d.Audience = "a" }), ReasonWrongAudience},
		{"a second before exp", all, with(func(d *Demand) { d.Now = 1099 }), ReasonNone},
		{"at exp", all, with(func(d *Demand) { d.Now = 1100 }), ReasonExpired},
		{"at exp within the leeway", all, with(func(d *Demand) { d.Now, d.Leeway = 1129, 30 }), ReasonNone},
		{"at exp and leeway", all, with(func(d *Demand) { d.Now, d.Leeway = 1130, 30 }), ReasonExpired},
		{"leeway beyond the limit", all, with(func(d *Demand) { d.Now, d.Leeway = 1160, 1<<40 }), ReasonExpired},
		{"leeway at the limit", all, with(func(d *Demand) { d.Now, d.Leeway = 1159, 1<<40 }), ReasonNone},
		{"negative leeway", all, with(func(d *Demand) { d.Now, d.Leeway = 1099, -50 }), ReasonNone},
		{"fraction of exp not over", `{"iss":"i","exp":1000.5}`, base, ReasonNone},
		{"fraction of exp over", `{"iss":"i","exp":999.5}`, base, ReasonExpired},
		{"at nbf", `{"iss":"i","nbf":1000,"exp":1100}`, base, ReasonNone},
		{"before nbf", `{"iss":"i","nbf":1001,"exp":1100}`, base, ReasonNotYetValid},
		{"before a fraction of nbf", `{"iss":"i","nbf":1000.1,"exp":1100}`, base, ReasonNotYetValid},
		{"before nbf within the leeway", `{"iss":"i","nbf":1030,"exp":1100}`, with(func(d *Demand) { d.Leeway = 30 }), ReasonNone},
		{"before nbf beyond the leeway", `{"iss":"i","nbf":1031,"exp":1100}`, with(func(d *Demand) { d.Leeway = 30 }), ReasonNotYetValid},
		{"issued in the future", `{"iss":"i","iat":1001,"exp":1100}`, base, ReasonNotYetValid},
		{"issued in the future within the leeway", `{"iss":"i","iat":1030,"exp":1100}`, with(func(d *Demand) { d.Leeway = 30 }), ReasonNone},
		{"as old as may be", all, with(func(d *Demand) { d.MaxAge = 100 }), ReasonNone},
		{"older", all, with(func(d *Demand) { d.MaxAge = 99 }), ReasonExpired},
		{"older within the leeway", all, with(func(d *Demand) { d.MaxAge, d.Leeway = 99, 1 }), ReasonNone},
		{"age unknown", `{"iss":"i","exp":1100}`, with(func(d *Demand) { d.MaxAge = 99 }), ReasonExpired},
		{"age unknown, any will do", `{"iss":"i","exp":1100}`, with(func(d *Demand) { d.MaxAge = 1<<63 - 1 }), ReasonExpired},
		{"negative age", all, with(func(d *Demand) { d.MaxAge = -1 }), ReasonExpired},
		{"any age", all, with(func(d *Demand) { d.MaxAge = 1<<63 - 1 }), ReasonNone},
		{"scope", all, with(func(d *Demand) { d.Scope = "w" }), ReasonNone},
		{"scopes in another order", all, with(func(d *Demand) { d.Scope = "w r" }), ReasonNone},
		{"scopes with spaces", all, with(func(d *Demand) { d.Scope = "  w  r " }), ReasonNone},
		{"one scope of two", all, with(func(d *Demand) { d.Scope = "r x" }), ReasonInsufficientScope},
		{"scope in another case", all, with(func(d *Demand) { d.Scope = "R" }), ReasonInsufficientScope},
		{"part of a scope", `{"iss":"i","scope":"orders:read","exp":1100}`, with(func(d *Demand) { d.Scope = "orders" }), ReasonInsufficientScope},
		{"no scope in the token", `{"iss":"i","exp":1100}`, with(func(d *Demand) { d.Scope = "r" }), ReasonInsufficientScope},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parsed(t, c.payload).Check(&c.d); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestCheckTellsTheFirstReason takes one fault after the other away.
func TestCheckTellsTheFirstReason(t *testing.T) {
	d := &Demand{Issuer: "x", Audience: "x", Scope: "x", Now: 1000}
	for _, step := range []struct {
		payload string
		want    Reason
	}{
		{`{"exp":1,"nbf":9999}`, ReasonWrongIssuer},
		{`{"iss":"x","exp":1,"nbf":9999}`, ReasonWrongAudience},
		{`{"iss":"x","aud":"x","exp":1,"nbf":9999}`, ReasonExpired},
		{`{"iss":"x","aud":"x","exp":1001,"nbf":9999}`, ReasonNotYetValid},
		{`{"iss":"x","aud":"x","exp":1001,"nbf":1000}`, ReasonInsufficientScope},
		{`{"iss":"x","aud":"x","exp":1001,"nbf":1000,"scope":"x"}`, ReasonNone},
	} {
		if got := parsed(t, step.payload).Check(d); got != step.want {
			t.Errorf("%s: %q, want %q", step.payload, got, step.want)
		}
	}
	order := Reasons()
	if len(order) != 12 || slices.Contains(order, ReasonNone) || !slices.IsSortedFunc([]Reason{
		ReasonWrongIssuer, ReasonWrongAudience, ReasonExpired, ReasonNotYetValid, ReasonRevoked, ReasonKeyCompromised, ReasonInsufficientScope,
	}, func(a, b Reason) int { return slices.Index(order, a) - slices.Index(order, b) }) {
		t.Errorf("order of the reasons: %q", order)
	}
}

// The halves of Check leave room for what comes between them.
func TestStandingAndScopeAreCheck(t *testing.T) {
	c := parsed(t, `{"iss":"x","aud":"x","exp":1001,"scope":"r"}`)
	d := &Demand{Issuer: "x", Scope: "w", Now: 1000}
	if got := c.Standing(d); got != ReasonNone {
		t.Errorf("standing: %q", got)
	}
	if c.HasScope("w") || !c.HasScope("r") || !c.HasScope("") {
		t.Error("scope")
	}
}

// Claims that were never parsed are never good.
func TestZeroClaimsAreRefused(t *testing.T) {
	for _, d := range []Demand{{}, {Now: 1}, {Issuer: "i", Now: 1}} {
		if got := (&Claims{}).Check(&d); got == ReasonNone {
			t.Errorf("%+v", d)
		}
	}
	if got := (&Claims{Issuer: "i"}).Check(&Demand{Issuer: "i", Now: -1}); got != ReasonExpired {
		t.Errorf("without exp: %q", got)
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	c := parsed(t, `{"iss":"i","aud":["a","b"],"scope":"r w x","iat":900,"nbf":950,"exp":1100}`)
	d := &Demand{Issuer: "i", Audience: "b", Scope: "w r", MaxAge: 1000, Leeway: 30, Now: 1000}
	if n := testing.AllocsPerRun(100, func() {
		if c.Check(d) != ReasonNone {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
