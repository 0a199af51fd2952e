package keyring

import (
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

// Encrypt encrypts plaintext, which may be empty, and binds aad to it. The
// result is nonce || ciphertext || tag (16 bytes): AES-GCM (SP 800-38D) or
// ChaCha20-Poly1305 (RFC 8439) with 12 random bytes of nonce, XChaCha20-Poly1305
// (draft-irtf-cfrg-xchacha-03) with 24; the nonce is never the caller's choice. With
// 12 bytes at most 2^32 calls for one version, over all nodes: whoever calls counts.
// Errors: ErrClosed,
// pass.ErrWrongUse, ErrSealed, ErrKeyType, ErrUnsupported, ErrDamaged.
func (u *Use) Encrypt(v *state.KeyVersion, plaintext, aad []byte) ([]byte, error) {
	x, err := u.cipher(pass.Encrypt, v, "encryption")
	if err != nil {
		return nil, err
	}
	return x.aead.Encrypt(plaintext, aad)
}

// Decrypt undoes Encrypt, given the same aad. The plaintext is never nil on
// success. Errors: those of Encrypt, ErrCiphertext.
func (u *Use) Decrypt(v *state.KeyVersion, ciphertext, aad []byte) ([]byte, error) {
	x, err := u.cipher(pass.Decrypt, v, "decryption")
	if err != nil {
		return nil, err
	}
	return x.decrypt(ciphertext, aad)
}

// Rewrap decrypts what from encrypted and encrypts it with to, another version of
// the same key or the same one, both with the same aad. The plaintext does not leave.
// Errors: those of Decrypt.
func (u *Use) Rewrap(from, to *state.KeyVersion, ciphertext, aad []byte) ([]byte, error) {
	old, err := u.cipher(pass.Rewrap, from, "rewrapping")
	if err != nil {
		return nil, err
	}
	fresh, err := u.cipher(pass.Rewrap, to, "rewrapping")
	if err != nil {
		return nil, err
	}
	plaintext, err := old.decrypt(ciphertext, aad)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	return fresh.aead.Encrypt(plaintext, aad)
}

func (x *secret) decrypt(ciphertext, aad []byte) ([]byte, error) {
	plaintext, err := x.aead.Decrypt(ciphertext, aad)
	if err != nil {
		return nil, ErrCiphertext // Tink's words tell a short one from an altered one
	}
	if plaintext == nil {
		plaintext = []byte{}
	}
	return plaintext, nil
}

func (u *Use) cipher(action pass.Action, v *state.KeyVersion, what string) (*secret, error) {
	s, err := u.admit(action, v)
	if err != nil {
		return nil, err
	}
	if err := checkCipher(v.Type, what); err != nil {
		return nil, err
	}
	return u.secret(s, v)
}

func checkCipher(t state.KeyType, what string) error {
	if !t.Known() {
		return unknownType(t)
	}
	if !t.Encrypts() {
		return unsupported(t, what)
	}
	return nil
}
