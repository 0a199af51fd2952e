package jose

import "testing"

func BenchmarkBuild(b *testing.B) {
	bench := func(name, profile, claims string) {
		b.Run(name, func(b *testing.B) {
			r := rules(b, parsedProfile(b, profile))
			q, f := request(), facts()
			q.Claims, q.Scope = []byte(claims), "orders:read"
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Build(q, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	const start = `{"audience":["api://orders"],"subject":"^user:","scopes":["orders:read","orders:write"],"audit_claims":["sub"],"claims":{"forced":{"tenant":"{{application.metadata.tenant}}"},`
	bench("typical", start+`"allowed":["role"],"forbidden":["admin"]}}`, `{"role":"clerk"}`)
	bench("ten claims", start+`"forbidden":["admin"]}}`, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":"xxxxxxxxxxxxxxxx","g":[1,2,3],"h":{"i":1},"j":true,"k":null}`)
	bench("schema", start+`"schema":{"required":["role"],"properties":{"role":{"enum":["clerk","boss"]}}}}}`, `{"role":"clerk"}`)
}

func BenchmarkParseClaims(b *testing.B) {
	payload := []byte(head + `,"scope":"orders:read"` + tail + `,"tenant":"t-1","role":"clerk"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseClaims(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	c := parsed(b, head+`,"scope":"orders:read"`+tail+`}`)
	d := &Demand{Issuer: "https://acme.example", Audience: "api://orders", Scope: "orders:read", MaxAge: 600, Leeway: 30, Now: 1790000100}
	b.ReportAllocs()
	for b.Loop() {
		if c.Check(d) != ReasonNone {
			b.Fatal("refused")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	p := parsedProfile(b, wholeProfile)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Compile(); err != nil {
			b.Fatal(err)
		}
	}
}
