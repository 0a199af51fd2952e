package keyring

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// cookbookRefusals are the examples that are refused, and why.
func cookbookRefusals() map[string]string {
	return map[string]string{
		"jwe/5_1":             "RSA1_5 is not implemented",
		"jwe/5_3":             "PBES2 is not implemented",
		"jwe/5_9":             "nothing is decompressed",
		"jws/4_5":             "the payload is detached",
		"curve25519/ecdh-es":  "X25519 is not implemented",
		"rfc7797/hmac-sha2_b": "the payload is not encoded",
	}
}

type cookbook struct {
	Input struct {
		Payload, Plaintext string
		Alg, Enc           json.RawMessage
		Key                json.RawMessage
	}
	Signing      json.RawMessage // an array where there are several
	Reproducible bool
	Output       struct {
		Compact string
		JSON    json.RawMessage
		Flat    json.RawMessage `json:"json_flat"`
	}
}

func vectorsDir(t *testing.T) string {
	dir := os.Getenv("SIGNET_VECTORS")
	if dir == "" {
		t.Skip("SIGNET_VECTORS is not set: the JOSE cookbook is not at hand")
	}
	return filepath.Join(dir, "jose-cookbook")
}

// The examples of RFC 7520, RFC 7797 and RFC 8037: the compact ones verify and
// decrypt, or are on the list; no JSON serialization is read.
func TestCookbook(t *testing.T) {
	dir, w := vectorsDir(t), newBench(t)
	compact := 0
	for _, pattern := range []string{"jws/*.json", "jwe/*.json", "curve25519/*.json", "rfc7797/*.json"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			name, _ := filepath.Rel(dir, file)
			t.Run(name, func(t *testing.T) {
				var c cookbook
				readJSON(t, file, &c)
				for _, text := range []json.RawMessage{c.Output.JSON, c.Output.Flat} {
					if _, err := jose.Parse(string(text)); !errors.Is(err, jose.ErrMalformed) {
						t.Errorf("a JSON serialization: %v", err)
					}
					if _, err := jose.ParseEncryptedAllowing(string(text), wide()); !errors.Is(err, jose.ErrMalformed) {
						t.Errorf("a JSON serialization: %v", err)
					}
				}
				if c.Output.Compact != "" {
					compact++
					w.example(t, name, &c)
				}
			})
		}
	}
	if compact != 17 {
		t.Errorf("%d compact examples, the cookbook has 17", compact)
	}
}

func (w *bench) example(t *testing.T, name string, c *cookbook) {
	var err error
	if c.Input.Plaintext != "" {
		var plaintext []byte
		if plaintext, err = w.decryptVector(t, c.Input.Key, c.Output.Compact); err == nil && string(plaintext) != c.Input.Plaintext {
			t.Errorf("decrypts to %q", plaintext)
		}
	} else {
		var token *jose.Token
		if token, err = w.verifyVector(t, c.Input.Key, c.Output.Compact); err == nil && string(token.Payload) != c.Input.Payload {
			t.Errorf("signs %q", token.Payload)
		}
		if err == nil && c.Reproducible {
			w.reproduce(t, c)
		}
	}
	for prefix, why := range cookbookRefusals() {
		if strings.HasPrefix(name, prefix) {
			if err == nil {
				t.Errorf("is accepted, and the list says that %s", why)
			}
			return
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// reproduce makes the signature again, with the algorithms that have one for each
// input.
func (w *bench) reproduce(t *testing.T, c *cookbook) {
	s := readSecret(t, c.Input.Key)
	var signing struct {
		Input string `json:"sig-input"`
		Sig   string
	}
	if err := json.Unmarshal(c.Signing, &signing); err != nil {
		t.Fatal(err)
	}
	var alg jose.Alg
	if err := json.Unmarshal(c.Input.Alg, &alg); err != nil {
		t.Fatal(err)
	}
	var v *state.KeyVersion
	var err error
	switch {
	case alg.Symmetric():
		v, err = w.hmacVersion(unb64(t, s.K))
	case alg.Kty() == jose.KtyRSA:
		v, err = w.rsaVersion(t, s)
	default:
		v, err = w.edVersion(unb64(t, s.D))
	}
	if err != nil {
		t.Fatal(err)
	}
	u, err := w.Open(pass.Mint(pass.Sign, v.ID()), pass.Sign, v.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	sig, err := u.SignJOSE(v, alg, []byte(signing.Input))
	if err != nil || encode(sig) != signing.Sig {
		t.Errorf("signed again it is %s, %v", encode(sig), err)
	}
}

// RFC 7520, section 6: a signed token in an encrypted one.
func TestCookbookNested(t *testing.T) {
	dir, w := vectorsDir(t), newBench(t)
	var c struct{ Sign, Encrypt cookbook }
	readJSON(t, filepath.Join(dir, "6.nesting_signatures_and_encryption.json"), &c)
	inner, err := w.decryptVector(t, c.Encrypt.Input.Key, c.Encrypt.Output.Compact)
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.verifyVector(t, c.Sign.Input.Key, string(inner))
	if err != nil || string(token.Payload) != c.Sign.Input.Payload {
		t.Errorf("%v", err)
	}
}

// The public keys of RFC 7517, appendix A, as RFC 7520, section 3, has them.
func TestCookbookKeys(t *testing.T) {
	dir := vectorsDir(t)
	for name, want := range map[string]error{
		"3_1.ec_public_key": nil, "3_2.ec_private_key": jose.ErrPrivateMember, "3_3.rsa_public_key": nil, "3_4.rsa_private_key": jose.ErrPrivateMember,
		"3_5.symmetric_key_mac_computation": jose.ErrPrivateMember, "3_6.symmetric_key_encryption": jose.ErrPrivateMember,
	} {
		raw, err := os.ReadFile(filepath.Join(dir, "jwk", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jose.ParseJWK(raw); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func readJSON(t *testing.T, file string, to any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		t.Fatal(err)
	}
}
