package jose

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// Profiles of one typ are told apart by what they force and allow.
func TestATokenFitsItsOwnProfile(t *testing.T) {
	compile := func(p Profile) *Rules {
		t.Helper()
		r, err := p.Compile()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	access := Profile{Audience: []string{"api://orders"}, Subject: "^user:", Scopes: []string{"read"}}
	admin := Profile{Audience: []string{"api://orders"}, Claims: ClaimRules{Forced: Forced{"admin": jsontext.Value("true")}}}
	tenant := Profile{Claims: ClaimRules{Forced: Forced{"tenant": jsontext.Value(`"{{application.metadata.tenant}}"`)}}}
	build := func(p Profile, q Request) *Claims {
		t.Helper()
		q.HasSubject, q.Subject = true, "user:1"
		out, err := compile(p).Build(&q, &Facts{Issuer: "https://i", Now: 1000, JTI: "j", ClientID: "c", Metadata: map[string]string{"tenant": "blue"}, Application: "web"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseClaims(out.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	plain := build(access, Request{Scope: "read"})
	for name, c := range map[string]struct {
		profile Profile
		claims  *Claims
		want    bool
	}{
		"its own":              {access, plain, true},
		"forced claim missing": {admin, plain, false},
		"forced claim there":   {admin, build(admin, Request{}), true},
		"sent by a caller":     {admin, build(Profile{Audience: admin.Audience}, Request{Claims: []byte(`{"admin":false}`)}), false},
		"another audience":     {Profile{Audience: []string{"api://other"}}, plain, false},
		"no audience":          {Profile{Audience: []string{"api://other"}, Typ: "JWT"}, build(Profile{Typ: "JWT"}, Request{}), false},
		"another scope":        {Profile{Audience: access.Audience}, plain, false},
		"another subject":      {Profile{Audience: access.Audience, Scopes: access.Scopes, Subject: "^root"}, plain, false},
		"a template":           {tenant, build(tenant, Request{Audience: []string{"a"}}), true},
		"no template's claim":  {tenant, plain, false},
	} {
		if got := compile(c.profile).Fits(c.claims); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
