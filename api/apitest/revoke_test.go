package apitest_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

const formType = "application/x-www-form-urlencoded"

// posted sends a form as a client of OAuth does.
func posted(n *apitest.Node, path, token string, form url.Values, headers ...string) apitest.Reply {
	return n.Do("POST", path, token, form.Encode(), append([]string{"Content-Type", formType}, headers...)...)
}

func basic(id, secret string) []string {
	text := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(text))}
}

func issue(n *apitest.Node, sub string) string {
	return n.Must("jwt/sign/acme/access", object{"sub": sub, "aud": "api://orders"}).Text("data", "token")
}

// reasonOf is why a token of acme is not active; "" if it is.
func reasonOf(t *testing.T, n *apitest.Node, token string) string {
	t.Helper()
	r := n.Must("jwt/verify/acme", object{"token": token})
	reason := r.Text("data", "reason")
	if (reason == "") != (r.At("data", "active") == true) {
		t.Fatal(r)
	}
	return reason
}

const inactive = `{"active":false}` + "\n"

// REV-02, REV-03 and attack 21: what is revoked is refused from the next request on,
// and after a restart, a kill at once after the answer, and from a snapshot.
func TestRevokedTokensStayRevoked(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	mintable(n, "acme", "ES256", object{"max_ttl": "2h"})
	var revoked []string
	kept := issue(n, "user:0")
	check := func(when string) {
		t.Helper()
		for _, token := range revoked {
			if r := reasonOf(t, n, token); r != "revoked" {
				t.Errorf("%s: a revoked token is %q", when, r)
			}
			if r := posted(n, "jwt/introspect/acme", n.Root(), url.Values{"token": {token}}); string(r.Body) != inactive {
				t.Errorf("%s: %s", when, r)
			}
		}
		if r := reasonOf(t, n, kept); r != "" {
			t.Errorf("%s: a token that nobody revoked is %s", when, r)
		}
	}
	one, two, three := issue(n, "user:1"), issue(n, "user:2"), issue(n, "user:3")
	revoked = []string{one}
	r := n.Must("jwt/revoke/acme", object{"token": one})
	if until, err := time.Parse(time.RFC3339, r.Text("data", "kept_until")); err != nil || time.Until(until) < 15*time.Minute || r.Text("data", "effective") != "everywhere" || r.Text("data", "jti") == "" {
		t.Error(r)
	}
	check("at once")
	n.Must("jwt/revoke/acme", object{"sub": "user:2"})
	n.Kill()
	n.Start()
	n.Unseal()
	revoked = append(revoked, two)
	check("after a kill")
	if r := n.Must("jwt/revoke/acme", object{"batch_input": []object{{"token": three, "reference": "a"}, {"token": "x", "reference": "b"}}}); r.Text("data", "batch_results", "0", "reference") == "b" {
		t.Error(r)
	}
	n.Restart()
	n.Unseal()
	revoked = append(revoked, three)
	check("after a restart")
	for i := range 600 { // enough that the stop makes a snapshot
		n.Must("jwt/revoke/acme", object{"jti": "j" + strings.Repeat("x", i)})
	}
	n.Restart()
	n.Unseal()
	check("from a snapshot")
	fresh := issue(n, "user:2")
	if r := reasonOf(t, n, fresh); r != "" {
		t.Errorf("a token of after the cut-off is %s", r)
	}
}

// Attack 22: a revocation at one issuer is none at another, and not at a later one of
// the same name.
func TestRevocationsBelongToOneIssuer(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	mintable(n, "other", "ES256", object{})
	token := issue(n, "user:1")
	jti := n.Must("jwt/verify/acme", object{"token": token}).Text("data", "claims", "jti")
	n.Must("jwt/revoke/other", object{"jti": jti})
	n.Must("jwt/revoke/other", object{"sub": "user:1"})
	wantError(t, n.Post("jwt/revoke/other", n.Root(), object{"token": token}), 400, "bad_request")
	if r := posted(n, "jwt/revocation/other", n.Root(), url.Values{"token": {token}}); r.Status != 200 {
		t.Error(r)
	}
	if r := reasonOf(t, n, token); r != "" {
		t.Fatalf("a token is %s by another issuer's revocation", r)
	}
	n.Must("jwt/revoke/acme", object{"sub": "user:1"})
	n.Must("jwt/issuers/acme", object{"deletion_allowed": true})
	wantStatus(t, n.Do("DELETE", "jwt/issuers/acme?grace=0", n.Root(), nil), 204)
	eventually(t, "the issuer is destroyed", func() bool {
		return n.Do("PUT", "jwt/issuers/acme", n.Root(), object{"issuer": "https://acme.example"}).Status == 200
	})
	n.Must("jwt/issuers/acme/profiles/access", object{})
	if r := reasonOf(t, n, issue(n, "user:1")); r != "" {
		t.Fatalf("a later issuer of the same name starts with revocations: %s", r)
	}
}

// 64 at once on one token of one use, and the process killed under them, again and
// again: nobody is told twice that a token is active.
func TestNoKillGivesASecondUse(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	mintable(n, "acme", "ES256", object{})
	var first, unknown int
	for round := range 4 {
		token := issue(n, "user:1")
		var active, done atomic.Int64
		var wg sync.WaitGroup
		ask := func() {
			r, err := n.Send("POST", "jwt/verify/acme", n.Root(), object{"token": token, "single_use": true})
			done.Add(1)
			switch {
			case err != nil || r.Status != 200:
			case r.At("data", "active") == true:
				active.Add(1)
			case r.Text("data", "reason") != "replayed":
				t.Error(r)
			}
		}
		for range 64 {
			wg.Go(ask)
		}
		if round > 0 {
			time.Sleep(time.Duration(round) * 3 * time.Millisecond)
			n.Kill()
		}
		wg.Wait()
		if round > 0 {
			n.Start()
			n.Unseal()
		}
		for range 3 {
			ask()
		}
		switch active.Load() {
		case 0: // the first died with its answer
			unknown++
		case 1:
			first++
		default:
			t.Errorf("round %d: %d were told that the token is active", round, active.Load())
		}
		if round == 0 && active.Load() != 1 {
			t.Errorf("%d of 64 were told that the token is active", active.Load())
		}
	}
	t.Logf("%d tokens were used, of %d nobody knows", first, unknown)
}

// INT-01 to INT-05, line by line.
func TestIntrospectionByTheRFC(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{"scopes": []string{"orders:read"}})
	mintable(n, "other", "ES256", object{})
	const path = "jwt/introspect/acme"
	token := n.Must("jwt/sign/acme/access", object{"sub": "user:1", "aud": "api://orders", "scope": "orders:read"}).Text("data", "token")
	ask := func(form url.Values, headers ...string) apitest.Reply {
		return posted(n, path, n.Root(), form, headers...)
	}

	// INT-01: POST, a form, token required, hint ignored, never in the URL.
	for _, method := range []string{"GET", "PUT", "DELETE", "HEAD"} {
		if r := n.Do(method, path+"?token="+token, n.Root(), nil); r.Status != 405 || r.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %s", method, r)
		}
	}
	for typ, status := range map[string]int{"application/json": 415, "": 415, "text/plain": 415, "multipart/form-data; boundary=x": 415, formType + "; charset=utf-8": 200, "APPLICATION/X-WWW-FORM-URLENCODED": 200} {
		r := n.Do("POST", path, n.Root(), "token="+token, "Content-Type", typ)
		if r.Status != status || status != 200 && r.Text("error") != "invalid_request" {
			t.Errorf("%q: %s", typ, r)
		}
	}
	for body, status := range map[string]int{
		"": 400, "token=": 400, "x=1": 400, "token=" + token + "&token=" + token: 400, "token=%zz": 400,
		"token=" + token + "&token_type_hint=refresh_token&unknown=1": 200, "token=x&token_type_hint=access_token": 200,
	} {
		if r := n.Do("POST", path, n.Root(), body, "Content-Type", formType); r.Status != status || status == 400 && r.Text("error") != "invalid_request" {
			t.Errorf("%.30q: %s", body, r)
		}
	}
	if r := n.Do("POST", path+"?token="+token, n.Root(), "", "Content-Type", formType); r.Status != 400 {
		t.Errorf("a token in the URL was taken: %s", r)
	}
	if r := n.Do("POST", path, n.Root(), "token="+strings.Repeat("a", 1<<20), "Content-Type", formType); r.Status != 413 {
		t.Error(r)
	}

	// INT-02: the caller is authenticated.
	for name, headers := range map[string][]string{
		"nobody": nil, "a wrong token": {"Authorization", "Bearer sgt.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "not base64": {"Authorization", "Basic %"},
		"wrong credentials": basic("a", "b"), "another scheme": {"Authorization", "Digest x"},
	} {
		r := posted(n, path, "", url.Values{"token": {token}}, headers...)
		if r.Status != 401 || r.Text("error") != "invalid_client" || len(r.Header["Www-Authenticate"]) != 2 || r.At("error_description") != nil {
			t.Errorf("%s: %s", name, r)
		}
	}
	powerless := n.Allow("elsewhere", "jwt/introspect/other", "update")
	if r := posted(n, path, powerless, url.Values{"token": {token}}); r.Status != 403 || r.Text("error") != "access_denied" {
		t.Error(r)
	}
	n.Policy("rs", `path "jwt/introspect/acme" { capabilities = ["update"] }`)
	m := newMachine(t, n, "orders", object{"token_policies": "rs"})
	for name, r := range map[string]apitest.Reply{
		"bearer": posted(n, path, "", url.Values{"token": {token}}, "Authorization", "bearer "+n.Root()),
		"basic":  posted(n, path, "", url.Values{"token": {token}}, basic(m.roleID, m.secretID)...),
	} {
		if r.Status != 200 || r.At("active") != true {
			t.Errorf("%s: %s", name, r)
		}
	}
	if r := posted(n, path, "", url.Values{"token": {token}}, basic(m.roleID, m.secretID+"x")...); r.Status != 401 {
		t.Error(r)
	}

	// INT-03: inactive says nothing else, whatever the cause.
	expired := n.Must("jwt/sign/acme/access", object{"sub": "user:1", "aud": "api://orders", "ttl": 1}).Text("data", "token")
	foreign := n.Must("jwt/sign/other/access", object{"sub": "user:1", "aud": "api://orders"}).Text("data", "token")
	revoked := issue(n, "user:9")
	n.Must("jwt/revoke/acme", object{"token": revoked})
	n.Must("jwt/issuers/acme", object{"leeway": 0})
	time.Sleep(2100 * time.Millisecond)
	for name, text := range map[string]string{
		"expired": expired, "revoked": revoked, "another issuer's": foreign, "malformed": "x", "cut": token[:len(token)-4], "ours": n.Root(),
		"unsigned": token[:strings.LastIndexByte(token, '.')+1],
	} {
		if r := ask(url.Values{"token": {text}}); r.Status != 200 || string(r.Body) != inactive {
			t.Errorf("%s: %s", name, r)
		}
	}
	if r := ask(url.Values{"token": {token}, "audience": {"api://other"}}); string(r.Body) != inactive {
		t.Errorf("another audience: %s", r)
	}
	if r := ask(url.Values{"token": {token}}, "Accept", "application/token-introspection+jwt"); r.Header.Get("Content-Type") != "application/json" {
		t.Error(r)
	}

	// INT-04 and INT-05: the members of an active one, which nobody caches.
	r := ask(url.Values{"token": {token}})
	for member, want := range map[string]any{
		"active": true, "token_type": "Bearer", "sub": "user:1", "iss": "https://acme.example", "scope": "orders:read",
	} {
		if r.At(member) != want {
			t.Errorf("%s is %v in %s", member, r.At(member), r)
		}
	}
	for _, member := range []string{"aud", "client_id", "exp", "iat", "jti"} {
		if r.At(member) == nil {
			t.Errorf("no %s in %s", member, r)
		}
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Content-Type") != "application/json" || r.At("data") != nil || r.At("reason") != nil {
		t.Errorf("%v %s", r.Header, r)
	}
}

// REV-01 to REV-03, line by line.
func TestRevocationByTheRFC(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	n.Policy("client", `path "jwt/revocation/acme" { capabilities = ["update"] }
path "jwt/sign/acme/access" { capabilities = ["update"] }`)
	n.Must("identity/applications/web", object{"owner": "team"})
	m := newMachine(t, n, "web", object{"token_policies": "client", "application": "web"})
	const path = "jwt/revocation/acme"
	other := issue(n, "user:1")
	mine := wantStatus(t, n.Post("jwt/sign/acme/access", m.token(t, n), object{"sub": "user:1", "aud": "api://orders"}), 200).Text("data", "token")
	send := func(token string, headers ...string) apitest.Reply {
		return posted(n, path, "", url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}, append(basic(m.roleID, m.secretID), headers...)...)
	}
	if r := n.Get(path, n.Root()); r.Status != 405 {
		t.Error(r)
	}
	if r := n.Do("POST", path, n.Root(), `{"token":"x"}`, "Content-Type", "application/json"); r.Status != 415 {
		t.Error(r)
	}
	if r := posted(n, path, "", url.Values{"token": {mine}}); r.Status != 401 || r.Text("error") != "invalid_client" {
		t.Error(r)
	}
	if r := posted(n, path, n.Root(), url.Values{}); r.Status != 400 || r.Text("error") != "invalid_request" {
		t.Error(r)
	}
	if r := send(other); r.Status != 400 || r.Text("error") != "unauthorized_client" || r.Code() != "wrong_client" {
		t.Errorf("another client's token: %s", r)
	}
	if reasonOf(t, n, other) != "" {
		t.Fatal("another client revoked the token")
	}
	for _, nothing := range []string{"x", mine[:len(mine)-4], n.Root()} {
		if r := send(nothing); r.Status != 200 || len(r.Body) != 0 {
			t.Errorf("an unknown token: %s", r)
		}
	}
	for range 2 { // idempotent
		if r := send(mine); r.Status != 200 || len(r.Body) != 0 || reasonOf(t, n, mine) != "revoked" {
			t.Errorf("one's own token: %s", r)
		}
	}
	if r := posted(n, path, n.Root(), url.Values{"token": {other}}); r.Status != 200 || reasonOf(t, n, other) != "revoked" {
		t.Errorf("an operator: %s", r)
	}
	made := records(t, n, func(r audit.Parsed) bool { return r.Operation == "jwt/revocation" && r.Type == audit.TypeIntent })
	if len(made) != 2 {
		t.Errorf("%d commands for two tokens that were revoked", len(made))
	}
	n.Must("identity/applications/web/block", object{"reason": "a test"})
	if r := send(mine); r.Status != 403 {
		t.Errorf("a blocked application: %s", r)
	}
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	if r := send(mine); r.Status != 503 || r.Header.Get("Retry-After") == "" || r.Text("error") != "temporarily_unavailable" {
		t.Errorf("a sealed node: %s", r)
	}
	n.Unseal()
}
