package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestDocumentRoutesArePublicAndOutsideOfV1(t *testing.T) {
	want := []string{"/issuers/{issuer}/jwks.json", "/issuers/{issuer}/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/issuers/{issuer}"}
	routes := documentRoutes()
	if len(routes) != len(want) {
		t.Fatalf("%d documents: a new public route is a decision", len(routes))
	}
	for i, r := range routes {
		if r.pattern != want[i] || r.methods != "GET HEAD OPTIONS" || r.body != 0 || r.auth != public || r.timeout != quick || !strings.HasSuffix(r.doc, ".") {
			t.Errorf("%+v", r)
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	const tag = `"abc"`
	for line, want := range map[string]bool{
		`"abc"`: true, `W/"abc"`: true, `*`: true, `"x", "abc"`: true, `"x",,W/"abc"`: true, `"a,b","abc"`: true,
		``: false, `abc`: false, `"ab"`: false, `"abcd"`: false, `"abc`: false, `w/"abc"`: false, `"x" "abc"`: false, `x, "abc"`: false, `*, "x"`: false, `""`: false,
	} {
		if holds([]string{line}, tag) != want {
			t.Errorf("%q: want %v", line, want)
		}
	}
	if !holds([]string{`"x"`, tag}, tag) || holds(nil, tag) {
		t.Error("several lines, or none")
	}
}

func FuzzIfNoneMatch(f *testing.F) {
	for _, seed := range []string{`"abc"`, `W/"abc"`, `*`, `"x", "abc"`, `"x",,W/"abc"`, `"abc`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		const tag = `"abc"`
		if holds([]string{line}, tag) && strings.Trim(line, " \t") != "*" && !strings.Contains(line, tag) {
			t.Errorf("%q names the tag", line)
		}
		if !strings.Contains(line, `"`) && !holds([]string{line + `, "abc"`}, tag) && strings.Trim(line, " \t,") == "" {
			t.Errorf("%q hides the tag", line)
		}
	})
}

// BenchmarkJWKS is the whole way of a document without the network.
func BenchmarkJWKS(b *testing.B) {
	s := newServer(b)
	do(s, "PUT", "/v1/jwt/issuers/acme", rootToken, `{"issuer":"https://acme.example"}`)
	if w := do(s, "GET", "/issuers/acme/jwks.json", "", ""); w.Code != http.StatusOK {
		b.Fatal(w.Code, w.Body)
	}
	b.ReportAllocs()
	for b.Loop() {
		do(s, "GET", "/issuers/acme/jwks.json", "", "")
	}
}
