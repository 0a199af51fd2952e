package jose

import (
	"testing"
)

func facts() *Facts {
	return &Facts{
		Issuer: "https://acme.example", Now: 1790000000, JTI: "AAECAwQFBgcICQoLDA0ODw", ClientID: "web",
		Application: "web", Owner: "team-orders",
		Metadata:      map[string]string{"tenant": "t-1", "odd": `a"b\c{{application.name}}`, "empty": ""},
		TokenMetadata: map[string]string{"env": "prod"},
	}
}

func rules(t testing.TB, p *Profile) *Rules {
	t.Helper()
	r, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func request() *Request {
	return &Request{Subject: "user:1", HasSubject: true, Audience: []string{"api://orders"}}
}

func TestSmoke(t *testing.T) {
	i, err := rules(t, &Profile{}).Build(request(), facts())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", i.Payload)
	c, err := ParseClaims(i.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Check(&Demand{Issuer: "https://acme.example", Now: 1790000000}); r != "" {
		t.Fatal(r)
	}
}
