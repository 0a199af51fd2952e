package apitest_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// No endpoint answers a private key: every route of the table is called with every
// method, on a key of every kind, with a body that it can work with, and no answer
// holds a private key in any form.
func TestNoEndpointAnswersAPrivateKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys(), apitest.Durability("os"))
	types := []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "xchacha20-poly1305", "hmac"}
	made := map[string]object{} // key → fields that its calls need
	for _, typ := range types {
		n.Must("transit/keys/"+typ, object{"type": typ})
		n.Must("sys/quotas/rate-limit/"+typ, object{"rate": 1e9})
		made[typ] = object{}
		switch {
		case encrypts(typ):
			made[typ]["ciphertext"] = n.Must("transit/encrypt/"+typ, object{"plaintext": "aGk="}).Text("data", "ciphertext")
			made[typ]["hmac"] = n.Must("transit/hmac/"+typ, object{"input": "aGk="}).Text("data", "hmac")
		case typ == "hmac":
			made[typ]["hmac"] = n.Must("transit/hmac/"+typ, object{"input": "aGk="}).Text("data", "hmac")
		default:
			made[typ]["signature"] = n.Must("transit/sign/"+typ, object{"input": "aGk="}).Text("data", "signature")
		}
	}
	n.Must("auth/token/roles/ci", object{"allowed_policies": "default"})
	n.Must("jwt/issuers/listed", object{"issuer": "https://listed.example"})
	scanner := keyScanner(t, n)
	answered := map[string]bool{} // route → it succeeded at least once
	imports := 0
	call := func(route tableRoute, method, path string, key string) {
		token := n.Root()
		if strings.HasSuffix(path, "self") || strings.HasPrefix(path, "auth/token/") {
			token = n.Must("auth/token/create", object{"policies": "root", "ttl": "1h"}).Text("auth", "client_token") // may be spent by the call
		}
		body := plausible(n, made[key])
		if path == "sys/verify-share" {
			body = object{"key": n.Shares()[0]} // a path of ours, which takes nothing that it does not know
		}
		if path == "sys/policies/check" {
			body = object{"path": "transit/keys/x"} // and so is this
		}
		if own := applicable(t, n, path); own != nil {
			body = own
		}
		switch path[strings.LastIndexByte(path, '/')+1:] {
		case "state": // a path of ours; each call finds a version that is active
			latest := n.Must("transit/keys/"+key+"/rotate", nil).At("data", "latest_version")
			body = object{"version": latest, "state": "suspended"}
		case "import", "import_version":
			imports++
			name := fmt.Sprintf("imported-%d", imports)
			body = object{"type": "ed25519", "ciphertext": outsider{t, n}.wrapped(newEd(t))}
			if strings.HasSuffix(path, "_version") {
				n.Must("transit/keys/"+name+"/import", body)
				body = object{"ciphertext": outsider{t, n}.wrapped(newEd(t))}
			}
			path = strings.Replace(path, "/"+key+"/", "/"+name+"/", 1)
		case "undelete":
			n.Must("transit/keys/"+key+"/config", object{"deletion_allowed": true})
			wantStatus(t, n.Do("DELETE", "transit/keys/"+key, n.Root(), nil), 204)
		case "trim":
			n.Must("transit/keys/"+key+"/config", object{"min_encryption_version": 1})
			body["min_available_version"] = 1
		}
		r := n.Do(method, path, token, body)
		if r.Status < 300 {
			answered[route.pattern+" "+method] = true
		}
		for _, what := range append(scanner.Find(r.Body), privateForms(r.Body)...) {
			t.Errorf("%s %s answers %s", method, path, what)
		}
		if strings.Contains(route.pattern, "/export/") || strings.Contains(route.pattern, "/backup/") {
			wantError(t, r, 400, "export_refused")
		}
	}
	for _, route := range routeTable(t) {
		if route.pattern == "sys/seal" {
			continue // it ends the walk: TestSealDropsTheKeys
		}
		if strings.Contains(route.pattern, "{issuer}") {
			continue // TestNoIssuerEndpointAnswersAPrivateKey
		}
		for _, method := range route.methods {
			for _, key := range types {
				if strings.Contains(route.pattern, "/datakey/") && !encrypts(key) && key != "hmac" {
					continue // the refusal is the same for all
				}
				for _, kind := range []string{"encryption-key", "signing-key", "hmac-key", "public-key"} {
					call(route, method, route.fill("{name}", key, "{kind}", kind), key)
					if !strings.Contains(route.pattern, "{kind}") {
						break
					}
				}
				if !strings.Contains(route.pattern, "{name}") {
					break
				}
			}
			refused := regexp.MustCompile(`export|backup|^sys/(init|unseal|step-down)$|^sys/storage/raft/`).MatchString(route.pattern)
			if deleting := method == "DELETE" || method == "TRACE"; !answered[route.pattern+" "+method] && !refused && !deleting {
				t.Errorf("%s %s was never answered with success: the walk shows nothing there", method, route.pattern)
			}
		}
	}
	for _, path := range []string{"export", "export/signing-key", "backup", "byok-export/a", "wrapping_key/a", "datakey/plaintext", "hmac", "config/keys", "keys/%s/export", "keys/%s/backup", "restore/%s"} {
		path = "transit/" + strings.ReplaceAll(path, "%s", types[0])
		for _, method := range []string{"GET", "POST", "LIST"} {
			r := n.Do(method, path, n.Root(), nil)
			if r.Status < 400 {
				t.Errorf("%s %s: %s", method, path, r)
			}
		}
	}
	for _, wanted := range []object{{"exportable": true}, {"allow_plaintext_backup": true}, {"exportable": "true", "allow_plaintext_backup": false}} {
		wantError(t, n.Post("transit/keys/wanted", n.Root(), wanted), 400, "export_refused")
		wantError(t, n.Post("transit/keys/ed25519/config", n.Root(), wanted), 400, "export_refused")
	}
}

// plausible is one body that gives every route what it needs.
func plausible(n *apitest.Node, key object) object {
	throwaway := n.Must("auth/token/create", object{"ttl": "1h", "policies": "default"})
	body := object{
		"input": "aGk=", "plaintext": "aGk=", "policy": `path "a" { capabilities = ["read"] }`, "path": "transit/keys/x", "paths": []string{"a"},
		"token": throwaway.Text("auth", "client_token"), "accessor": throwaway.Text("auth", "accessor"), "increment": "1h", "policies": []string{"default"},
		"deletion_allowed": false, "marshaling_algorithm": "asn1", "key": n.Shares()[0], "rate": 1e9,
	}
	for k, v := range key {
		body[k] = v
	}
	return body
}

// keyScanner looks for every private key that the node has made, in every form
// that its record has.
func keyScanner(t *testing.T, n *apitest.Node) *apitest.Scanner {
	t.Helper()
	content, err := os.ReadFile(n.KeyRecord())
	if err != nil {
		t.Fatal(err)
	}
	s := &apitest.Scanner{}
	lines := 0
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("a line of the key record has %d fields", len(fields))
		}
		raw, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		s.Add("the "+fields[1]+" of "+fields[0], raw)
		lines++
	}
	if lines == 0 {
		t.Fatal("the key record is empty")
	}
	return s
}

// privateForms finds private keys that nobody recorded: PEM, JWK, and base64 that
// parses as one.
func privateForms(body []byte) []string {
	var found []string
	if strings.Contains(string(body), "PRIVATE KEY") {
		found = append(found, "PEM of a private key")
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return found
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			_, jwk := v["kty"]
			for name, member := range v {
				if jwk && slices.Contains(privateMembers(), name) {
					found = append(found, fmt.Sprintf("a JWK with %q", name))
				}
				if name == "d" || name == "private_key" || name == "k" || name == "seed" {
					found = append(found, fmt.Sprintf("a member %q", name))
				}
				walk(member)
			}
		case []any:
			for _, member := range v {
				walk(member)
			}
		case string:
			text := v[strings.LastIndex(v, ":")+1:]
			for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
				if der, err := enc.DecodeString(text); err == nil && privateDER(der) {
					found = append(found, "DER of a private key")
				}
			}
			if block, _ := pem.Decode([]byte(v)); block != nil && privateDER(block.Bytes) {
				found = append(found, "PEM of a private key")
			}
		}
	}
	walk(v)
	return found
}

// privateMembers are those of private and symmetric keys in a JWK (RFC 7518,
// section 6; RFC 8037, section 2; RFC 9964, section 3).
func privateMembers() []string {
	return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed"}
}

func privateDER(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}

// The two scanners find what they are for.
func TestThePrivateKeyScannersFindOne(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys())
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	content, err := os.ReadFile(n.KeyRecord())
	if err != nil {
		t.Fatal(err)
	}
	scanner := keyScanner(t, n)
	forms := 0
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		raw, _ := hex.DecodeString(fields[2])
		for _, text := range []string{string(raw), fields[2], strings.ToUpper(fields[2]), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
			if len(scanner.Find([]byte(`{"data":"`+text+`"}`))) == 0 {
				t.Errorf("%s is not found", fields[1])
			}
		}
		if fields[1] == "pkcs8" || fields[1] == "sec1" {
			forms++
			for _, answer := range []string{
				`{"data":{"keys":{"1":"` + base64.StdEncoding.EncodeToString(raw) + `"}}}`,
				string(mustJSON(t, object{"data": string(pem.EncodeToMemory(&pem.Block{Type: "KEY", Bytes: raw}))})),
			} {
				if len(privateForms([]byte(answer))) == 0 {
					t.Errorf("%s is not recognised in %s", fields[1], "an answer")
				}
			}
		}
	}
	if forms != 2 || len(privateForms([]byte(`{"kty":"EC","d":"AAAA"}`))) == 0 {
		t.Errorf("%d forms were tried", forms)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
