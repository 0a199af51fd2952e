package vaultclient

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
)

type object = map[string]any

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestKeysOverLogical(t *testing.T) {
	t.Parallel()
	c := dev(t)
	l := c.Logical()
	if s, err := l.Read("transit/keys/web"); err != nil || s != nil {
		t.Errorf("a key that does not exist reads as nil: %v, %v", s, err)
	}
	if s, err := l.List("transit/keys"); err != nil || s != nil {
		t.Errorf("no keys list as nil: %v, %v", s, err)
	}
	_, err := l.Write("transit/keys/web", object{"type": "ecdsa-p256"})
	wantNil(t, err)
	_, err = l.Write("transit/keys/box", nil) // without a body it is Vault's default
	wantNil(t, err)
	_, err = l.Write("transit/keys/web/rotate", nil)
	wantNil(t, err)
	_, err = l.Write("transit/keys/web/config", object{"min_decryption_version": 2, "deletion_allowed": true})
	wantNil(t, err)
	read := must[*secret](t)(l.Read("transit/keys/web"))
	if read.Data["type"] != "ecdsa-p256" || read.Data["latest_version"] != json.Number("2") || read.Data["min_decryption_version"] != json.Number("2") {
		t.Errorf("the key reads %v", read.Data)
	}
	if box := must[*secret](t)(l.Read("transit/keys/box")); box.Data["type"] != "aes256-gcm96" {
		t.Errorf("the default type is %v", box.Data["type"])
	}
	list := must[*secret](t)(l.List("transit/keys"))
	if names, _ := list.Data["keys"].([]any); len(names) != 2 || names[0] != "box" || names[1] != "web" {
		t.Errorf("the keys are %v", list.Data)
	}
	_, err = l.Delete("transit/keys/web")
	wantNil(t, err)
	_, err = l.Delete("transit/keys/box")
	wantStatus(t, err, http.StatusBadRequest, "deletion")
	_, err = l.Write("transit/keys/bad", object{"type": "rot13"})
	wantStatus(t, err, http.StatusBadRequest, "rot13")
	_, err = l.Write("transit/sign/none", object{"input": b64("x")})
	wantStatus(t, err, http.StatusBadRequest, "signing key not found") // Vault says 400 too
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	c := dev(t)
	l := c.Logical()
	_, err := l.Write("transit/keys/web", object{"type": "ecdsa-p256"})
	wantNil(t, err)
	signed := must[*secret](t)(l.Write("transit/sign/web/sha2-256", object{"input": b64("text")}))
	signature, _ := signed.Data["signature"].(string)
	if signed.RequestID == "" || signed.Data["key_version"] != json.Number("1") {
		t.Errorf("the answer to sign: %+v", signed)
	}
	for input, valid := range map[string]bool{"text": true, "other": false} {
		s := must[*secret](t)(l.Write("transit/verify/web", object{"input": b64(input), "signature": signature}))
		if s.Data["valid"] != valid {
			t.Errorf("the signature of %q: %v", input, s.Data)
		}
	}
	// With the public key alone, as whoever gets the signature has it.
	read := must[*secret](t)(l.Read("transit/keys/web"))
	versions, _ := read.Data["keys"].(object)
	version, _ := versions["1"].(object)
	text, _ := version["public_key"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM in %v", read.Data)
	}
	public := must[any](t)(x509.ParsePKIXPublicKey(block.Bytes))
	der := must[[]byte](t)(base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "vault:v1:")))
	digest := sha256.Sum256([]byte("text"))
	if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], der) {
		t.Error("the signature does not verify with the published key")
	}
	batch := must[*secret](t)(l.Write("transit/sign/web", object{"batch_input": []object{{"input": b64("a")}, {"input": "no base64"}, {"input": b64("b"), "reference": "r"}}}))
	results := resultsOf(t, batch, 3)
	if results[0]["signature"] == nil || results[1]["error"] == nil || results[2]["signature"] == nil || results[2]["reference"] != "r" {
		t.Errorf("the batch: %v", results)
	}
}

func TestEncryptAndDecrypt(t *testing.T) {
	t.Parallel()
	c := dev(t)
	l := c.Logical()
	_, err := l.Write("transit/keys/box", object{"type": "aes256-gcm96"})
	wantNil(t, err)
	sealed := must[*secret](t)(l.Write("transit/encrypt/box", object{"plaintext": b64("text"), "associated_data": b64("aad")}))
	ciphertext := sealed.Data["ciphertext"]
	opened := must[*secret](t)(l.Write("transit/decrypt/box", object{"ciphertext": ciphertext, "associated_data": b64("aad")}))
	if opened.Data["plaintext"] != b64("text") {
		t.Errorf("it decrypts to %v", opened.Data)
	}
	_, err = l.Write("transit/decrypt/box", object{"ciphertext": ciphertext})
	wantStatus(t, err, http.StatusBadRequest, "")

	batch := must[*secret](t)(l.Write("transit/encrypt/box", object{"batch_input": []object{{"plaintext": b64("a")}, {"plaintext": b64("b")}}}))
	var back []object
	for _, r := range resultsOf(t, batch, 2) {
		back = append(back, object{"ciphertext": r["ciphertext"]})
	}
	for i, r := range resultsOf(t, must[*secret](t)(l.Write("transit/decrypt/box", object{"batch_input": back})), 2) {
		if r["plaintext"] != b64([]string{"a", "b"}[i]) {
			t.Errorf("item %d decrypts to %v", i, r)
		}
	}
	back[0]["ciphertext"] = "vault:v1:AAAA"
	_, err = l.Write("transit/decrypt/box", object{"batch_input": back})
	wantStatus(t, err, http.StatusBadRequest, "")
	partial := must[*secret](t)(l.Write("transit/decrypt/box", object{"batch_input": back, "partial_failure_response_code": 200}))
	if results := resultsOf(t, partial, 2); results[0]["error"] == nil || results[1]["plaintext"] != b64("b") {
		t.Errorf("a batch that failed in part: %v", results)
	}
}

func resultsOf(t *testing.T, s *secret, n int) []object {
	t.Helper()
	list, _ := s.Data["batch_results"].([]any)
	if len(list) != n {
		t.Fatalf("want %d results, got %v", n, s.Data)
	}
	var out []object
	for _, r := range list {
		item, ok := r.(object)
		if !ok {
			t.Fatalf("a result is %v", r)
		}
		out = append(out, item)
	}
	return out
}
