package apitest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// Each of these breaks a client that exists. They are named and numbered after
// the traps of the HTTP contract.
func TestTraps(t *testing.T) {
	t.Parallel()
	n := apitest.Dev(t)
	for name, typ := range map[string]string{"ec": "ecdsa-p256", "ed": "ed25519", "rsa": "rsa-2048", "aes": "aes256-gcm96"} {
		n.Must("transit/keys/"+name, object{"type": typ})
	}
	for _, trap := range []struct {
		name string
		run  func(*testing.T, *apitest.Node)
	}{
		{"01 writes as PUT or POST, LIST as verb or query", trap01},
		{"02 no content type, a wrong one, and bodies of nothing", trap02},
		{"03 numbers as strings, durations as seconds or text", trap03},
		{"04 unknown fields", trap04},
		{"05 options of other key types are ignored", trap05},
		{"06 double slashes and paths that are not canonical", trap06},
		{"07 what is missing", trap07},
		{"08 versions are numbers", trap08},
		{"09 the map of keys", trap09},
		{"10 marshaling jws for every key type", trap10},
		{"11 the prefix of a signature", trap11},
		{"12 RSA is PSS with the longest salt", trap12},
		{"13 renew-self has a whole auth block or fails", trap13},
		{"16 parameters of health", trap16},
		{"17 leader and version", trap17},
		{"18 empty associated data and context", trap18},
		{"19 creating what exists, encrypting with what does not", trap19},
		{"21 namespaces, wrapping, no X-Vault-Index", trap21},
		{"22 the transit mount", trap22},
		{"23 the length of a prehashed input", trap23},
		{"24 batches", trap24},
		{"25 mistakes of the caller are 400", trap25},
	} {
		t.Run(trap.name, func(t *testing.T) { trap.run(t, n) })
	}
}

func trap01(t *testing.T, n *apitest.Node) {
	for _, method := range []string{"PUT", "POST"} {
		wantStatus(t, n.Do(method, "transit/keys/by-"+strings.ToLower(method), n.Root(), `{"type":"ed25519"}`), 200)
		wantStatus(t, n.Do(method, "transit/sign/ed", n.Root(), `{"input":"aGk="}`), 200)
		wantStatus(t, n.Do(method, "transit/sign/ec/sha2-512", n.Root(), `{"input":"aGk="}`), 200)
		wantStatus(t, n.Do(method, "sys/policies/acl/by-"+strings.ToLower(method), n.Root(), object{"policy": `path "a" { capabilities = ["read"] }`}), 204)
		wantStatus(t, n.Do(method, "auth/token/lookup-self", n.Root(), nil), 200)
	}
	for _, path := range []string{"transit/keys", "sys/policies/acl"} {
		verb := wantStatus(t, n.Do("LIST", path, n.Root(), nil), 200)
		for _, query := range []string{"?list=true", "/?list=true", "?list=1"} {
			got := wantStatus(t, n.Get(path+query, n.Root()), 200)
			if fmt.Sprint(got.At("data", "keys")) != fmt.Sprint(verb.At("data", "keys")) || len(strs(got, "data", "keys")) == 0 {
				t.Errorf("LIST %s and GET %s%s differ: %s and %s", path, path, query, verb, got)
			}
		}
		wantStatus(t, n.Do("LIST", path+"/", n.Root(), nil), 200)
	}
	keys := strs(n.Do("LIST", "transit/keys", n.Root(), nil), "data", "keys")
	for i := 1; i < len(keys); i++ {
		if keys[i-1] >= keys[i] {
			t.Errorf("keys are not sorted: %v", keys)
		}
	}
}

func trap02(t *testing.T, n *apitest.Node) {
	for _, typ := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", "no type at all"} {
		var headers []string
		if typ != "" {
			headers = []string{"Content-Type", typ}
		}
		r := wantStatus(t, n.Do("PUT", "transit/sign/ec", n.Root(), `{"input":"aGk="}`, headers...), 200)
		if got := r.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
		if got := r.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("cache control %q", got)
		}
	}
	for i, body := range []any{nil, "", "null", "{}", " \n null ", " { } "} {
		name := fmt.Sprintf("nothing-%d", i)
		made := wantStatus(t, n.Do("POST", "transit/keys/"+name, n.Root(), body), 200)
		if made.Text("data", "type") != "aes256-gcm96" {
			t.Errorf("the default type: %s", made)
		}
		wantStatus(t, n.Do("POST", "transit/keys/"+name+"/rotate", n.Root(), body), 200)
		wantStatus(t, n.Do("PUT", "auth/token/lookup-self", n.Root(), body), 200)
	}
	for _, body := range []string{"[]", `"text"`, "1", "{", `{"input":"aGk="`, "input=aGk="} {
		wantError(t, n.Post("transit/sign/ec", n.Root(), body), 400, "invalid_json")
	}
}

func trap03(t *testing.T, n *apitest.Node) {
	for _, version := range []any{"0", 0, "1", 1, "", nil} {
		r := wantStatus(t, n.Post("transit/sign/ec", n.Root(), object{"input": "aGk=", "key_version": version}), 200)
		if number(t, r, "data", "key_version") != 1 {
			t.Errorf("key_version %#v: %s", version, r)
		}
	}
	wantError(t, n.Post("transit/sign/ec", n.Root(), object{"input": "aGk=", "key_version": "one"}), 400, "bad_request")
	for _, flag := range []any{true, "true", 1, "1"} {
		wantError(t, n.Post("transit/keys/exportable", n.Root(), object{"exportable": flag}), 400, "export_refused")
	}
	for _, flag := range []any{false, "false", 0, "0", ""} {
		wantStatus(t, n.Post("transit/keys/not-exportable", n.Root(), object{"exportable": flag}), 200)
	}
	for _, period := range []any{7200, "7200", "2h", "120m"} {
		r := wantStatus(t, n.Post("transit/keys/aes/config", n.Root(), object{"auto_rotate_period": period}), 200)
		if number(t, r, "data", "auto_rotate_period") != 7200 {
			t.Errorf("auto_rotate_period %#v: %s", period, r)
		}
	}
	wantStatus(t, n.Post("transit/keys/aes/config", n.Root(), object{"auto_rotate_period": "0"}), 200)
	wantError(t, n.Post("transit/keys/aes/config", n.Root(), object{"auto_rotate_period": "59m"}), 400, "bad_request")
	for _, ttl := range []any{"720h", 2592000, "2592000", "30d"} {
		r := wantStatus(t, n.Post("auth/token/create", n.Root(), object{"policies": "default", "ttl": ttl}), 200)
		if left := number(t, r, "auth", "lease_duration"); left < 2591900 || left > 2592000 {
			t.Errorf("ttl %#v: %s", ttl, r)
		}
	}
	for _, salt := range []any{"auto", "hash", "20", 20} {
		wantStatus(t, n.Post("transit/sign/rsa", n.Root(), object{"input": "aGk=", "salt_length": salt}), 200)
	}
	for _, policies := range []any{"a,b", []string{"a", "b"}} {
		r := wantStatus(t, n.Post("auth/token/create", n.Root(), object{"policies": policies, "renewable": "false", "meta": object{"n": 1}}), 200)
		if fmt.Sprint(strs(r, "auth", "policies")) != "[a b default]" || r.At("auth", "renewable") != false || r.Text("auth", "metadata", "n") != "1" {
			t.Errorf("policies %#v: %s", policies, r)
		}
	}
}

func trap04(t *testing.T, n *apitest.Node) {
	unknown := object{"input": "aGk=", "hash_algoritm": "sha9", "nothing": object{"a": []int{1}}, "Input": "AAAA"}
	wantStatus(t, n.Post("transit/sign/ec", n.Root(), unknown), 200)
	wantStatus(t, n.Post("transit/keys/misspelt", n.Root(), object{"type": "ed25519", "autorotate": 1}), 200)
	wantStatus(t, n.Post("transit/sign/ec", n.Root(), `{"input":"aGk=","input":"aGk=","x":1,"x":2}`), 200)
	r := wantError(t, n.Do("PUT", "sys/verify-share", "", object{"key": "00", "shard": "x"}), 400, "unknown_field")
	wantText(t, r, "shard")
	wantError(t, n.Do("PUT", "sys/verify-share", "", `{"key":"00","key":"01"}`), 400, "invalid_json")
	// Names are matched exactly: "Input" is no input.
	wantError(t, n.Post("transit/sign/ec", n.Root(), object{"Input": "aGk="}), 400, "bad_request")
}

func trap05(t *testing.T, n *apitest.Node) {
	for _, key := range []string{"ec", "ed"} {
		for _, padding := range []string{"pkcs1v15", "pss"} {
			body := object{"input": "aGk=", "signature_algorithm": padding}
			body["signature"] = wantStatus(t, n.Post("transit/sign/"+key, n.Root(), body), 200).Text("data", "signature")
			if r := wantStatus(t, n.Post("transit/verify/"+key, n.Root(), body), 200); r.At("data", "valid") != true {
				t.Errorf("%s with %s: %s", key, padding, r)
			}
		}
	}
	for _, hash := range []string{"sha2-256", "sha2-512", "sha3-224"} {
		body := object{"input": "aGk=", "hash_algorithm": hash}
		one := wantStatus(t, n.Post("transit/sign/ed", n.Root(), body), 200).Text("data", "signature")
		if two := n.Must("transit/sign/ed", object{"input": "aGk="}).Text("data", "signature"); one != two {
			t.Errorf("hash_algorithm %s changes an ed25519 signature", hash)
		}
		wantStatus(t, n.Post("transit/sign/ed/"+hash, n.Root(), object{"input": "aGk="}), 200)
	}
}

func trap06(t *testing.T, n *apitest.Node) {
	for _, path := range []string{"/v1//transit/sign//ec", "/v1/transit//sign/ec/", "/v1/transit/sign/ec//", "//v1/transit/sign/ec"} {
		if strings.HasPrefix(path, "//") {
			continue // net/http reads a host there; TestRawRequests sends it
		}
		r := n.Do("POST", path, n.Root(), `{"input":"aGk="}`)
		if r.Status != 200 || r.Header.Get("Location") != "" {
			t.Errorf("%s: %s", path, r)
		}
	}
	for _, path := range []string{
		"/v1/transit%2fsign/ec", "/v1/transit/sign/e%63", "/v1/transit/sign/../sign/ec", "/v1/transit/sign/./ec", "/v1/./transit/sign/ec",
		"/v1/transit/sign/ec/..", "/v1/transit/keys/%2e%2e/ec", "/v1/transit/sign/ec%00", "/v1/transit/sign/ec%0a", "/v1/transit/sign\\ec", "/v1/transit/sign/..%2fec",
	} {
		r := n.Do("POST", path, n.Root(), `{"input":"aGk="}`)
		if r.Status != 400 && r.Status != 404 {
			t.Errorf("%s: %s", path, r)
		}
		// A trick with the spelling must be refused as such, before routing.
		if !strings.Contains(path, "\\") {
			wantError(t, r, 400, "bad_path")
		}
	}
	// A policy for one spelling is not walked around by another.
	token := n.Allow("only-ed", "transit/sign/ed", "update")
	wantStatus(t, n.Do("POST", "/v1/transit//sign///ed", token, `{"input":"aGk="}`), 200)
	wantError(t, n.Do("POST", "/v1/transit/sign//ec", token, `{"input":"aGk="}`), 403, "permission_denied")
}

func trap07(t *testing.T, n *apitest.Node) {
	r := wantError(t, n.Get("transit/keys/missing", n.Root()), 404, "not_found")
	if len(strs(r, "errors")) != 0 {
		t.Errorf("GET of a missing key says nothing: %s", r)
	}
	for path, text := range map[string]string{
		"transit/sign/missing": "signing key not found", "transit/verify/missing": "signature verification key not found",
		"transit/encrypt/missing": "encryption key not found", "transit/decrypt/missing": "encryption key not found",
		"transit/keys/missing/rotate": "key not found", "transit/keys/missing/config": "no existing key named missing could be found",
	} {
		wantText(t, wantError(t, n.Post(path, n.Root(), object{"input": "aGk=", "plaintext": "aGk=", "ciphertext": "vault:v1:AAAA", "signature": "vault:v1:AAAA", "deletion_allowed": true}), 400, "key_not_found"), text)
	}
	wantError(t, n.Do("DELETE", "transit/keys/missing", n.Root(), nil), 400, "key_not_found")
	other := apitest.Dev(t)
	if r := wantError(t, other.Do("LIST", "transit/keys", other.Root(), nil), 404, "not_found"); len(strs(r, "errors")) != 0 {
		t.Errorf("LIST of nothing says nothing: %s", r)
	}
	wantError(t, n.Get("sys/policies/acl/missing", n.Root()), 404, "not_found")
	for _, path := range []string{"sys/nonsense", "transit/nonsense/ec", "transit/sign", "", "/", "/v2/sys/health", "/ui"} {
		wantError(t, n.Get(path, n.Root()), 404, "unsupported_path")
	}
	for method, path := range map[string]string{
		"DELETE": "transit/sign/ec", "PATCH": "transit/keys/ec", "GET": "transit/encrypt/aes", "POST": "sys/health", "LIST": "transit/keys/ec", "OPTIONS": "sys/unseal", "TRACE": "sys/init",
	} {
		r := wantError(t, n.Do(method, path, n.Root(), nil), 405, "method_not_allowed")
		if r.Header.Get("Allow") == "" {
			t.Errorf("405 of %s %s without Allow", method, path)
		}
	}
	wantError(t, n.Get("nomount/keys/ec", n.Root()), 404, "unsupported_path")
	wantError(t, n.Do("LIST", "nomount/keys", n.Root(), nil), 404, "unsupported_path")
	wantError(t, n.Post("nomount/sign/ec", n.Root(), object{"input": "aGk="}), 404, "unsupported_path")
	wantError(t, n.Post("nomount/keys/ec", n.Root(), nil), 404, "unsupported_path")
}

func trap08(t *testing.T, n *apitest.Node) {
	n.Must("transit/keys/numbers", object{"type": "ecdsa-p256"})
	n.Must("transit/keys/numbers/rotate", nil)
	for _, r := range []apitest.Reply{
		n.Get("transit/keys/numbers", n.Root()), n.Post("transit/keys/numbers", n.Root(), nil), n.Must("transit/keys/numbers/config", object{"min_decryption_version": "2"}),
	} {
		if number(t, r, "data", "latest_version") != 2 || number(t, r, "data", "min_available_version") != 1 && number(t, r, "data", "min_available_version") != 0 {
			t.Errorf("versions: %s", r)
		}
		number(t, r, "data", "min_decryption_version")
		number(t, r, "data", "min_encryption_version")
		for _, flag := range []string{"deletion_allowed", "derived", "exportable", "allow_plaintext_backup", "imported_key", "supports_encryption", "supports_decryption", "supports_signing", "supports_derivation"} {
			if _, ok := r.At("data", flag).(bool); !ok {
				t.Errorf("%s is %#v", flag, r.At("data", flag))
			}
		}
		if r.At("data", "exportable") != false || r.At("data", "allow_plaintext_backup") != false {
			t.Errorf("nothing is exportable: %s", r)
		}
	}
}

func trap09(t *testing.T, n *apitest.Node) {
	for key, name := range map[string]string{"ec": "P-256", "ed": "ed25519", "rsa": "rsa-2048"} {
		r := n.Get("transit/keys/"+key, n.Root())
		if r.Text("data", "keys", "1", "name") != name {
			t.Errorf("name: %s", r)
		}
		publicKey(t, r, 1)
		made, err := time.Parse(time.RFC3339Nano, r.Text("data", "keys", "1", "creation_time"))
		if err != nil || time.Since(made) > time.Hour || time.Since(made) < 0 {
			t.Errorf("creation_time: %v, %s", err, r)
		}
		if v, ok := r.At("data", "keys", "1", "certificate_chain").(string); !ok || v != "" {
			t.Errorf("certificate_chain: %s", r)
		}
		if r.Text("data", "keys", "1", "kid") == "" || r.Text("data", "keys", "1", "state") != "active" {
			t.Errorf("kid and state: %s", r)
		}
	}
	made := number(t, n.Get("transit/keys/aes", n.Root()), "data", "keys", "1")
	if since := time.Since(time.Unix(made, 0)); since > time.Hour || since < -time.Second {
		t.Errorf("a symmetric version is its creation time: %d", made)
	}
}

func trap10(t *testing.T, n *apitest.Node) {
	for key, length := range map[string]int{"ec": 86, "ed": 86, "rsa": 342} { // of 64, 64 and 256 bytes without padding
		for range 8 { // base64url shows in some signatures only
			body := object{"input": "aGk=", "marshaling_algorithm": "jws"}
			signature := n.Must("transit/sign/"+key, body).Text("data", "signature")
			text := strings.TrimPrefix(signature, "vault:v1:")
			if len(text) != length || strings.ContainsAny(text, "+/=") {
				t.Errorf("%s: %q", key, signature)
			}
			body["signature"] = signature
			if r := n.Must("transit/verify/"+key, body); r.At("data", "valid") != true {
				t.Errorf("%s: %s", key, r)
			}
		}
	}
	wantError(t, n.Post("transit/sign/ec", n.Root(), object{"input": "aGk=", "marshaling_algorithm": "xml"}), 400, "bad_request")
}

func trap11(t *testing.T, n *apitest.Node) {
	good := n.Must("transit/sign/ec", object{"input": "aGk="}).Text("data", "signature")
	if !regexp.MustCompile(`^vault:v1:[A-Za-z0-9+/]+=*$`).MatchString(good) {
		t.Errorf("signature %q", good)
	}
	for signature, text := range map[string]string{
		"":                                       "no prefix",
		"AAAA":                                   "no prefix",
		"signet" + good[5:]:                      "no prefix",
		"vault:v1":                               "wrong number of fields",
		good + ":x":                              "wrong number of fields",
		"vault:v01:AAAA":                         "version",
		"vault:v0:AAAA":                          "version",
		"vault:v-1:AAAA":                         "version",
		"vault:vx:AAAA":                          "version",
		"vault:v4294967296:AAAA":                 "version",
		"vault:v1:****":                          "base64",
		"vault:v1:AAA":                           "base64",
		strings.ReplaceAll(good, "=", "") + "\n": "base64",
	} {
		r := wantError(t, n.Post("transit/verify/ec", n.Root(), object{"input": "aGk=", "signature": signature}), 400, "bad_signature_format")
		wantText(t, r, "invalid signature: ")
		wantText(t, r, text)
	}
	wantText(t, wantError(t, n.Post("transit/verify/ec", n.Root(), object{"input": "aGk=", "signature": "vault:v2" + good[8:]}), 400, "version_too_new"), "version is too new")
	if r := n.Must("transit/verify/ec", object{"input": "aGk=", "signature": "vault:v1:AAAA"}); r.At("data", "valid") != false {
		t.Errorf("a wrong but well-formed signature is no error: %s", r)
	}
}

func trap12(t *testing.T, n *apitest.Node) {
	signature := n.Must("transit/sign/rsa", object{"input": "aGk="}).Text("data", "signature")
	for salt, valid := range map[string]bool{"auto": true, "222": true, "hash": false, "221": false} { // 256 - 32 - 2
		r := n.Must("transit/verify/rsa", object{"input": "aGk=", "signature": signature, "salt_length": salt})
		if r.At("data", "valid") != valid {
			t.Errorf("salt %s: %s", salt, r)
		}
	}
	if r := n.Must("transit/verify/rsa", object{"input": "aGk=", "signature": signature, "signature_algorithm": "pkcs1v15"}); r.At("data", "valid") != false {
		t.Errorf("PSS passes for PKCS #1 v1.5: %s", r)
	}
	for _, salt := range []string{"223", "-2", "x", "1e1"} {
		wantError(t, n.Post("transit/sign/rsa", n.Root(), object{"input": "aGk=", "salt_length": salt}), 400, "bad_request")
	}
	wantError(t, n.Post("transit/sign/rsa", n.Root(), object{"input": "aGk=", "signature_algorithm": "oaep"}), 400, "bad_request")
}

func trap13(t *testing.T, n *apitest.Node) {
	token := n.Must("auth/token/create", object{"policies": []string{"default"}, "ttl": "1h", "meta": object{"team": "a"}, "display_name": "ci"}).Text("auth", "client_token")
	r := wantStatus(t, n.Do("PUT", "auth/token/renew-self", token, object{"increment": 1800}), 200)
	if r.Text("auth", "client_token") != token || r.Text("auth", "accessor") == "" || r.Text("auth", "token_type") != "service" || r.Text("auth", "metadata", "team") != "a" {
		t.Errorf("auth block: %s", r)
	}
	if left := number(t, r, "auth", "lease_duration"); left < 1700 || left > 1800 {
		t.Errorf("lease duration: %s", r)
	}
	auth, _ := r.At("auth").(map[string]any)
	for _, member := range []string{"client_token", "accessor", "policies", "token_policies", "identity_policies", "metadata", "lease_duration", "renewable", "orphan", "entity_id", "token_type", "num_uses", "mfa_requirement"} {
		if _, there := auth[member]; !there {
			t.Errorf("the auth block lacks %s: %s", member, r)
		}
	}
	if v, there := r.At().(map[string]any)["data"]; !there || v != nil {
		t.Errorf("data beside auth is null: %s", r)
	}
	fixed := n.Must("auth/token/create", object{"policies": []string{"default"}, "ttl": "1h", "renewable": false}).Text("auth", "client_token")
	wantError(t, n.Do("PUT", "auth/token/renew-self", fixed, nil), 400, "token_not_renewable")
	wantError(t, n.Do("PUT", "auth/token/renew-self", n.Root(), nil), 400, "token_not_renewable")
}

func trap16(t *testing.T, n *apitest.Node) {
	for query, status := range map[string]int{
		"": 200, "?standbyok=true&perfstandbyok=true&uninitcode=204&sealedcode=204": 200, "?activecode=204": 204, "?activecode=x": 200, "?activecode=99": 200,
		"?misspelt=1&drsecondarycode=299": 200, "?activecode=299": 299, "?standbyok": 200,
	} {
		wantStatus(t, n.Get("sys/health"+query, ""), status)
		wantStatus(t, n.Do("HEAD", "sys/health"+query, "", nil), status)
	}
	r := n.Get("sys/health", "")
	if now := number(t, r, "server_time_utc"); time.Since(time.Unix(now, 0)) > time.Hour {
		t.Errorf("time: %s", r)
	}
	if r.At("data") != nil || r.At("initialized") != true || r.At("sealed") != false || r.At("standby") != false || r.At("performance_standby") != false || r.Text("version") == "" || r.Text("cluster_id") == "" {
		t.Errorf("health is a bare object: %s", r)
	}
	cold := apitest.New(t, apitest.Uninitialized())
	wantStatus(t, cold.Get("sys/health", ""), 501)
	wantStatus(t, cold.Get("sys/health?uninitcode=200", ""), 200)
	cold.Init()
	wantStatus(t, cold.Get("sys/health", ""), 503)
	wantStatus(t, cold.Get("sys/health?sealedcode=200", ""), 200)
	cold.Unseal()
}

func trap17(t *testing.T, n *apitest.Node) {
	r := wantStatus(t, n.Get("sys/leader", ""), 200)
	if _, err := time.Parse(time.RFC3339Nano, r.Text("active_time")); err != nil || r.At("is_self") != true || r.At("ha_enabled") != true {
		t.Errorf("leader: %v, %s", err, r)
	}
	number(t, r, "raft_committed_index")
	number(t, r, "raft_applied_index")
	s := wantStatus(t, n.Get("sys/seal-status", ""), 200)
	if !regexp.MustCompile(`^\d+\.\d+\.\d+`).MatchString(s.Text("version")) || s.Text("storage_type") != "raft" || s.Text("type") != "shamir" || s.At("migration") != false || s.At("recovery_seal") != false {
		t.Errorf("seal status: %s", s)
	}
	for _, field := range []string{"t", "n", "progress"} {
		number(t, s, field)
	}
	cold := apitest.New(t, apitest.Sealed())
	if r := cold.Get("sys/leader", ""); r.Text("active_time") != "" {
		if _, err := time.Parse(time.RFC3339Nano, r.Text("active_time")); err != nil {
			t.Errorf("active_time of a sealed node: %s", r)
		}
	}
}

func trap18(t *testing.T, n *apitest.Node) {
	for _, body := range []object{
		{"plaintext": "aGk=", "associated_data": "", "context": ""}, {"plaintext": "", "context": nil}, {"plaintext": "", "associated_data": "YQ=="},
	} {
		ct := wantStatus(t, n.Post("transit/encrypt/aes", n.Root(), body), 200).Text("data", "ciphertext")
		back := object{"ciphertext": ct, "associated_data": body["associated_data"], "context": ""}
		r := wantStatus(t, n.Post("transit/decrypt/aes", n.Root(), back), 200)
		if plain, ok := r.At("data", "plaintext").(string); !ok || plain != body["plaintext"] {
			t.Errorf("decrypt of %v: %s", body, r)
		}
		back["associated_data"] = "d3Jvbmc="
		wantError(t, n.Post("transit/decrypt/aes", n.Root(), back), 400, "bad_ciphertext")
	}
	wantError(t, n.Post("transit/encrypt/aes", n.Root(), object{"plaintext": "aGk=", "context": "YQ=="}), 400, "unsupported")
	wantError(t, n.Post("transit/encrypt/aes", n.Root(), object{"plaintext": "aGk=", "nonce": "AAAAAAAAAAAAAAAA"}), 400, "unsupported")
}

func trap19(t *testing.T, n *apitest.Node) {
	before := n.Get("transit/keys/ec", n.Root())
	r := wantStatus(t, n.Post("transit/keys/ec", n.Root(), object{"type": "rsa-4096"}), 200)
	if fmt.Sprint(strs(r, "warnings")) != "[key ec already existed]" || r.Text("data", "type") != "ecdsa-p256" {
		t.Errorf("create of an existing key: %s", r)
	}
	if after := n.Get("transit/keys/ec", n.Root()); fmt.Sprint(after.At("data")) != fmt.Sprint(before.At("data")) {
		t.Errorf("changed from %s to %s", before, after)
	}
	wantError(t, n.Post("transit/encrypt/unborn", n.Root(), object{"plaintext": "aGk=", "type": "aes256-gcm96"}), 400, "key_not_found")
	wantStatus(t, n.Get("transit/keys/unborn", n.Root()), 404)
	wantText(t, wantError(t, n.Post("transit/keys/odd", n.Root(), object{"type": "rsa-1024"}), 400, "unknown_key_type"), "unknown key type")
}

func trap21(t *testing.T, n *apitest.Node) {
	for _, namespace := range []string{"root", "root/"} {
		wantStatus(t, n.Do("GET", "transit/keys/ec", n.Root(), nil, "X-Vault-Namespace", namespace), 200)
	}
	for _, namespace := range []string{"team", "root/team", "Root", "/"} {
		for _, path := range []string{"transit/keys/ec", "sys/health", "sys/seal-status"} {
			wantError(t, n.Do("GET", path, n.Root(), nil, "X-Vault-Namespace", namespace), 400, "namespace_unsupported")
		}
	}
	wantError(t, n.Do("POST", "auth/token/create", n.Root(), nil, "X-Vault-Wrap-TTL", "60s"), 400, "wrapping_unsupported")
	for _, r := range []apitest.Reply{n.Get("sys/health", ""), n.Must("transit/sign/ec", object{"input": "aGk="}), n.Must("transit/keys/ec/rotate", nil), n.Get("nonsense", "")} {
		if _, there := r.Header[http.CanonicalHeaderKey("X-Vault-Index")]; there {
			t.Errorf("X-Vault-Index in %v", r.Header)
		}
	}
}

func trap22(t *testing.T, n *apitest.Node) {
	r := wantStatus(t, n.Get("sys/mounts", n.Root()), 200)
	if r.Text("data", "transit/", "type") != "transit" || r.Text("data", "transit/", "accessor") == "" || r.Text("data", "transit/", "uuid") == "" || r.Text("data", "sys/", "type") != "system" {
		t.Errorf("mounts: %s", r)
	}
	for _, field := range []string{"default_lease_ttl", "max_lease_ttl"} {
		number(t, r, "data", "transit/", "config", field)
	}
}

func trap23(t *testing.T, n *apitest.Node) {
	for hash, size := range map[string]int{"sha2-224": 28, "sha2-256": 32, "sha2-384": 48, "sha2-512": 64, "sha3-224": 28, "sha3-256": 32, "sha3-384": 48, "sha3-512": 64} {
		for _, key := range []string{"ec", "rsa"} {
			for length, status := range map[int]int{size: 200, size - 1: 400, size + 1: 400, 0: 400} {
				body := object{"input": b64(strings.Repeat("x", length)), "prehashed": true, "hash_algorithm": hash, "signature_algorithm": "pkcs1v15"}
				wantStatus(t, n.Post("transit/sign/"+key, n.Root(), body), status)
			}
		}
	}
	none := object{"input": b64("any bytes that are no digest"), "prehashed": true, "hash_algorithm": "none", "signature_algorithm": "pkcs1v15"}
	wantStatus(t, n.Post("transit/sign/rsa", n.Root(), none), 200)
	for _, leave := range []string{"prehashed", "signature_algorithm"} {
		body := object{}
		for k, v := range none {
			body[k] = v
		}
		delete(body, leave)
		wantText(t, wantError(t, n.Post("transit/sign/rsa", n.Root(), body), 400, "bad_request"), "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15")
	}
}

func trap24(t *testing.T, n *apitest.Node) {
	items := []object{{"input": "aGk=", "reference": "a"}, {"input": "!"}, {"reference": "c"}, {"input": "aGk="}}
	r := wantStatus(t, n.Post("transit/sign/ec", n.Root(), object{"batch_input": items, "input": "ignored"}), 200)
	results, _ := r.At("data", "batch_results").([]any)
	if len(results) != 4 {
		t.Fatalf("batch: %s", r)
	}
	for i, good := range []bool{true, false, false, true} {
		one, _ := results[i].(map[string]any)
		if (one["signature"] != nil) != good || (one["error"] == nil) != good || one["reference"] == nil && i == 0 {
			t.Errorf("item %d: %v", i, one)
		}
		if i == 0 && one["reference"] != "a" || i == 2 && one["reference"] != "c" {
			t.Errorf("reference of item %d: %v", i, one)
		}
	}
	bad := []object{{"plaintext": "aGk="}, {"plaintext": "!"}}
	r = wantStatus(t, n.Post("transit/encrypt/aes", n.Root(), object{"batch_input": bad}), 400)
	results, _ = r.At("data", "batch_results").([]any)
	if len(results) != 2 || results[0].(map[string]any)["ciphertext"] == nil || results[1].(map[string]any)["error"] == nil {
		t.Errorf("a batch with a bad item: %s", r)
	}
	for code, status := range map[any]int{200: 200, "207": 207, 422: 422, 99: 400, 600: 400, 204: 400, 304: 400} {
		wantStatus(t, n.Post("transit/encrypt/aes", n.Root(), object{"batch_input": bad, "partial_failure_response_code": code}), status)
	}
}

func trap25(t *testing.T, n *apitest.Node) {
	for path, bodies := range map[string][]object{
		"transit/sign/ec": {
			{}, {"input": nil}, {"input": "!"}, {"input": 7}, {"input": "aGk=", "key_version": 9}, {"input": "aGk=", "key_version": -1}, {"input": "aGk=", "key_version": 1.5},
			{"batch_input": "x"}, {"batch_input": object{"input": "aGk="}}, {"batch_input": 1}, {"batch_input": []any{1}}, {"batch_input": []any{}}, {"batch_input": true},
			{"input": "aGk=", "hash_algorithm": "md5"}, {"input": "aGk=", "hash_algorithm": "sha1"}, {"input": "aGk=", "hash_algorithm": "none"}, {"input": "aGk=", "context": "YQ=="},
		},
		"transit/sign/aes":       {{"input": "aGk="}},
		"transit/verify/ec":      {{}, {"input": "aGk="}, {"signature": "vault:v1:AAAA"}, {"input": "aGk=", "cmac": "vault:v1:AAAA"}, {"input": "aGk=", "hmac": "AAAA"}, {"input": "aGk=", "signature": "vault:v1:AAAA", "hmac": "vault:v1:AAAA"}, {"batch_input": "x"}},
		"transit/encrypt/aes":    {{}, {"plaintext": "!"}, {"plaintext": "aGk=", "key_version": 9}, {"batch_input": "x"}, {"batch_input": []any{}}, {"plaintext": "aGk=", "associated_data": "!"}},
		"transit/encrypt/ec":     {{"plaintext": "aGk="}},
		"transit/decrypt/aes":    {{}, {"ciphertext": ""}, {"ciphertext": "x"}, {"ciphertext": "vault:v1:AAAA"}, {"ciphertext": "vault:v9:AAAA"}, {"ciphertext": 1}, {"batch_input": "x"}, {"batch_input": []any{object{"ciphertext": "x"}}}},
		"transit/keys/ec/config": {{"min_decryption_version": 99}, {"min_encryption_version": -1}, {"min_decryption_version": "x"}, {"exportable": true}, {"allow_plaintext_backup": "true"}},
		"transit/keys/bad":       {{"type": "x"}, {"type": 1}, {"derived": true}, {"convergent_encryption": true}, {"allow_plaintext_backup": true}, {"auto_rotate_period": "1s"}, {"key_size": 64}},
		"sys/policies/acl/bad":   {{}, {"policy": ""}, {"policy": "path"}, {"policy": 1}, {"policy": `path "a" { capabilities = ["fly"] }`}},
		"sys/capabilities-self":  {{}, {"paths": 1}},
		"sys/capabilities":       {{}, {"token": n.Root()}, {"token": 1, "paths": "a"}},
		"sys/policies/check":     {{}, {"path": ""}, {"path": "a", "paths": "b"}, {"path": "a", "capability": "fly"}, {"path": "a", "capabilities": []string{"deny"}}},
		"auth/token/create":      {{"ttl": "-1s"}, {"ttl": "soon"}, {"policies": 1}, {"period": "-1h"}, {"num_uses": -1}, {"num_uses": 1 << 40}, {"num_uses": "x"}, {"explicit_max_ttl": -1}, {"explicit_max_ttl": "876001h"}, {"id": "chosen"}, {"type": "batch"}, {"policies": []string{"root\u017f"}}},
	} {
		for _, body := range bodies {
			if r := n.Post(path, n.Root(), body); r.Status != 400 {
				t.Errorf("POST %s with %v: want 400, got %s", path, body, r)
			}
		}
	}
	n.Must("transit/keys/gone", object{"type": "ed25519"})
	n.Must("transit/keys/gone/config", object{"deletion_allowed": true})
	wantStatus(t, n.Do("DELETE", "transit/keys/gone", n.Root(), nil), 204)
	wantStatus(t, n.Post("transit/sign/gone", n.Root(), object{"input": "aGk="}), 400)
}
