package jose

import (
	"errors"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzBuild sends odd claims, subjects and scopes to one profile; what is built is
// judged by the reference.
func FuzzBuild(f *testing.F) {
	for _, claims := range []string{
		``, `{}`, `{"role":"clerk"}`, `{"sub":"x"}`, `{"\u0073ub":"x"}`, `{"role":1,"Role":2}`, `{"a":{"b":[1e400,-0]}}`, `{"a":1,"a":2}`, `{"a":"\ud800"}`,
		`{"a":1}}`, `{"rôle":1}`, ` { "x" : 9007199254740993 , "y" : [ ] } `, `{"role":"{{application.name}}"}`, `{"":1}`, `{"a\u0000":1}`, `{"x":1e999999999}`,
	} {
		f.Add(claims, "user:1", "r")
	}
	f.Add(`{}`, "user:1\n", "r  w")
	f.Add(`{}`, `"`, "r r")
	p := &Profile{Subject: "^user:", Scopes: []string{"r", "w"}, Claims: ClaimRules{
		Forced: Forced{"tenant": jsontext.Value(`"{{application.metadata.tenant}}"`)}, Forbidden: []string{"admin"}, Schema: jsontext.Value(oddSchema),
	}}
	strict := *p
	strict.Claims.Allowed = []string{"role", "rôle", "x", "y"}
	f.Fuzz(func(t *testing.T, claims, sub, scope string) {
		for _, p := range []*Profile{p, &strict} {
			q := &Request{Subject: sub, Audience: []string{"a"}, Scope: scope, Claims: []byte(claims)}
			got, err := rules(t, p).Build(q, facts())
			if err != nil {
				var refused *ClaimError
				if !errors.As(err, &refused) || plainOneLine(err.Error()) != nil {
					t.Fatalf("%q", err)
				}
				continue
			}
			if err := judge(p, q, facts(), got); err != nil {
				t.Fatalf("%v\n%s", err, got.Payload)
			}
			if err := acceptsItself(got, facts()); err != nil {
				t.Fatalf("%v\n%s", err, got.Payload)
			}
		}
	})
}

// FuzzParseClaims compares what is accepted with the reference: one reading, and
// the same for both.
func FuzzParseClaims(f *testing.F) {
	for _, payload := range []string{
		head + tail + `}`, `{"exp":1}`, `{"exp":1.5e9,"aud":["a" , "b"],"scope":"r w"}`, `{"exp":1,"\u0065xp":2}`, `{"exp":"1"}`, `{"exp":1,"aud":[]}`,
		` {"exp":1 , "x":{"y":[{}]}} `, `{"exp":-0}`, `{"exp":1e400}`, `{"exp":1}}`, `{"exp":1,"sub":"\ud83d\ude00"}`, `{"exp":9007199254740992}`, "{\"exp\":1,\"\xff\":1}",
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw := slices.Clone(payload)
		c, err := ParseClaims(payload)
		if err != nil {
			if c != nil || !errors.Is(err, ErrClaims) {
				t.Fatalf("%+v, %v", c, err)
			}
			return
		}
		list, err := entries(payload)
		if err != nil {
			t.Fatalf("the reference refuses: %v", err)
		}
		if !slices.Equal(raw, payload) || !slices.Equal(c.Raw, raw) {
			t.Fatal("the payload changed")
		}
		texts := map[string]string{"iss": c.Issuer, "sub": c.Subject, "jti": c.JTI, "client_id": c.ClientID, "scope": c.Scope}
		for _, e := range list {
			if want, ours := texts[e.name]; ours {
				if value(e.raw) != want {
					t.Fatalf("%s: %q, %s", e.name, want, e.raw)
				}
				delete(texts, e.name)
			}
		}
		for name, text := range texts {
			if text != "" {
				t.Fatalf("%s is %q, and not there", name, text)
			}
		}
		if !c.Expires.Set() || c.Expires.Unix() < 0 || c.Expires.Unix() > MaxDate || c.Audience != nil && len(c.Audience) == 0 {
			t.Fatalf("%+v", c)
		}
		c.Check(&Demand{Issuer: c.Issuer, Scope: c.Scope})
	})
}

// FuzzCompileProfile compiles odd profiles, builds a token with those that
// compile, and looks that their JSON is canonical.
func FuzzCompileProfile(f *testing.F) {
	for _, text := range []string{
		`{}`, wholeProfile, `{"claims":{"allowed":[]}}`, `{"claims":{"forced":{"a":"{{application.name}}"}}}`, `{"subject":"(a|b)*c{3}"}`,
		`{"claims":{"schema":{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#"}}}}}}`, `{"claims":{"schema":` + laughs(3) + `}}`,
		`{"claims":{"schema":{"not":{"patternProperties":{"^a":{"multipleOf":0.1,"format":"uuid"}}},"if":true,"then":{"contains":{"const":1}}}}}`,
		`{"claims":{"schema":{"unevaluatedProperties":false,"dependentSchemas":{"a":{"minProperties":1}},"dependentRequired":{"a":["b"]}}}}`,
		`{"claims":{"schema":{"propertyNames":{"pattern":"x"},"prefixItems":[true],"minContains":1,"uniqueItems":true}}}`,
	} {
		f.Add([]byte(text), []byte(`{"role":"clerk","a":[1,{"b":"x"}],"n":1e300}`))
	}
	f.Fuzz(func(t *testing.T, text, claims []byte) {
		p, err := ParseProfile(text)
		if err != nil {
			return
		}
		first, err := p.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseProfile(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.Canonical(); err != nil || string(first) != string(second) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
		r, err := p.Compile()
		if err != nil {
			var fault *ProfileError
			if !errors.As(err, &fault) || plainOneLine(err.Error()) != nil {
				t.Fatalf("%q", err)
			}
			return
		}
		got, err := r.Build(&Request{Subject: "user:1", Claims: claims}, facts())
		if err != nil {
			var refused *ClaimError
			if !errors.As(err, &refused) || plainOneLine(err.Error()) != nil {
				t.Fatalf("%q", err)
			}
			return
		}
		if err := acceptsItself(got, facts()); err != nil {
			t.Fatalf("%v\n%s", err, got.Payload)
		}
	})
}
