package apitest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

const appAt = "identity/applications/"

func TestApplications(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	root := n.Root()
	wantError(t, n.Do("LIST", "identity/applications", root, nil), 404, "not_found")
	wantError(t, n.Get(appAt+"web", root), 404, "not_found")
	wantStatus(t, n.Do("DELETE", appAt+"web", root, nil), 204)
	// A policy that is not there is a warning, as Vault has it of tokens; otherwise there is nothing to say.
	if r := wantStatus(t, n.Do("PUT", appAt+"early", root, object{"policies": "b"}), 200); !strings.Contains(fmt.Sprint(r.At("warnings")), `no policy of the name "b"`) {
		t.Errorf("%s", r)
	}
	wantStatus(t, n.Do("DELETE", appAt+"early", root, nil), 204)
	n.Policy("a", `path "transit/keys" { capabilities = ["list"] }`)
	n.Policy("b", `path "transit/keys" { capabilities = ["list"] }`)
	wantStatus(t, n.Do("PUT", appAt+"web", root, object{"owner": "team-a", "policies": "b,A", "metadata": object{"tenant": "acme"}, "description": "the shop"}), 204)
	n.Must(appAt+"web", object{"description": ""})
	read := wantStatus(t, n.Get(appAt+"web", root), 200)
	data(t, "written", read, map[string]string{
		"name": "web", "state": "registered", "owner": "team-a", "policies": "[a b]", "metadata": "map[tenant:acme]", "description": "", "roles": "[]",
		"activation_time": "<nil>", "block_time": "<nil>", "block_reason": "",
	})
	n.Must(appAt+"other", nil)
	if got := strs(n.Get("identity/applications?list=true", root), "data", "keys"); fmt.Sprint(got) != "[other web]" {
		t.Errorf("list: %q", got)
	}
	for what, body := range map[string]object{"an unknown member": {"polices": "a"}, "a state": {"state": "active"}, "a name": {"name": "x"}} {
		if r := wantError(t, n.Post(appAt+"web", root, body), 400, "unknown_field"); r.Status != 400 {
			t.Error(what)
		}
	}
	wantError(t, n.Post(appAt+"web/block", root, object{"reason": "x", "until": 1}), 400, "unknown_field")
	wantError(t, n.Post(appAt+"web/unblock", root, object{"reason": "x"}), 400, "unknown_field")
	wantText(t, wantError(t, n.Post(appAt+"web/block", root, nil), 400, "bad_request"), "'reason' is missing")
	wantError(t, n.Post(appAt+"none/block", root, object{"reason": "x"}), 404, "not_found")
	wantError(t, n.Post(appAt+"web/unblock", root, nil), 400, "bad_transition")
	wantError(t, n.Post(appAt+"web", root, object{"metadata": object{"a": []string{}}}), 400, "bad_request")

	m := newMachine(t, n, "web", object{"application": "web", "token_policies": "c"})
	auth := wantStatus(t, m.login(n), 200)
	if fmt.Sprint(strs(auth, "auth", "policies")) != "[a b c default]" {
		t.Errorf("login: %s", auth)
	}
	token := auth.Text("auth", "client_token")
	data(t, "the token", n.Get("auth/token/lookup-self", token), map[string]string{"application": "web"})
	data(t, "after a login", n.Get(appAt+"web", root), map[string]string{"state": "active", "roles": "[web]"})
	wantText(t, wantError(t, n.Do("DELETE", appAt+"web", root, nil), 400, "bad_request"), "roles name this application")
	n.Restart()
	n.Unseal()
	data(t, "after a restart", n.Get("auth/token/lookup-self", token), map[string]string{"application": "web"})
	wantStatus(t, n.Do("DELETE", roleAt+"web", root, nil), 204)
	wantStatus(t, n.Do("DELETE", appAt+"web", root, nil), 204)
	wantError(t, n.Get("auth/token/lookup-self", token), 403, "invalid_token")
}

// A block holds from the next request on, for everything that is the application's:
// before policy, in the same words for what policy allows and what it does not.
func TestABlockedApplicationIsRefusedEverything(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Policy("signer", `path "transit/sign/web" { capabilities = ["update"] }
path "auth/token/create" { capabilities = ["update"] }`)
	n.Must(appAt+"web", object{"policies": "signer"})
	n.Must(appAt+"other", object{"policies": "signer"})
	m, other := newMachine(t, n, "web", object{"application": "web"}), newMachine(t, n, "other", object{"application": "other"})
	token, neighbour := m.token(t, n), other.token(t, n)
	child := wantStatus(t, n.Post("auth/token/create", token, object{"ttl": "1h"}), 200).Text("auth", "client_token")
	sign := func(token string) apitest.Reply { return n.Post("transit/sign/web", token, object{"input": "aGk="}) }
	ok := wantStatus(t, sign(child), 200)
	if recs := records(t, n, ofRequest(ok)); len(recs) != 1 || recs[0].Application != "web" {
		t.Errorf("the application is not in the record: %+v", recs)
	}
	wantStatus(t, n.Post(appAt+"web/block", n.Root(), object{"reason": "leaked"}), 204)
	for _, text := range []string{token, child} {
		for _, r := range []apitest.Reply{sign(text), n.Get("sys/mounts", text), n.Get("auth/token/lookup-self", text), n.Do("PUT", "auth/token/revoke-self", text, nil)} {
			wantText(t, wantError(t, r, 403, "application_blocked"), "the application web is blocked: leaked")
			if r.At("auth") != nil || r.At("data") != nil {
				t.Errorf("an error with an answer: %s", r)
			}
		}
	}
	wantError(t, m.login(n), 403, "application_blocked")
	wantError(t, n.Do("PUT", "auth/approle/login", "", object{"role_id": m.roleID, "secret_id": "wrong"}), 400, "invalid_credentials")
	wantStatus(t, sign(neighbour), 200)
	blocked := records(t, n, func(r audit.Parsed) bool { return r.Code == "application_blocked" && r.Application == "web" })
	if len(blocked) == 0 {
		t.Error("no refusal of a blocked token is in the log")
	}
	data(t, "blocked", n.Get(appAt+"web", n.Root()), map[string]string{"state": "blocked", "block_reason": "leaked"})
	n.Kill()
	n.Start()
	n.Unseal()
	wantError(t, sign(token), 403, "application_blocked")
	wantStatus(t, n.Post(appAt+"web/unblock", n.Root(), nil), 204)
	wantStatus(t, sign(token), 200)
	wantStatus(t, m.login(n), 200)
	if got := records(t, n, func(r audit.Parsed) bool {
		return r.Operation == "identity/applications/block" && r.Outcome == audit.OutcomeOK
	}); len(got) != 1 || got[0].Fields["reason"] != "leaked" {
		t.Errorf("the block's record: %+v", got)
	}
}

// A rate limit by application counts all its tokens together, and nobody else.
func TestRateLimitsByApplication(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must(appAt+"web", nil)
	m := newMachine(t, n, "web", object{"application": "web"})
	plain := newMachine(t, n, "plain", nil)
	n.Must("sys/quotas/rate-limit/app", object{"per": "application", "rate": 3, "interval": "1h", "path": "auth/token/lookup-self"})
	data(t, "the quota", n.Get("sys/quotas/rate-limit/app", n.Root()), map[string]string{"per": "application"})
	wantError(t, n.Post("sys/quotas/rate-limit/bad", n.Root(), object{"per": "applications", "rate": 3}), 400, "bad_request")
	wantError(t, n.Post("sys/quotas/rate-limit/bad", n.Root(), object{"per": "application", "rate": 3, "group_by": "ip"}), 400, "unsupported")
	tokens := []string{m.token(t, n), m.token(t, n)}
	served := 0
	for i := range 8 {
		r := n.Get("auth/token/lookup-self", tokens[i%2])
		if r.Status == 200 {
			served++
			continue
		}
		wantText(t, wantError(t, r, 429, "rate_limited"), "of this application")
		if r.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if served != 3 {
		t.Errorf("%d were served", served)
	}
	token := plain.token(t, n)
	for range 8 {
		wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
		wantStatus(t, n.Get("auth/token/lookup-self", n.Root()), 200)
	}
	wantStatus(t, n.Get("auth/token/lookup-self?x", n.Root()), 200)
}

// The SDK speaks to both.
func TestApplicationsThroughTheSDK(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	c, ctx := n.Client(n.Root()), t.Context()
	must(t, c.Application().Write(ctx, "web", wire.ApplicationRequest{Owner: wire.StringOf("team")}))
	must(t, c.AppRole().WriteRole(ctx, "web", wire.AppRoleRequest{Application: wire.StringOf("web"), TokenPolicies: wire.StringList{"p"}}))
	id, err := c.AppRole().RoleID(ctx, "web")
	must(t, err)
	made, err := c.AppRole().CreateSecretID(ctx, "web", wire.SecretIDRequest{Metadata: wire.KeyValues{"a": "b"}, NumUses: wire.IntOf(1)})
	must(t, err)
	n.HandedOut("a secret id", made.SecretID.Reveal())
	accessors, err := c.AppRole().ListSecretIDs(ctx, "web")
	if err != nil || len(accessors) != 1 || accessors[0] != made.Accessor {
		t.Fatal(accessors, err)
	}
	looked, err := c.AppRole().LookupSecretID(ctx, "web", made.Accessor)
	if err != nil || looked.NumUses != 1 || looked.Metadata["a"] != "b" || !looked.ExpirationTime.IsZero() {
		t.Fatalf("%+v, %v", looked, err)
	}
	auth, err := n.Client("").AppRole().Login(ctx, id, made.SecretID)
	must(t, err)
	n.HandedOut("a token", auth.ClientToken.Reveal())
	if auth.Metadata["a"] != "b" || len(auth.Policies) != 2 {
		t.Errorf("%+v", auth)
	}
	a, err := c.Application().Read(ctx, "web")
	if err != nil || a.State != wire.ApplicationStateActive || a.Activated == nil || len(a.Roles) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = n.Client("").AppRole().Login(ctx, id, made.SecretID)
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != wire.InvalidCredentials {
		t.Errorf("spent: %v", err)
	}
	must(t, c.Application().Block(ctx, "web", "a test"))
	_, err = n.Client(auth.ClientToken.Reveal()).Token().LookupSelf(ctx)
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != wire.ApplicationBlocked {
		t.Errorf("blocked: %v", err)
	}
	must(t, c.Application().Unblock(ctx, "web"))
	must(t, c.AppRole().WriteRoleID(ctx, "web", "chosen"))
	must(t, c.AppRole().DestroySecretID(ctx, "web", firstOf(t, n)))
	must(t, c.AppRole().DeleteRole(ctx, "web"))
	must(t, c.Application().Delete(ctx, "web"))
	if names, err := c.Application().List(ctx); err != nil || len(names) != 0 {
		t.Error(names, err)
	}
	if names, err := c.AppRole().ListRoles(ctx); err != nil || len(names) != 0 {
		t.Error(names, err)
	}
}

// firstOf makes a secret id and returns its accessor.
func firstOf(t *testing.T, n *apitest.Node) string {
	t.Helper()
	return n.Must(roleAt+"web/secret-id", nil).Text("data", "secret_id_accessor")
}
