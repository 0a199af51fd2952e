package apitest_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// Whoever asks first has the wrapping key made, and all get that one, now and for the
// life of the cluster.
func TestThereIsOneWrappingKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	o := outsider{t, n}
	stranger := n.Allow("nothing", "transit/keys/x", "update")
	wantError(t, n.Get("transit/wrapping_key", stranger), 403, "permission_denied")
	wantError(t, n.Post("transit/keys/early/import", n.Root(), object{"type": "ed25519", "ciphertext": b64("x")}), 400, "bad_request")
	reader := n.Allow("wrapping", "transit/wrapping_key", "read")
	answers, refused := make([]string, 4), make([]string, 4)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			r, err := n.Send("GET", "transit/wrapping_key", reader, nil)
			answers[i], refused[i] = r.Text("data", "public_key"), fmt.Sprint(r, err)
		})
	}
	wg.Wait()
	if key, ok := parsePEM(answers[0]).(interface{ Size() int }); !ok || key.Size() != 512 || slices.ContainsFunc(answers, func(a string) bool { return a != answers[0] }) {
		t.Fatalf("%q", refused)
	}
	made := records(t, n, func(r audit.Parsed) bool { return r.Operation == "transit/wrapping-key" && r.Type == audit.TypeIntent })
	if len(made) != 1 || made[0].KID == "" {
		t.Errorf("made %+v", made)
	}
	ciphertext := o.wrapped(newEd(t))
	n.Must("sys/rotate", nil)
	for _, ending := range []func(){func() { n.Kill(); n.Start() }, n.Restart} {
		ending()
		n.Unseal()
		if r := wantStatus(t, n.Get("transit/wrapping_key", reader), 200); r.Text("data", "public_key") != answers[0] {
			t.Errorf("another wrapping key: %s", r)
		}
	}
	n.Must("transit/keys/late/import", object{"type": "ed25519", "ciphertext": ciphertext})
	if names := strs(n.Do("LIST", "transit/keys", n.Root(), nil), "data", "keys"); !slices.Equal(names, []string{"late"}) {
		t.Errorf("keys %v", names)
	}
	for _, path := range []string{"transit/keys/.wrapping", "transit/sign/.wrapping", "transit/decrypt/.wrapping"} {
		if r := n.Post(path, n.Root(), object{"input": "aGk=", "ciphertext": "vault:v1:AAAA"}); r.Status < 400 {
			t.Errorf("%s: %s", path, r)
		}
	}
}

// A key from elsewhere goes on as it did: what it signed verifies, and what it signs
// verifies with its public key.
func TestAnImportedKeyGoesOn(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	o := outsider{t, n}
	private := newEC(t, elliptic.P256())
	digest := sha256.Sum256([]byte("signed before"))
	before, err := private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext := o.wrapped(private)
	r := n.Must("transit/keys/web/import", object{"type": "ecdsa-p256", "ciphertext": ciphertext, "unknown": 1, "exportable": false})
	if r.At("data", "imported_key") != true || r.At("data", "imported_key_allow_rotation") != false || !private.PublicKey.Equal(publicKey(t, r, 1)) {
		t.Errorf("%s", r)
	}
	if got := n.Must("transit/verify/web", object{"input": b64("signed before"), "signature": "vault:v1:" + base64.StdEncoding.EncodeToString(before)}); got.At("data", "valid") != true {
		t.Errorf("what it signed elsewhere: %s", got)
	}
	rec := records(t, n, ofRequest(r))
	if len(rec) != 2 || rec[1].Input == "" || rec[1].KID == "" || len(rec[1].Fields["public_sha256"]) != 64 || rec[1].Fields["key_type"] != "ecdsa-p256" {
		t.Errorf("records %+v", rec)
	}
	if log := auditText(t, n); strings.Contains(log, ciphertext[:40]) {
		t.Error("the audit log holds the ciphertext")
	}
	for what, key := range map[string]any{"ed25519": newEd(t), "rsa-2048": newRSA(t, 2048), "aes256-gcm96": randomBytes(32), "hmac": randomBytes(48)} {
		r := n.Must("transit/keys/"+what+"/import", object{"type": what, "ciphertext": o.wrapped(key), "hash_function": "SHA256", "allow_rotation": true})
		if r.At("data", "imported_key") != true || r.At("data", "imported_key_allow_rotation") != true {
			t.Errorf("%s", r)
		}
		if what == "hmac" && number(t, r, "data", "key_size") != 48 {
			t.Errorf("%s", r)
		}
	}
	n.Must("transit/encrypt/aes256-gcm96", object{"plaintext": "aGk="})

	// Versions come from where the ones before came from.
	wantText(t, wantError(t, n.Post("transit/keys/web/rotate", n.Root(), nil), 400, "rotation_not_allowed"), "imported key web does not allow rotation")
	wantError(t, n.Post("transit/keys/web/config", n.Root(), object{"auto_rotate_period": "24h"}), 400, "rotation_not_allowed")
	next := newEC(t, elliptic.P256())
	r = n.Must("transit/keys/web/import_version", object{"ciphertext": o.wrapped(next)})
	if number(t, r, "data", "latest_version") != 2 || !next.PublicKey.Equal(publicKey(t, r, 2)) {
		t.Errorf("%s", r)
	}
	wantText(t, wantError(t, n.Post("transit/keys/web/import_version", n.Root(), object{"ciphertext": o.wrapped(private)}), 400, "bad_request"), "version 1 of web already")
	r = n.Must("transit/keys/hmac/import_version", object{"ciphertext": o.wrapped(randomBytes(64))})
	if number(t, r, "data", "key_size") != 64 {
		t.Errorf("%s", r)
	}
	r = n.Must("transit/keys/ed25519/rotate", nil)
	if r.At("data", "imported_key") != false || r.At("data", "imported_key_allow_rotation") != nil {
		t.Errorf("%s", r)
	}
	wantText(t, wantError(t, n.Post("transit/keys/ed25519/import_version", n.Root(), object{"ciphertext": o.wrapped(newEd(t))}), 400, "bad_request"), "can only be used with an imported key")
	n.Kill()
	n.Start()
	n.Unseal()
	if r := n.Get("transit/keys/web", n.Root()); r.At("data", "imported_key") != true || number(t, r, "data", "latest_version") != 2 {
		t.Errorf("%s", r)
	}
	n.Must("transit/sign/web", object{"input": "aGk=", "key_version": 1})
}

func TestKeysThatAreNotImported(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	o := outsider{t, n}
	ec := newEC(t, elliptic.P256())
	good := o.wrap(ec)
	flip := func(at int) string {
		b := bytes.Clone(good)
		b[at] ^= 1
		return base64.StdEncoding.EncodeToString(b)
	}
	plain := base64.StdEncoding.EncodeToString
	texts := map[string]bool{}
	for what, body := range map[string]object{
		"a bit of OAEP":    {"ciphertext": flip(100)},
		"a bit of AES-KWP": {"ciphertext": flip(600)},
		"truncated":        {"ciphertext": plain(good[:len(good)-1])},
		"without a block":  {"ciphertext": plain(good[:len(good)-8])},
		"the first part":   {"ciphertext": plain(good[:512])},
		"half of that":     {"ciphertext": plain(good[:256])},
		"more":             {"ciphertext": plain(append(bytes.Clone(good), 0))},
		"empty":            {"ciphertext": ""},
		"very long":        {"ciphertext": plain(make([]byte, 100_000))},
		"another hash":     {"ciphertext": plain(good), "hash_function": "SHA512"},
		"not a hash it is": {"ciphertext": plain(good), "hash_function": "SHA1"},
	} {
		body["type"] = "ecdsa-p256"
		r := wantError(t, n.Post("transit/keys/bad/import", n.Root(), body), 400, "unwrap_failed")
		if texts[r.Errors()] = true; len(texts) != 1 {
			t.Errorf("%s tells something: %s", what, r)
		}
	}
	pkcs8 := func(key any) []byte { return mustPKCS8(t, key) }
	for what, c := range map[string]struct {
		typ string
		key any
	}{
		"another curve":       {"ecdsa-p384", ec},
		"another type":        {"ed25519", ec},
		"another size":        {"rsa-3072", newRSA(t, 2048)},
		"weak RSA":            {"rsa-2048", weakKey(t)},
		"trailing bytes":      {"ecdsa-p256", append(pkcs8(ec), 0)},
		"no key":              {"ecdsa-p256", randomBytes(100)},
		"a short hmac key":    {"hmac", randomBytes(31)},
		"an hmac key of ones": {"hmac", bytes.Repeat([]byte{1}, 32)},
		"AES of 16 bytes":     {"aes256-gcm96", randomBytes(16)},
		"the default type":    {"", randomBytes(31)},
	} {
		ciphertext := o.wrapped(c.key)
		r := wantError(t, n.Post("transit/keys/bad/import", n.Root(), object{"type": c.typ, "ciphertext": ciphertext}), 400, "key_rejected")
		if raw, ok := c.key.([]byte); ok && strings.Contains(string(r.Body), hex.EncodeToString(raw[:8])) {
			t.Errorf("%s: the answer quotes the key", what)
		}
	}
	n.Must("transit/keys/made", object{"type": "ed25519"})
	newIssuer(t, n, "acme", object{"alg": "EdDSA"})
	ed := o.wrapped(newEd(t))
	for what, c := range map[string]struct {
		path string
		body object
		code string
		text string
	}{
		"no ciphertext":             {"bad/import", object{"type": "ed25519"}, "bad_request", "'ciphertext' is missing"},
		"not base64":                {"bad/import", object{"type": "ed25519", "ciphertext": "!"}, "bad_request", "base64"},
		"no hash":                   {"bad/import", object{"type": "ed25519", "ciphertext": ed, "hash_function": "MD5"}, "bad_request", "SHA224"},
		"no type":                   {"bad/import", object{"type": "rot13", "ciphertext": ed}, "unknown_key_type", "rot13"},
		"exportable":                {"bad/import", object{"type": "ed25519", "ciphertext": ed, "exportable": true}, "export_refused", ""},
		"a backup":                  {"bad/import", object{"type": "ed25519", "ciphertext": ed, "allow_plaintext_backup": true}, "export_refused", ""},
		"derived":                   {"bad/import", object{"type": "ed25519", "ciphertext": ed, "derived": true}, "unsupported", ""},
		"a public key":              {"bad/import", object{"type": "ed25519", "public_key": "PEM"}, "unsupported", "public key alone"},
		"rotation by itself":        {"bad/import", object{"type": "ed25519", "ciphertext": ed, "auto_rotate_period": "24h"}, "bad_request", "allow_rotation"},
		"a name in use":             {"made/import", object{"type": "ed25519", "ciphertext": ed}, "bad_request", "cannot be used with an existing key"},
		"a version of one made":     {"made/import_version", object{"ciphertext": ed}, "bad_request", "can only be used with an imported key"},
		"a version of none":         {"none/import_version", object{"ciphertext": ed}, "key_not_found", "use the import/ endpoint"},
		"over an issuer's":          {"acme/import", object{"type": "ed25519", "ciphertext": ed}, "key_bound_to_issuer", ""},
		"a version of an issuer's":  {"acme/import_version", object{"ciphertext": ed}, "key_bound_to_issuer", ""},
		"a version, by its number":  {"given/import_version", object{"ciphertext": ed, "version": 1}, "unsupported", "leave it out"},
		"a version, its public key": {"given/import_version", object{"public_key": "PEM"}, "unsupported", ""},
	} {
		if strings.HasPrefix(c.path, "given/") && n.Get("transit/keys/given", n.Root()).Status == 404 {
			n.Must("transit/keys/given/import", object{"type": "ed25519", "ciphertext": ed})
		}
		if r := n.Post("transit/keys/"+c.path, n.Root(), c.body); !strings.Contains(r.Errors(), c.text) || r.Code() != c.code || r.Status != 400 {
			t.Errorf("%s: %s", what, r)
		}
	}
	wantError(t, n.Post("transit/keys/bad/import", n.Allow("maker", "transit/keys/bad", "update"), object{}), 403, "permission_denied")
	wantError(t, n.Post("transit/keys/given/import_version", n.Allow("rotator", "transit/keys/given/rotate", "update"), object{}), 403, "permission_denied")
	if r := n.Get("transit/keys/bad", n.Root()); r.Status != 404 {
		t.Errorf("a refused import left a key: %s", r)
	}
}

// An issuer goes on with the key of the former one: tokens of then verify here, and
// new ones verify where the old key is known.
func TestAnIssuerGoesOnWithAnImportedKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	o := outsider{t, n}
	for _, c := range []struct {
		alg, kid string
		key      any
		next     any
	}{
		{"ES256", "2024-key=", newEC(t, elliptic.P256()), newEC(t, elliptic.P256())},
		{"RS256", "", newRSA(t, 2048), newRSA(t, 2048)},
		{"EdDSA", "a/b+c:d.e_f~g", newEd(t), newEd(t)},
		{"HS512", "shared", randomBytes(80), randomBytes(64)},
	} {
		name := "i-" + strings.ToLower(c.alg)
		wrapped := object{"ciphertext": o.wrapped(c.key), "hash_function": "SHA256"}
		if c.kid != "" {
			wrapped["kid"] = c.kid
		}
		r := newIssuer(t, n, name, object{"alg": c.alg, "import": wrapped, "jwks_max_age": 1})
		v := versionOf(r, 0)
		kid, _ := v["kid"].(string)
		if v["imported"] != true || c.kid != "" && kid != c.kid || kid == "" {
			t.Errorf("%s: %s", c.alg, r)
		}
		rec := records(t, n, ofRequest(r))
		if len(rec) != 2 || rec[1].Input == "" || rec[1].KID != kid {
			t.Errorf("%s: records %+v", c.alg, rec)
		}
		n.Must("jwt/issuers/"+name+"/profiles/access", object{})
		old := signedElsewhere(t, c.alg, kid, c.key, object{
			"iss": "https://" + name + ".example", "sub": "user:of-before", "aud": "api", "jti": "before", "client_id": "c",
			"iat": time.Now().Unix() - 60, "exp": time.Now().Unix() + 600,
		})
		if r := n.Must("jwt/verify/"+name, object{"token": old, "audience": "api"}); r.At("data", "active") != true {
			t.Errorf("%s: a token of before: %s", c.alg, r)
		}
		now := n.Must("jwt/sign/"+name+"/access", object{"sub": "user:1", "aud": "api"})
		if now.Text("data", "kid") != kid {
			t.Errorf("%s: signed under %s", c.alg, now)
		}
		if c.alg != "HS512" {
			verifiedElsewhere(t, n, name, c.alg, kid, now.Text("data", "token"))
		}
		wantText(t, wantError(t, n.Post("jwt/rotate/"+name, n.Root(), object{"import": object{"ciphertext": o.wrapped(c.next), "kid": kid}}), 400, "bad_request"), "has, or had, this kid")
		if c.alg != "HS512" { // whose keys cannot be compared
			wantText(t, wantError(t, n.Post("jwt/rotate/"+name, n.Root(), object{"import": object{"ciphertext": o.wrapped(c.key), "kid": "other"}}), 400, "bad_request"), "is version 1 of "+name)
		}
		r = n.Must("jwt/rotate/"+name, object{"import": object{"ciphertext": o.wrapped(c.next), "kid": "next-of-" + name}})
		if !bytes.Contains(r.Body, []byte(`"imported":true`)) || number(t, r, "data", "pending_version") != 2 {
			t.Errorf("%s: %s", c.alg, r)
		}
		eventually(t, "the imported version signs", func() bool {
			r := n.Must("jwt/sign/"+name+"/access", object{"sub": "user:1", "aud": "api"})
			return r.Text("data", "kid") == "next-of-"+name
		})
		for _, token := range []string{old, now.Text("data", "token")} {
			if r := n.Must("jwt/verify/"+name, object{"token": token}); r.At("data", "active") != true {
				t.Errorf("%s: after the rotation: %s", c.alg, r)
			}
		}
		n.Must("jwt/rotate/"+name, nil) // one made here follows
		if r := n.Get("transit/keys/"+name, n.Root()); r.At("data", "imported_key") != false {
			t.Errorf("%s: %s", c.alg, r)
		}
	}
	for what, c := range map[string]struct {
		body object
		code string
	}{
		"another algorithm": {object{"alg": "RS256", "import": object{"ciphertext": o.wrapped(newEC(t, elliptic.P256()))}}, "key_rejected"},
		"another type":      {object{"alg": "ES384", "import": object{"ciphertext": o.wrapped(newEC(t, elliptic.P256()))}}, "key_rejected"},
		"a short secret":    {object{"alg": "HS384", "import": object{"ciphertext": o.wrapped(randomBytes(47))}}, "key_rejected"},
		"altered":           {object{"import": object{"ciphertext": b64(strings.Repeat("x", 600))}}, "unwrap_failed"},
		"nothing":           {object{"import": object{}}, "bad_request"},
		"a kid with spaces": {object{"alg": "EdDSA", "import": object{"ciphertext": o.wrapped(newEd(t)), "kid": "a b"}}, "bad_request"},
		"a long kid":        {object{"alg": "EdDSA", "import": object{"ciphertext": o.wrapped(newEd(t)), "kid": strings.Repeat("k", 129)}}, "bad_request"},
		"a secret as kid":   {object{"alg": "EdDSA", "import": object{"ciphertext": o.wrapped(newEd(t)), "kid": n.Root()}}, "bad_request"},
		"an unknown member": {object{"import": object{"ciphertext": "", "type": "ed25519"}}, "unknown_field"},
	} {
		c.body["issuer"] = "https://bad.example"
		if r := n.Post("jwt/issuers/bad", n.Root(), c.body); r.Status != 400 || r.Code() != c.code {
			t.Errorf("%s: %s", what, r)
		} else if what == "another algorithm" {
			wantText(t, r, "alg is RS256")
		}
	}
	wantText(t, wantError(t, n.Post("jwt/issuers/i-eddsa", n.Root(), object{"import": object{"ciphertext": o.wrapped(newEd(t))}}), 400, "bad_request"), "jwt/rotate/i-eddsa")
	wantError(t, n.Post("jwt/rotate/i-eddsa", n.Allow("reader", "jwt/issuers/i-eddsa", "read"), object{"import": object{"ciphertext": "!"}}), 403, "permission_denied")
}
