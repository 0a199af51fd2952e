package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
)

func keyOn(t *testing.T, curve elliptic.Curve) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, spki(t, &key.PublicKey)
}

func spki(t *testing.T, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func signed(t *testing.T, key *ecdsa.PrivateKey, message []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestVerify(t *testing.T) {
	key, public := keyOn(t, elliptic.P256())
	_, other := keyOn(t, elliptic.P256())
	for _, message := range [][]byte{nil, {0}, []byte("text\n"), bytes.Repeat([]byte{0xff, 0, 0x80}, 1<<18)} {
		signature := signed(t, key, message)
		if err := verify(public, signature, message); err != nil {
			t.Errorf("%d bytes: %v", len(message), err)
		}
		for name, err := range map[string]error{
			"longer input":     verify(public, signature, append(bytes.Clone(message), 'x')),
			"another key":      verify(other, signature, message),
			"cut signature":    verify(public, signature[:len(signature)-1], message),
			"longer signature": verify(public, append(bytes.Clone(signature), 0), message),
			"no signature":     verify(public, nil, message),
		} {
			if !errors.Is(err, errSignature) {
				t.Errorf("%d bytes, %s: %v", len(message), name, err)
			}
		}
		for i := range signature {
			bad := bytes.Clone(signature)
			bad[i] ^= 1
			if len(message) < 100 && verify(public, bad, message) == nil {
				t.Errorf("%d bytes: accepted with byte %d of the signature changed", len(message), i)
			}
		}
	}
}

func TestKeysThatAreNotES256AreRefused(t *testing.T) {
	key, public := keyOn(t, elliptic.P256())
	p384, public384 := keyOn(t, elliptic.P384())
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("m")
	for name, c := range map[string]struct{ public, signature []byte }{
		"P-384":          {public384, signed(t, p384, message)},
		"ed25519":        {spki(t, ed), signed(t, key, message)},
		"no PEM":         {[]byte("key"), signed(t, key, message)},
		"nothing":        {nil, signed(t, key, message)},
		"another block":  {bytes.ReplaceAll(public, []byte("PUBLIC KEY"), []byte("CERTIFICATE")), signed(t, key, message)},
		"point off P256": {offCurve(t, public), signed(t, key, message)},
	} {
		if err := verify(c.public, c.signature, message); !errors.Is(err, errKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func offCurve(t *testing.T, public []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(public)
	block.Bytes[len(block.Bytes)-1] ^= 1
	return pem.EncodeToMemory(block)
}

func FuzzVerify(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), []byte{0x30, 6, 2, 1, 1, 2, 1, 1}, []byte("m"))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, public, signature, message []byte) {
		if verify(public, signature, message) == nil {
			t.Error("a signature was found without the private key")
		}
	})
}
