package apitest_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

func ciphers() []string {
	return []string{"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"}
}

// elsewhere is the cipher of version 1 of a key, made from what the node wrote
// down of it.
func elsewhere(t *testing.T, typ string, keys map[string][]byte) cipher.AEAD {
	t.Helper()
	var aead cipher.AEAD
	var err error
	switch typ {
	case "chacha20-poly1305":
		aead, err = chacha20poly1305.New(keys[typ+"/1 chacha20"])
	case "xchacha20-poly1305":
		aead, err = chacha20poly1305.NewX(keys[typ+"/1 chacha20"])
	default:
		var block cipher.Block
		if block, err = aes.NewCipher(keys[typ+"/1 aes"]); err == nil {
			aead, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

func TestEveryCipherAgreesWithAnother(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys(), apitest.Durability("os"))
	for _, typ := range ciphers() {
		r := n.Must("transit/keys/"+typ, object{"type": typ})
		if r.At("data", "supports_encryption") != true || r.At("data", "supports_decryption") != true || r.At("data", "supports_signing") != false || number(t, r, "data", "keys", "1") < 1_700_000_000 {
			t.Errorf("%s: %s", typ, r)
		}
	}
	keys := recordedKeys(t, n)
	for _, typ := range ciphers() {
		t.Run(typ, func(t *testing.T) {
			aead := elsewhere(t, typ, keys)
			size := aead.NonceSize()
			for _, plain := range []string{"", "x", strings.Repeat("0123456789", 1000)} {
				for _, aad := range []string{"", "context of the call"} {
					ct := n.Must("transit/encrypt/"+typ, object{"plaintext": b64(plain), "associated_data": b64(aad), "key_version": "0"}).Text("data", "ciphertext")
					raw := signatureBytes(t, ct, 1, base64.StdEncoding)
					if got, err := aead.Open(nil, raw[:size], raw[size:], []byte(aad)); err != nil || string(got) != plain {
						t.Errorf("%d bytes elsewhere: %v", len(plain), err)
					}
					nonce := make([]byte, size)
					made := "vault:v1:" + base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(plain), []byte(aad)))
					for _, ct := range []string{ct, made} {
						r := n.Must("transit/decrypt/"+typ, object{"ciphertext": ct, "associated_data": b64(aad)})
						if got, ok := r.At("data", "plaintext").(string); !ok || got != b64(plain) {
							t.Errorf("%d bytes came back as %s", len(plain), r)
						}
					}
					for path, body := range map[string]object{"decrypt/": {}, "rewrap/": {}} {
						body["ciphertext"], body["associated_data"] = ct, b64("another")
						wantError(t, n.Post("transit/"+path+typ, n.Root(), body), 400, "bad_ciphertext")
						raw[len(raw)-1] ^= 1
						body["ciphertext"], body["associated_data"] = "vault:v1:"+base64.StdEncoding.EncodeToString(raw), b64(aad)
						wantError(t, n.Post("transit/"+path+typ, n.Root(), body), 400, "bad_ciphertext")
						raw[len(raw)-1] ^= 1
					}
				}
			}
			rewraps(t, n, typ)
			dataKeys(t, n, typ)
		})
	}
}

// rewraps moves ciphertexts to a new version, alone and in a batch.
func rewraps(t *testing.T, n *apitest.Node, typ string) {
	t.Helper()
	var old []object
	for i := range 3 {
		aad := b64(strconv.Itoa(i))
		ct := n.Must("transit/encrypt/"+typ, object{"plaintext": b64("secret " + strconv.Itoa(i)), "associated_data": aad}).Text("data", "ciphertext")
		old = append(old, object{"ciphertext": ct, "associated_data": aad, "reference": strconv.Itoa(i)})
	}
	n.Must("transit/keys/"+typ+"/rotate", nil)
	one := n.Must("transit/rewrap/"+typ, object{"ciphertext": old[0]["ciphertext"], "associated_data": old[0]["associated_data"], "reference": "ignored", "unknown": 1})
	if number(t, one, "data", "key_version") != 2 || !strings.HasPrefix(one.Text("data", "ciphertext"), "vault:v2:") || len(one.At("data").(map[string]any)) != 2 {
		t.Errorf("rewrapped: %s", one)
	}
	if recs := verbsOf(t, n, one); len(recs) != 1 || recs[0].Operation != "transit/rewrap" || recs[0].Input == "" || recs[0].Output == "" || recs[0].Input == recs[0].Output || recs[0].KeyVersion != 2 {
		t.Errorf("the record of a rewrap is %+v", recs)
	}
	if r := n.Must("transit/rewrap/"+typ, object{"ciphertext": one.Text("data", "ciphertext"), "associated_data": old[0]["associated_data"], "key_version": "1"}); number(t, r, "data", "key_version") != 1 {
		t.Errorf("back to an old version: %s", r)
	}
	old[1]["key_version"] = 1
	bad := append(old, object{"ciphertext": old[0]["ciphertext"], "associated_data": "AAAA", "reference": "bad"}, object{"ciphertext": ""}, object{"ciphertext": old[0]["ciphertext"], "key_version": 3})
	r := wantStatus(t, n.Post("transit/rewrap/"+typ, n.Root(), object{"batch_input": bad}), 400)
	wantStatus(t, n.Post("transit/rewrap/"+typ, n.Root(), object{"batch_input": bad, "partial_failure_response_code": "207"}), 207)
	results := r.At("data", "batch_results").([]any)
	for i, code := range []any{nil, nil, nil, "bad_ciphertext", "bad_request", "version_too_new"} {
		result := results[i].(map[string]any)
		if result["code"] != code || (result["error"] == nil) != (code == nil) || (result["ciphertext"] == nil) != (code != nil) {
			t.Errorf("item %d: %v", i, result)
			continue
		}
		if code != nil {
			continue
		}
		version := "2"
		if i == 1 {
			version = "1"
		}
		if result["reference"] != strconv.Itoa(i) || fmt.Sprint(result["key_version"]) != version {
			t.Errorf("item %d: %v", i, result)
		}
		back := n.Must("transit/decrypt/"+typ, object{"ciphertext": result["ciphertext"], "associated_data": old[i]["associated_data"]})
		if back.Text("data", "plaintext") != b64("secret "+strconv.Itoa(i)) {
			t.Errorf("item %d came back as %s", i, back)
		}
	}
	wantStatus(t, n.Post("transit/rewrap/"+typ, n.Root(), object{"batch_input": old}), 200)
	n.Must("transit/keys/"+typ+"/config", object{"min_decryption_version": 2})
	wantError(t, n.Post("transit/rewrap/"+typ, n.Root(), object{"ciphertext": old[0]["ciphertext"]}), 400, "version_too_old")
	n.Must("transit/keys/"+typ+"/config", object{"min_decryption_version": 1})
}

// verbsOf are the records of a request without those of bookings it caused.
func verbsOf(t *testing.T, n *apitest.Node, r apitest.Reply) []audit.Parsed {
	t.Helper()
	return records(t, n, func(rec audit.Parsed) bool {
		return ofRequest(r)(rec) && rec.Operation != "transit/reserve-encryptions"
	})
}

func dataKeys(t *testing.T, n *apitest.Node, typ string) {
	t.Helper()
	for _, bits := range []any{nil, 128, "256", 512} {
		for _, kind := range []string{"plaintext", "wrapped"} {
			body := object{"associated_data": "YQ==", "context": ""}
			size := 32
			if bits != nil {
				body["bits"] = bits
				size, _ = strconv.Atoi(fmt.Sprint(bits))
				size /= 8
			}
			r := n.Must("transit/datakey/"+kind+"/"+typ, body)
			plain, shown := r.At("data", "plaintext").(string)
			if shown != (kind == "plaintext") || number(t, r, "data", "key_version") != 2 {
				t.Errorf("%s: %s", kind, r.Header)
			}
			back := n.Must("transit/decrypt/"+typ, object{"ciphertext": r.Text("data", "ciphertext"), "associated_data": "YQ=="})
			raw, err := base64.StdEncoding.DecodeString(back.Text("data", "plaintext"))
			if err != nil || len(raw) != size || shown && plain != back.Text("data", "plaintext") || strings.Trim(string(raw), "\x00") == "" {
				t.Errorf("%s of %v bits holds %d bytes", kind, bits, len(raw))
			}
			if recs := verbsOf(t, n, r); len(recs) != 1 || recs[0].Operation != "transit/datakey" || recs[0].Output == "" {
				t.Errorf("the record of a data key is %+v", recs)
			}
		}
	}
	for _, bits := range []any{-1, 64, 129, 1024, "x"} {
		wantError(t, n.Post("transit/datakey/plaintext/"+typ, n.Root(), object{"bits": bits}), 400, "bad_request")
	}
	wantError(t, n.Post("transit/datakey/wrapped/"+typ, n.Root(), object{"context": "YQ=="}), 400, "unsupported")
	wantError(t, n.Post("transit/datakey/wrapped/"+typ, n.Root(), object{"nonce": "YQ=="}), 400, "unsupported")
	wantError(t, n.Post("transit/datakey/wrapped/none", n.Root(), nil), 400, "key_not_found")
	wantError(t, n.Post("transit/datakey/else/"+typ, n.Root(), nil), 404, "unsupported_path")
}

// A cipher with nonces of 192 bits books no encryptions; the others do.
func TestShortNoncesAreBooked(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	for _, typ := range ciphers() {
		n.Must("transit/keys/"+typ, object{"type": typ})
		ct := n.Must("transit/encrypt/"+typ, object{"plaintext": "aGk="}).Text("data", "ciphertext")
		n.Must("transit/keys/"+typ+"/rotate", nil)
		n.Must("transit/rewrap/"+typ, object{"ciphertext": ct})
		n.Must("transit/keys/"+typ+"/rotate", nil)
		n.Must("transit/datakey/wrapped/"+typ, nil)
	}
	booked := map[string]int{}
	for _, rec := range records(t, n, func(audit.Parsed) bool { return true }) {
		if rec.Operation == "transit/reserve-encryptions" && rec.Type == "intent" {
			booked[rec.Key]++
		}
	}
	for _, typ := range ciphers() {
		want := 3 // encrypt, rewrap and datakey, each with a version of its own
		if typ == "xchacha20-poly1305" {
			want = 0
		}
		if booked[typ] != want {
			t.Errorf("%s: %d bookings, want %d", typ, booked[typ], want)
		}
	}
}

func TestRandom(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	seen := map[string]bool{}
	for path, bodies := range map[string][]object{
		"random":             {nil, {"bytes": 32}, {"bytes": "32", "format": "hex"}, {"source": "all"}},
		"random/32":          {nil, {"bytes": 7}},
		"random/platform":    {nil},
		"random/platform/32": {nil, {"format": "base64", "source": "seal"}},
		"random/all/32":      {nil},
	} {
		for _, body := range bodies {
			for _, method := range []string{"POST", "PUT"} {
				r := wantStatus(t, n.Do(method, "transit/"+path, n.Root(), body), 200)
				text := r.Text("data", "random_bytes")
				raw, err := base64.StdEncoding.DecodeString(text)
				if body["format"] == "hex" {
					raw, err = hex.DecodeString(text)
				}
				if err != nil || len(raw) != 32 || seen[text] || len(r.At("data").(map[string]any)) != 1 {
					t.Errorf("%s %v: %s", path, body, r)
				}
				seen[text] = true
				if recs := records(t, n, ofRequest(r)); len(recs) != 1 || recs[0].Output != "" || recs[0].Input != "" || recs[0].Fields["bytes"] != "32" || recs[0].Operation != "transit/random" {
					t.Errorf("the record of random is %+v", recs)
				}
			}
		}
	}
	if r := n.Must("transit/random/131072", nil); len(r.Text("data", "random_bytes")) != base64.StdEncoding.EncodedLen(131072) {
		t.Error("128 KiB are not answered whole")
	}
	for path, code := range map[string]string{
		"random/0": "bad_request", "random/131073": "bad_request", "random/99999999999999999999": "bad_request", "random/x": "bad_request",
		"random/seal": "unsupported", "random/seal/32": "unsupported", "random/else/32": "bad_request", "random/platform/x": "bad_request",
	} {
		wantError(t, n.Post("transit/"+path, n.Root(), nil), 400, code)
	}
	for _, body := range []object{{"bytes": 0}, {"bytes": -1}, {"bytes": 131073}, {"bytes": "x"}, {"format": "raw"}, {"source": "x"}, {"batch_input": []object{}}, {"batch_input": "x"}} {
		wantError(t, n.Post("transit/random", n.Root(), body), 400, "bad_request")
	}
	wantError(t, n.Get("transit/random", n.Root()), 405, "method_not_allowed")
	wantError(t, n.Post("nowhere/random", n.Root(), nil), 404, "unsupported_path")

	r := n.Must("transit/random", object{"format": "hex", "batch_input": []object{{"bytes": 4, "reference": "a"}, {"bytes": "5", "format": "base64"}, {"bytes": 0, "reference": "c"}, {"format": "x"}, {}}})
	results := r.At("data", "batch_results").([]any)
	for i, length := range []int{8, 8, -1, -1, 64} {
		one := results[i].(map[string]any)
		if length < 0 && (one["error"] == nil || one["code"] != "bad_request" || one["random_bytes"] != nil && one["random_bytes"] != "") || length >= 0 && len(fmt.Sprint(one["random_bytes"])) != length {
			t.Errorf("item %d: %v", i, one)
		}
	}
	if results[0].(map[string]any)["reference"] != "a" || results[2].(map[string]any)["reference"] != "c" {
		t.Errorf("references: %s", r)
	}
	many := make([]object, 9)
	for i := range many {
		many[i] = object{"bytes": 128 << 10}
	}
	wantText(t, wantError(t, n.Post("transit/random", n.Root(), object{"batch_input": many}), 400, "bad_request"), "in several requests")
	wantStatus(t, n.Post("transit/random", n.Root(), object{"batch_input": many[:8]}), 200)
}

func TestHash(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	for name, h := range hashes() {
		digest := digestOf(h, []byte("hi"))
		for path, body := range map[string]object{"hash/" + name: {"input": "aGk=", "algorithm": "ignored"}, "hash": {"input": "aGk=", "algorithm": name}} {
			for format, want := range map[string]string{"": hex.EncodeToString(digest), "hex": hex.EncodeToString(digest), "base64": base64.StdEncoding.EncodeToString(digest)} {
				body["format"] = format
				r := n.Must("transit/"+path, body)
				if r.Text("data", "sum") != want || len(r.At("data").(map[string]any)) != 1 {
					t.Errorf("%s %s: %s", name, format, r)
				}
				if recs := records(t, n, ofRequest(r)); len(recs) != 1 || recs[0].Input == "" || recs[0].Output == "" || recs[0].Alg != name {
					t.Errorf("the record of a hash is %+v", recs)
				}
			}
		}
	}
	r := n.Must("transit/hash", object{"batch_input": []object{{"input": "aGk=", "reference": "a"}, {"input": "!"}, {}}})
	results := r.At("data", "batch_results").([]any)
	if one := results[0].(map[string]any); one["reference"] != "a" || one["sum"] != "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4" {
		t.Errorf("item 0: %v", one)
	}
	for i := 1; i <= 2; i++ {
		if one := results[i].(map[string]any); one["code"] != "bad_request" || one["sum"] != nil {
			t.Errorf("item %d: %v", i, one)
		}
	}
	for path, bodies := range map[string][]object{
		"hash":      {{}, {"input": "!"}, {"input": "aGk=", "algorithm": "md5"}, {"input": "aGk=", "algorithm": "none"}, {"input": "aGk=", "format": "x"}, {"batch_input": []object{}}, {"batch_input": 1}, {"format": "x", "batch_input": []object{{"input": "aGk="}}}},
		"hash/sha1": {{"input": "aGk="}},
	} {
		for _, body := range bodies {
			wantError(t, n.Post("transit/"+path, n.Root(), body), 400, "bad_request")
		}
	}
	wantError(t, n.Post("nowhere/hash", n.Root(), object{"input": "aGk="}), 404, "unsupported_path")
}

// Each verb has a path of its own, and a policy for one says nothing of another.
func TestEachVerbNeedsItsOwnPath(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/box", nil)
	ct := n.Must("transit/encrypt/box", object{"plaintext": "aGk="}).Text("data", "ciphertext")
	paths := map[string]object{
		"transit/rewrap/box": {"ciphertext": ct}, "transit/hmac/box": {"input": "aGk="}, "transit/hmac/box/sha2-512": {"input": "aGk="},
		"transit/datakey/plaintext/box": {}, "transit/datakey/wrapped/box": {}, "transit/encrypt/box": {"plaintext": "aGk="}, "transit/decrypt/box": {"ciphertext": ct},
		"transit/random": {}, "transit/random/8": {}, "transit/random/platform/8": {}, "transit/hash": {"input": "aGk="}, "transit/hash/sha2-512": {"input": "aGk="},
		"transit/verify/box": {"input": "aGk=", "hmac": "vault:v1:AAAA"},
	}
	for allowed := range paths {
		n.Must("sys/policies/acl/one", object{"policy": `path "` + allowed + `" { capabilities = ["update"] }`})
		token := n.Must("auth/token/create", object{"policies": []string{"one"}}).Text("auth", "client_token")
		for path, body := range paths {
			r := n.Do(http.MethodPost, path, token, body)
			if path == allowed {
				wantStatus(t, r, 200)
			} else {
				wantError(t, r, 403, "permission_denied")
			}
		}
	}
}
