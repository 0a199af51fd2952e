package apitest_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// A bit of everything is done, with every secret also put where it does not
// belong. Afterwards no share, token or key is in any file, in the log, or in an
// answer other than the one that issued it.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(3, 2), apitest.RecordKeys(), apitest.Durability("os"))
	w := &watcher{n: n, t: t}
	w.everydayWork()
	strangers := apitest.New(t, apitest.Shares(3, 2), apitest.Sealed())
	for what, secret := range map[string]string{
		"root token": n.Root(), "token": w.token, "token of an issuer": w.jwt, "share": n.Shares()[1], "share in base64": base64Of(t, n.Shares()[1]),
		"another cluster's token": strangers.Root(), "another cluster's share": strangers.Shares()[0],
	} {
		n.HandedOut("the "+what, secret)
		w.misplace(what, secret)
	}
	w.badTokens()
	w.wrongShares()
	n.Stop() // what only a clean stop writes is looked at too
	n.Start()
	n.Unseal()

	keys := keyScanner(t, n)
	tokens := n.Scanner()
	for _, s := range []*apitest.Scanner{keys, tokens} {
		found, files, err := s.Files(n.DataDir(), n.AuditDir())
		if err != nil {
			t.Fatal(err)
		}
		if files < 5 {
			t.Errorf("%d files were looked at", files)
		}
		for _, what := range append(found, s.Find([]byte(n.Log()))...) {
			t.Errorf("leaked: %s", what)
		}
	}
	if len(w.answers) < 300 {
		t.Errorf("%d answers were looked at", len(w.answers))
	}
	told := map[string]bool{} // place → said already
	for _, a := range w.answers {
		for _, what := range append(keys.Find(a.body), privateForms(a.body)...) {
			t.Errorf("%s answers %s", a.what, what)
		}
		if a.issues {
			continue
		}
		for _, what := range tokens.Find(a.body) {
			if place, _, _ := strings.Cut(a.what, " with the "); !told[place] {
				told[place] = true
				t.Errorf("%s answers %s: %.200s", a.what, what, a.body)
			}
		}
	}
	showThatTheScanFindsThem(t, n, keys, tokens)
}

// showThatTheScanFindsThem plants one secret of each kind where the scan looks.
func showThatTheScanFindsThem(t *testing.T, n *apitest.Node, keys, tokens *apitest.Scanner) {
	record, err := os.ReadFile(n.KeyRecord())
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(strings.Fields(string(record))[2])
	if err != nil {
		t.Fatal(err)
	}
	share, err := hex.DecodeString(n.Shares()[2])
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		secret  []byte
		scanner *apitest.Scanner
	}{"key": {key, keys}, "token": {[]byte(n.Root()), tokens}, "share": {share, tokens}} {
		for form, text := range map[string]string{
			"raw": string(c.secret), "hex": hex.EncodeToString(c.secret), "HEX": strings.ToUpper(hex.EncodeToString(c.secret)),
			"base64": base64.StdEncoding.EncodeToString(c.secret), "base64url": base64.RawURLEncoding.EncodeToString(c.secret),
		} {
			planted := writeFile(t, filepath.Join(n.AuditDir(), "planted"), []byte("{\"x\":\""+text+"\"}\n"))
			found, _, err := c.scanner.Files(n.AuditDir())
			if err != nil || len(found) == 0 {
				t.Errorf("a planted %s in %s is not found (%v)", what, form, err)
			}
			if err := os.Remove(planted); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// watcher keeps every answer.
type watcher struct {
	n       *apitest.Node
	t       *testing.T
	token   string // with no rights but its own
	jwt     string // of an issuer
	answers []watched
}

type watched struct {
	what   string
	issues bool // it hands out, or by contract repeats, a token
	body   []byte
}

func (w *watcher) do(method, path, token string, body any, headers ...string) apitest.Reply {
	w.t.Helper()
	r, err := w.n.Send(method, path, token, body, headers...)
	if err != nil {
		return r // net/http does not send everything
	}
	w.keep(method+" "+path, r)
	return r
}

func (w *watcher) keep(what string, r apitest.Reply) {
	issues := r.Text("auth", "client_token") != "" || r.Text("data", "secret_id") != "" || r.Text("data", "token") != "" || r.Status == 200 && strings.Contains(what, "auth/token/lookup")
	w.answers = append(w.answers, watched{what, issues, r.Body})
	for name, values := range r.Header {
		w.answers = append(w.answers, watched{what + " header " + name, false, []byte(strings.Join(values, "\n"))})
	}
}

// lastBody is the latest answer's body.
func (w *watcher) lastBody() []byte {
	for i := len(w.answers) - 1; i >= 0; i-- {
		if !strings.Contains(w.answers[i].what, " header ") && len(w.answers[i].body) > 0 && w.answers[i].body[0] == '{' {
			return w.answers[i].body
		}
	}
	return nil
}

// everydayWork uses every kind of key and every route.
func (w *watcher) everydayWork() {
	w.t.Helper()
	ok := func(r apitest.Reply) apitest.Reply {
		w.t.Helper()
		if r.Status >= 300 {
			w.t.Fatalf("everyday work: %s", r)
		}
		return r
	}
	root := w.n.Root()
	for _, typ := range []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096", "aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "xchacha20-poly1305", "hmac"} {
		ok(w.do("POST", "transit/keys/"+typ, root, object{"type": typ}))
		ok(w.do("POST", "transit/keys/"+typ+"/config", root, object{"deletion_allowed": true}))
		ok(w.do("GET", "transit/keys/"+typ, root, nil))
		mac := ok(w.do("POST", "transit/hmac/"+typ, root, object{"input": "aGk="})).Text("data", "hmac")
		ok(w.do("POST", "transit/verify/"+typ, root, object{"input": "aGk=", "hmac": mac}))
		ok(w.do("POST", "transit/hmac/"+typ, root, object{"batch_input": []object{{"input": "aGk="}, {"input": "!"}}}))
		if typ == "hmac" {
			ok(w.do("POST", "transit/keys/"+typ+"/rotate", root, nil))
			continue
		}
		if encrypts(typ) {
			box := ok(w.do("POST", "transit/encrypt/"+typ, root, object{"plaintext": "aGk=", "associated_data": "YQ=="})).Text("data", "ciphertext")
			ok(w.do("POST", "transit/decrypt/"+typ, root, object{"ciphertext": box, "associated_data": "YQ=="}))
			ok(w.do("POST", "transit/keys/"+typ+"/rotate", root, nil))
			ok(w.do("POST", "transit/rewrap/"+typ, root, object{"ciphertext": box, "associated_data": "YQ=="}))
			ok(w.do("POST", "transit/datakey/plaintext/"+typ, root, nil))
			ok(w.do("POST", "transit/datakey/wrapped/"+typ, root, object{"bits": 512}))
			continue
		}
		for _, batch := range []object{{"input": "aGk="}, {"batch_input": []object{{"input": "aGk="}, {"input": "!"}}}} {
			ok(w.do("POST", "transit/sign/"+typ, root, batch))
		}
		signature := ok(w.do("POST", "transit/sign/"+typ, root, object{"input": "aGk="})).Text("data", "signature")
		ok(w.do("POST", "transit/verify/"+typ, root, object{"input": "aGk=", "signature": signature}))
		if !strings.HasPrefix(typ, "rsa-3") && !strings.HasPrefix(typ, "rsa-4") { // seconds each
			ok(w.do("POST", "transit/keys/"+typ+"/rotate", root, nil))
		}
	}
	o := outsider{w.t, w.n}
	for name, key := range map[string]any{"imported-ed": newEd(w.t), "imported-mac": randomBytes(64), "imported-rsa": newRSA(w.t, 2048)} {
		typ := map[string]string{"imported-ed": "ed25519", "imported-mac": "hmac", "imported-rsa": "rsa-2048"}[name]
		ok(w.do("POST", "transit/keys/"+name+"/import", root, object{"type": typ, "ciphertext": o.wrapped(key)}))
		ok(w.do("GET", "transit/wrapping_key", root, nil))
		w.do("POST", "transit/keys/"+name+"/import_version", root, object{"ciphertext": o.wrapped(randomBytes(40))})
		w.do("POST", "transit/keys/wrong/import", root, object{"type": "ecdsa-p521", "ciphertext": o.wrapped(key)})
	}
	ok(w.do("DELETE", "transit/keys/ecdsa-p384", root, nil))
	w.tokensOfIssuers(ok)
	w.token = ok(w.do("POST", "auth/token/create", root, object{"policies": "default", "meta": object{"a": "b"}})).Text("auth", "client_token")
	child := ok(w.do("POST", "auth/token/create-orphan", root, object{"ttl": "1h"})).Text("auth", "client_token")
	for _, path := range []string{"lookup", "renew", "revoke-orphan"} {
		ok(w.do("POST", "auth/token/"+path, root, object{"token": child}))
	}
	ok(w.do("GET", "auth/token/lookup-self", w.token, nil))
	ok(w.do("POST", "auth/token/renew-self", w.token, nil))
	ok(w.do("GET", "sys/metrics", root, nil))
	w.logins(ok)
	for _, route := range routeTable(w.t) {
		if route.pattern == "sys/seal" || strings.HasPrefix(route.pattern, "auth/") {
			continue
		}
		for _, method := range route.methods {
			w.do(method, route.fill("{name}", "ed25519", "{kind}", "signing-key"), w.token, object{"input": "aGk="})
		}
	}
}

// logins uses applications and roles, and puts the credentials where they are wrong.
func (w *watcher) logins(ok func(apitest.Reply) apitest.Reply) {
	w.t.Helper()
	root := w.n.Root()
	ok(w.do("POST", "identity/applications/web", root, object{"owner": "team", "policies": "default"}))
	ok(w.do("POST", roleAt+"web", root, object{"application": "web", "token_policies": "default", "secret_id_num_uses": 3}))
	id := ok(w.do("GET", roleAt+"web/role-id", root, nil)).Text("data", "role_id")
	made := ok(w.do("POST", roleAt+"web/secret-id", root, object{"metadata": `{"a":"b"}`}))
	secret, accessor := made.Text("data", "secret_id"), made.Text("data", "secret_id_accessor")
	const custom = "a-secret-id-that-somebody-chose"
	w.n.HandedOut("a chosen secret id", custom)
	ok(w.do("POST", roleAt+"web/custom-secret-id", root, object{"secret_id": custom}))
	for _, s := range []string{secret, custom} {
		ok(w.do("POST", roleAt+"web/secret-id/lookup", root, object{"secret_id": s}))
		ok(w.do("PUT", "auth/approle/login", "", object{"role_id": id, "secret_id": s}))
		for _, body := range []any{
			object{"role_id": s, "secret_id": id}, object{"role_id": id, "secret_id": s + "x"}, object{"role_id": id, "secret_id": s[:len(s)-1]}, object{"role_id": "x", "secret_id": s},
			object{"secret_id": s}, object{"role_id": []string{s}}, object{s: s}, s, `{"role_id":"` + s,
		} {
			w.do("PUT", "auth/approle/login", "", body)
			w.do("POST", roleAt+"web/secret-id/lookup", root, body)
			w.do("POST", roleAt+"web/secret-id-accessor/lookup", root, object{"secret_id_accessor": s})
		}
		w.do("DELETE", roleAt+"web/secret-id/destroy?secret_id="+s+"x", root, nil)
		if s == custom {
			continue // where a name belongs nobody can tell it from one
		}
		w.do("GET", roleAt+s, root, nil)
		w.do("POST", roleAt+s, root, object{"role_id": s, "token_policies": s, "application": s})
		w.do("POST", roleAt+"web", root, object{"role_id": s})
		w.do("POST", roleAt+"web/secret-id", root, object{"metadata": object{"a": s}, "cidr_list": s})
		w.do("POST", "identity/applications/"+s, root, object{"owner": s})
		w.do("POST", "identity/applications/web", root, object{"owner": s, "metadata": object{s: s}})
		w.do("POST", "identity/applications/web/block", root, object{"reason": s})
		w.do("POST", "identity/applications/web", root, object{s: s})
		w.do("GET", "auth/token/lookup-self", s, nil)
	}
	ok(w.do("LIST", roleAt+"web/secret-id", root, nil))
	ok(w.do("POST", roleAt+"web/secret-id-accessor/lookup", root, object{"secret_id_accessor": accessor}))
	ok(w.do("POST", "identity/applications/web/block", root, object{"reason": "a test"}))
	w.do("PUT", "auth/approle/login", "", object{"role_id": id, "secret_id": secret})
	ok(w.do("POST", "identity/applications/web/unblock", root, nil))
	ok(w.do("DELETE", roleAt+"web/secret-id/destroy?secret_id="+secret, root, nil))
}

// misplace puts a secret where it does not belong: in paths, in fields of other
// kinds, in bodies that do not parse, in headers.
func (w *watcher) misplace(what, secret string) {
	root := w.n.Root()
	as := func(where string) string { return where + " with the " + what }
	send := func(where, method, path string, body any, headers ...string) {
		w.t.Helper()
		before := len(w.answers)
		w.do(method, path, root, body, headers...)
		for i := range w.answers[before:] {
			w.answers[before+i].what = as(where)
		}
	}
	escaped := url.PathEscape(secret)
	for _, path := range []string{"", "transit/keys/", "transit/sign/", "transit/sign/ed25519/", "transit/export/signing-key/", "transit/", "sys/policies/acl/", "sys/", "auth/token/", "auth/token/revoke/", "transit/keys/ed25519/"} {
		for _, method := range []string{"GET", "POST", "DELETE", "LIST", "PATCH"} {
			send(method+" "+path+"…", method, path+escaped, object{"type": "ed25519"})
			send(method+" "+path+"…/x", method, path+escaped+"/x", nil)
		}
	}
	send("in the query", "GET", "transit/keys?list="+escaped, nil)
	send("as a parameter", "GET", "sys/health?"+escaped+"="+escaped, nil)
	send("outside of /v1", "GET", "/"+escaped, nil)
	send("as the method", strings.Map(letters, secret), "sys/health", nil)
	for _, header := range []string{"X-Vault-Namespace", "X-Vault-Wrap-TTL", "Authorization", "Content-Type", "User-Agent", "X-Request-Id", "X-Forwarded-For", "Idempotency-Key"} {
		send("in the header "+header, "POST", "transit/sign/ed25519", object{"input": "aGk="}, header, secret)
	}
	for _, body := range []string{secret, `"` + secret + `"`, `["` + secret + `"]`, `{"` + secret + `"`, `{"input":"` + secret, `{"input":` + secret + `}`} {
		send("as a body", "POST", "transit/sign/ed25519", body)
		send("as a share's body", "PUT", "sys/unseal", body)
	}
	send("as an unknown field", "PUT", "sys/verify-share", object{secret: "x"})
	send("as an unknown field of sign", "POST", "transit/sign/ed25519", object{secret: object{secret: 1}, "input": "aGk="})
	w.misplaceInFields(secret, send)
}

func (w *watcher) misplaceInFields(secret string, send func(where, method, path string, body any, headers ...string)) {
	base := map[string]object{
		"transit/sign/ed25519":                   {"input": "aGk="},
		"transit/sign/rsa-2048":                  {"input": "aGk="},
		"transit/verify/ecdsa-p256":              {"input": "aGk=", "signature": "vault:v1:AAAA"},
		"transit/encrypt/aes256-gcm96":           {"plaintext": "aGk="},
		"transit/decrypt/aes256-gcm96":           {"ciphertext": "vault:v1:AAAA"},
		"transit/keys/fresh":                     {},
		"transit/keys/ed25519/config":            {},
		"sys/policies/acl/web":                   {"policy": "x"},
		"sys/capabilities-self":                  {},
		"sys/capabilities":                       {"paths": "a"},
		"sys/capabilities-accessor":              {"paths": "a"},
		"sys/policies/check":                     {"path": "a"},
		"auth/token/create":                      {},
		"auth/token/lookup":                      {},
		"auth/token/lookup-accessor":             {},
		"auth/token/renew-accessor":              {},
		"auth/token/revoke-accessor":             {},
		"transit/rewrap/aes256-gcm96":            {"ciphertext": "vault:v1:AAAA"},
		"transit/hmac/hmac":                      {"input": "aGk="},
		"transit/verify/hmac":                    {"input": "aGk=", "hmac": "vault:v1:AAAA"},
		"transit/datakey/plaintext/aes256-gcm96": {},
		"transit/random":                         {},
		"transit/random/8":                       {},
		"transit/hash":                           {"input": "aGk="},
		"auth/approle/login":                     {},
		roleAt + "misplaced":                     {},
		roleAt + "web/secret-id":                 {},
		roleAt + "web/secret-id/lookup":          {},
		roleAt + "web/secret-id-accessor/lookup": {},
		"identity/applications/misplaced":        {},
		"identity/applications/web/block":        {},
	}
	fields := []string{
		"input", "hash_algorithm", "algorithm", "signature_algorithm", "marshaling_algorithm", "salt_length", "key_version", "prehashed", "context", "nonce",
		"signature", "hmac", "plaintext", "associated_data", "ciphertext", "partial_failure_response_code", "batch_input",
		"bits", "bytes", "source", "format", "cmac",
		"type", "derived", "exportable", "auto_rotate_period", "key_size", "min_decryption_version", "deletion_allowed",
		"policy", "policies", "display_name", "ttl", "period", "num_uses", "id", "entity_alias", "no_parent", "renewable", "accessor", "increment",
		"role_id", "secret_id", "secret_id_accessor", "metadata", "application", "token_policies", "cidr_list", "token_bound_cidrs", "owner", "description", "reason",
	}
	for _, path := range slices.Sorted(maps.Keys(base)) {
		for _, field := range fields {
			body := maps.Clone(base[path])
			body[field] = secret
			send(fmt.Sprintf("field %s of %s", field, path), "POST", path, body)
			last := apitest.Reply{Body: w.lastBody()}
			if token := last.Text("auth", "client_token"); token != "" { // its records name it
				w.do("GET", "auth/token/lookup-self", token, nil)
			}
		}
	}
	for _, item := range []string{"input", "context", "signature", "hmac", "plaintext", "ciphertext", "bytes", "format", "key_version"} {
		for path := range base {
			if strings.HasPrefix(path, "transit/") && !strings.Contains(path, "keys") {
				send("field "+item+" of an item of "+path, "POST", path, object{"batch_input": []object{{item: secret}}})
			}
		}
	}
	send("as a path asked about", "POST", "sys/policies/check", object{"path": "transit/sign/" + secret})
	send("as a pattern", "POST", "sys/policies/check", object{"path": "a", "policy": `path "a/` + strings.Map(letters, secret) + `" { policy = "read" } path "*" { policy = "read" }`})
	send("as the name of a policy", "POST", "sys/policies/check", object{"path": "a", "policies": []string{secret}})
	send("as a capability", "POST", "sys/policies/check", object{"path": "a", "capability": secret})
	send("inside a policy", "POST", "sys/policies/acl/broken", object{"policy": `path "a" { capabilities = ["` + secret + `"] }`})
	send("as a word of a policy", "POST", "sys/policies/acl/broken", object{"policy": secret})
}

// letters keeps what a method may be made of.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
		return r
	}
	return -1
}

func (w *watcher) badTokens() {
	valid := w.token
	for _, bad := range []string{"", "x", valid + "x", valid[:len(valid)-1], strings.ToUpper(valid), "Bearer " + valid, strings.Repeat("a", 5000)} {
		w.n.HandedOut("a bad token", bad)
		for _, path := range []string{"transit/keys/ed25519", "auth/token/lookup-self", "sys/mounts", "sys/metrics"} {
			w.do("GET", path, bad, nil)
		}
		w.do("GET", "transit/keys/ed25519", "", nil, "Authorization", "Bearer "+bad)
		w.do("POST", "auth/token/lookup", w.n.Root(), object{"token": bad})
		w.do("POST", "auth/token/revoke", w.n.Root(), object{"token": bad})
	}
	w.do("POST", "auth/token/revoke", w.n.Root(), object{"token": valid})
	w.do("GET", "auth/token/lookup-self", valid, nil)
}

func (w *watcher) wrongShares() {
	seal := w.do("PUT", "sys/seal", w.n.Root(), nil)
	if seal.Status != 204 {
		w.t.Fatalf("seal: %s", seal)
	}
	good := w.n.Shares()[0]
	for _, share := range []string{swapped(good), good[:95], good + "0", "!" + good, w.token, w.n.Root()} {
		w.n.HandedOut("a wrong share", share)
		w.do("PUT", "sys/unseal", "", object{"key": share})
	}
	w.do("PUT", "sys/unseal", "", object{"key": good})
	w.do("PUT", "sys/unseal", "", object{"key": good})
	w.do("PUT", "sys/unseal", "", object{"keys": good, "share": good})
	w.do("PUT", "sys/unseal", "", object{"key": base64Of(w.t, w.n.Shares()[1])})
}

// Strangers are recorded within limits, so a flood of misplaced secrets shows few
// of them in the log. Here each comes from an address of its own, and every one of
// them is recorded.
func TestRecordsOfStrangersHoldNoSecret(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(3, 2))
	n.HandedOut("a share in base64", base64Of(t, n.Shares()[1]))
	from := 1
	send := func(method, path, body string, headers ...string) {
		t.Helper()
		from++
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(from))}}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		req, err := http.NewRequest(method, n.URL()+path, strings.NewReader(body))
		if err != nil {
			return // not every secret makes a request
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(req)
		must(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		must(t, err)
		r := apitest.Reply{Status: resp.StatusCode, Body: answer}
		eventually(t, "the refusal of "+r.RequestID()+" is recorded", func() bool { return len(records(t, n, ofRequest(r))) > 0 })
	}
	for _, secret := range []string{n.Root(), n.Shares()[1], strings.ToUpper(n.Shares()[1]), base64Of(t, n.Shares()[1])} {
		escaped := url.PathEscape(secret)
		send("GET", "/"+escaped, "")
		send("GET", "/v1/"+escaped, "")
		send("POST", "/v1/transit/keys/"+escaped, "{}")
		send("GET", "/v1/transit/keys/x"+escaped+"/x", "")
		send("PATCH", "/v1/sys/policies/acl/"+escaped, "{}")
		send(strings.Map(letters, secret), "/v1/sys/health", "")
		send("x"+strings.Map(letters, secret), "/v1/transit/keys/web", "")
		send("GET", "/v1/transit/keys/web", "", "X-Vault-Token", secret+"x")
		send("GET", "/v1/transit/keys/web?token="+url.QueryEscape(secret), "", "Authorization", "Bearer x"+secret)
		send("GET", "/v1/sys/mounts", "", "X-Vault-Namespace", secret)
		send("PUT", "/v1/sys/unseal", `{"migrate":true,"key":"`+secret+`"}`, "User-Agent", secret, "X-Forwarded-For", secret, "Referer", secret)
		send("PUT", "/v1/sys/verify-share", `{"`+secret+`":1}`)
		time.Sleep(200 * time.Millisecond) // a hundred a second are recorded singly
	}
	n.CheckAll(t)
}
