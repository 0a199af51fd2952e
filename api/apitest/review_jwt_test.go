package apitest_test

import (
	"net/url"
	"path/filepath"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
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

// With little space left for the log HTTP Basic is a stranger's way in, like a login:
// it is refused before the credentials are looked at, and spends nothing. Tokens work.
func TestBasicOnAnAlmostFullDisk(t *testing.T) {
	mount := tmpfs(t, "48m")
	n := apitest.New(t, apitest.AuditDir(filepath.Join(mount, "audit")))
	mintable(n, "acme", "ES256", object{})
	n.Policy("client", `path "jwt/introspect/acme" { capabilities = ["update"] }
path "jwt/revocation/acme" { capabilities = ["update"] }`)
	m := newMachine(t, n, "web", object{"token_policies": "client", "secret_id_num_uses": 3})
	token := issue(n, "user:1")
	for _, path := range []string{"jwt/introspect/acme", "jwt/revocation/acme"} {
		for _, shown := range [][]string{basic(m.roleID, m.secretID), basic(m.roleID, "wrong"), basic("nobody", "wrong")} {
			r := posted(n, path, "", url.Values{"token": {token}}, shown...)
			if r.Status != 503 || r.Code() != "audit_unavailable" || r.Text("error") != "temporarily_unavailable" || r.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %s", path, r)
			}
		}
		data(t, "the secret id", n.Post(roleAt+"web/secret-id/lookup", n.Root(), object{"secret_id": m.secretID}), map[string]string{"secret_id_num_uses": "3"})
	}
	if r := posted(n, "jwt/introspect/acme", n.Root(), url.Values{"token": {token}}); r.Status != 200 || r.At("active") != true {
		t.Errorf("introspection with a token: %s", r)
	}
	if r := posted(n, "jwt/revocation/acme", n.Root(), url.Values{"token": {token}}); r.Status != 200 || reasonOf(t, n, token) != "revoked" {
		t.Errorf("revocation with a token: %s", r)
	}
}

// A token under a key that was given up is invalid already, which is a success for a
// client that revokes it, whosever it is, and nothing is recorded in the state (RFC
// 7009, section 2.2).
func TestAClientRevokesATokenOfACompromisedKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	n.Policy("client", `path "jwt/revocation/acme" { capabilities = ["update"] }
path "jwt/sign/acme/access" { capabilities = ["update"] }`)
	n.Must("identity/applications/web", object{"owner": "team"})
	m := newMachine(t, n, "web", object{"token_policies": "client", "application": "web"})
	sign := func() string {
		return wantStatus(t, n.Post("jwt/sign/acme/access", m.token(t, n), object{"sub": "user:1", "aud": "api://orders"}), 200).Text("data", "token")
	}
	mine, others := sign(), issue(n, "user:1")
	_, kids := versionsOf(n, "acme")
	n.Must("jwt/compromise/acme", object{"kid": kids[1]})
	for name, token := range map[string]string{"one's own": mine, "another's": others} {
		r := posted(n, "jwt/revocation/acme", "", url.Values{"token": {token}}, basic(m.roleID, m.secretID)...)
		if r.Status != 200 || len(r.Body) != 0 || reasonOf(t, n, token) != "key_compromised" {
			t.Errorf("%s: %s", name, r)
		}
		for _, rec := range records(t, n, ofRequest(r)) {
			if rec.Type == audit.TypeIntent {
				t.Errorf("%s: a command for a token that nobody accepts", name)
			}
		}
	}
	after := sign() // under the key that took over
	if r := posted(n, "jwt/revocation/acme", "", url.Values{"token": {after}}, basic(m.roleID, m.secretID)...); r.Status != 200 || reasonOf(t, n, after) != "revoked" {
		t.Errorf("a token of the next key: %s", r)
	}
}
