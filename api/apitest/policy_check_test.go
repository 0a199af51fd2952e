package apitest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

const checkPath = "sys/policies/check"

// What a caller learns about itself: the verdict, the rule, who lost and why, and
// what it may have overlooked. The verdict is what then happens.
func TestPolicyCheckExplainsTheCallersOwnToken(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Policy("web", `path "transit/sign/web" { capabilities = ["update"] }
path "transit/*" { capabilities = ["read"] }`)
	n.Policy("wide", `path "transit/sign/+" { capabilities = ["update", "sudo"] }`)
	token := n.NewToken("web", "wide", "ghost")
	r := wantStatus(t, n.Post(checkPath, token, object{"path": "transit/sign/web", "capability": "update"}), 200)
	if r.At("data", "allowed") != true || r.Text("data", "path") != "transit/sign/web" || r.Text("data", "rule", "policy") != "web" ||
		r.Text("data", "rule", "path") != "transit/sign/web" || fmt.Sprint(strs(r, "data", "capabilities"), strs(r, "data", "needed")) != "[update] [update]" {
		t.Errorf("allowed: %s", r)
	}
	others, _ := r.At("data", "others").([]any)
	if len(others) != 2 || fmt.Sprint(others[0]) != "map[capabilities:[sudo update] path:transit/sign/+ policy:wide why:less specific: it has a wildcard, and a rule without one is this path]" {
		t.Errorf("others: %v", others)
	}
	if !strings.Contains(fmt.Sprint(strs(r, "data", "hints")), "the policy ghost does not exist and grants nothing") {
		t.Errorf("hints: %s", r)
	}
	wantStatus(t, n.Post("transit/sign/web", token, object{"input": "aGk="}), 200)

	r = wantStatus(t, n.Do(http.MethodPut, checkPath, token, object{"path": "transit/sign/web/sha2-512", "capabilities": []string{"update"}}), 200)
	if r.At("data", "allowed") != false || !strings.Contains(r.Text("data", "reason"), "does not grant update") || !strings.Contains(fmt.Sprint(strs(r, "data", "hints")), `needs "transit/sign/web/*"`) {
		t.Errorf("the hash in the path: %s", r)
	}
	wantError(t, n.Post("transit/sign/web/sha2-512", token, object{"input": "aGk="}), 403, "permission_denied")

	r = wantStatus(t, n.Post(checkPath, token, object{"path": "nothing/here"}), 200)
	if r.At("data", "allowed") != false || r.At("data", "rule") != nil || fmt.Sprint(strs(r, "data", "capabilities")) != "[deny]" || len(strs(r, "data", "needed")) != 0 {
		t.Errorf("no rule: %s", r)
	}
	r = wantStatus(t, n.Post(checkPath, n.Root(), object{"path": "sys/seal", "capabilities": "update,sudo"}), 200)
	if r.At("data", "allowed") != true || r.Text("data", "rule", "policy") != "root" || !strings.Contains(r.Text("data", "reason"), "the root policy allows everything") {
		t.Errorf("root: %s", r)
	}
}

// Who may ask about whom: each asker asks about a token in both its spellings, and
// about its policies by name, at every path that takes such a question.
func TestPolicyCheckSaysNothingOfOthersWithoutTheRight(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("secret", `path "transit/sign/secret" { capabilities = ["update"] }`)
	subject := newToken(t, n, n.Root(), object{"policies": "secret", "ttl": "1h"})
	token, accessor := subject.Text("auth", "client_token"), subject.Text("auth", "accessor")
	n.Policy("sudo", `path "sys/policies/check" { capabilities = ["update", "sudo"] }
path "sys/capabilities" { capabilities = ["update", "sudo"] }
path "sys/capabilities-accessor" { capabilities = ["update", "sudo"] }`)
	const use = `path "sys/capabilities" { capabilities = ["update"] }
path "sys/capabilities-accessor" { capabilities = ["update"] }
`
	n.Policy("reader", use+`path "sys/policies/acl/*" { capabilities = ["read"] }`)
	n.Policy("half", use+`path "sys/policies/acl/secret" { capabilities = ["read"] }`) // and not default
	n.Policy("none", use)
	for _, c := range []struct {
		policy string
		may    bool
	}{{"sudo", true}, {"reader", true}, {"half", false}, {"none", false}} {
		asker := n.NewToken(c.policy)
		for what, q := range map[string][2]any{
			"token":                    {checkPath, object{"path": "transit/sign/secret", "token": token}},
			"accessor":                 {checkPath, object{"path": "transit/sign/secret", "accessor": accessor}},
			"policies":                 {checkPath, object{"path": "transit/sign/secret", "policies": []string{"default", " SECRET"}}},
			"capabilities of token":    {"sys/capabilities", object{"paths": "transit/sign/secret", "token": token}},
			"capabilities of accessor": {"sys/capabilities-accessor", object{"path": "transit/sign/secret", "accessor": accessor}},
		} {
			r := n.Post(q[0].(string), asker, q[1])
			if !c.may {
				wantError(t, r, 403, "permission_denied")
				if strings.Contains(string(r.Body), "secret") || fmt.Sprint(strs(r, "errors")) != "[permission denied]" {
					t.Errorf("%s by %s learns %s", what, c.policy, r)
				}
				if recs := records(t, n, ofRequest(r)); len(recs) != 1 || recs[0].Outcome != "refused" || recs[0].Code != "permission_denied" {
					t.Errorf("%s by %s: records %+v", what, c.policy, recs)
				}
				continue
			}
			wantStatus(t, r, 200)
			if got := fmt.Sprint(strs(r, "data", "capabilities")); got != "[update]" {
				t.Errorf("%s by %s: %s", what, c.policy, r)
			}
		}
		// A token that is not there is told to whom every token may be told.
		for _, q := range []object{{"token": "sgt.nonsense"}, {"accessor": "nonsense"}, {"accessor": ""}, {"token": ""}} {
			want := "permission_denied"
			if c.policy == "sudo" {
				want = "token_not_found"
			}
			q["path"] = "a"
			wantError(t, n.Post(checkPath, asker, q), 403, want)
		}
	}
	// By named policies alone, half is enough; and one may always ask about oneself.
	half := n.NewToken("half")
	wantStatus(t, n.Post(checkPath, half, object{"path": "a", "policies": "secret"}), 200)
	wantError(t, n.Post(checkPath, half, object{"path": "a", "policies": "secret,root"}), 403, "permission_denied")
	wantError(t, n.Post(checkPath, half, object{"path": "a", "policies": "ghost"}), 403, "permission_denied")
	wantStatus(t, n.Post(checkPath, token, object{"path": "a", "token": token}), 200)
	wantStatus(t, n.Post(checkPath, token, object{"path": "a", "accessor": accessor}), 200)
	twice := wantStatus(t, n.Post(checkPath, half, object{"path": "transit/sign/secret", "policies": "secret,SECRET"}), 200)
	if twice.Text("data", "rule", "policy") != "secret" || len(strs(twice, "data", "others")) != 0 {
		t.Errorf("the same policy twice: %s", twice)
	}
	r := wantStatus(t, n.Post(checkPath, n.Root(), object{"path": "sys/seal", "policies": []string{"secret", "root"}}), 200)
	if r.Text("data", "rule", "policy") != "root" {
		t.Errorf("root by name: %s", r)
	}
	n.Must("auth/token/revoke", object{"token": token})
	wantError(t, n.Post(checkPath, n.Root(), object{"path": "a", "accessor": accessor}), 403, "token_not_found")
}

// Vault's answers for other tokens, in Vault's shape.
func TestCapabilitiesOfOtherTokens(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("web", `path "transit/sign/web" { capabilities = ["update"] }`)
	made := newToken(t, n, n.Root(), object{"policies": "web"})
	for path, who := range map[string]object{
		"sys/capabilities":          {"token": made.Text("auth", "client_token"), "unknown": 1},
		"sys/capabilities-accessor": {"accessor": made.Text("auth", "accessor"), "unknown": 1},
	} {
		for _, method := range []string{"POST", "PUT"} {
			who["paths"] = []string{"transit/sign/web", "/transit/sign/other"}
			r := wantStatus(t, n.Do(method, path, n.Root(), who), 200)
			if got := fmt.Sprint(strs(r, "data", "transit/sign/web"), strs(r, "data", "/transit/sign/other"), r.At("data", "capabilities")); got != "[update] [deny] <nil>" {
				t.Errorf("%s %s: %s", method, path, r)
			}
		}
		delete(who, "paths")
		who["path"] = "transit/sign/web"
		if r := n.Post(path, n.Root(), who); fmt.Sprint(strs(r, "data", "capabilities")) != "[update]" {
			t.Errorf("%s of one path: %s", path, r)
		}
		delete(who, "path")
		wantText(t, wantError(t, n.Post(path, n.Root(), who), 400, "bad_request"), "'paths' is missing")
		wantError(t, n.Post(path, made.Text("auth", "client_token"), who), 403, "permission_denied")
	}
	r := n.Post("sys/capabilities", n.Root(), object{"token": n.Root(), "paths": "a"})
	if fmt.Sprint(strs(r, "data", "a")) != "[root]" {
		t.Errorf("root: %s", r)
	}
}

// A text is checked before it is written, and a fault has its place.
func TestPolicyCheckOfAText(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	token := n.NewToken("default")
	text := `path "transit/sign/web" { capabilities = ["update"] }
path "transit/*" { capabilities = ["deny"] }`
	r := wantStatus(t, n.Post(checkPath, token, object{"path": "transit/sign/web", "capability": "update", "policy": text}), 200)
	if r.At("data", "allowed") != true || r.Text("data", "rule", "policy") != "policy" {
		t.Errorf("%s", r)
	}
	r = wantStatus(t, n.Post(checkPath, token, object{"path": "transit/keys/web", "policy": text}), 200)
	if r.At("data", "allowed") != false || !strings.Contains(r.Text("data", "reason"), "denies everything") {
		t.Errorf("%s", r)
	}
	r = wantStatus(t, n.Post(checkPath, token, object{"policy": text}), 200)
	if r.At("data", "valid") != true || number(t, r, "data", "rules") != 2 {
		t.Errorf("%s", r)
	}
	wantError(t, n.Get("sys/policies/acl/policy", n.Root()), 404, "not_found")
	broken := "path \"a\" {\n  capabilities = [\"fly\"]\n}"
	for _, q := range []object{{"policy": broken}, {"policy": broken, "path": "a"}} {
		wantText(t, wantError(t, n.Post(checkPath, token, q), 400, "bad_policy"), `policy:2:19: unknown capability "fly"`)
	}
	wantText(t, wantError(t, n.Do(http.MethodPut, "sys/policies/acl/broken", n.Root(), object{"policy": broken}), 400, "bad_policy"), `broken:2:19: unknown capability "fly"`)
	wantText(t, wantError(t, n.Post("sys/policies/acl/broken", n.Root(), object{"policy": `{"path": {"a": {"capabilities": 1}}}`}), 400, "bad_policy"), "broken:1:33: capabilities must be a list")
}

// Every refusal of a question that cannot be asked, and what its record has.
func TestPolicyCheckRefusals(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	for _, c := range []struct {
		body any
		code string
		text string
	}{
		{nil, "bad_request", "'path' is missing"},
		{object{"path": ""}, "bad_request", "'path' is missing"},
		{object{"path": strings.Repeat("a", 2049)}, "bad_request", "longer than 2048 bytes"},
		{object{"path": "a", "capability": "fly"}, "bad_request", `no request needs the capability "fly"`},
		{object{"path": "a", "capability": "deny"}, "bad_request", `no request needs the capability "deny"`},
		{object{"path": "a", "capability": "root"}, "bad_request", `no request needs the capability "root"`},
		{object{"path": "a", "policies": []string{}}, "bad_request", "names 1 to 128 policies"},
		{object{"path": "a", "policies": []string{"a b"}}, "bad_request", "policy name must be"},
		{object{"path": "a", "policies": strings.Repeat("a,", 129)}, "bad_request", "names 1 to 128 policies"},
		{object{"path": "a", "policy": " "}, "bad_request", "'policy' is empty"},
		{object{"policy": ""}, "bad_request", "'policy' is empty"},
		{object{"policy": "", "capability": "read"}, "bad_request", "'path' is missing"},
		{object{"path": "a", "policy": "x", "policies": "x"}, "bad_request", "at most one of"},
		{object{"path": "a", "accessor": "x", "token": "x"}, "bad_request", "at most one of"},
		{object{"path": "a", "accessor": "", "policies": "default"}, "bad_request", "at most one of"},
		{object{"path": "a", "paths": "a"}, "unknown_field", "unknown field"},
		{`{"path":"a","path":"b"}`, "invalid_json", "names a field twice"},
		{object{"path": 1}, "bad_request", `field "/path"`},
	} {
		r := wantError(t, n.Post(checkPath, n.Root(), c.body), 400, c.code)
		wantText(t, r, c.text)
	}
	wantError(t, n.Post(checkPath, "", object{"path": "a"}), 403, "invalid_token")
	bare := newToken(t, n, n.Root(), object{"policies": "nothing", "no_default_policy": true}).Text("auth", "client_token")
	wantError(t, n.Post(checkPath, bare, object{"path": "a"}), 403, "permission_denied")
	wantError(t, n.Post(checkPath, bare, nil), 403, "permission_denied") // policy before everything else

	r := wantStatus(t, n.Post(checkPath, n.Root(), object{"path": "transit/sign/" + n.Root(), "token": n.Root(), "capability": "update"}), 200)
	if strings.Contains(string(r.Body), n.Root()) || r.Text("data", "path") != "transit/sign/[redacted]" {
		t.Errorf("the answer repeats a token: %s", r)
	}
	recs := records(t, n, ofRequest(r))
	if len(recs) != 1 || recs[0].Operation != "sys/policy/check" || recs[0].Outcome != "ok" || recs[0].Fields["path"] != "transit/sign/[redacted]" ||
		recs[0].Fields["needed"] != "update" || recs[0].Fields["accessor"] == "" {
		t.Errorf("records: %+v", recs)
	}
}
