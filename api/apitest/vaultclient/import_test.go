package vaultclient

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// opensslWrap wraps a key as openssl does it: AES-KWP is that of a library that
// neither the client nor the daemon has.
func opensslWrap(t *testing.T, public string, key []byte) string {
	t.Helper()
	block, _ := pem.Decode([]byte(public))
	if block == nil {
		t.Fatalf("wrapping key %q", public)
	}
	parsed := must[any](t)(x509.ParsePKIXPublicKey(block.Bytes))
	kek := make([]byte, 32)
	_, _ = rand.Read(kek)
	head := must[[]byte](t)(rsa.EncryptOAEP(sha256.New(), rand.Reader, parsed.(*rsa.PublicKey), kek, nil))
	cmd := exec.Command("openssl", "enc", "-id-aes256-wrap-pad", "-K", hex.EncodeToString(kek), "-iv", "A65959A6")
	cmd.Stdin = strings.NewReader(string(key))
	tail := must[[]byte](t)(cmd.Output())
	return base64.StdEncoding.EncodeToString(append(head, tail...))
}

func TestImport(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip(err)
	}
	c := dev(t)
	l := c.Logical()
	public, _ := must[*secret](t)(l.Read("transit/wrapping_key")).Data["public_key"].(string)
	key := func() []byte {
		text := must[[]byte](t)(exec.Command("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256").Output())
		block, _ := pem.Decode(text) // with -outform DER it is SEC 1
		return block.Bytes
	}
	one := key()
	_, err := l.Write("transit/keys/web/import", object{"ciphertext": opensslWrap(t, public, one), "type": "ecdsa-p256", "hash_function": "SHA256"})
	wantNil(t, err)
	_, err = l.Write("transit/keys/web/import_version", object{"ciphertext": opensslWrap(t, public, key())})
	wantNil(t, err)
	read := must[*secret](t)(l.Read("transit/keys/web"))
	if read.Data["imported_key"] != true || read.Data["imported_key_allow_rotation"] != false || read.Data["latest_version"] != json.Number("2") {
		t.Errorf("the key reads %v", read.Data)
	}
	_, err = l.Write("transit/keys/web/rotate", nil)
	wantStatus(t, err, http.StatusBadRequest, "imported key web does not allow rotation")
	_, err = l.Write("transit/keys/web/import", object{"ciphertext": opensslWrap(t, public, one), "type": "ecdsa-p256"})
	wantStatus(t, err, http.StatusBadRequest, "the import path cannot be used with an existing key")
	_, err = l.Write("transit/keys/box", nil)
	wantNil(t, err)
	_, err = l.Write("transit/keys/box/import_version", object{"ciphertext": opensslWrap(t, public, make([]byte, 32))})
	wantStatus(t, err, http.StatusBadRequest, "the import_version endpoint can only be used with an imported key")
	sig := must[*secret](t)(l.Write("transit/sign/web", object{"input": b64("x"), "key_version": 1}))
	good := must[*secret](t)(l.Write("transit/verify/web", object{"input": b64("x"), "signature": sig.Data["signature"]}))
	if good.Data["valid"] != true {
		t.Errorf("%v", good.Data)
	}
}
