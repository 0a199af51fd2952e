package client

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"
)

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestWrapKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	to := publicPEM(t, &key.PublicKey)
	plain := bytes.Repeat([]byte("a key of 23 bytes, some"), 5)
	before := bytes.Clone(plain)
	wrapped, err := WrapKey(to, plain)
	if err != nil || !bytes.Equal(plain, before) {
		t.Fatal("the key was changed, or: ", err)
	}
	ciphertext, _ := wrapped.Ciphertext.Value()
	kek, err := rsa.DecryptOAEP(sha256.New(), nil, key, ciphertext[:512], nil)
	if err != nil || len(kek) != 32 || wrapped.HashFunction.Value != "SHA256" {
		t.Fatal(err)
	}
	cipher, err := subtle.NewKWP(kek)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := cipher.Unwrap(ciphertext[512:]); err != nil || !bytes.Equal(back, plain) {
		t.Errorf("%q, %v", back, err)
	}
	again, err := WrapKey(to, plain)
	if err != nil {
		t.Fatal(err)
	}
	if other, _ := again.Ciphertext.Value(); bytes.Equal(other[512:], ciphertext[512:]) {
		t.Error("two keys are wrapped alike")
	}
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]string{
		"nothing": "", "no PEM": "key", "a short key": publicPEM(t, &small.PublicKey), "two": to + to, "another type": strings.ReplaceAll(to, "PUBLIC KEY", "CERTIFICATE"),
		"no SPKI": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})),
	} {
		if _, err := WrapKey(bad, plain); !errors.Is(err, ErrWrappingKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, size := range []int{0, 15, 8193} {
		if _, err := WrapKey(to, make([]byte, size)); err == nil || !strings.Contains(err.Error(), "16 to 8192") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
