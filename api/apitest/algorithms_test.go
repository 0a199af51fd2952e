package apitest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha3" // registers the hashes that crypto.Hash names
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/api/apitest"
)

// hashes are the names that sign takes.
func hashes() map[string]crypto.Hash {
	return map[string]crypto.Hash{
		"sha2-224": crypto.SHA224, "sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384, "sha2-512": crypto.SHA512,
		"sha3-224": crypto.SHA3_224, "sha3-256": crypto.SHA3_256, "sha3-384": crypto.SHA3_384, "sha3-512": crypto.SHA3_512,
	}
}

func digestOf(h crypto.Hash, input []byte) []byte {
	d := h.New()
	d.Write(input)
	return d.Sum(nil)
}

// combination is one way to sign, and how somebody else verifies it.
type combination struct {
	name   string
	body   object // without input
	input  []byte // what is sent
	enc    *base64.Encoding
	verify func(key crypto.PublicKey, signature []byte) bool
}

// combinations are all ways in which a key of a type signs a message.
func combinations(typ string, message []byte) []combination {
	var out []combination
	add := func(name string, body object, input []byte, verify func(crypto.PublicKey, []byte) bool) {
		for _, marshaling := range []string{"", "asn1", "jws"} {
			c := combination{name + " " + marshaling, maps.Clone(body), input, base64.StdEncoding, verify}
			if marshaling != "" {
				c.body["marshaling_algorithm"] = marshaling
			}
			if marshaling == "jws" {
				c.enc = base64.RawURLEncoding
				if strings.HasPrefix(typ, "ecdsa") {
					c.verify = func(key crypto.PublicKey, raw []byte) bool {
						size := (key.(*ecdsa.PublicKey).Params().BitSize + 7) / 8
						return len(raw) == 2*size && verify(key, rawToDER(raw))
					}
				}
			}
			out = append(out, c)
		}
	}
	if typ == "ed25519" {
		add("pure", object{}, message, func(key crypto.PublicKey, sig []byte) bool {
			return ed25519.Verify(key.(ed25519.PublicKey), message, sig)
		})
		digest := digestOf(crypto.SHA512, message)
		add("prehashed", object{"prehashed": true, "hash_algorithm": "sha2-512"}, digest, func(key crypto.PublicKey, sig []byte) bool {
			return ed25519.VerifyWithOptions(key.(ed25519.PublicKey), digest, sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
		})
		return out
	}
	for name, h := range hashes() {
		digest := digestOf(h, message)
		for _, prehashed := range []bool{false, true} {
			body, input := object{"hash_algorithm": name}, message
			if prehashed {
				body["prehashed"], input = true, digest
			}
			if strings.HasPrefix(typ, "ecdsa") {
				add(fmt.Sprint(name, prehashed), body, input, func(key crypto.PublicKey, sig []byte) bool {
					return ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest, sig)
				})
				continue
			}
			out = append(out, rsaCombinations(fmt.Sprint(name, prehashed), body, input, h, digest)...)
		}
	}
	return out
}

func rsaCombinations(name string, body object, input []byte, h crypto.Hash, digest []byte) []combination {
	with := func(more object) object {
		b := maps.Clone(body)
		maps.Copy(b, more)
		return b
	}
	pss := func(salt int) func(crypto.PublicKey, []byte) bool {
		return func(key crypto.PublicKey, sig []byte) bool {
			k := key.(*rsa.PublicKey)
			if salt == 0 { // the longest
				salt = k.Size() - h.Size() - 2
			}
			return rsa.VerifyPSS(k, h, digest, sig, &rsa.PSSOptions{SaltLength: salt}) == nil
		}
	}
	return []combination{
		{name + " default", with(nil), input, base64.StdEncoding, pss(0)},
		{name + " pss auto", with(object{"signature_algorithm": "pss", "salt_length": "auto"}), input, base64.StdEncoding, pss(0)},
		{name + " pss hash jws", with(object{"signature_algorithm": "pss", "salt_length": "hash", "marshaling_algorithm": "jws"}), input, base64.RawURLEncoding, pss(h.Size())},
		{name + " pss 11", with(object{"signature_algorithm": "pss", "salt_length": 11}), input, base64.StdEncoding, pss(11)},
		{name + " pkcs1v15", with(object{"signature_algorithm": "pkcs1v15"}), input, base64.StdEncoding, func(key crypto.PublicKey, sig []byte) bool {
			return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), h, digest, sig) == nil
		}},
	}
}

// Every signature is judged by the standard library, from the public key that
// anybody can read; and then by the daemon, right and tampered with.
func TestEverySignatureVerifiesElsewhere(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	message := []byte("a message that is longer than any digest, so that a missing hash shows: 0123456789")
	types := []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"}
	for _, typ := range types {
		t.Run(typ, func(t *testing.T) {
			n.Must("transit/keys/"+typ, object{"type": typ})
			n.Must("transit/keys/other-"+typ, object{"type": otherType(typ)})
			key := publicKey(t, n.Get("transit/keys/"+typ, n.Root()), 1)
			all := combinations(typ, message)
			signatures := signAll(t, n, typ, all)
			for i, c := range all {
				raw := signatureBytes(t, signatures[i], 1, c.enc)
				if !c.verify(key, raw) {
					t.Errorf("%s: the standard library refuses %s", c.name, signatures[i])
				}
				raw[len(raw)/2] ^= 1
				if c.verify(key, raw) {
					t.Errorf("%s: a changed signature verifies", c.name)
				}
			}
			verifyAll(t, n, typ, all, signatures)
		})
	}
	if len(types) != 7 {
		t.Fatal("a type is missing")
	}
}

// otherType avoids making further large RSA keys, which take seconds: the key of
// another type or of the same size that is there stands in for the wrong key.
func otherType(typ string) string {
	if strings.HasPrefix(typ, "rsa") {
		return "rsa-2048"
	}
	return typ
}

func signAll(t *testing.T, n *apitest.Node, key string, all []combination) []string {
	t.Helper()
	out := make([]string, len(all))
	for i, c := range all {
		body := maps.Clone(c.body)
		body["input"] = b64(string(c.input))
		path := "transit/sign/" + key
		if hash, ok := body["hash_algorithm"].(string); ok && i%2 == 1 {
			delete(body, "hash_algorithm") // in the path it says the same
			if i%4 == 1 {
				body["algorithm"] = hash // and under its old name
			} else {
				path += "/" + hash
			}
		}
		r := n.Post(path, n.Root(), body)
		if r.Status != 200 {
			t.Fatalf("%s: %s", c.name, r)
		}
		out[i] = r.Text("data", "signature")
	}
	return out
}

func verifyAll(t *testing.T, n *apitest.Node, key string, all []combination, signatures []string) {
	t.Helper()
	verdict := func(key string, c combination, input []byte, signature string) bool {
		t.Helper()
		body := maps.Clone(c.body)
		body["input"], body["signature"] = b64(string(input)), signature
		r := wantStatus(t, n.Post("transit/verify/"+key, n.Root(), body), 200)
		valid, ok := r.At("data", "valid").(bool)
		if !ok {
			t.Fatalf("%s: no verdict in %s", c.name, r)
		}
		return valid
	}
	for i, c := range all {
		if !verdict(key, c, c.input, signatures[i]) {
			t.Errorf("%s: the daemon refuses its own signature", c.name)
		}
		changed := bytes.Clone(c.input)
		changed[0] ^= 1
		if verdict(key, c, changed, signatures[i]) {
			t.Errorf("%s: a changed input verifies", c.name)
		}
		if i%3 != 0 {
			continue // the rest depends on no option
		}
		raw := signatureBytes(t, signatures[i], 1, c.enc)
		raw[len(raw)-1] ^= 1
		if verdict(key, c, c.input, "vault:v1:"+c.enc.EncodeToString(raw)) {
			t.Errorf("%s: a changed signature verifies", c.name)
		}
		if verdict("other-"+key, c, c.input, signatures[i]) {
			t.Errorf("%s: another key verifies it", c.name)
		}
		for _, cut := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0), make([]byte, len(raw))} {
			if verdict(key, c, c.input, "vault:v1:"+c.enc.EncodeToString(cut)) {
				t.Errorf("%s: a signature of %d bytes verifies", c.name, len(cut))
			}
		}
	}
}

func rawToDER(raw []byte) []byte {
	half := len(raw) / 2
	integer := func(b []byte) []byte {
		b = bytes.TrimLeft(b, "\x00")
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	body := append(integer(raw[:half]), integer(raw[half:])...)
	if len(body) >= 0x80 {
		return append([]byte{0x30, 0x81, byte(len(body))}, body...)
	}
	return append([]byte{0x30, byte(len(body))}, body...)
}

// A compact JWS that is put together from a signature verifies in go-jose for
// every algorithm that JOSE has.
func TestEveryJOSEAlgorithmVerifiesInGoJose(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	for _, c := range []struct {
		typ, alg string
		options  object
	}{
		{"ecdsa-p256", "ES256", object{"hash_algorithm": "sha2-256"}},
		{"ecdsa-p384", "ES384", object{"hash_algorithm": "sha2-384"}},
		{"ecdsa-p521", "ES512", object{"hash_algorithm": "sha2-512"}},
		{"ed25519", "EdDSA", object{}},
		{"rsa-2048", "RS256", object{"hash_algorithm": "sha2-256", "signature_algorithm": "pkcs1v15"}},
		{"rsa-2048", "RS384", object{"hash_algorithm": "sha2-384", "signature_algorithm": "pkcs1v15"}},
		{"rsa-2048", "RS512", object{"hash_algorithm": "sha2-512", "signature_algorithm": "pkcs1v15"}},
		{"rsa-2048", "PS256", object{"hash_algorithm": "sha2-256", "signature_algorithm": "pss", "salt_length": "hash"}},
		{"rsa-2048", "PS384", object{"hash_algorithm": "sha2-384", "signature_algorithm": "pss", "salt_length": "hash"}},
		{"rsa-2048", "PS512", object{"hash_algorithm": "sha2-512", "signature_algorithm": "pss", "salt_length": "hash"}},
	} {
		t.Run(c.alg, func(t *testing.T) {
			n.Must("transit/keys/"+c.typ, object{"type": c.typ})
			key := publicKey(t, n.Get("transit/keys/"+c.typ, n.Root()), 1)
			for i := range 10 { // leading zeros in R or S come once in a while
				input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+c.alg+`"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i)))
				body := object{"input": b64(input), "marshaling_algorithm": "jws"}
				maps.Copy(body, c.options)
				signature := strings.TrimPrefix(n.Must("transit/sign/"+c.typ, body).Text("data", "signature"), "vault:v1:")
				parsed, err := jose.ParseSignedCompact(input+"."+signature, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(c.alg)})
				if err != nil {
					t.Fatal(err)
				}
				if payload, err := parsed.Verify(key); err != nil || string(payload) != strconv.Itoa(i) {
					t.Fatalf("token %d: %q, %v", i, payload, err)
				}
			}
		})
	}
}

// After a rotation the new version signs, the old one verifies until it is no
// longer wanted, and each verifies its own alone.
func TestRotationKeepsOldSignaturesUntilTheMinimum(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	var signatures []string
	for version := 1; version <= 3; version++ {
		if version > 1 {
			n.Must("transit/keys/web/rotate", nil)
		}
		r := n.Must("transit/sign/web", object{"input": "aGk="})
		if number(t, r, "data", "key_version") != int64(version) {
			t.Errorf("signed with another version: %s", r)
		}
		signatures = append(signatures, r.Text("data", "signature"))
	}
	verify := func(signature string) apitest.Reply {
		return n.Post("transit/verify/web", n.Root(), object{"input": "aGk=", "signature": signature})
	}
	kids := map[string]bool{}
	read := n.Get("transit/keys/web", n.Root())
	for i, s := range signatures {
		if wantStatus(t, verify(s), 200).At("data", "valid") != true {
			t.Errorf("version %d does not verify", i+1)
		}
		kids[read.Text("data", "keys", strconv.Itoa(i+1), "kid")] = true
		der := signatureBytes(t, s, i+1, base64.StdEncoding)
		digest := digestOf(crypto.SHA256, []byte("hi"))
		if !ecdsa.VerifyASN1(publicKey(t, read, i+1).(*ecdsa.PublicKey), digest, der) {
			t.Errorf("version %d does not verify with its public key", i+1)
		}
		other := "vault:v" + strconv.Itoa(i+2) + s[len("vault:v1"):]
		if i != 2 && wantStatus(t, verify(other), 200).At("data", "valid") != false {
			t.Errorf("version %d verifies as another", i+1)
		}
	}
	if len(kids) != 3 || kids[""] {
		t.Errorf("kids: %v", kids)
	}
	if r := n.Must("transit/sign/web", object{"input": "aGk=", "key_version": 1}); !strings.HasPrefix(r.Text("data", "signature"), "vault:v1:") {
		t.Errorf("an old version signs while it may: %s", r)
	}
	r := n.Must("transit/keys/web/config", object{"min_decryption_version": 2})
	if number(t, r, "data", "min_decryption_version") != 2 {
		t.Errorf("config: %s", r)
	}
	wantText(t, wantError(t, verify(signatures[0]), 400, "version_too_old"), "disallowed by policy (too old)")
	wantStatus(t, verify(signatures[1]), 200)
	n.Must("transit/keys/web/config", object{"min_encryption_version": 3})
	wantText(t, wantError(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk=", "key_version": 2}), 400, "version_too_old"), "less than the minimum encryption key version")
	wantText(t, wantError(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk=", "key_version": 4}), 400, "version_too_new"), "higher than the latest key version")
	wantError(t, n.Post("transit/keys/web/config", n.Root(), object{"min_encryption_version": 1}), 400, "bad_request")
	n.Must("transit/keys/web/config", object{"min_decryption_version": 1})
	wantStatus(t, verify(signatures[0]), 200)
}

// A destroyed key is gone with its signatures, and its version numbers never come
// again.
func TestADestroyedKeyNeverComesBack(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Must("transit/keys/web/rotate", nil)
	signature := n.Must("transit/sign/web", object{"input": "aGk="}).Text("data", "signature")
	wantText(t, wantError(t, n.Do("DELETE", "transit/keys/web", n.Root(), nil), 400, "deletion_not_allowed"), "deletion is not allowed for this key")
	n.Must("transit/keys/web/config", object{"deletion_allowed": true})
	wantStatus(t, n.Do("DELETE", "transit/keys/web?grace=0", n.Root(), nil), 204)
	wantStatus(t, n.Get("transit/keys/web", n.Root()), 404)
	wantError(t, n.Post("transit/verify/web", n.Root(), object{"input": "aGk=", "signature": signature}), 400, "key_not_found")
	n.Restart()
	n.Unseal()
	wantStatus(t, n.Get("transit/keys/web", n.Root()), 404)
	again := n.Must("transit/keys/web", object{"type": "ed25519"})
	if number(t, again, "data", "latest_version") != 3 {
		t.Errorf("version numbers start again: %s", again)
	}
	if r := n.Post("transit/verify/web", n.Root(), object{"input": "aGk=", "signature": signature}); r.At("data", "valid") == true {
		t.Errorf("a signature of the destroyed key verifies: %s", r)
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/box", object{"type": "aes256-gcm96"})
	encrypt := func(body object) string {
		t.Helper()
		return n.Must("transit/encrypt/box", body).Text("data", "ciphertext")
	}
	t.Run("what goes in comes out", func(t *testing.T) {
		for _, plain := range []string{"", "x", strings.Repeat("0123456789", 10_000), "\x00\xff"} {
			for _, aad := range []string{"", "context of the call"} {
				one, two := encrypt(object{"plaintext": b64(plain), "associated_data": b64(aad)}), encrypt(object{"plaintext": b64(plain), "associated_data": b64(aad)})
				if one == two {
					t.Error("the same nonce twice")
				}
				r := n.Must("transit/decrypt/box", object{"ciphertext": one, "associated_data": b64(aad)})
				if got, ok := r.At("data", "plaintext").(string); !ok || got != b64(plain) {
					t.Errorf("%d bytes came back as %s", len(plain), r)
				}
			}
		}
	})
	t.Run("wrong associated data and tampered ciphertext", func(t *testing.T) {
		ct := encrypt(object{"plaintext": "aGk=", "associated_data": "YQ=="})
		for _, aad := range []any{nil, "", "Yg==", "YWE="} {
			wantError(t, n.Post("transit/decrypt/box", n.Root(), object{"ciphertext": ct, "associated_data": aad}), 400, "bad_ciphertext")
		}
		raw := signatureBytes(t, ct, 1, base64.StdEncoding)
		for i := range raw {
			changed := slices.Clone(raw)
			changed[i] ^= 0x20
			wantError(t, n.Post("transit/decrypt/box", n.Root(), object{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(changed), "associated_data": "YQ=="}), 400, "bad_ciphertext")
		}
		for _, cut := range []int{0, 11, 12, 27, len(raw) - 1} {
			wantError(t, n.Post("transit/decrypt/box", n.Root(), object{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(raw[:cut]), "associated_data": "YQ=="}), 400, "bad_ciphertext")
		}
		n.Must("transit/keys/other", object{"type": "aes256-gcm96"})
		wantError(t, n.Post("transit/decrypt/other", n.Root(), object{"ciphertext": ct, "associated_data": "YQ=="}), 400, "bad_ciphertext")
	})
	t.Run("versions and minima", func(t *testing.T) {
		n.Must("transit/keys/turn", nil)
		old := n.Must("transit/encrypt/turn", object{"plaintext": "aGk="}).Text("data", "ciphertext")
		n.Must("transit/keys/turn/rotate", nil)
		fresh := n.Must("transit/encrypt/turn", object{"plaintext": "aGk="})
		if number(t, fresh, "data", "key_version") != 2 {
			t.Errorf("encrypted with %s", fresh)
		}
		if r := n.Must("transit/decrypt/turn", object{"ciphertext": old}); r.Text("data", "plaintext") != "aGk=" {
			t.Errorf("an old ciphertext: %s", r)
		}
		if r := n.Must("transit/encrypt/turn", object{"plaintext": "aGk=", "key_version": "1"}); number(t, r, "data", "key_version") != 1 {
			t.Errorf("an old version on request: %s", r)
		}
		n.Must("transit/keys/turn/config", object{"min_decryption_version": 2})
		wantError(t, n.Post("transit/decrypt/turn", n.Root(), object{"ciphertext": old}), 400, "version_too_old")
		wantError(t, n.Post("transit/encrypt/turn", n.Root(), object{"plaintext": "aGk=", "key_version": 1}), 400, "version_too_old") // it could not be decrypted
		n.Must("transit/keys/turn/config", object{"min_encryption_version": 2})
		wantError(t, n.Post("transit/encrypt/turn", n.Root(), object{"plaintext": "aGk=", "key_version": 1}), 400, "version_too_old")
		wantError(t, n.Post("transit/decrypt/turn", n.Root(), object{"ciphertext": strings.Replace(old, ":v1:", ":v3:", 1)}), 400, "version_too_new")
	})
	t.Run("batches", func(t *testing.T) { encryptionBatches(t, n) })
}

func encryptionBatches(t *testing.T, n *apitest.Node) {
	var items []object
	for i := range 1000 {
		items = append(items, object{"plaintext": b64(strconv.Itoa(i)), "associated_data": b64(strconv.Itoa(i % 7)), "reference": strconv.Itoa(i)})
	}
	r := n.Must("transit/encrypt/box", object{"batch_input": items})
	results, _ := r.At("data", "batch_results").([]any)
	if len(results) != 1000 {
		t.Fatalf("%d results", len(results))
	}
	var back []object
	for i, v := range results {
		one := v.(map[string]any)
		if one["reference"] != strconv.Itoa(i) {
			t.Fatalf("item %d: %v", i, one)
		}
		back = append(back, object{"ciphertext": one["ciphertext"], "associated_data": b64(strconv.Itoa(i % 7))})
	}
	r = n.Must("transit/decrypt/box", object{"batch_input": back})
	results, _ = r.At("data", "batch_results").([]any)
	for i, v := range results {
		if v.(map[string]any)["plaintext"] != b64(strconv.Itoa(i)) {
			t.Fatalf("item %d: %v", i, v)
		}
	}
	if recs := records(t, n, ofRequest(r)); len(recs) != 11 || recs[0].Items != 1000 || len(recs[10].Hashes) != 100 || recs[10].Hashes[99].Index != 999 {
		t.Errorf("%d records of a batch of 1000", len(recs))
	}
	for _, verb := range []string{"sign", "verify", "encrypt", "decrypt"} {
		key := "box"
		if verb == "sign" || verb == "verify" {
			key = "ec"
			n.Must("transit/keys/ec", object{"type": "ecdsa-p256"})
		}
		many := make([]object, 1001)
		for i := range many {
			many[i] = object{"input": "aGk=", "plaintext": "aGk=", "signature": "vault:v1:AAAA", "ciphertext": "vault:v1:AAAA"}
		}
		wantText(t, wantError(t, n.Post("transit/"+verb+"/"+key, n.Root(), object{"batch_input": many}), 400, "bad_request"), "1000")
		for _, wrong := range []any{"x", 1, object{}, true, []any{"x"}, []any{}} {
			if r := n.Post("transit/"+verb+"/"+key, n.Root(), object{"batch_input": wrong}); r.Status != 400 {
				t.Errorf("%s with batch_input %v: %s", verb, wrong, r)
			}
		}
	}
	back[5]["associated_data"] = b64("wrong")
	r = wantStatus(t, n.Post("transit/decrypt/box", n.Root(), object{"batch_input": back[:10]}), 400)
	results, _ = r.At("data", "batch_results").([]any)
	for i, v := range results {
		one := v.(map[string]any)
		if (one["error"] != nil) != (i == 5) || one["plaintext"] != b64(strconv.Itoa(i)) && i != 5 {
			t.Errorf("item %d: %v", i, one)
		}
	}
	wantStatus(t, n.Post("transit/decrypt/box", n.Root(), object{"batch_input": back[:10], "partial_failure_response_code": 200}), 200)
}
