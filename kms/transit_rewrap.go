package kms

import (
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Rewrap encrypts each item's ciphertext anew, with the latest version or the one
// asked for. The plaintext does not leave the keyring, so update on this path lets
// nobody read it. Errors: as Decrypt.
func (s *Service) Rewrap(c *Call, ref KeyRef, items []Item, batch bool) ([]Result, error) {
	return s.run(c, &transit{
		verb: verb{operation: "transit/rewrap", need: policy.Update, action: pass.Rewrap}, ref: ref, items: items, batch: batch,
		missing: "encryption key not found",
		check:   encrypts("rewrapping"),
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			from, old, err := c.old(k, it, "missing ciphertext to rewrap")
			seen[0] = old
			if err != nil {
				return r, seen, err
			}
			to, err := c.forward(k, it.Version, "encryption")
			if err == nil {
				err = s.bookEncryption(c, to)
			}
			if err != nil {
				return r, seen, err
			}
			fresh, err := u.Rewrap(from, to, old, it.AAD.Bytes)
			if err != nil {
				return r, seen, err
			}
			seen[1] = fresh
			return Result{Text: formatResult(to.Number, fresh, false), Version: to.Number}, seen, nil
		},
	})
}

// old takes the ciphertext of an item apart and finds the version that made it.
// The bytes are nil if there are none.
func (c *Call) old(k *state.Key, it *Item, missing string) (*state.KeyVersion, []byte, error) {
	it.Input = Field{Set: true} // there is none
	if _, err := it.take(""); err != nil {
		return nil, nil, err
	}
	if it.Ciphertext == "" {
		return nil, nil, saying(ErrBadRequest, "%s", missing)
	}
	number, ct, err := parseResult(it.Ciphertext, false, ErrBadCiphertext)
	if err != nil {
		return nil, nil, err
	}
	v, err := c.backward(k, number, ErrBadCiphertext)
	return v, ct, err
}
