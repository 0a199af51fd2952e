package apitest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// An issuer's key is for its tokens alone: every verb of transit is refused, to
// root too, but reading and listing. The walk is over the table, so that a verb
// that is added later is refused as well, or this fails.
func TestTransitRefusesTheKeysOfIssuers(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	for name, alg := range map[string]string{"ec": "ES256", "rsa": "RS256", "mac": "HS256"} {
		newIssuer(t, n, name, object{"alg": alg, "deletion_allowed": true})
	}
	before := map[string]apitest.Reply{}
	for _, name := range []string{"ec", "rsa", "mac"} {
		before[name] = n.Get("jwt/issuers/"+name, n.Root())
	}
	body := object{
		"input": "aGk=", "plaintext": "aGk=", "ciphertext": "vault:v1:AAAA", "signature": "vault:v1:AAAA", "type": "ed25519",
		"min_available_version": 1, "deletion_allowed": true,
	}
	walked := 0
	for _, route := range routeTable(t) {
		if !strings.HasPrefix(route.pattern, "{mount}/") || !strings.Contains(route.pattern, "{name}") {
			continue
		}
		for _, method := range route.methods {
			for name := range before {
				path := route.fill("{name}", name, "{kind}", "signing-key")
				r := n.Do(method, path, n.Root(), body)
				if strings.HasSuffix(path, "/state") { // a path of ours, which takes nothing that it does not know
					r = n.Do(method, path, n.Root(), object{"version": 1, "state": "suspended"})
				}
				switch {
				case strings.Contains(path, "/export/") || strings.Contains(path, "/backup/"):
					wantError(t, r, 400, "export_refused")
				case method == "GET":
					if wantStatus(t, r, 200); r.Text("data", "issuer") != name {
						t.Errorf("%s %s: %s", method, path, r)
					}
				default:
					walked++
					if r.Status != 400 || r.Code() != "key_bound_to_issuer" {
						t.Errorf("%s %s: %s", method, path, r)
					}
				}
			}
		}
	}
	if walked < 70 {
		t.Errorf("%d requests were refused: the walk shows little", walked)
	}
	for _, query := range []string{"?grace=0", "?grace=30d"} {
		wantError(t, n.Do("DELETE", "transit/keys/ec"+query, n.Root(), nil), 400, "key_bound_to_issuer")
	}
	batch := object{"batch_input": []object{{"input": "aGk="}, {"input": "aGk="}}}
	wantError(t, n.Post("transit/sign/ec", n.Root(), batch), 400, "key_bound_to_issuer")
	for name, was := range before {
		if r := n.Get("jwt/issuers/"+name, n.Root()); string(fmt.Sprint(r.At("data"))) != fmt.Sprint(was.At("data")) {
			t.Errorf("%s after %s", r, was)
		}
	}
	if names := strs(n.Do("LIST", "transit/keys", n.Root(), nil), "data", "keys"); fmt.Sprint(names) != "[ec mac rsa]" {
		t.Errorf("keys %v", names)
	}
	// A transit key has no issuer, and goes on as ever.
	n.Must("transit/keys/web", object{"type": "ed25519"})
	if r := n.Get("transit/keys/web", n.Root()); strings.Contains(string(r.Body), "issuer") {
		t.Errorf("%s", r)
	}
	n.Must("transit/sign/web", object{"input": "aGk="})
}
