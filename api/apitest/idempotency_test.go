package apitest_test

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

const onceHeader = "Idempotency-Key"

// write is one request that changes something.
type write struct {
	path, token string
	body        any
	spends      bool // makes a token, which is shown once
	ends        bool // revokes the token that it came with
}

// prepare makes what a write route needs, anew for each number.
func prepare(t *testing.T, n *apitest.Node, r tableRoute, method string, number int) write {
	t.Helper()
	name := fmt.Sprintf("once-%d", number)
	w := write{path: r.fill("{name}", name, "{policy}", name, "{role}", name, "{issuer}", name, "{profile}", name), token: n.Root()}
	made := func() apitest.Reply { return newToken(t, n, n.Root(), object{"policies": "root", "ttl": "1h"}) }
	key := func(config object) {
		n.Must("transit/keys/"+name, object{"type": "ed25519"})
		n.Must("transit/keys/"+name+"/rotate", nil)
		n.Must("transit/keys/"+name+"/config", config)
	}
	deleting := method == "DELETE"
	switch pattern := strings.TrimPrefix(r.pattern, "{mount}/"); pattern {
	case "sys/policies/acl/{policy}":
		if w.body = (object{"policy": `path "a" { capabilities = ["read"] }`}); deleting {
			n.Must(w.path, w.body)
		}
	case "auth/token/create", "auth/token/create-orphan", "auth/token/create/{role}":
		w.body, w.spends = object{"policies": "default", "ttl": "1h"}, true
		if strings.HasSuffix(pattern, "{role}") {
			n.Must("auth/token/roles/"+name, object{"allowed_policies": "default"})
		}
	case "auth/token/roles/{role}":
		if w.body = (object{"allowed_policies": "default"}); deleting {
			n.Must(w.path, w.body)
		}
	case "sys/storage/raft/autopilot/configuration":
		w.body = object{"max_trailing_logs": number}
	case "sys/quotas/rate-limit/{name}":
		if w.body = (object{"path": "transit/keys/" + name, "rate": 1000}); deleting {
			n.Must(w.path, w.body)
		}
	case "identity/applications/{name}":
		if w.body = (object{"owner": "team"}); deleting {
			n.Must(w.path, w.body)
		}
	case "identity/applications/{name}/block", "identity/applications/{name}/unblock":
		n.Must("identity/applications/"+name, nil)
		if w.body = (object{"reason": "a test"}); strings.HasSuffix(pattern, "/unblock") {
			n.Must("identity/applications/"+name+"/block", w.body)
			w.body = nil
		}
	case "auth/approle/tidy/secret-id":
	case "sys/rotate":
	case "sys/migrate-seal":
		w.body = object{"to": "exec"}
	case "sys/rotate/config":
		w.body = object{"max_operations": 1_000_000 + number} // what changes nothing is not remembered
	case "auth/token/renew-self":
		w.token, w.body = made().Text("auth", "client_token"), object{"increment": "10m"}
	case "auth/token/revoke-self":
		w.token, w.ends = made().Text("auth", "client_token"), true
	case "auth/token/renew", "auth/token/revoke", "auth/token/revoke-orphan":
		w.body = object{"token": made().Text("auth", "client_token")}
	case "auth/token/renew-accessor", "auth/token/revoke-accessor":
		w.body = object{"accessor": made().Text("auth", "accessor")}
	case "keys/{name}":
		if w.body = (object{"type": "ed25519"}); deleting {
			key(object{"deletion_allowed": true})
		}
	case "keys/{name}/config":
		key(object{"min_decryption_version": 1})
		w.body = object{"deletion_allowed": true}
	case "keys/{name}/rotate":
		key(object{"min_decryption_version": 1})
	case "keys/{name}/state":
		key(object{"min_decryption_version": 1})
		w.body = object{"version": 1, "state": "suspended", "reason": "a test"}
	case "keys/{name}/undelete":
		key(object{"deletion_allowed": true})
		wantStatus(t, n.Do("DELETE", "transit/keys/"+name, n.Root(), nil), 204)
	case "keys/{name}/import":
		w.body = object{"type": "ed25519", "ciphertext": outsider{t, n}.wrapped(newEd(t))}
	case "keys/{name}/import_version":
		n.Must("transit/keys/"+name+"/import", object{"type": "ed25519", "ciphertext": outsider{t, n}.wrapped(newEd(t))})
		w.body = object{"ciphertext": outsider{t, n}.wrapped(newEd(t))}
	case "keys/{name}/trim":
		key(object{"min_decryption_version": 2, "min_encryption_version": 2})
		w.body = object{"min_available_version": 2}
	default:
		if body, known := prepareIssuer(t, n, r, name, deleting); known {
			w.body = body
			break
		}
		if !strings.HasPrefix(pattern, "auth/approle/role/{role}") {
			t.Fatalf("no request is known for %s %s: add one here", method, r.pattern)
		}
		w.prepareRole(t, n, name, strings.TrimPrefix(pattern, "auth/approle/role/{role}"), deleting)
	}
	if deleting {
		w.body = nil
	}
	return w
}

// prepareRole is prepare for the routes of a role.
func (w *write) prepareRole(t *testing.T, n *apitest.Node, name, below string, deleting bool) {
	t.Helper()
	role := "auth/approle/role/" + name
	if below != "" || deleting {
		n.Must(role, object{"secret_id_bound_cidrs": "127.0.0.1"})
	}
	settings := map[string]any{
		"": "x", "/role-id": name, "/policies": "default", "/bind-secret-id": false, "/secret-id-bound-cidrs": "127.0.0.0/8", "/token-bound-cidrs": "127.0.0.1",
		"/secret-id-num-uses": 7, "/secret-id-ttl": "1h", "/token-ttl": "1h", "/token-max-ttl": "2h", "/token-num-uses": 7, "/period": "1h",
	}
	value, known := settings[below]
	made := func() apitest.Reply { return n.Must(role+"/secret-id", nil) }
	of := func(member, value string) {
		if w.body = (object{member: value}); deleting { // as Vault's clients send it
			w.path += "?" + member + "=" + value
		}
	}
	switch below {
	case "/policies", "/period":
		w.body = object{"token_" + strings.TrimPrefix(below, "/"): value}
	case "/secret-id", "/custom-secret-id":
		w.body, w.spends = object{"metadata": `{"a":"b"}`}, true
		if below == "/custom-secret-id" {
			w.body = object{"secret_id": "a-secret-id-of-" + name}
		}
	case "/secret-id/destroy":
		of("secret_id", made().Text("data", "secret_id"))
	case "/secret-id-accessor/destroy":
		of("secret_id_accessor", made().Text("data", "secret_id_accessor"))
	default:
		if !known {
			t.Fatalf("no request is known for %s: add one here", below)
		}
		w.body = object{strings.ReplaceAll(strings.TrimPrefix(below, "/"), "-", "_"): value}
	}
}

// I2: every write route is sent twice under one key. The second time nothing
// happens, and the answer is that of the first.
func TestEveryWriteSentTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"), apitest.SealedBy(rot13()))
	effects := func() int {
		return len(records(t, n, func(r audit.Parsed) bool { return r.Type == audit.TypeIntent }))
	}
	number := 0
	for _, route := range routeTable(t) {
		if route.auth != "token" || route.timeout == "quick" || route.timeout == "streaming" {
			continue
		}
		if route.pattern == "{mount}/wrapping_key" {
			continue // reads, and makes what is read once: TestThereIsOneWrappingKey
		}
		if route.pattern == "sys/step-down" || strings.HasPrefix(route.pattern, "sys/storage/raft/") && !strings.Contains(route.pattern, "autopilot") {
			continue // refused on a node without peers
		}
		for _, method := range route.methods {
			number++
			what, key := method+" "+route.pattern, fmt.Sprintf("key %d", number)
			w := prepare(t, n, route, method, number)
			send := func(method, path string) apitest.Reply {
				return n.Do(method, path, w.token, w.body, onceHeader, key)
			}
			before := effects()
			first := send(method, w.path)
			if first.Status > 299 {
				t.Errorf("%s: %s", what, first)
				continue
			}
			other := map[string]string{"POST": "PUT", "PUT": "POST", "DELETE": "DELETE"}[method] // the same request to us
			again := send(other, w.path)
			switch {
			case w.ends:
				wantError(t, again, 403, "invalid_token")
			case w.spends:
				wantError(t, again, 409, "idempotency_spent")
				if got := again.Text("accessor"); got != first.Text("auth", "accessor")+first.Text("data", "secret_id_accessor") {
					t.Errorf("%s: accessor %q of %s", what, got, first)
				}
				if strings.Contains(string(again.Body), "client_token") || strings.Contains(string(again.Body), `"secret_id"`) {
					t.Errorf("%s: a token is shown twice", what)
				}
			case again.Status != first.Status || !reflect.DeepEqual(withoutTimes(again), withoutTimes(first)) || !reflect.DeepEqual(again.At("warnings"), first.At("warnings")) ||
				again.Text("auth", "client_token") != first.Text("auth", "client_token"):
				t.Errorf("%s was answered with %s and then with %s", what, first, again)
			}
			if !w.ends {
				if r := send(method, w.path+"?x=1"); r.Status != 409 || r.Code() != "idempotency_mismatch" {
					t.Errorf("%s with a query, under the same key: %s", what, r)
				}
			}
			if got := effects() - before; got != 1 {
				t.Errorf("%s: %d effects of one request sent twice", what, got)
			}
		}
	}
	if number < 20 {
		t.Errorf("%d writes were sent twice", number)
	}
}

// withoutTimes is an answer's data without how long its barrier took, and whether it
// had one: a repeat does not say.
func withoutTimes(r apitest.Reply) any {
	data, is := r.At("data").(map[string]any)
	if !is {
		return r.At("data")
	}
	data = maps.Clone(data)
	delete(data, "barrier_ms")
	delete(data, "effective")
	return data
}

func TestAnIdempotencyKeyBelongsToOneRequestOfOneCaller(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	rotate := func(token string, body any, headers ...string) apitest.Reply {
		return n.Do("POST", "transit/keys/web/rotate", token, body, headers...)
	}
	latest := func() int64 { return number(t, n.Get("transit/keys/web", n.Root()), "data", "latest_version") }
	for what, headers := range map[string][]string{
		"two":         {onceHeader, "a", onceHeader, "a"},
		"two names":   {onceHeader, "a", "idempotency-key", "b"},
		"empty":       {onceHeader, ""},
		"long":        {onceHeader, strings.Repeat("k", 256)},
		"not ASCII":   {onceHeader, "käse"},
		"a tab in it": {onceHeader, "a\tb"},
	} {
		r := wantError(t, rotate(n.Root(), nil, headers...), 400, "bad_request")
		if got := records(t, n, ofRequest(r)); len(got) != 1 || got[0].Accessor == "" || got[0].Outcome != audit.OutcomeRefused {
			t.Errorf("%s: records %+v", what, got)
		}
	}
	if got := latest(); got != 1 {
		t.Fatalf("a refused request rotated the key: version %d", got)
	}
	wantStatus(t, rotate(n.Root(), nil, onceHeader, strings.Repeat("k", 255)), 200)
	wantStatus(t, rotate(n.Root(), nil, onceHeader, "k"), 200)
	wantError(t, rotate(n.Root(), object{"x": 1}, onceHeader, "k"), 409, "idempotency_mismatch")
	wantError(t, n.Do("POST", "transit/keys/other", n.Root(), nil, onceHeader, "k"), 409, "idempotency_mismatch")
	wantError(t, n.Do("DELETE", "transit/keys/web", n.Root(), nil, onceHeader, "k"), 409, "idempotency_mismatch")
	if got := latest(); got != 3 {
		t.Fatalf("version %d, want 3", got)
	}

	// Another caller's key of the same name is another key.
	other := n.Allow("rotator", "transit/keys/web/rotate", "update")
	r := wantStatus(t, rotate(other, nil, onceHeader, "k"), 200)
	if got := number(t, r, "data", "latest_version"); got != 4 {
		t.Errorf("another caller was answered with version %d", got)
	}
	// What a caller may no longer do it is not told again.
	n.Policy("rotator", `path "transit/keys/web/rotate" { capabilities = ["read"] }`)
	wantError(t, rotate(other, nil, onceHeader, "k"), 403, "permission_denied")

	// What changes nothing ignores the key.
	sign := func() string {
		return wantStatus(t, n.Do("POST", "transit/sign/web", n.Root(), object{"input": "aGk="}, onceHeader, "s"), 200).Text("data", "signature")
	}
	if one, other := sign(), sign(); one == other {
		t.Error("a signature was told again; ECDSA makes another one each time")
	}
	wantStatus(t, n.Do("POST", "transit/verify/web", n.Root(), object{"input": "aGk=", "signature": sign()}, onceHeader, "s"), 200)
	wantStatus(t, n.Do("GET", "transit/keys/web", n.Root(), nil, onceHeader, "s"), 200)
	wantStatus(t, rotate(n.Root(), nil, onceHeader, "s"), 200)

	// A refusal is not remembered: once the reason is gone, the request works.
	early := func() apitest.Reply { return n.Do("POST", "transit/keys/late/rotate", n.Root(), nil, onceHeader, "e") }
	wantError(t, early(), 400, "key_not_found")
	n.Must("transit/keys/late", object{"type": "ed25519"})
	wantStatus(t, early(), 200)
}

func TestAnIdempotencyKeyIsKnownAfterARestartAndAKill(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	token := n.NewToken("root")
	send := func() (rotated, made apitest.Reply) {
		return n.Do("POST", "transit/keys/web/rotate", token, nil, onceHeader, "r"), n.Do("POST", "auth/token/create", token, object{"policies": "default"}, onceHeader, "c")
	}
	rotated, made := send()
	wantStatus(t, rotated, 200)
	wantStatus(t, made, 200)
	for _, ending := range []func(){n.Restart, func() { n.Kill(); n.Start() }} {
		ending()
		n.Unseal()
		r, m := send()
		if wantStatus(t, r, 200); !reflect.DeepEqual(r.At("data"), rotated.At("data")) {
			t.Errorf("answered with %s and then with %s", rotated, r)
		}
		if wantError(t, m, 409, "idempotency_spent"); m.Text("accessor") != made.Text("auth", "accessor") {
			t.Errorf("%s, and then %s", made, m)
		}
	}
}
