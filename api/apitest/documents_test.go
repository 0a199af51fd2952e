package apitest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// documentPaths are the public documents of an issuer.
func documentPaths(issuer string) []string {
	base := "/issuers/" + issuer
	return []string{base + "/jwks.json", base + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + base}
}

func TestPublicDocuments(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	made := newIssuer(t, n, "acme", object{"issuer": "https://signet.example/issuers/acme", "jwks_max_age": "2m"})
	kid := fmt.Sprint(versionOf(made, 0)["kid"])
	types := []string{"application/jwk-set+json", "application/json", "application/json"}
	for i, path := range documentPaths("acme") {
		for _, method := range []string{"GET", "HEAD"} {
			r := wantStatus(t, n.Do(method, path, "", nil), 200)
			for name, want := range map[string]string{
				"Content-Type": types[i], "Cache-Control": "public, max-age=120", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q", method, path, name, got)
				}
			}
			if tag := r.Header.Get("ETag"); len(tag) < 40 || tag[0] != '"' {
				t.Errorf("%s: entity tag %s", path, tag)
			}
			if (method == "HEAD") != (len(r.Body) == 0) || r.Header.Get("Content-Length") == "" {
				t.Errorf("%s %s: %d bytes, of %s", method, path, len(r.Body), r.Header.Get("Content-Length"))
			}
		}
		// The token of a request is nobody's business here, and a bad one no obstacle.
		wantStatus(t, n.Get(path, "sgt.nonsense"), 200)
		wantError(t, n.Do("POST", path, n.Root(), object{}), 405, "method_not_allowed")
		wantError(t, n.Do("DELETE", path, n.Root(), nil), 405, "method_not_allowed")
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(n.Get(documentPaths("acme")[0], "").Body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v %v", set, err)
	}
	if k := set.Keys[0]; k["kid"] != kid || k["alg"] != "ES256" || k["use"] != "sig" || k["kty"] != "EC" || k["crv"] != "P-256" || len(k["x"]) != 43 || len(k["y"]) != 43 || len(k) != 7 {
		t.Errorf("%v", k)
	}
	jwks := `"jwks_uri":"https://signet.example/issuers/acme/jwks.json","response_types_supported":["none"]`
	for i, want := range []string{
		`{"id_token_signing_alg_values_supported":["ES256"],"issuer":"https://signet.example/issuers/acme",` + jwks + `,"subject_types_supported":["public"]}`,
		`{"issuer":"https://signet.example/issuers/acme",` + jwks + `}`,
	} {
		if got := string(n.Get(documentPaths("acme")[i+1], "").Body); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	n.Must("jwt/issuers/acme", object{"jwks_uri": "https://cdn.example/keys"})
	if got := n.Get(documentPaths("acme")[1], ""); got.Text("jwks_uri") != "https://cdn.example/keys" {
		t.Errorf("%s", got)
	}
	for _, path := range slices.Concat(documentPaths("none"), []string{"/issuers/acme", "/issuers", "/issuers/acme/jwks", "/.well-known/openid-configuration", "/issuers/acme/.well-known/other"}) {
		if r := n.Get(path, ""); r.Status != 404 || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s, cache %q", path, r, r.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/issuers/%61cme/jwks.json", "/issuers/acme/../acme/jwks.json", "/issuers/-a/jwks.json"} {
		wantError(t, n.Get(path, ""), 400, "bad_path")
	}
	if recs := records(t, n, func(r audit.Parsed) bool {
		return strings.Contains(r.Path, "jwks.json") && r.Outcome == audit.OutcomeOK
	}); len(recs) != 0 {
		t.Errorf("%d records of what everybody may read", len(recs))
	}
}

// The documents are for every origin; nothing else is for any.
func TestOnlyPublicDocumentsAreForOtherOrigins(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	preflight := []string{"Origin", "https://app.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "if-none-match"}
	for _, path := range documentPaths("acme") {
		r := wantStatus(t, n.Do("OPTIONS", path, "", nil, preflight...), 204)
		if r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD" || r.Header.Get("Access-Control-Allow-Headers") != "If-None-Match" {
			t.Errorf("%s: %v", path, r.Header)
		}
		if r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials are asked for", path)
		}
	}
	for _, route := range routeTable(t) {
		path := route.fill("{name}", "web", "{kind}", "signing-key")
		for _, method := range []string{"OPTIONS", route.methods[0]} {
			if path == "sys/seal" {
				continue
			}
			r := n.Do(method, path, "", nil, preflight...)
			for name := range r.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s", method, path, name)
				}
			}
		}
	}
}

func TestDocumentsThatDidNotChangeAreNotSent(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	for _, path := range documentPaths("acme") {
		tag := n.Get(path, "").Header.Get("ETag")
		for value, want := range map[string]int{
			tag: 304, "W/" + tag: 304, "*": 304, `"other", ` + tag: 304, `"other",W/"x" ,` + tag + `, "y"`: 304, `"a,b", ` + tag: 304, " " + tag + " ": 304,
			`"other"`: 200, "": 200, strings.Trim(tag, `"`): 200, tag[:len(tag)-1]: 200, `"x` + tag: 200, "w/" + tag: 200, `"x" ` + tag: 200, "**": 200,
		} {
			r := n.Do("GET", path, "", nil, "If-None-Match", value)
			if r.Status != want || (want == 304) != (len(r.Body) == 0) || r.Header.Get("ETag") != tag || r.Header.Get("Cache-Control") == "no-store" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s with %q: %s %v", path, value, r, r.Header)
			}
		}
		wantStatus(t, n.Do("HEAD", path, "", nil, "If-None-Match", tag), 304)
		wantStatus(t, n.Do("GET", path, "", nil, "If-None-Match", `"x"`, "If-None-Match", tag), 304)
	}
	// Another age or profile is no other set of keys.
	tag := n.Get(documentPaths("acme")[0], "").Header.Get("ETag")
	n.Must("jwt/issuers/acme", object{"jwks_max_age": 60})
	n.Must("jwt/issuers/acme/profiles/p", object{})
	if r := n.Get(documentPaths("acme")[0], ""); r.Header.Get("ETag") != tag || r.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("%v", r.Header)
	}
}

// A shared secret is nobody else's: its issuer publishes an empty set.
func TestSymmetricIssuersPublishNothing(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"), apitest.RecordKeys())
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		name := strings.ToLower(alg)
		newIssuer(t, n, name, object{"alg": alg})
		if r := n.Get(documentPaths(name)[0], ""); string(r.Body) != `{"keys":[]}` {
			t.Errorf("%s", r)
		}
	}
}

func TestASealedNodeServesNoDocuments(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	wantStatus(t, n.Post("sys/seal", n.Root(), nil), 204)
	for _, name := range []string{"acme", "none"} { // what there is, a sealed node does not tell
		for _, path := range documentPaths(name) {
			r := wantError(t, n.Get(path, ""), http.StatusServiceUnavailable, "sealed")
			if r.Header.Get("Retry-After") == "" || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v", r.Header)
			}
		}
	}
	n.Unseal()
	wantStatus(t, n.Get(documentPaths("acme")[0], ""), 200)
}
