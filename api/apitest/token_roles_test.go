package apitest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/client/wire"
)

// A role is written, read with Vault's names, changed field by field, listed and
// deleted; its tokens stay.
func TestTokenRoles(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	wantError(t, n.Do("LIST", "auth/token/roles", n.Root(), nil), 404, "not_found")
	if r := wantError(t, n.Get("auth/token/roles/ci", n.Root()), 404, "not_found"); len(strs(r, "errors")) != 0 {
		t.Errorf("a missing role: %s", r)
	}
	wantStatus(t, n.Do("DELETE", "auth/token/roles/ci", n.Root(), nil), 204)
	wantStatus(t, n.Do("PUT", "auth/token/roles/ci", n.Root(), nil), 204)
	fresh := n.Get("auth/token/roles/ci", n.Root())
	if fresh.At("data", "renewable") != true || fresh.At("data", "orphan") != false || fresh.Text("data", "token_type") != "default-service" || fresh.At("data", "token_bound_cidrs") != nil {
		t.Errorf("a new role: %s", fresh)
	}
	for _, member := range []string{"allowed_policies", "disallowed_policies", "allowed_policies_glob", "disallowed_policies_glob", "allowed_entity_aliases"} {
		if list, ok := fresh.At("data", member).([]any); !ok || len(list) != 0 {
			t.Errorf("%s of a new role is no empty list: %s", member, fresh)
		}
	}
	n.Must("auth/token/roles/ci", object{
		"allowed_policies": "b, A", "disallowed_policies": []string{"c"}, "allowed_policies_glob": []string{"Team-*"}, "disallowed_policies_glob": "*-admin",
		"orphan": "true", "renewable": false, "path_suffix": "v1", "token_explicit_max_ttl": "3h", "explicit_max_ttl": "1h", "period": "2h",
		"token_num_uses": "7", "token_bound_cidrs": "127.0.0.1/8, ::1", "token_no_default_policy": true, "token_ttl": 60, "token_type": "service",
		"allowed_entity_aliases": []string{}, "unknown": 1,
	})
	n.Must("auth/token/roles/ci", object{"path_suffix": "v2", "disallowed_policies": []string{}})
	want := map[string]string{
		"name": "ci", "allowed_policies": "[a b]", "disallowed_policies": "[]", "allowed_policies_glob": "[team-*]", "disallowed_policies_glob": "[*-admin]",
		"orphan": "true", "renewable": "false", "path_suffix": "v2", "token_explicit_max_ttl": "10800", "explicit_max_ttl": "10800", "period": "7200", "token_period": "7200",
		"token_num_uses": "7", "token_bound_cidrs": "[127.0.0.0/8 ::1]", "bound_cidrs": "[127.0.0.0/8 ::1]", "token_no_default_policy": "true", "token_ttl": "60",
		"token_type": "default-service", "allowed_entity_aliases": "[]",
	}
	read := n.Get("auth/token/roles/ci", n.Root())
	for member, value := range want {
		if got := fmt.Sprint(read.At("data", member)); got != value {
			t.Errorf("%s is %s, want %s: %s", member, got, value, read)
		}
	}
	n.Must("auth/token/roles/b", object{"disallowed_policies": "x"})
	for _, r := range []apitest.Reply{n.Do("LIST", "auth/token/roles", n.Root(), nil), n.Get("auth/token/roles?list=true", n.Root())} {
		if fmt.Sprint(strs(r, "data", "keys")) != "[b ci]" {
			t.Errorf("list: %s", r)
		}
	}
	auth := wantStatus(t, n.Post("auth/token/create/ci", n.Root(), object{"num_uses": 99, "explicit_max_ttl": "100h", "meta": object{"a": "b"}}), 200)
	accessor := auth.Text("auth", "accessor")
	look := func() apitest.Reply {
		return wantStatus(t, n.Post("auth/token/lookup-accessor", n.Root(), object{"accessor": accessor}), 200)
	}
	d := look()
	for member, value := range map[string]string{
		"path": "auth/token/create/ci/v2", "role": "ci", "policies": "[a b]", "num_uses": "7", "period": "7200", "explicit_max_ttl": "10800",
		"creation_ttl": "7200", "orphan": "true", "renewable": "false", "bound_cidrs": "[127.0.0.0/8 ::1]", "meta": "map[a:b]",
	} {
		if got := fmt.Sprint(d.At("data", member)); got != value {
			t.Errorf("the token's %s is %s, want %s: %s", member, got, value, d)
		}
	}
	n.Must("auth/token/roles/ci", object{"token_period": "1h", "renewable": true})
	renewable := wantStatus(t, n.Post("auth/token/create/ci", n.Root(), nil), 200).Text("auth", "accessor")
	n.Restart()
	n.Unseal()
	wantStatus(t, n.Do("DELETE", "auth/token/roles/ci", n.Root(), nil), 204)
	look()
	if r := wantStatus(t, n.Post("auth/token/renew-accessor", n.Root(), object{"accessor": renewable}), 200); number(t, r, "auth", "lease_duration") != 3600 {
		t.Errorf("renewed without its role: %s", r)
	}
	wantText(t, wantError(t, n.Post("auth/token/create/ci", n.Root(), nil), 400, "bad_request"), "unknown role")
}

// Every refusal of a role, by what it would mean to ignore it.
func TestRolesThatAreRefused(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	many := strings.TrimSuffix(strings.Repeat("p,", 200), ",")
	for _, body := range []object{
		{"allowed_policies": "a/b"}, {"allowed_policies": []string{"root\u017f"}}, {"disallowed_policies": []string{""}}, {"allowed_policies": "team-*"},
		{"allowed_policies_glob": "a/*"}, {"allowed_policies_glob": []string{"*\n*x y"}}, {"disallowed_policies_glob": []string{""}}, {"allowed_policies": many},
		{"allowed_policies": n.Root()}, {"path_suffix": "../x"}, {"path_suffix": "a/b"}, {"path_suffix": ".."}, {"path_suffix": strings.Repeat("a", 129)},
		{"token_bound_cidrs": "10.0.0.0/33"}, {"token_bound_cidrs": "host"}, {"token_bound_cidrs": "::ffff:10.0.0.0/104"}, {"bound_cidrs": "fe80::1%eth0"},
		{"token_num_uses": -1}, {"token_num_uses": 1 << 40}, {"token_period": "-1s"}, {"period": "soon"}, {"token_explicit_max_ttl": "900000h"}, {"token_ttl": -1},
		{"orphan": "perhaps"}, {"renewable": 2}, {"allowed_entity_aliases": "a"}, {"token_type": "batch"}, {"token_type": "default-batch"}, {"token_max_ttl": "1h"}, {"token_policies": "a"},
	} {
		if r := n.Post("auth/token/roles/bad", n.Root(), body); r.Status != 400 || strings.Contains(string(r.Body), n.Root()) {
			t.Errorf("%v: %s", body, r)
		}
	}
	wantError(t, n.Get("auth/token/roles/bad", n.Root()), 404, "not_found")
	wantError(t, n.Post("auth/token/roles/"+n.Root(), n.Root(), nil), 400, "bad_request")
	wantError(t, n.Post("auth/token/roles/a%2fb", n.Root(), nil), 400, "bad_path")
	wantError(t, n.Post("auth/token/roles/.a", n.Root(), nil), 400, "bad_path")
	for what, body := range map[string]object{
		"without allowed policies": {"disallowed_policies": "a"}, "longest lifetime": {"token_period": "1000h"},
	} {
		if r := wantStatus(t, n.Post("auth/token/roles/odd", n.Root(), body), 200); !strings.Contains(strings.Join(strs(r, "warnings"), " "), what) {
			t.Errorf("%v: %s", body, r)
		}
	}
}

// A role gives what its writer wanted, and nobody gets more by it: not by a
// pattern, not by a spelling, not from a path that policy does not allow.
func TestWhoMayUseARole(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("maker", `path "auth/token/create" { capabilities = ["update"] }
path "auth/token/create/ci" { capabilities = ["update"] }
path "auth/token/create/any" { capabilities = ["update"] }
path "auth/token/roles/ci" { capabilities = ["read"] }`)
	n.Policy("creator", `path "auth/token/roles/*" { capabilities = ["create"] }`)
	maker, creator := n.NewToken("maker"), n.NewToken("creator")
	n.Must("auth/token/roles/ci", object{"allowed_policies": "deploy", "allowed_policies_glob": "team-*", "disallowed_policies": "team-root"})
	n.Must("auth/token/roles/any", object{"allowed_policies": "root", "allowed_policies_glob": "*"})
	n.Must("auth/token/roles/closed", nil)
	for _, c := range []struct {
		role     string
		policies any
		want     string
	}{
		{"ci", nil, "[default deploy]"}, {"ci", "deploy", "[default deploy]"}, {"ci", "team-a,DEPLOY", "[default deploy team-a]"}, {"any", "whatever", "[default whatever]"},
	} {
		r := wantStatus(t, n.Post("auth/token/create/"+c.role, maker, object{"policies": c.policies}), 200)
		if fmt.Sprint(strs(r, "auth", "policies")) != c.want {
			t.Errorf("%v: %s", c, r)
		}
	}
	for _, c := range []struct {
		role     string
		policies any
		text     string
	}{
		{"ci", "maker", "subset of those that the role allows"}, {"ci", "team-root", "disallowed by this role"}, {"ci", " Team-Root", "disallowed by this role"},
		{"ci", "root", "root tokens may not"}, {"any", "root", "root tokens may not"}, {"any", []string{"ROOT "}, "root tokens may not"}, {"any", nil, "root tokens may not"},
	} {
		wantText(t, wantError(t, n.Post("auth/token/create/"+c.role, maker, object{"policies": c.policies}), 400, "bad_request"), c.text)
	}
	for _, path := range []string{"auth/token/create/closed", "auth/token/create/gone"} {
		wantError(t, n.Post(path, maker, nil), 403, "permission_denied")
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		wantError(t, n.Do(method, "auth/token/roles/ci", maker, object{"allowed_policies": "admin"}), 403, "permission_denied")
	}
	wantStatus(t, n.Get("auth/token/roles/ci", maker), 200)
	wantError(t, n.Do("LIST", "auth/token/roles", maker, nil), 403, "permission_denied")
	for range 2 { // create makes,
		wantStatus(t, n.Do("POST", "auth/token/roles/mine", creator, nil, "Idempotency-Key", "once"), 204)
	}
	wantError(t, n.Post("auth/token/roles/mine", creator, nil), 403, "permission_denied")
	wantError(t, n.Post("auth/token/roles/ci", creator, object{"allowed_policies": "admin"}), 403, "permission_denied") // and changes nothing
	made := wantStatus(t, n.Post("auth/token/create/any", n.Root(), object{"policies": "root"}), 200)
	if fmt.Sprint(strs(made, "auth", "policies")) != "[root]" {
		t.Errorf("root by name from root: %s", made)
	}
}

// A token is refused from where its role does not want it, as any bad token is,
// and the record says whose it was.
func TestBoundTokensOverHTTP(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("auth/token/roles/far", object{"allowed_policies": "default", "token_bound_cidrs": []string{"192.0.2.0/24", "2001:db8::/32"}})
	n.Must("auth/token/roles/near", object{"allowed_policies": "default", "bound_cidrs": "127.0.0.1"})
	far := wantStatus(t, n.Post("auth/token/create/far", n.Root(), object{"num_uses": 2}), 200)
	near := wantStatus(t, n.Post("auth/token/create/near", n.Root(), nil), 200)
	if !alive(n, near.Text("auth", "client_token")) {
		t.Error("refused from where it may be used")
	}
	for range 3 {
		r := wantError(t, n.Do("GET", "auth/token/lookup-self", far.Text("auth", "client_token"), nil, "X-Forwarded-For", "192.0.2.1"), 403, "invalid_token")
		wantText(t, r, "permission denied")
		eventually(t, "a record with the accessor", func() bool {
			recs := records(t, n, ofRequest(r))
			return len(recs) == 1 && recs[0].Outcome == "refused" && recs[0].Code == "invalid_token" && recs[0].Accessor == far.Text("auth", "accessor")
		})
	}
	r := wantStatus(t, n.Post("auth/token/lookup-accessor", n.Root(), object{"accessor": far.Text("auth", "accessor")}), 200)
	if number(t, r, "data", "num_uses") != 2 {
		t.Errorf("a refused request spent a use: %s", r)
	}
	if uses := records(t, n, func(rec audit.Parsed) bool { return rec.Operation == "auth/token/use" }); len(uses) != 0 {
		t.Errorf("records of uses: %+v", uses)
	}
}

// The SDK's side of roles and accessors.
func TestTokenRolesThroughTheClient(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	token := n.Client(n.Root()).Token()
	ctx := t.Context()
	if names, err := token.ListRoles(ctx); err != nil || len(names) != 0 {
		t.Fatalf("%q, %v", names, err)
	}
	err := token.WriteRole(ctx, "ci", wire.TokenRoleRequest{AllowedPolicies: []string{"deploy"}, TokenPeriod: wire.DurationOf(time.Hour), Orphan: wire.BoolOf(true)})
	if err != nil {
		t.Fatal(err)
	}
	role, err := token.ReadRole(ctx, "ci")
	if err != nil || role.TokenPeriod != 3600 || fmt.Sprint(role.AllowedPolicies) != "[deploy]" || !role.Orphan || !role.Renewable {
		t.Errorf("%+v, %v", role, err)
	}
	auth, err := token.CreateWithRole(ctx, "ci", wire.TokenCreateRequest{NumUses: wire.IntOf(1)})
	if err != nil || auth.NumUses != 1 || auth.LeaseDuration != 3600 {
		t.Fatalf("%+v, %v", auth, err)
	}
	n.HandedOut("a token", auth.ClientToken.Reveal())
	accessors, err := token.Accessors(ctx)
	if err != nil || !strings.Contains(strings.Join(accessors, " "), auth.Accessor) {
		t.Errorf("%q, %v", accessors, err)
	}
	if err := token.DeleteRole(ctx, "ci"); err != nil {
		t.Fatal(err)
	}
	if _, err := token.ReadRole(ctx, "ci"); err == nil {
		t.Error("read after delete")
	}
	for _, bad := range []string{"", "a/b", ".."} {
		if token.WriteRole(ctx, bad, wire.TokenRoleRequest{}) == nil || token.DeleteRole(ctx, bad) == nil {
			t.Errorf("%q was sent", bad)
		}
	}
}
