package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client/wire"
)

// describe is the answer of a key read with versions 1 and 2 of public.
func describe(t *testing.T, keyType string, public any) http.HandlerFunc {
	t.Helper()
	version := wire.KeyVersion{Name: "x", PublicKey: encodePublic(t, public), KID: "kid-2", State: wire.StateActive}
	body, err := json.Marshal(wire.KeyData{
		Name: "web", Type: keyType, LatestVersion: 2, SupportsSigning: true,
		Keys: wire.KeyVersions{"1": version, "2": version},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data(string(body))
}

func encodePublic(t *testing.T, public any) string {
	t.Helper()
	if ed, ok := public.(ed25519.PublicKey); ok {
		return base64.StdEncoding.EncodeToString(ed)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// publicKeys has one public key of each kind; the private halves are thrown away.
func publicKeys(t *testing.T) map[string]crypto.PublicKey {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.PublicKey{wire.KeyECDSAP256: &ec.PublicKey, wire.KeyRSA2048: &rs.PublicKey, wire.KeyEd25519: ed}
}

// What each way of calling crypto.Signer asks the server for.
func TestSignerRequests(t *testing.T) {
	keys := publicKeys(t)
	digest := func(n int) []byte { return []byte(strings.Repeat("d", n)) }
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(digest(n)) }
	cases := []struct {
		keyType string
		digest  []byte
		opts    crypto.SignerOpts
		want    string // "" if refused
	}{
		{wire.KeyECDSAP256, digest(32), crypto.SHA256, `{"hash_algorithm":"sha2-256","prehashed":true,"marshaling_algorithm":"asn1","input":"` + b64(32) + `","key_version":2}`},
		{wire.KeyECDSAP256, digest(48), nil, `{"hash_algorithm":"sha2-384","prehashed":true,"marshaling_algorithm":"asn1","input":"` + b64(48) + `","key_version":2}`},
		{wire.KeyECDSAP256, digest(32), crypto.SHA3_256, `{"hash_algorithm":"sha2-256","prehashed":true,"marshaling_algorithm":"asn1","input":"` + b64(32) + `","key_version":2}`},
		{wire.KeyECDSAP256, digest(31), crypto.SHA256, ""},
		{wire.KeyECDSAP256, digest(20), crypto.SHA1, ""},
		{wire.KeyECDSAP256, digest(31), nil, ""},
		{wire.KeyRSA2048, digest(32), crypto.SHA256, `{"hash_algorithm":"sha2-256","prehashed":true,"signature_algorithm":"pkcs1v15","input":"` + b64(32) + `","key_version":2}`},
		{wire.KeyRSA2048, digest(64), crypto.SHA3_512, `{"hash_algorithm":"sha3-512","prehashed":true,"signature_algorithm":"pkcs1v15","input":"` + b64(64) + `","key_version":2}`},
		{wire.KeyRSA2048, digest(32), &rsa.PSSOptions{Hash: crypto.SHA256}, `{"hash_algorithm":"sha2-256","prehashed":true,"signature_algorithm":"pss","salt_length":"auto","input":"` + b64(32) + `","key_version":2}`},
		{wire.KeyRSA2048, digest(32), &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}, `{"hash_algorithm":"sha2-256","prehashed":true,"signature_algorithm":"pss","salt_length":"hash","input":"` + b64(32) + `","key_version":2}`},
		{wire.KeyRSA2048, digest(64), &rsa.PSSOptions{Hash: crypto.SHA512, SaltLength: 20}, `{"hash_algorithm":"sha2-512","prehashed":true,"signature_algorithm":"pss","salt_length":"20","input":"` + b64(64) + `","key_version":2}`},
		{wire.KeyRSA2048, digest(32), &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: -2}, ""},
		{wire.KeyRSA2048, digest(32), nil, ""},
		{wire.KeyRSA2048, digest(32), crypto.Hash(99), ""},
		{wire.KeyECDSAP256, digest(32), crypto.Hash(99), ""},
		{wire.KeyECDSAP256, digest(32), crypto.SHA512_256, `{"hash_algorithm":"sha2-256","prehashed":true,"marshaling_algorithm":"asn1","input":"` + b64(32) + `","key_version":2}`},
		{wire.KeyRSA2048, digest(20), crypto.SHA1, ""},
		{wire.KeyRSA2048, digest(36), crypto.MD5SHA1, ""},
		{wire.KeyRSA2048, digest(32), crypto.SHA512, ""},
		{wire.KeyEd25519, digest(5), crypto.Hash(0), `{"input":"` + b64(5) + `","key_version":2}`},
		{wire.KeyEd25519, nil, nil, `{"input":"","key_version":2}`},
		{wire.KeyEd25519, digest(64), crypto.SHA512, `{"hash_algorithm":"sha2-512","prehashed":true,"input":"` + b64(64) + `","key_version":2}`},
		{wire.KeyEd25519, digest(63), crypto.SHA512, ""},
		{wire.KeyEd25519, digest(32), crypto.SHA256, ""},
		{wire.KeyEd25519, digest(5), &ed25519.Options{Context: "c"}, ""},
	}
	for _, c := range cases {
		name := fmt.Sprintf("%s, %d bytes, %T %v", c.keyType, len(c.digest), c.opts, c.opts)
		s := serve(t, describe(t, c.keyType, keys[c.keyType]), data(`{"signature":"vault:v2:c2lnbmF0dXJl","key_version":2}`))
		client, _ := connect(t, Config{}, s)
		var signer crypto.Signer
		signer, err := client.Transit("").Signer(context.Background(), "web", SignerOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		signature, err := signer.Sign(rand.Reader, c.digest, c.opts)
		if c.want == "" {
			if !errors.Is(err, ErrSignerOptions) || len(s.requests()) != 1 {
				t.Errorf("%s: got %q, %v", name, signature, err)
			}
			continue
		}
		if err != nil || string(signature) != "signature" || s.requests()[1].body != c.want {
			t.Errorf("%s: got %q, %v, sent\n%s, want\n%s", name, signature, err, s.requests()[1].body, c.want)
		}
	}
}

func TestSignerPublic(t *testing.T) {
	for keyType, public := range publicKeys(t) {
		s := serve(t, describe(t, keyType, public))
		c, _ := connect(t, Config{}, s)
		signer, err := c.Transit("").Signer(context.Background(), "web", SignerOptions{Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		if !public.(interface{ Equal(crypto.PublicKey) bool }).Equal(signer.Public()) || signer.Version() != 1 || signer.KeyID() != "kid-2" {
			t.Errorf("%s: got %v, version %d, kid %s", keyType, signer.Public(), signer.Version(), signer.KeyID())
		}
	}
}

func TestSignerRefusesKeysThatDoNotSign(t *testing.T) {
	keys := publicKeys(t)
	x := func(body string) http.HandlerFunc { return data(body) }
	for name, answer := range map[string]http.HandlerFunc{
		"symmetric":        x(`{"name":"web","type":"aes256-gcm96","keys":{"1":5},"latest_version":1}`),
		"no such version":  x(`{"name":"web","type":"ed25519","keys":{},"latest_version":1,"supports_signing":true}`),
		"no PEM":           x(`{"name":"web","type":"rsa-2048","keys":{"1":{"name":"x","public_key":"AA=="}},"latest_version":1,"supports_signing":true}`),
		"short ed25519":    x(`{"name":"web","type":"ed25519","keys":{"1":{"name":"x","public_key":"AA=="}},"latest_version":1,"supports_signing":true}`),
		"another key type": describe(t, wire.KeyEd25519, keys[wire.KeyRSA2048]),
	} {
		s := serve(t, answer)
		c, _ := connect(t, Config{}, s)
		if _, err := c.Transit("").Signer(context.Background(), "web", SignerOptions{}); !errors.Is(err, ErrNotASigningKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignerRefusesOtherSignatures(t *testing.T) {
	public := publicKeys(t)[wire.KeyEd25519]
	for _, signature := range []string{"vault:v1:AA==", "vault:v2:!", "AA==", "vault:v2", "vault:v22:AA=="} {
		s := serve(t, describe(t, wire.KeyEd25519, public), data(`{"signature":"`+signature+`","key_version":2}`))
		c, _ := connect(t, Config{}, s)
		signer, err := c.Transit("").Signer(context.Background(), "web", SignerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := signer.Sign(nil, []byte("m"), crypto.Hash(0)); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("%s: got %q, %v", signature, got, err)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add("ed25519", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Add("ecdsa-p256", "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n")
	f.Fuzz(func(t *testing.T, keyType, text string) {
		public, err := parsePublicKey(keyType, text)
		if (public == nil) == (err == nil) {
			t.Fatalf("%v, %v", public, err)
		}
	})
}
