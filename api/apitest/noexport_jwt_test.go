package apitest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// No endpoint about issuers answers a private key or a shared secret: every route
// of the table that names an issuer is called with every method, for issuers of
// every sort of key, and so are their public documents.
func TestNoIssuerEndpointAnswersAPrivateKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys(), apitest.Durability("os"))
	algs := []string{"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA", "Ed25519", "HS256", "HS384", "HS512"}
	tokens := map[string]string{}
	for _, alg := range algs {
		newIssuer(t, n, "i-"+strings.ToLower(alg), object{"alg": alg, "deletion_allowed": true})
	}
	names := strs(n.Do("LIST", "jwt/issuers", n.Root(), nil), "data", "keys")
	if len(names) != len(algs) {
		t.Fatalf("issuers %v", names)
	}
	for _, name := range names {
		n.Must("jwt/issuers/"+name+"/profiles/access", object{})
		tokens[name] = n.Must("jwt/sign/"+name+"/access", object{"sub": "user:1", "aud": []string{"api"}}).Text("data", "token")
	}
	scanner := keyScanner(t, n)
	answered := map[string]bool{}
	look := func(method, path string, r apitest.Reply) {
		for _, what := range append(scanner.Find(r.Body), privateForms(r.Body)...) {
			t.Errorf("%s %s answers %s", method, path, what)
		}
	}
	for _, route := range routeTable(t) {
		if !strings.Contains(route.pattern, "{issuer}") {
			continue
		}
		for _, method := range route.methods {
			for _, name := range names {
				path := route.fill("{issuer}", name)
				body, headers := issuerBody(t, n, route.pattern, name, tokens[name]), []string(nil)
				if _, form := body.(string); form {
					headers = []string{"Content-Type", formType}
				}
				if route.auth == "gateway" { // who asks about somebody else's token
					headers = []string{"Authorization", "Bearer " + tokens[name]}
				}
				r := n.Do(method, path, n.Root(), body, headers...)
				if look(method, path, r); r.Status < 300 {
					answered[route.pattern+" "+method] = true
				}
				if method == "DELETE" { // what comes later needs it again
					n.Post("jwt/issuers/"+name+"/undelete", n.Root(), nil)
					n.Must("jwt/issuers/"+name+"/profiles/access", object{})
				}
			}
			if !answered[route.pattern+" "+method] {
				t.Errorf("%s %s was never answered with success: the walk shows nothing there", method, route.pattern)
			}
		}
	}
	for _, name := range names {
		for _, path := range documentPaths(name) {
			look("GET", path, wantStatus(t, n.Get(path, ""), 200))
		}
	}
}

// issuerBody is a body that a route about an issuer can work with.
func issuerBody(t *testing.T, n *apitest.Node, pattern, name, token string) any {
	t.Helper()
	switch pattern {
	case "jwt/issuers/{issuer}":
		return object{"leeway": 20}
	case "jwt/issuers/{issuer}/undelete":
		wantStatus(t, n.Do("DELETE", "jwt/issuers/"+name, n.Root(), nil), 204)
		return nil
	case "jwt/issuers/{issuer}/profiles", "jwt/issuers/{issuer}/profiles/{profile}":
		return object{}
	case "jwt/sign/{issuer}/{profile}":
		return object{"sub": "user:1", "aud": []string{"api"}}
	case "jwt/revoke/{issuer}":
		return object{"jti": "some"}
	case "jwt/introspect/{issuer}", "jwt/revocation/{issuer}":
		return "token=" + token
	case "jwt/decrypt/{issuer}":
		n.Post("transit/keys/nested", n.Root(), object{"type": "rsa-2048"})
		nested := object{"encrypt": object{"transit_key": "nested", "alg": "RSA-OAEP-256", "enc": "A128GCM"}}
		n.Must("jwt/issuers/"+name+"/profiles/nested", nested)
		return object{"token": n.Must("jwt/sign/"+name+"/nested", object{"sub": "user:1", "aud": []string{"api"}}).Text("data", "token")}
	case "jwt/verify/{issuer}":
		return object{"token": token}
	case "jwt/authorize/{issuer}":
		return nil
	}
	if body, known := rotationBody(n, pattern, name); known {
		return body
	}
	t.Fatalf("no body is known for %s: add one here", pattern)
	return nil
}

// rotationBody is a body for the routes about the versions of an issuer's key,
// which are brought to where the route has something to do.
func rotationBody(n *apitest.Node, pattern, name string) (body any, known bool) {
	issuer := n.Get("jwt/issuers/"+name, n.Root())
	var active, last map[string]any
	for i := 0; versionOf(issuer, i) != nil; i++ {
		if last = versionOf(issuer, i); last["state"] == "active" {
			active = last
		}
	}
	switch pattern {
	case "jwt/issuers/{issuer}/state":
		if active == nil {
			return object{"kid": last["kid"], "state": "active"}, true
		}
		return object{"kid": active["kid"], "state": "suspended"}, true
	case "jwt/rotate/{issuer}":
		n.Post("jwt/rotation/"+name+"/cancel", n.Root(), nil)
		return nil, true
	case "jwt/rotation/{issuer}":
		return nil, true
	case "jwt/rotation/{issuer}/cancel":
		n.Post("jwt/rotate/"+name, n.Root(), nil)
		return nil, true
	case "jwt/compromise/{issuer}":
		return object{"kid": active["kid"]}, true
	}
	return nil, false
}

// A JWK with any member of a private or symmetric key is found, whatever holds it.
func TestPrivateMembersOfAJWKAreFound(t *testing.T) {
	t.Parallel()
	for _, member := range privateMembers() {
		if len(privateForms([]byte(`{"data":{"keys":[{"kty":"RSA","`+member+`":"AQ"}]}}`))) == 0 {
			t.Errorf("%s is not found", member)
		}
	}
	if found := privateForms([]byte(`{"keys":[{"kty":"EC","x":"AQ","y":"AQ","n":"AQ","e":"AQ","kid":"k"}]}`)); len(found) > 0 {
		t.Errorf("%v in a public key", found)
	}
	if !slices.Contains(privateMembers(), "priv") {
		t.Error("AKP keys have their private half in priv (RFC 9964)")
	}
}
