package apitest_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// data compares members of an answer's data, as text.
func data(t *testing.T, what string, r apitest.Reply, want map[string]string) {
	t.Helper()
	for member, value := range want {
		if got := fmt.Sprint(r.At("data", member)); got != value {
			t.Errorf("%s: %s is %s, want %s: %s", what, member, got, value, r)
		}
	}
}

// A role is written, read with Vault's names, changed field by field and by the
// paths of its settings, listed and deleted.
func TestAppRoles(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	root := n.Root()
	wantError(t, n.Do("LIST", "auth/approle/role", root, nil), 404, "not_found")
	wantError(t, n.Get(roleAt+"web", root), 404, "not_found")
	wantError(t, n.Get(roleAt+"web/token-ttl", root), 404, "not_found")
	wantError(t, n.Get(roleAt+"web/role-id", root), 404, "not_found")
	wantText(t, wantError(t, n.Post(roleAt+"web/token-ttl", root, object{"token_ttl": 1}), 404, "not_found"), "does not exist")
	wantError(t, n.Post(roleAt+"web/secret-id", root, nil), 404, "not_found")
	wantError(t, n.Do("LIST", roleAt+"web/secret-id", root, nil), 404, "not_found")
	wantStatus(t, n.Do("DELETE", roleAt+"web", root, nil), 204)
	wantStatus(t, n.Do("DELETE", roleAt+"web/period", root, nil), 204)
	wantStatus(t, n.Do("PUT", roleAt+"web", root, nil), 204)
	fresh := wantStatus(t, n.Get(roleAt+"web", root), 200)
	data(t, "a new role", fresh, map[string]string{
		"bind_secret_id": "true", "secret_id_bound_cidrs": "[]", "secret_id_num_uses": "0", "secret_id_ttl": "0", "local_secret_ids": "false", "token_ttl": "0",
		"token_max_ttl": "0", "token_policies": "[]", "token_bound_cidrs": "[]", "token_explicit_max_ttl": "0", "token_no_default_policy": "false",
		"token_num_uses": "0", "token_period": "0", "token_type": "default", "application": "",
	})
	n.Must("identity/applications/web", nil)
	n.Policy("a", `path "transit/keys" { capabilities = ["list"] }`)
	n.Policy("b", `path "transit/keys" { capabilities = ["list"] }`)
	n.Must(roleAt+"web", object{
		"bind_secret_id": "true", "bound_cidr_list": "127.0.0.1/8", "secret_id_num_uses": "40", "secret_id_ttl": "10m", "local_secret_ids": false, "token_ttl": "20m",
		"token_max_ttl": "1800", "policies": []string{"Dev", "test", "dev"}, "token_bound_cidrs": "127.0.0.1,::1", "token_explicit_max_ttl": "2h", "token_no_default_policy": true,
		"token_num_uses": 10, "period": "0", "token_type": "default-service", "application": "web", "unknown": 1,
	})
	n.Must(roleAt+"web", object{"token_num_uses": 11})
	data(t, "written", n.Get(roleAt+"web", root), map[string]string{
		"bind_secret_id": "true", "secret_id_bound_cidrs": "[127.0.0.0/8]", "secret_id_num_uses": "40", "secret_id_ttl": "600", "token_ttl": "1200", "token_max_ttl": "1800",
		"token_policies": "[dev test]", "policies": "[dev test]", "token_bound_cidrs": "[127.0.0.1 ::1]", "token_explicit_max_ttl": "7200", "token_no_default_policy": "true",
		"token_num_uses": "11", "application": "web",
	})
	for _, s := range []struct {
		path, member string
		value        any
		set, cleared string
	}{
		{"policies", "token_policies", "a,B", "[a b]", "[]"}, {"secret-id-num-uses", "secret_id_num_uses", "5", "5", "0"}, {"secret-id-ttl", "secret_id_ttl", "1m", "60", "0"},
		{"token-ttl", "token_ttl", 61, "61", "0"}, {"token-max-ttl", "token_max_ttl", "2m", "120", "0"}, {"token-num-uses", "token_num_uses", 3, "3", "0"},
		{"secret-id-bound-cidrs", "secret_id_bound_cidrs", "10.0.0.0/8", "[10.0.0.0/8]", "[]"}, {"token-bound-cidrs", "token_bound_cidrs", []string{"::1"}, "[::1]", "[]"},
		{"period", "token_period", "1h", "3600", "0"}, {"bind-secret-id", "bind_secret_id", true, "true", "true"},
	} {
		path := roleAt + "web/" + s.path
		wantText(t, wantError(t, n.Post(path, root, object{"another": 1}), 400, "bad_request"), "missing "+s.member)
		wantStatus(t, n.Do("PUT", path, root, object{s.member: s.value}), 204)
		data(t, s.path, wantStatus(t, n.Get(path, root), 200), map[string]string{s.member: s.set})
		wantStatus(t, n.Do("DELETE", path, root, nil), 204)
		data(t, s.path+" cleared", n.Get(path, root), map[string]string{s.member: s.cleared})
	}
	data(t, "local", n.Get(roleAt+"web/local-secret-ids", root), map[string]string{"local_secret_ids": "false"})
	for what, body := range map[string]object{
		"local secret ids": {"local_secret_ids": true}, "batch tokens": {"token_type": "batch"},
	} {
		if r := wantError(t, n.Post(roleAt+"web", root, body), 400, "unsupported"); r.Status != 400 {
			t.Error(what)
		}
	}
	wantText(t, wantError(t, n.Post(roleAt+"web", root, object{"bind_secret_id": false}), 400, "bad_request"), "at least one constraint")
	wantText(t, wantError(t, n.Post(roleAt+"web", root, object{"token_ttl": "2h", "token_max_ttl": "1h"}), 400, "bad_request"), "token_ttl should not be greater than token_max_ttl")
	wantText(t, wantError(t, n.Post(roleAt+"web", root, object{"application": "none"}), 400, "bad_request"), "write it first")
	if r := wantStatus(t, n.Post(roleAt+"web", root, object{"token_max_ttl": "800h"}), 200); len(strs(r, "warnings")) != 1 {
		t.Errorf("a long token_max_ttl: %s", r)
	}
	n.Must(roleAt+"web", object{"token_max_ttl": 0})
	wantStatus(t, n.Post(roleAt+"web/role-id", root, object{"role_id": "chosen"}), 204)
	n.Must(roleAt+"other", nil)
	wantText(t, wantError(t, n.Post(roleAt+"other/role-id", root, object{"role_id": "chosen"}), 400, "bad_request"), "role_id already in use")
	data(t, "role-id", n.Get(roleAt+"web/role-id", root), map[string]string{"role_id": "chosen"})
	n.Restart()
	n.Unseal()
	for _, r := range []apitest.Reply{n.Do("LIST", "auth/approle/role", root, nil), n.Get("auth/approle/role?list=true", root)} {
		if fmt.Sprint(strs(r, "data", "keys")) != "[other web]" {
			t.Errorf("list: %s", r)
		}
	}
	wantStatus(t, n.Do("DELETE", roleAt+"web", root, nil), 204)
	wantError(t, n.Get(roleAt+"web", root), 404, "not_found")
}

// Secret ids, as Vault's clients see them.
func TestSecretIDs(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	root := n.Root()
	m := newMachine(t, n, "web", object{"secret_id_num_uses": 9, "secret_id_ttl": "1h", "secret_id_bound_cidrs": "127.0.0.0/8"})
	made := wantStatus(t, n.Do("PUT", roleAt+"web/secret-id", root, object{
		"metadata": `{"tag":"prod","n":7}`, "cidr_list": "127.0.0.1", "token_bound_cidrs": []string{"127.0.0.1"}, "ttl": "600", "num_uses": "2",
	}), 200)
	data(t, "made", made, map[string]string{"secret_id_num_uses": "2", "secret_id_ttl": "600"})
	m.secretID, m.accessor = made.Text("data", "secret_id"), made.Text("data", "secret_id_accessor")
	if !strings.HasPrefix(m.secretID, "sgs.") || len(m.accessor) != 36 {
		t.Errorf("made: %s", made)
	}
	looked := map[string]string{
		"secret_id_accessor": m.accessor, "secret_id_num_uses": "2", "secret_id_ttl": "600", "metadata": "map[n:7 tag:prod]", "cidr_list": "[127.0.0.1]", "token_bound_cidrs": "[127.0.0.1]",
	}
	look := func() (byText, byAccessor apitest.Reply) {
		return n.Post(roleAt+"web/secret-id/lookup", root, object{"secret_id": m.secretID}), n.Do("PUT", roleAt+"web/secret-id-accessor/lookup", root, object{"secret_id_accessor": m.accessor})
	}
	a, b := look()
	data(t, "looked up", wantStatus(t, a, 200), looked)
	data(t, "by accessor", wantStatus(t, b, 200), looked)
	if strings.Contains(string(a.Body)+string(b.Body), m.secretID) || !strings.Contains(a.Text("data", "expiration_time"), "T") {
		t.Errorf("a look-up: %s", a)
	}
	auth := wantStatus(t, m.login(n), 200)
	if auth.At("auth", "metadata", "tag") != "prod" || auth.At("auth", "metadata", "role_name") != "web" || auth.Text("auth", "token_type") != "service" || auth.At("auth", "orphan") != true ||
		fmt.Sprint(strs(auth, "auth", "policies"), strs(auth, "auth", "token_policies")) != "[default] [default]" || auth.At("data") != nil {
		t.Errorf("login: %s", auth)
	}
	self := wantStatus(t, n.Get("auth/token/lookup-self", auth.Text("auth", "client_token")), 200)
	data(t, "the token", self, map[string]string{"path": "auth/approle/login", "display_name": "approle", "bound_cidrs": "[127.0.0.1]", "orphan": "true", "meta": "map[n:7 role_name:web tag:prod]"})
	looked["secret_id_num_uses"] = "1"
	a, _ = look()
	data(t, "after a login", a, looked)
	if got := strs(n.Do("LIST", roleAt+"web/secret-id", root, nil), "data", "keys"); len(got) != 2 {
		t.Errorf("list: %q", got)
	}
	wantStatus(t, m.login(n), 200)
	r := wantError(t, m.login(n), 400, "invalid_credentials")
	wantText(t, r, "invalid role or secret ID")
	a, b = look()
	wantStatus(t, a, 204)
	wantText(t, wantError(t, b, 404, "not_found"), "failed to find accessor entry")
	wantText(t, wantError(t, n.Post(roleAt+"web/secret-id-accessor/destroy", root, object{"secret_id_accessor": m.accessor}), 404, "not_found"), "failed to find accessor entry")
	wantStatus(t, n.Post(roleAt+"web/secret-id/destroy", root, object{"secret_id": m.secretID}), 204)
	for _, path := range []string{"secret-id/lookup", "secret-id/destroy", "secret-id-accessor/lookup", "secret-id-accessor/destroy", "custom-secret-id"} {
		wantText(t, wantError(t, n.Post(roleAt+"web/"+path, root, nil), 400, "bad_request"), "missing secret_id")
	}
	for _, method := range []string{"POST", "DELETE"} {
		m.another(n, nil)
		wantStatus(t, n.Do(method, roleAt+"web/secret-id-accessor/destroy", root, object{"secret_id_accessor": m.accessor}), 204)
		wantError(t, m.login(n), 400, "invalid_credentials")
		m.another(n, nil)
		wantStatus(t, n.Do(method, roleAt+"web/secret-id/destroy", root, object{"secret_id": m.secretID}), 204)
		wantError(t, m.login(n), 400, "invalid_credentials")
	}
	m.another(n, nil)
	wantStatus(t, n.Do("DELETE", roleAt+"web/secret-id-accessor/destroy?secret_id_accessor="+m.accessor, root, nil), 204)
	wantError(t, m.login(n), 400, "invalid_credentials")
	custom := n.Must(roleAt+"web/custom-secret-id", object{"secret_id": "chosen-by-somebody", "metadata": "a=b,c=d"})
	data(t, "custom", custom, map[string]string{"secret_id": "chosen-by-somebody", "secret_id_num_uses": "9", "secret_id_ttl": "3600"})
	m.secretID = "chosen-by-somebody"
	if r := wantStatus(t, m.login(n), 200); r.At("auth", "metadata", "c") != "d" {
		t.Errorf("login: %s", r)
	}
	wantText(t, wantError(t, n.Post(roleAt+"web/custom-secret-id", root, object{"secret_id": "chosen-by-somebody"}), 400, "bad_request"), "registered already")
	for what, body := range map[string]object{
		"more uses": {"num_uses": 10}, "longer": {"ttl": "2h"}, "elsewhere": {"cidr_list": "10.0.0.1"}, "metadata that is none": {"metadata": "x"}, "nested": {"metadata": `{"a":{}}`}, "twice": {"metadata": `{"a":"1","a":"2"}`},
	} {
		if r := wantError(t, n.Post(roleAt+"web/secret-id", root, body), 400, "bad_request"); r.Status != 400 {
			t.Error(what)
		}
	}
	if r := wantStatus(t, n.Post("auth/approle/tidy/secret-id", root, nil), 202); len(strs(r, "warnings")) != 1 {
		t.Errorf("tidy: %s", r)
	}
	wantStatus(t, n.Do("DELETE", roleAt+"web", root, nil), 204)
	wantError(t, m.login(n), 400, "invalid_credentials")
	n.Must(roleAt+"web", object{"role_id": m.roleID})
	wantError(t, m.login(n), 400, "invalid_credentials") // they went with the first role
}

// What a stranger sees of a login that fails is one answer, whatever is wrong, and
// nothing else: attack 52. What is no login at all ends before anybody is looked for:
// attack 51.
func TestFailedLoginsTellNothing(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	m := newMachine(t, n, "web", nil)
	away := newMachine(t, n, "away", object{"secret_id_bound_cidrs": "192.0.2.1"})
	open := newMachine(t, n, "open", object{"secret_id_bound_cidrs": "192.0.2.1", "bind_secret_id": false})
	token := n.NewToken("default")
	first := ""
	for what, body := range map[string]any{
		"nothing": nil, "no fields": object{}, "null": "null", "an unknown role id": object{"role_id": "x", "secret_id": m.secretID}, "no secret id": object{"role_id": m.roleID},
		"a wrong secret id": object{"role_id": m.roleID, "secret_id": "x"}, "cut short": object{"role_id": m.roleID, "secret_id": m.secretID[:46]}, "upper case": object{"role_id": strings.ToUpper(m.roleID), "secret_id": m.secretID},
		"another's": object{"role_id": away.roleID, "secret_id": m.secretID}, "from elsewhere": away.body(), "from elsewhere, no secret id": open.body(),
		"a token": object{"role_id": m.roleID, "secret_id": token}, "a number": object{"role_id": 7, "secret_id": m.secretID}, "long": object{"role_id": m.roleID, "secret_id": strings.Repeat("x", 900_000)},
	} {
		for _, header := range []string{"", token, "nonsense"} {
			r := wantError(t, n.Do("PUT", "auth/approle/login", header, body), 400, "invalid_credentials")
			if first == "" {
				first = r.Errors()
			}
			if r.Errors() != first || r.At("auth") != nil || r.Header.Get("Location") != "" {
				t.Errorf("%s: %s", what, r)
			}
		}
	}
	if first != "invalid role or secret ID" {
		t.Errorf("the words: %s", first)
	}
	for what, body := range map[string]string{
		"deep": `{"role_id":` + strings.Repeat("[", 100_000), "a list": `[]`, "broken": `{"role_id":"` + m.roleID, "a list as id": `{"role_id":["a"]}`,
		"many members": `{` + strings.Repeat(`"a":1,`, 10_000) + `"secret_id":{}}`,
	} {
		if r := n.Do("PUT", "auth/approle/login", "", body); r.Status != 400 || r.Code() == "invalid_credentials" {
			t.Errorf("%s: %s", what, r)
		}
	}
	wantError(t, n.Do("PUT", "auth/approle/login", "", strings.Repeat("x", mebibyte+1)), 413, "body_too_large")
	for _, method := range []string{"GET", "DELETE", "LIST"} {
		wantError(t, n.Do(method, "auth/approle/login", "", nil), 405, "method_not_allowed")
	}
	for _, path := range []string{"auth/approle/Login", "auth/Approle/login", "auth/approle/login/x"} {
		wantError(t, n.Do("PUT", path, "", m.body()), 404, "unsupported_path")
	}
	for _, path := range []string{"auth/approle/../approle/login", "auth/approle%2Flogin", "auth/approle/role/./web", "auth/approle/role/web%2f..", "auth/approle/role/w%65b"} {
		wantError(t, n.Do("PUT", path, "", m.body()), 400, "bad_path")
	}
	// A role's id is no name: it is nobody's path. A repeated name is not honoured
	// with half of its values.
	wantStatus(t, m.login(n), 200)
	refused := records(t, n, func(r audit.Parsed) bool { return r.Path == "auth/approle/login" && r.Outcome == audit.OutcomeRefused })
	if len(refused) == 0 {
		t.Error("no refused login is in the log")
	}
	for _, r := range refused {
		if r.Accessor != "" || r.Code == "" {
			t.Errorf("%+v", r)
		}
	}
}

// Policies on the paths of roles say what they say: a deny wins, names have one
// spelling, and an application's credentials give nobody the right to others:
// attacks 47, 48 and 50.
func TestPoliciesOnRoles(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	web, db := newMachine(t, n, "web", nil), newMachine(t, n, "db", nil)
	n.Policy("ci", `path "auth/approle/role/web/secret-id" { capabilities = ["update"] }
path "auth/approle/role/+/secret-id-accessor/*" { capabilities = ["update", "delete"] }
path "auth/approle/role/db/*" { capabilities = ["deny"] }
path "auth/approle/role/Web*" { capabilities = ["create", "update", "read", "list"] }`)
	token := n.NewToken("ci")
	wantStatus(t, n.Post(roleAt+"web/secret-id", token, nil), 200)
	for _, c := range [][2]string{
		{"POST", "db/secret-id"}, {"POST", "db/secret-id-accessor/lookup"}, {"DELETE", "db/secret-id-accessor/destroy"}, {"POST", "web"}, {"GET", "web"}, {"GET", "web/role-id"}, {"LIST", "web/secret-id"},
		{"POST", "web/policies"}, {"DELETE", "web/policies"}, {"POST", "web/custom-secret-id"}, {"POST", "web/secret-id/lookup"}, {"DELETE", "web"}, {"POST", "db/"}, {"POST", "/db//secret-id"},
	} {
		r := n.Do(c[0], roleAt+c[1], token, object{"secret_id_accessor": db.accessor, "secret_id": db.secretID, "token_policies": "x"})
		if r.Status != 403 {
			t.Errorf("%s %s: %s", c[0], c[1], r)
		}
	}
	// Another role's accessor under a path that policy allows leads nowhere.
	wantError(t, n.Post(roleAt+"web/secret-id-accessor/lookup", token, object{"secret_id_accessor": db.accessor}), 404, "not_found")
	wantError(t, n.Post(roleAt+"web/secret-id-accessor/destroy", token, object{"secret_id_accessor": db.accessor}), 404, "not_found")
	wantStatus(t, db.login(n), 200)
	// "Web" is another role than "web": no spelling of a name reaches it.
	wantStatus(t, n.Post(roleAt+"Web", token, object{"token_policies": "default"}), 204)
	data(t, "web", n.Get(roleAt+"web", n.Root()), map[string]string{"token_policies": "[]"})
	// Create is for what is new, update for what exists, as in Vault.
	for capability, want := range map[string][2]int{"create": {204, 403}, "update": {403, 204}} {
		token := n.Allow("only-"+capability, roleAt+"*", capability)
		for i, name := range []string{"new-" + capability, "web"} {
			if r := n.Post(roleAt+name, token, nil); r.Status != want[i] {
				t.Errorf("%s on %s: %s", capability, name, r)
			}
		}
	}
	_ = web
}

// No spelling of root comes into a role or an application, whoever writes it, so no
// login ever gives it: attack 49.
func TestNoLoginGivesRoot(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("identity/applications/web", nil)
	admin := n.Allow("admin", "*", "create", "update", "read", "sudo")
	for _, token := range []string{n.Root(), admin} {
		for _, spelling := range []string{"root", "ROOT", " root ", "Root\t", "default,root", "rооt", "root\u200b", "ｒｏｏｔ"} {
			for path, member := range map[string]string{roleAt + "web": "token_policies", roleAt + "other": "policies", roleAt + "web/policies": "token_policies", "identity/applications/web": "policies"} {
				if path == roleAt+"web/policies" {
					n.Must(roleAt+"web", nil)
				}
				wantError(t, n.Post(path, token, object{member: spelling}), 400, "bad_request")
			}
		}
	}
	m := newMachine(t, n, "web", object{"token_policies": "roots, root-like"})
	if r := wantStatus(t, m.login(n), 200); fmt.Sprint(strs(r, "auth", "policies")) != "[default root-like roots]" {
		t.Errorf("login: %s", r)
	}
	wantError(t, n.Get("sys/mounts", m.token(t, n)), 403, "permission_denied")
}

// However many logins come at once, and wherever the process is killed, no more
// succeed than the secret id has uses.
func TestNoKillGivesALoginBack(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	const uses = 90
	m := newMachine(t, n, "web", object{"secret_id_num_uses": uses})
	var in, refused atomic.Int64
	var tokens sync.Map
	stream := func(stop func() bool) *sync.WaitGroup {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for !stop() {
					r, err := n.Send("PUT", "auth/approle/login", "", m.body())
					switch {
					case err == nil && r.Status == 200:
						in.Add(1)
						tokens.Store(r.Text("auth", "client_token"), true)
					case err == nil && r.Code() == "invalid_credentials":
						refused.Add(1)
						return
					}
				}
			})
		}
		return &wg
	}
	for round := range int64(3) {
		var over atomic.Bool
		wg := stream(over.Load)
		eventually(t, "some get in", func() bool { return in.Load() >= 15*(round+1) || refused.Load() != 0 })
		n.Kill()
		over.Store(true)
		wg.Wait()
		n.Start()
		n.Unseal()
	}
	before := in.Load()
	stream(func() bool { return false }).Wait()
	// A use that was spent when the process was killed may have let nobody in.
	if got := in.Load(); got > uses || got < uses-3*8 || before == 0 || refused.Load() == 0 {
		t.Errorf("%d logins on %d uses, %d of them before the last start", got, uses, before)
	}
	wantError(t, m.login(n), 400, "invalid_credentials")
	tokens.Range(func(token, _ any) bool {
		wantStatus(t, n.Get("auth/token/lookup-self", token.(string)), 200)
		return true
	})
}

// With less than 64 MiB for the audit log, logins are refused: they are the one
// thing that a stranger makes the node write. Who has a token goes on.
func TestLittleSpaceForTheLogRefusesLogins(t *testing.T) {
	t.Parallel()
	mount := tmpfs(t, "48m")
	n := apitest.New(t, apitest.AuditDir(filepath.Join(mount, "audit")))
	n.Must("transit/keys/web", object{"type": "ed25519"})
	m := newMachine(t, n, "web", object{"secret_id_num_uses": 1})
	wantText(t, wantError(t, m.login(n), 503, "audit_unavailable"), "only requests with a token")
	wantError(t, n.Do("PUT", "auth/approle/login", "", object{"role_id": "x"}), 503, "audit_unavailable") // and tells nobody from another
	data(t, "the secret id", n.Post(roleAt+"web/secret-id/lookup", n.Root(), object{"secret_id": m.secretID}), map[string]string{"secret_id_num_uses": "1"})
	wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
	limited := newToken(t, n, n.Root(), object{"policies": "default", "num_uses": 1}).Text("auth", "client_token")
	wantStatus(t, n.Get("auth/token/lookup-self", limited), 200)
}

// A sealed node logs nobody in, and says so before it looks at what it was sent.
func TestLoginOnASealedNode(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	m := newMachine(t, n, "web", nil)
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	wantError(t, m.login(n), 503, "sealed")
	n.Unseal()
	wantStatus(t, m.login(n), 200)
}
