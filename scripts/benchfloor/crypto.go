package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"runtime"
	"strings"
	"sync"
)

// prefix stands before everything that a transit key makes.
const prefix = "vault:v1:"

// keys are those of one run.
type keys struct {
	_ [0]func()

	ecdsa   *ecdsa.PrivateKey // P-256
	ed25519 ed25519.PrivateKey
	rsa     *rsa.PrivateKey // 2048 bits
	aead    cipher.AEAD     // AES-256-GCM
	mac     []byte          // 32 bytes
}

func makeKeys() (*keys, error) {
	k := &keys{mac: make([]byte, 32)}
	var err error
	if k.ecdsa, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if _, k.ed25519, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	_, _ = rand.Read(k.mac)
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

var (
	errKind = errors.New("no such key, or it does not do this")
	errForm = errors.New("not of the form vault:v1:<base64>")
)

// sign makes a signature as a node would: jws for ECDSA, SHA-256 but for Ed25519,
// and for RSA the padding that is named, PSS with a salt as long as the hash.
func (k *keys) sign(key, padding string, input []byte) (string, error) {
	switch key {
	case "ecdsa-p256":
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, k.ecdsa, digest[:])
		if err != nil {
			return "", err
		}
		var sig [64]byte
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return prefix + base64.RawURLEncoding.EncodeToString(sig[:]), nil
	case "ed25519":
		return prefix + base64.StdEncoding.EncodeToString(ed25519.Sign(k.ed25519, input)), nil
	case "rsa-2048":
		digest := sha256.Sum256(input)
		var sig []byte
		var err error
		if padding == "pkcs1v15" {
			sig, err = rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, digest[:])
		} else {
			sig, err = rsa.SignPSS(rand.Reader, k.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return prefix + base64.StdEncoding.EncodeToString(sig), err
	}
	return "", errKind
}

// verify checks a signature of ecdsa-p256 in the form that sign gives it.
func (k *keys) verify(input []byte, signature string) (bool, error) {
	text, ok := strings.CutPrefix(signature, prefix)
	sig, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || len(sig) != 64 {
		return false, errForm
	}
	digest := sha256.Sum256(input)
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return ecdsa.Verify(&k.ecdsa.PublicKey, digest[:], r, s), nil
}

func (k *keys) encrypt(plaintext []byte) string {
	nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(plaintext)+k.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return prefix + base64.StdEncoding.EncodeToString(k.aead.Seal(nonce, nonce, plaintext, nil))
}

func (k *keys) decrypt(ciphertext string) ([]byte, error) {
	text, ok := strings.CutPrefix(ciphertext, prefix)
	b, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(b) < k.aead.NonceSize() {
		return nil, errForm
	}
	n := k.aead.NonceSize()
	return k.aead.Open(nil, b[:n], b[n:], nil)
}

func (k *keys) hmac(input []byte) string {
	m := hmac.New(sha256.New, k.mac)
	m.Write(input)
	return prefix + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// signRaw makes n signatures and nothing besides, on every processor at once, as
// a busy server does. Who started this program divides its CPU time by n.
func (k *keys) signRaw(n int) error {
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			digest := sha256.Sum256([]byte{byte(w)})
			for i := w; i < n && errs[w] == nil; i += workers {
				_, _, errs[w] = ecdsa.Sign(rand.Reader, k.ecdsa, digest[:])
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
