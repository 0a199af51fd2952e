package kms

import (
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Encrypt encrypts each item's input. It needs update, and never makes a key.
// Errors: ErrKeyNotFound, ErrKeyTypeUnsupported, ErrBadRequest, ErrVersion….
func (s *Service) Encrypt(c *Call, ref KeyRef, items []Item, batch bool) ([]Result, error) {
	return s.run(c, &transit{
		verb: verb{operation: "transit/encrypt", need: policy.Update, action: pass.Encrypt}, ref: ref, items: items, batch: batch,
		missing: "encryption key not found",
		check:   encrypts("encryption"),
		each: func(u *keyring.Use, k *state.Key, it *Item) (Result, [2][]byte, error) {
			return s.encryptItem(c, u, k, it)
		},
	})
}

func (s *Service) encryptItem(c *Call, u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
	plain, err := it.take("missing plaintext to encrypt")
	if err != nil {
		return r, seen, err
	}
	seen[0] = plain
	v, err := c.forward(k, it.Version, "encryption")
	if err == nil {
		err = s.bookEncryption(c, v)
	}
	if err != nil {
		return r, seen, err
	}
	ct, err := u.Encrypt(v, plain, it.AAD.Bytes)
	if err != nil {
		return r, seen, err
	}
	seen[1] = ct
	return Result{Text: formatResult(v.Number, ct, false), Version: v.Number}, seen, nil
}

// Decrypt decrypts each item's ciphertext. It needs update. Errors: as Encrypt,
// and ErrBadCiphertext.
func (s *Service) Decrypt(c *Call, ref KeyRef, items []Item, batch bool) ([]Result, error) {
	return s.run(c, &transit{
		verb: verb{operation: "transit/decrypt", need: policy.Update, action: pass.Decrypt}, ref: ref, items: items, batch: batch,
		missing: "encryption key not found",
		check:   encrypts("decryption"),
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			v, ct, err := c.old(k, it, "missing ciphertext to decrypt")
			seen[0] = ct
			if err != nil {
				return r, seen, err
			}
			plain, err := u.Decrypt(v, ct, it.AAD.Bytes)
			if err != nil {
				return r, seen, err
			}
			seen[1] = plain
			return Result{Plain: plain, Version: v.Number}, seen, nil
		},
	})
}

func encrypts(what string) func(k *state.Key) error {
	return func(k *state.Key) error {
		if !k.Type.Encrypts() {
			return saying(ErrKeyTypeUnsupported, "key type %s does not support %s", k.Type, what)
		}
		return nil
	}
}
