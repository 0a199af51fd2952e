package apitest_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

func newToken(t *testing.T, n *apitest.Node, parent string, body object) apitest.Reply {
	t.Helper()
	return wantStatus(t, n.Post("auth/token/create", parent, body), 200)
}

func alive(n *apitest.Node, token string) bool {
	return n.Get("auth/token/lookup-self", token).Status == 200
}

// What lookup says of a token, by each of its three ways.
func TestLookupDescribesAToken(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("web", `path "transit/sign/web" { capabilities = ["update"] }`)
	auth := newToken(t, n, n.Root(), object{"policies": []string{"web"}, "ttl": "1h", "display_name": "ci job", "meta": object{"team": "a"}})
	token, accessor := auth.Text("auth", "client_token"), auth.Text("auth", "accessor")
	for what, r := range map[string]apitest.Reply{
		"self":      n.Get("auth/token/lookup-self", token),
		"token":     n.Post("auth/token/lookup", n.Root(), object{"token": token}),
		"accessor":  n.Post("auth/token/lookup-accessor", n.Root(), object{"accessor": accessor}),
		"self, PUT": n.Do("PUT", "auth/token/lookup-self", n.Root(), nil),
	} {
		wantStatus(t, r, 200)
		if what == "self, PUT" {
			if r.Text("data", "id") != n.Root() || number(t, r, "data", "ttl") != 0 || r.At("data", "expire_time") != nil || fmt.Sprint(strs(r, "data", "policies")) != "[root]" {
				t.Errorf("the root token: %s", r)
			}
			continue
		}
		if fmt.Sprint(strs(r, "data", "policies")) != "[default web]" || r.Text("data", "accessor") != accessor || r.Text("data", "display_name") != "token-ci-job" ||
			r.Text("data", "meta", "team") != "a" || r.Text("data", "path") != "auth/token/create" || r.Text("data", "type") != "service" || r.At("data", "orphan") != false || r.At("data", "renewable") != true {
			t.Errorf("%s: %s", what, r)
		}
		if left, ttl := number(t, r, "data", "ttl"), number(t, r, "data", "creation_ttl"); left > 3600 || left < 3500 || ttl != 3600 {
			t.Errorf("%s: ttl %d of %d", what, left, ttl)
		}
		expire, err := time.Parse(time.RFC3339Nano, r.Text("data", "expire_time"))
		if left := time.Until(expire); err != nil || left > time.Hour || left < 55*time.Minute {
			t.Errorf("%s: expire_time %v, %v", what, expire, err)
		}
		if id := r.Text("data", "id"); (id == token) == (what == "accessor") {
			t.Errorf("%s: only who has the token sees it: %s", what, r)
		}
	}
	for path, body := range map[string]object{
		"lookup": {"token": "nonsense"}, "lookup-accessor": {"accessor": "nonsense"}, "renew": {"token": "nonsense"}, "renew-accessor": {"accessor": ""},
		"revoke-accessor": {}, "revoke-orphan": {"token": "nonsense"},
	} {
		wantError(t, n.Post("auth/token/"+path, n.Root(), body), 403, "token_not_found")
	}
	wantStatus(t, n.Post("auth/token/revoke", n.Root(), object{"token": "nonsense"}), 204) // it is gone, as was asked
	bearer := n.Do("GET", "auth/token/lookup-self", "", nil, "Authorization", "Bearer "+token)
	wantStatus(t, bearer, 200)
	wantError(t, n.Do("GET", "auth/token/lookup-self", "", nil, "Authorization", "Basic "+token), 403, "invalid_token")
}

// A child has at most its parent's policies, unless the parent has sudo.
func TestAChildIsASubsetOfItsParent(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("maker", `path "auth/token/create" { capabilities = ["update"] }`)
	n.Policy("sudo-maker", `path "auth/token/create" { capabilities = ["update", "sudo"] }`)
	n.Policy("other", `path "transit/*" { capabilities = ["update"] }`)
	maker, sudo := n.NewToken("maker"), n.NewToken("sudo-maker")
	for _, policies := range []any{[]string{"maker"}, "default", []string{"default", "MAKER"}, nil, []string{}} {
		newToken(t, n, maker, object{"policies": policies})
	}
	r := wantError(t, n.Post("auth/token/create", maker, object{"policies": "other"}), 400, "bad_request")
	wantText(t, r, "child policies must be subset of parent")
	wantError(t, n.Post("auth/token/create", maker, object{"policies": []string{"maker", "other"}}), 400, "bad_request")
	wantError(t, n.Post("auth/token/create", maker, object{"policies": "other", "no_parent": true}), 403, "permission_denied")
	newToken(t, n, sudo, object{"policies": "other"})
	for _, name := range []string{"root", "Root", "ROOT", " root", "root\t", "rOOt "} {
		for _, caller := range []string{maker, sudo} {
			r := wantError(t, n.Post("auth/token/create", caller, object{"policies": []string{name}}), 400, "bad_request")
			wantText(t, r, "root")
		}
	}
	wantError(t, n.Post("auth/token/create-orphan", maker, object{}), 403, "permission_denied")
	if r := newToken(t, n, n.Root(), object{"no_default_policy": true, "policies": "other"}); fmt.Sprint(strs(r, "auth", "policies")) != "[other]" {
		t.Errorf("no default policy: %s", r)
	}
	bare := newToken(t, n, n.Root(), object{"policies": "maker", "no_default_policy": true}).Text("auth", "client_token")
	for _, policies := range []any{nil, "maker", []string{"maker"}} {
		r := n.Post("auth/token/create", bare, object{"policies": policies})
		if r.Status == 200 && fmt.Sprint(strs(r, "auth", "policies")) != "[maker]" {
			t.Errorf("the child of a token without the default policy has it: %s", r)
		}
	}
	if r := newToken(t, n, n.Root(), object{"policies": "other", "no_parent": true}); r.At("auth", "orphan") != true {
		t.Errorf("no parent: %s", r)
	}
	expiring := newToken(t, n, n.Root(), object{"policies": "root", "ttl": "1h"}).Text("auth", "client_token")
	wantError(t, n.Post("auth/token/create", expiring, object{"policies": "root"}), 400, "bad_request")
	for _, ttl := range []any{"9000000000", 9000000000, "2562047h"} { // 285 and 292 years
		r := n.Post("auth/token/create", n.Root(), object{"policies": "root", "ttl": ttl})
		if r.Status == 200 && !alive(n, r.Text("auth", "client_token")) {
			t.Errorf("ttl %v: the token is dead on arrival: %s", ttl, r)
		}
	}
	capped := newToken(t, n, n.Root(), object{"policies": "other", "ttl": "10000h"})
	if left := number(t, capped, "auth", "lease_duration"); left != 768*3600 || len(strs(capped, "warnings")) != 1 {
		t.Errorf("a ttl beyond the longest: %s", capped)
	}
}

// Revoking a token takes its descendants with it, at once; revoke-orphan cuts them
// loose.
func TestRevocationTakesTheChildrenAtOnce(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("maker", `path "auth/token/*" { capabilities = ["update", "sudo"] }`)
	family := func() (parent, child, grandchild, orphan string) {
		parent = newToken(t, n, n.Root(), object{"policies": "maker"}).Text("auth", "client_token")
		child = newToken(t, n, parent, nil).Text("auth", "client_token")
		grandchild = newToken(t, n, child, nil).Text("auth", "client_token")
		orphan = wantStatus(t, n.Post("auth/token/create-orphan", child, object{"policies": "maker"}), 200).Text("auth", "client_token")
		return
	}
	for _, how := range []string{"revoke", "revoke-self", "revoke-accessor"} {
		parent, child, grandchild, orphan := family()
		accessor := n.Get("auth/token/lookup-self", parent).Text("data", "accessor")
		caller, body := n.Root(), object{"token": parent, "accessor": accessor}
		if how == "revoke-self" {
			caller, body = parent, nil
		}
		wantStatus(t, n.Do("PUT", "auth/token/"+how, caller, body), 204)
		if alive(n, parent) || alive(n, child) || alive(n, grandchild) || !alive(n, orphan) {
			t.Errorf("%s: parent %t, child %t, grandchild %t, orphan %t", how, alive(n, parent), alive(n, child), alive(n, grandchild), alive(n, orphan))
		}
		wantError(t, n.Post("auth/token/lookup", n.Root(), object{"token": child}), 403, "token_not_found")
		wantStatus(t, n.Post("auth/token/revoke", n.Root(), object{"token": parent}), 204) // a second time is no error
	}
	parent, child, grandchild, _ := family()
	wantStatus(t, n.Do("PUT", "auth/token/revoke-orphan", n.Root(), object{"token": parent}), 204)
	if alive(n, parent) || !alive(n, child) || !alive(n, grandchild) {
		t.Error("revoke-orphan takes the children too, or not the token")
	}
	n.Restart()
	n.Unseal()
	if alive(n, parent) || !alive(n, child) {
		t.Error("a restart brings a revoked token back, or takes a live one")
	}
	wantStatus(t, n.Do("PUT", "auth/token/revoke-self", n.Root(), nil), 204)
	wantError(t, n.Get("sys/mounts", n.Root()), 403, "invalid_token")
}

// I7: no request that began after the revocation had returned is accepted.
func TestNothingIsAcceptedAfterARevocation(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Policy("signer", `path "transit/sign/web" { capabilities = ["update"] }`)
	accepted := 0
	for range 10 {
		token := n.NewToken("signer")
		var returned atomic.Bool
		var late, before atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 1000 {
					after := returned.Load()
					r, err := n.Send("POST", "transit/sign/web", token, object{"input": "aGk="})
					if err == nil && r.Status == 200 && after {
						late.Add(1)
					} else if err == nil && r.Status == 200 {
						before.Add(1)
					}
					if after {
						return
					}
				}
			})
		}
		time.Sleep(5 * time.Millisecond)
		wantStatus(t, n.Post("auth/token/revoke", n.Root(), object{"token": token}), 204)
		returned.Store(true)
		wg.Wait()
		accepted += int(before.Load())
		if late.Load() != 0 {
			t.Fatalf("%d signatures for a revoked token", late.Load())
		}
	}
	if accepted == 0 {
		t.Error("no signature before a revocation: the test shows nothing")
	}
}

// A token ends when its time is over, and with it its children; renewing moves the
// end.
func TestTokensExpire(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("maker", `path "auth/token/create" { capabilities = ["update"] }`)
	short := newToken(t, n, n.Root(), object{"policies": "maker", "ttl": "1s"}).Text("auth", "client_token")
	child := newToken(t, n, short, object{"ttl": "1h"}).Text("auth", "client_token")
	renewed := newToken(t, n, n.Root(), object{"policies": "default", "ttl": "1s"}).Text("auth", "client_token")
	long := newToken(t, n, n.Root(), object{"policies": "default", "ttl": "1h"}).Text("auth", "client_token")
	if r := wantStatus(t, n.Do("PUT", "auth/token/renew-self", renewed, object{"increment": "1h"}), 200); number(t, r, "auth", "lease_duration") < 3500 {
		t.Errorf("renewed by an hour: %s", r)
	}
	wantStatus(t, n.Post("auth/token/renew", n.Root(), object{"token": long, "increment": "2h"}), 200)
	r := wantStatus(t, n.Post("auth/token/renew-accessor", n.Root(), object{"accessor": n.Get("auth/token/lookup-self", long).Text("data", "accessor")}), 200)
	if left := number(t, r, "auth", "lease_duration"); left < 3500 || left > 3600 || r.Text("auth", "client_token") != "" {
		t.Errorf("renewed by accessor with the first ttl: %s", r)
	}
	if r := wantStatus(t, n.Post("auth/token/renew", n.Root(), object{"token": long, "increment": "100000h"}), 200); number(t, r, "auth", "lease_duration") > 768*3600 || len(strs(r, "warnings")) != 1 {
		t.Errorf("renewed beyond the longest: %s", r)
	}
	eventually(t, "a token of a second expires", func() bool { return !alive(n, short) })
	wantError(t, n.Get("auth/token/lookup-self", short), 403, "invalid_token")
	wantError(t, n.Post("auth/token/renew", n.Root(), object{"token": short}), 403, "token_not_found")
	if !alive(n, renewed) {
		t.Error("a renewed token expired")
	}
	if alive(n, child) {
		t.Error("the child of an expired token lives on")
	}
}

// What every token may do with itself, and nothing more.
func TestTheDefaultPolicy(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	token := n.NewToken("default")
	wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	wantStatus(t, n.Do("PUT", "auth/token/renew-self", token, nil), 200)
	r := wantStatus(t, n.Post("sys/capabilities-self", token, object{"paths": []string{"transit/sign/web", "auth/token/lookup-self"}}), 200)
	if fmt.Sprint(strs(r, "data", "transit/sign/web"), strs(r, "data", "auth/token/lookup-self")) != "[deny] [read]" {
		t.Errorf("capabilities: %s", r)
	}
	refused := 0
	for _, route := range routeTable(t) {
		if route.auth == "public" || strings.HasSuffix(route.pattern, "-self") || route.pattern == "sys/policies/check" {
			continue
		}
		for _, method := range route.methods {
			r := n.Do(method, route.fill("{name}", "web", "{kind}", "signing-key"), token, nil)
			wantError(t, r, 403, "permission_denied")
			wantText(t, r, "permission denied")
			refused++
			if recs := records(t, n, ofRequest(r)); len(recs) != 1 || recs[0].Outcome != "refused" || recs[0].Code != "permission_denied" || recs[0].Accessor == "" {
				t.Errorf("records of a refused %s %s: %+v", method, route.pattern, recs)
			}
		}
	}
	if refused < 30 {
		t.Errorf("%d refusals: the walk is too short", refused)
	}
	none := newToken(t, n, n.Root(), object{"policies": "nonexistent", "no_default_policy": true}).Text("auth", "client_token")
	wantError(t, n.Get("auth/token/lookup-self", none), 403, "permission_denied")
	wantStatus(t, n.Do("PUT", "auth/token/revoke-self", token, nil), 204)
}

// Longest match, the two wildcards, deny, and a policy that changes under a live
// token.
func TestPoliciesDecide(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Must("transit/keys/web-2", object{"type": "ed25519"})
	n.Must("transit/keys/secret", object{"type": "ed25519"})
	n.Policy("glob", `
path "transit/sign/*" { capabilities = ["update"] }
path "transit/sign/secret" { capabilities = ["deny"] }
path "transit/keys/+/rotate" { capabilities = ["update"] }
path "transit/keys/web*" { capabilities = ["read"] }
path "transit/keys/web-2" { capabilities = ["list"] }
path "transit/keys" { capabilities = ["list"] }
`)
	n.Policy("secrets", `path "transit/sign/secret" { capabilities = ["update"] }`)
	token, both := n.NewToken("glob"), n.NewToken("glob", "secrets")
	sign := object{"input": "aGk="}
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"POST", "transit/sign/web", token, 200}, {"POST", "transit/sign/web-2", token, 200}, {"POST", "transit/sign/web/sha2-256", token, 200},
		{"POST", "transit/sign/secret", token, 403}, {"POST", "transit/sign/secret", both, 403}, {"POST", "transit//sign//secret", token, 403},
		{"POST", "transit/sign/secret/", token, 403}, {"POST", "transit/verify/web", token, 403}, {"POST", "transit/keys/web/rotate", token, 403}, // web* begins later to be a wildcard
		{"POST", "transit/keys/secret/rotate", token, 200}, {"POST", "transit/keys/web/config", token, 403}, {"GET", "transit/keys/web", token, 200},
		{"GET", "transit/keys/web-2", token, 403}, {"GET", "transit/keys/secret", token, 403}, {"LIST", "transit/keys", token, 200},
		{"GET", "transit/keys?list=true", token, 200}, {"POST", "transit/keys/fresh", token, 403}, {"POST", "transit/keys/web-3", token, 403}, {"DELETE", "transit/keys/web", token, 403},
	} {
		if r := n.Do(c.method, c.path, c.token, sign); r.Status != c.status {
			t.Errorf("%s %s: want %d, got %s", c.method, c.path, c.status, r)
		}
	}
	caps := wantStatus(t, n.Post("sys/capabilities-self", token, object{"paths": []string{"transit/sign/web", "transit/sign/secret", "transit/keys/web", "nothing"}}), 200)
	if got := fmt.Sprint(strs(caps, "data", "transit/sign/web"), strs(caps, "data", "transit/sign/secret"), strs(caps, "data", "transit/keys/web"), strs(caps, "data", "nothing")); got != "[update] [deny] [read] [deny]" {
		t.Errorf("capabilities: %s", got)
	}
	if one := n.Post("sys/capabilities-self", token, object{"path": "transit/sign/web"}); fmt.Sprint(strs(one, "data", "capabilities")) != "[update]" {
		t.Errorf("capabilities of one path: %s", one)
	}
	n.Policy("glob", `path "transit/sign/web" { capabilities = ["deny"] }`)
	wantError(t, n.Post("transit/sign/web", token, sign), 403, "permission_denied")
	n.Policy("glob", `path "transit/sign/web" { capabilities = ["update"] }`)
	wantStatus(t, n.Post("transit/sign/web", token, sign), 200)
	wantStatus(t, n.Do("DELETE", "sys/policies/acl/glob", n.Root(), nil), 204)
	wantError(t, n.Post("transit/sign/web", token, sign), 403, "permission_denied")
	creator := n.Allow("creator", "transit/keys/*", "create")
	wantStatus(t, n.Post("transit/keys/made", creator, nil), 200)
	wantError(t, n.Post("transit/keys/made", creator, nil), 403, "permission_denied") // exists: update
}

// No spelling of root is another policy, and none can be written or deleted.
func TestTheRootPolicyIsProtected(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	text := object{"policy": `path "*" { capabilities = ["read"] }`}
	for _, name := range []string{"root", "Root", "ROOT", "rOoT", "root%20", "%20root", "root%09"} {
		for _, method := range []string{"PUT", "POST", "DELETE"} {
			r := n.Do(method, "sys/policies/acl/"+name, n.Root(), text)
			if r.Status != 400 {
				t.Errorf("%s of %q: %s", method, name, r)
			}
		}
	}
	for _, name := range []string{"r%C3%B4ot", "r%EF%BD%8Fot", "ro%C2%ADot", "a%2Fb", "..", "a%00b", ".a", strings.Repeat("a", 129)} {
		if r := n.Do("PUT", "sys/policies/acl/"+name, n.Root(), text); r.Status != 400 && r.Status != 404 {
			t.Errorf("a policy named %q: %s", name, r)
		}
	}
	wantError(t, n.Do("DELETE", "sys/policies/acl/default", n.Root(), nil), 400, "policy_protected")
	wantError(t, n.Do("DELETE", "sys/policies/acl/Default", n.Root(), nil), 400, "bad_policy")
	// A policy has one spelling, so that a rule for it cannot be walked around by
	// another.
	n.Policy("web", `path "a" { capabilities = ["read"] }`)
	n.Policy("no-web", "path \"sys/policies/acl/*\" { capabilities = [\"read\", \"update\", \"delete\"] }\npath \"sys/policies/acl/web\" { capabilities = [\"deny\"] }\n")
	walker := n.NewToken("no-web")
	for _, name := range []string{"web", "WEB", "Web", "web%20", "%20web", "web%09"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if r := n.Do(method, "sys/policies/acl/"+name, walker, text); r.Status < 400 {
				t.Errorf("%s of %q passes a rule that denies web: %s", method, name, r)
			}
		}
	}
	if r := n.Get("sys/policies/acl/web", n.Root()); r.Text("data", "name") != "web" || !strings.Contains(r.Text("data", "policy"), `path "a"`) {
		t.Errorf("the policy changed: %s", r)
	}
	wantStatus(t, n.Do("DELETE", "sys/policies/acl/no-web", n.Root(), nil), 204)
	if got := strs(n.Do("LIST", "sys/policies/acl", n.Root(), nil), "data", "keys"); fmt.Sprint(got) != "[default web root]" {
		t.Errorf("policies: %v", got)
	}
	for _, bad := range []string{`path "a" { capabilities = ["root"] }`, `path "a" {`, `path = 1`, `path "a" { capabilities = [upper("read")] }`, `path "a${1}" { capabilities = ["read"] }`, `unknown "a" {}`} {
		r := wantError(t, n.Post("sys/policies/acl/bad", n.Root(), object{"policy": bad}), 400, "bad_policy")
		wantText(t, r, "bad:1:")
	}
	if recs := records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/policy/write" && r.Outcome == "refused" }); len(recs) < 8 {
		t.Errorf("%d refusals of root are recorded", len(recs))
	}
}
