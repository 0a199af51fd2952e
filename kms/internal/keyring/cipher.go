package keyring

import (
	"crypto/cipher"
	"crypto/rand"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/aead/chacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/aead/xchacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	chacha "golang.org/x/crypto/chacha20poly1305"

	"github.com/signet-kms/signet/kms/state"
)

// fromTinkCipher makes the cipher of a key. Tink exports its AES-GCM alone; its
// ChaCha20-Poly1305 is x/crypto's, which is used here directly. Error: ErrDamaged.
func fromTinkCipher(k key.Key) (*secret, error) {
	switch k := k.(type) {
	case *aesgcm.Key:
		aead, err := aesgcm.NewAEAD(k)
		if err != nil {
			return nil, ErrDamaged
		}
		return &secret{aead: aead}, nil
	case *chacha20poly1305.Key:
		raw := clearBytes(k.KeyBytes())
		defer clear(raw)
		return fromAEAD(chacha.New(raw))
	case *xchacha20poly1305.Key:
		raw := clearBytes(k.KeyBytes())
		defer clear(raw)
		return fromAEAD(chacha.NewX(raw))
	}
	return nil, ErrDamaged
}

func fromAEAD(aead cipher.AEAD, err error) (*secret, error) {
	if err != nil {
		return nil, ErrDamaged
	}
	return &secret{aead: &randomNonce{aead: aead}}, nil
}

// randomNonce is an AEAD in the layout nonce || ciphertext || tag with a fresh
// random nonce for each plaintext.
type randomNonce struct {
	_ [0]func()
	redacted
	aead cipher.AEAD
}

// Encrypt implements tink.AEAD.
func (a *randomNonce) Encrypt(plaintext, aad []byte) ([]byte, error) {
	n := a.aead.NonceSize()
	out := make([]byte, n, n+len(plaintext)+a.aead.Overhead())
	_, _ = rand.Read(out) // does not fail: crypto/rand ends the process instead
	return a.aead.Seal(out, out, plaintext, aad), nil
}

// Decrypt implements tink.AEAD.
func (a *randomNonce) Decrypt(ciphertext, aad []byte) ([]byte, error) {
	n := a.aead.NonceSize()
	if len(ciphertext) < n {
		return nil, ErrCiphertext
	}
	return a.aead.Open(nil, ciphertext[:n], ciphertext[n:], aad)
}

// symmetricKey is Tink's form of a symmetric key that is no hmac key; p are its parameters.
func symmetricKey(p key.Parameters, raw secretdata.Bytes) (key.Key, error) {
	switch p := p.(type) {
	case *aesgcm.Parameters:
		return aesgcm.NewKey(raw, 0, p)
	case *chacha20poly1305.Parameters:
		return chacha20poly1305.NewKey(raw, 0, p)
	case *xchacha20poly1305.Parameters:
		return xchacha20poly1305.NewKey(raw, 0, p)
	}
	return nil, ErrKeyType
}

// symmetricBytes is the length of a key of t; 0 for hmac keys, which have a choice, and
// for asymmetric ones.
func symmetricBytes(t state.KeyType) int {
	switch t {
	case state.ChaCha20, state.XChaCha20:
		return chacha.KeySize
	}
	return aesBytes(t)
}

// aesBytes is the length of an AES key; 0 for other types.
func aesBytes(t state.KeyType) int {
	switch t {
	case state.AES128GCM:
		return 16
	case state.AES256GCM:
		return 32
	}
	return 0
}
