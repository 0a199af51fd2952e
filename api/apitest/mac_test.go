package apitest_test

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

func encrypts(typ string) bool {
	return slices.Contains([]string{"aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "xchacha20-poly1305"}, typ)
}

// macTypes are all types but the large RSA keys, which take seconds to make and
// differ in nothing here.
func macTypes() []string {
	return []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "aes256-gcm96", "aes128-gcm96", "chacha20-poly1305", "xchacha20-poly1305", "hmac"}
}

// recordedKeys reads what the node wrote down of its keys: "name/version form" →
// bytes.
func recordedKeys(t *testing.T, n *apitest.Node) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile(n.KeyRecord())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		raw, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(fields[0], "/") // after the mount
		out[name+" "+fields[1]] = raw
	}
	return out
}

// Every HMAC, of every type and hash, single and in a batch, is the one that the
// standard library makes of the key that the node wrote down.
func TestEveryHMACIsTheStandardLibrarys(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys(), apitest.Durability("os"))
	message := "a message that is longer than any digest, so that a missing hash shows: 0123456789"
	for _, typ := range macTypes() {
		n.Must("transit/keys/"+typ, object{"type": typ})
		n.Must("transit/keys/"+typ+"/rotate", nil)
	}
	keys := recordedKeys(t, n)
	for _, typ := range macTypes() {
		var items []object
		var wanted []string
		for i, hash := range slices.Sorted(maps.Keys(hashes())) {
			for version := 1; version <= 2; version++ {
				m := hmac.New(hashes()[hash].New, keys[fmt.Sprintf("%s/%d hmac", typ, version)])
				m.Write([]byte(message))
				want := fmt.Sprintf("vault:v%d:%s", version, base64.StdEncoding.EncodeToString(m.Sum(nil)))
				path, body := "transit/hmac/"+typ, object{"input": b64(message)}
				switch i % 3 {
				case 0:
					path += "/" + hash
				case 1:
					body["hash_algorithm"] = hash
				default:
					body["algorithm"] = hash
				}
				if version == 1 {
					body["key_version"] = "1" // as text
				}
				r := n.Must(path, body)
				if got := r.Text("data", "hmac"); got != want || len(r.At("data").(map[string]any)) != 1 {
					t.Errorf("%s %s: %s, want %s", typ, hash, r, want)
				}
				for input, valid := range map[string]bool{message: true, message + "x": false, "": false} {
					r := n.Must("transit/verify/"+typ+"/"+hash, object{"input": b64(input), "hmac": want})
					if r.At("data", "valid") != valid {
						t.Errorf("%s %s: verify of %q: %s", typ, hash, input, r)
					}
				}
				if hash == "sha2-256" {
					items = append(items, object{"input": b64(message), "key_version": version, "reference": strconv.Itoa(version)})
					wanted = append(wanted, want)
				}
			}
		}
		batch := n.Must("transit/hmac/"+typ, object{"batch_input": append(items, object{"input": "!", "reference": "bad"}, object{"input": "aGk=", "key_version": 3})})
		results := batch.At("data", "batch_results").([]any)
		for i, want := range wanted {
			if one := results[i].(map[string]any); one["hmac"] != want || one["reference"] != strconv.Itoa(i+1) || one["error"] != nil {
				t.Errorf("%s: item %d of a batch: %v", typ, i, one)
			}
		}
		for i, code := range map[int]string{2: "bad_request", 3: "version_too_new"} {
			if one := results[i].(map[string]any); one["error"] == nil || one["code"] != code || one["hmac"] != nil {
				t.Errorf("%s: item %d of a batch: %v", typ, i, one)
			}
		}
		if recs := records(t, n, ofRequest(batch)); len(recs) != 2 || recs[0].Operation != "transit/hmac" || len(recs[1].Hashes) != 4 || recs[1].Hashes[0].Input == "" || recs[1].Hashes[0].Output == "" || recs[1].Hashes[3].Code != "version_too_new" {
			t.Errorf("%s: the records of a batch are %+v", typ, recs)
		}
		verifyHMACBatch(t, n, typ, message, wanted)
	}
}

func verifyHMACBatch(t *testing.T, n *apitest.Node, typ, message string, macs []string) {
	t.Helper()
	cut := macs[0][:len(macs[0])-8]
	swapped := strings.Replace(macs[0], ":v1:", ":v2:", 1)
	r := n.Must("transit/verify/"+typ, object{"batch_input": []object{
		{"input": b64(message), "hmac": macs[0], "reference": "a"}, {"input": b64(message), "hmac": macs[1]}, {"input": b64("x"), "hmac": macs[0]},
		{"input": b64(message), "hmac": swapped}, {"input": b64(message), "hmac": cut}, {"input": b64(message), "hmac": "nonsense"},
		{"input": b64(message), "hmac": strings.Replace(macs[0], ":v1:", ":v3:", 1)}, {"hmac": macs[0]}, {"input": b64(message), "hmac": macs[0], "signature": "vault:v1:AAAA"},
	}})
	results := r.At("data", "batch_results").([]any)
	for i, want := range []any{true, true, false, false, false, "bad_hmac_format", "version_too_new", "bad_request", "bad_request"} {
		one := results[i].(map[string]any)
		valid, isVerdict := want.(bool)
		if isVerdict && (one["valid"] != valid || one["error"] != nil) || !isVerdict && (one["valid"] != false || one["code"] != want) {
			t.Errorf("%s: verify item %d: %v, want %v", typ, i, one, want)
		}
	}
	if results[0].(map[string]any)["reference"] != "a" {
		t.Errorf("%s: no reference in %v", typ, results[0])
	}
}

func TestHMACRefuses(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/mac", object{"type": "hmac"})
	n.Must("transit/keys/ec", object{"type": "ecdsa-p256"})
	n.Must("transit/keys/box", nil)
	mac := n.Must("transit/hmac/mac", object{"input": "aGk="}).Text("data", "hmac")
	sig := n.Must("transit/sign/ec", object{"input": "aGk="}).Text("data", "signature")
	for _, c := range []struct {
		path string
		body object
		code string
		text string
	}{
		{"hmac/mac", object{}, "bad_request", "missing input"},
		{"hmac/mac", object{"input": "!"}, "bad_request", "base64"},
		{"hmac/mac", object{"input": "aGk=", "algorithm": "sha1"}, "bad_request", "sha1"},
		{"hmac/mac/sha1", object{"input": "aGk="}, "bad_request", "sha1"},
		{"hmac/mac", object{"input": "aGk=", "algorithm": "none"}, "bad_request", "invalid hash algorithm"},
		{"hmac/mac", object{"input": "aGk=", "algorithm": "md5"}, "bad_request", "invalid hash algorithm"},
		{"hmac/mac", object{"input": "aGk=", "context": "YQ=="}, "unsupported", "context"},
		{"hmac/mac", object{"input": "aGk=", "key_version": 2}, "version_too_new", "higher than the latest"},
		{"hmac/mac", object{"input": "aGk=", "key_version": -1}, "bad_request", "negative"},
		{"hmac/mac", object{"batch_input": []object{}}, "bad_request", "missing batch input"},
		{"hmac/none", object{"input": "aGk="}, "key_not_found", "not found"},
		{"verify/mac", object{"input": "aGk=", "hmac": mac, "hash_algorithm": "none"}, "bad_request", "invalid hash algorithm"},
		{"verify/mac", object{"input": "aGk=", "hmac": "x"}, "bad_hmac_format", "no prefix"},
		{"verify/mac", object{"input": "aGk=", "hmac": "vault:v1:a:b"}, "bad_hmac_format", "wrong number of fields"},
		{"verify/mac", object{"input": "aGk=", "hmac": strings.Replace(mac, "v1", "v9", 1)}, "version_too_new", "too new"},
		{"verify/mac", object{"input": "aGk=", "signature": mac}, "key_type_unsupported", "signature"},
		{"verify/box", object{"input": "aGk=", "signature": mac}, "key_type_unsupported", "signature"},
		{"verify/ec", object{"input": "aGk=", "signature": sig, "hmac": mac}, "bad_request", "not both"},
		{"verify/ec", object{"input": "aGk=", "cmac": mac}, "unsupported", "cmac"},
		{"verify/ec", object{"input": "aGk=", "hmac": mac, "cmac": mac}, "unsupported", "cmac"},
		{"verify/ec", object{"batch_input": []object{{"input": "aGk=", "signature": sig}, {"input": "aGk=", "hmac": mac}}}, "bad_request", "all provide either"},
		{"sign/mac", object{"input": "aGk="}, "key_type_unsupported", "does not support signing"},
		{"encrypt/mac", object{"plaintext": "aGk="}, "key_type_unsupported", "does not support encryption"},
		{"rewrap/mac", object{"ciphertext": "vault:v1:AAAA"}, "key_type_unsupported", "rewrapping"},
		{"datakey/plaintext/mac", object{}, "key_type_unsupported", "encryption"},
		{"keys/k", object{"type": "hmac", "key_size": 31}, "bad_request", "32 to 512"},
		{"keys/k", object{"type": "hmac", "key_size": "513"}, "bad_request", "32 to 512"},
		{"keys/k", object{"type": "hmac", "key_size": -32}, "bad_request", "32 to 512"},
		{"keys/k", object{"type": "ed25519", "key_size": 32}, "bad_request", "other types take none"},
	} {
		wantText(t, wantError(t, n.Post("transit/"+c.path, n.Root(), c.body), 400, c.code), c.text)
	}
	// SHA-1 verifies what an older system made.
	if r := n.Must("transit/verify/mac/sha1", object{"input": "aGk=", "hmac": mac}); r.At("data", "valid") != false {
		t.Errorf("sha1: %s", r)
	}
}

func TestHMACKeySizeAndMinima(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.RecordKeys(), apitest.Durability("os"))
	r := n.Must("transit/keys/mac", object{"type": "hmac", "key_size": "64"})
	if number(t, r, "data", "key_size") != 64 || r.At("data", "supports_signing") != false || r.At("data", "supports_encryption") != false {
		t.Errorf("created: %s", r)
	}
	if number(t, r, "data", "keys", "1") < 1_700_000_000 {
		t.Errorf("a version of a symmetric key is its time: %s", r)
	}
	n.Must("transit/keys/mac/rotate", nil)
	n.Must("transit/keys/usual", object{"type": "hmac"})
	keys := recordedKeys(t, n)
	if len(keys["mac/1 hmac"]) != 64 || len(keys["mac/2 hmac"]) != 64 || len(keys["usual/1 hmac"]) != 32 {
		t.Error("the keys have other sizes")
	}
	old := n.Must("transit/hmac/mac", object{"input": "aGk=", "key_version": 1}).Text("data", "hmac")
	n.Must("transit/keys/mac/config", object{"min_encryption_version": 2})
	wantError(t, n.Post("transit/hmac/mac", n.Root(), object{"input": "aGk=", "key_version": 1}), 400, "version_too_old")
	if r := n.Must("transit/verify/mac", object{"input": "aGk=", "hmac": old}); r.At("data", "valid") != true {
		t.Errorf("an old hmac: %s", r)
	}
	n.Must("transit/keys/mac/config", object{"min_decryption_version": 2})
	wantError(t, n.Post("transit/verify/mac", n.Root(), object{"input": "aGk=", "hmac": old}), 400, "version_too_old")
}

// A batch of sign takes the version of an item before that of the request.
func TestSignBatchTakesTheVersionOfAnItem(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Must("transit/keys/web/rotate", nil)
	n.Must("transit/keys/web/rotate", nil)
	r := n.Must("transit/sign/web", object{"key_version": 2, "batch_input": []object{{"input": "aGk="}, {"input": "aGk=", "key_version": "1"}, {"input": "aGk=", "key_version": 0}, {"input": "aGk=", "key_version": 4}}})
	results := r.At("data", "batch_results").([]any)
	for i, want := range []string{"vault:v2:", "vault:v1:", "vault:v3:"} {
		if one := results[i].(map[string]any); !strings.HasPrefix(fmt.Sprint(one["signature"]), want) {
			t.Errorf("item %d: %v, want %s", i, one, want)
		}
	}
	if one := results[3].(map[string]any); one["code"] != "version_too_new" {
		t.Errorf("item 3: %v", one)
	}
}
