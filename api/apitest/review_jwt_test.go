package apitest_test

import (
	"net/url"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// A token in the place of a jti is refused, revokes nothing in silence, and is in no
// record.
func TestATokenInPlaceOfAJTI(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	token := n.Must("jwt/sign/acme/access", object{"sub": "user:1", "aud": "a"}).Text("data", "token")
	for _, body := range []object{{"jti": token}, {"batch_input": []object{{"jti": token}}}} {
		r := n.Post("jwt/revoke/acme", n.Root(), body)
		if body["jti"] != nil {
			wantText(t, wantError(t, r, 400, "bad_request"), "'token'")
		}
		for _, rec := range records(t, n, ofRequest(r)) {
			if rec.JTI == token {
				t.Errorf("the record of %v has the token", body)
			}
			for _, h := range rec.Hashes {
				if h.JTI == token {
					t.Error("an item of the record has the token")
				}
			}
		}
	}
}

// The metadata of a forced claim is what the login gave, not what the bearer of it
// writes into a child token.
func TestForcedClaimsAreNotOfTheCallersChoice(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{"claims": object{"forced": object{"tenant": "{{token.metadata.tenant}}"}}})
	n.Policy("app", `path "jwt/sign/acme/access" { capabilities = ["update"] }
path "auth/token/create" { capabilities = ["update"] }`)
	n.Must("identity/applications/web", object{"policies": []string{"app"}})
	n.Must("auth/approle/role/web", object{"application": "web"})
	role := n.Get("auth/approle/role/web/role-id", n.Root()).Text("data", "role_id")
	secret := n.Must("auth/approle/role/web/secret-id", object{"metadata": `{"tenant":"good"}`}).Text("data", "secret_id")
	login := n.Post("auth/approle/login", "", object{"role_id": role, "secret_id": secret}).Text("auth", "client_token")
	ask := object{"sub": "user:1", "aud": "a"}
	good := wantStatus(t, n.Post("jwt/sign/acme/access", login, ask), 200).Text("data", "token")
	if r := n.Must("jwt/verify/acme", object{"token": good}); r.Text("data", "claims", "tenant") != "good" {
		t.Errorf("%s", r)
	}
	child := wantStatus(t, n.Post("auth/token/create", login, object{"meta": object{"tenant": "EVIL"}, "policies": []string{"app"}}), 200).Text("auth", "client_token")
	wantError(t, n.Post("jwt/sign/acme/access", child, ask), 400, "claim_not_allowed")

	// What the application had is not good while it is blocked, and is afterwards.
	n.Must("identity/applications/web/block", object{"reason": "test"})
	if r := n.Must("jwt/verify/acme", object{"token": good}); r.Text("data", "reason") != "revoked" {
		t.Errorf("a token of a blocked application: %s", r)
	}
	n.Must("identity/applications/web/unblock", nil)
	if r := n.Must("jwt/verify/acme", object{"token": good, "single_use": true}); r.At("data", "active") != true {
		t.Errorf("after the block: %s", r)
	}
	// And what was spent is spent for everybody.
	if r := n.Must("jwt/verify/acme", object{"token": good}); r.Text("data", "reason") != "replayed" {
		t.Errorf("a spent token: %s", r)
	}
	if r := posted(n, "jwt/introspect/acme", n.Root(), url.Values{"token": {good}}); r.At("active") != false {
		t.Errorf("introspection of a spent token: %s", r)
	}
}

// Who demands a profile gets tokens of it, and not of another with the same typ.
func TestAProfileIsMoreThanItsType(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{"audience": []string{"api://orders"}})
	n.Must("jwt/issuers/acme/profiles/admin", object{"audience": []string{"api://orders"}, "claims": object{"forced": object{"admin": true}}})
	plain := n.Must("jwt/sign/acme/access", object{"sub": "user:1"}).Text("data", "token")
	admin := n.Must("jwt/sign/acme/admin", object{"sub": "user:1"}).Text("data", "token")
	for _, c := range []struct{ token, profile, reason string }{{plain, "access", ""}, {plain, "admin", "wrong_type"}, {admin, "admin", ""}} {
		if r := n.Must("jwt/verify/acme", object{"token": c.token, "profile": c.profile}); r.Text("data", "reason") != c.reason {
			t.Errorf("profile %s: %s, want reason %q", c.profile, r, c.reason)
		}
	}
}

// HTTP Basic goes by the addresses that a login's token would be bound to.
func TestBasicGoesByTheAddressesOfTokens(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	n.Policy("rs", `path "jwt/introspect/acme" { capabilities = ["update"] }`)
	for role, status := range map[string]int{"10.0.0.0/8": 401, "127.0.0.0/8": 200} {
		name := map[int]string{401: "far", 200: "near"}[status]
		n.Must("auth/approle/role/"+name, object{"token_policies": "rs", "token_bound_cidrs": role})
		id := n.Get("auth/approle/role/"+name+"/role-id", n.Root()).Text("data", "role_id")
		secret := n.Must("auth/approle/role/"+name+"/secret-id", nil).Text("data", "secret_id")
		r := posted(n, "jwt/introspect/acme", "", url.Values{"token": {"x"}}, basic(id, secret)...)
		wantStatus(t, r, status)
	}
}
