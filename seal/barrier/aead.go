package barrier

import (
	"crypto/cipher"
	"crypto/rand"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	keySize   = chacha20poly1305.KeySize    // bytes
	nonceSize = chacha20poly1305.NonceSizeX // bytes, random: 192 bits leave no birthday bound to count
	tagSize   = chacha20poly1305.Overhead   // bytes
	overhead  = nonceSize + tagSize
)

type key = [keySize]byte

// appendSealed appends nonce || ciphertext || tag to dst.
func appendSealed(dst []byte, k *key, plaintext, ad []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, nonceSize)...)
	nonce := dst[start:]
	_, _ = rand.Read(nonce) // does not fail: crypto/rand ends the process instead
	aead, short := message(k, nonce)
	return aead.Seal(dst, short[:], plaintext, ad)
}

// appendOpened undoes appendSealed and appends the plaintext to dst; ErrOpen.
func appendOpened(dst []byte, k *key, sealed, ad []byte) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, ErrOpen
	}
	aead, short := message(k, sealed[:nonceSize])
	out, err := aead.Open(dst, short[:], sealed[nonceSize:], ad)
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}

// message is XChaCha20-Poly1305 for one nonce (draft-irtf-cfrg-xchacha-03,
// section 2.3): the key and the first 16 nonce bytes give a key for this message
// alone, the last 8 are its nonce. chacha20poly1305.NewX does the same, and a
// test holds the two equal, but it keeps a copy of the long-lived key that
// nobody can overwrite. What stays behind here opens one message.
func message(k *key, nonce []byte) (cipher.AEAD, [chacha20poly1305.NonceSize]byte) {
	var short [chacha20poly1305.NonceSize]byte
	copy(short[4:], nonce[16:nonceSize])
	sub, err := chacha20.HChaCha20(k[:], nonce[:16])
	if err != nil {
		panic("barrier: " + err.Error()) // both lengths are constants
	}
	defer clear(sub)
	aead, err := chacha20poly1305.New(sub)
	if err != nil {
		// The key length is a constant; what is left is GODEBUG=fips140=only,
		// which forbids this cipher for the whole process.
		panic("barrier: " + err.Error())
	}
	return aead, short
}
