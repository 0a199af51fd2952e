package kms

import (
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// HMAC authenticates each item's input with the HMAC key that keys of every type
// have; hash as in SignOptions. It needs update.
//
// Errors: ErrKeyNotFound, ErrBadRequest, ErrVersionTooNew, ErrVersionTooOld,
// ErrNoHMACKey.
func (s *Service) HMAC(c *Call, ref KeyRef, hash string, items []Item, batch bool) ([]Result, error) {
	var h keyring.Hash
	return s.run(c, &transit{
		verb: verb{operation: "transit/hmac", need: policy.Update, action: pass.HMAC}, ref: ref, items: items, batch: batch,
		missing: "hmac key not found",
		check: func(*state.Key) (err error) {
			if h, err = keyring.ParseHash(hash); err != nil {
				return err
			}
			return h.CheckMAC()
		},
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			input, err := it.take("missing input to hmac")
			if err != nil {
				return r, seen, err
			}
			seen[0] = input
			v, err := c.forward(k, it.Version, "hmac")
			if err != nil {
				return r, seen, err
			}
			mac, err := u.HMAC(v, h, input)
			if err != nil {
				return r, seen, err
			}
			seen[1] = mac
			return Result{Text: formatResult(v.Number, mac, false), Version: v.Number}, seen, nil
		},
	})
}

// verifyHMAC is Verify where items have HMACs; mixed says that some have
// signatures, which is refused as Vault refuses it.
func (s *Service) verifyHMAC(c *Call, ref KeyRef, hash string, items []Item, batch, mixed bool) ([]Result, error) {
	var h keyring.Hash
	return s.run(c, &transit{
		verb: verb{operation: "transit/verify", need: policy.Update, action: pass.VerifyHMAC}, ref: ref, items: items, batch: batch,
		missing: "hmac verification key not found",
		check: func(*state.Key) (err error) {
			if mixed {
				return saying(ErrBadRequest, "elements of batch_input must all provide either 'signature' or 'hmac'")
			}
			if h, err = keyring.ParseHash(hash); err != nil {
				return err
			}
			return h.CheckVerifyMAC()
		},
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			input, err := it.take("missing input to verify")
			if err != nil {
				return r, seen, err
			}
			seen[0] = input
			if err := it.oneProof(); err != nil {
				return r, seen, err
			}
			number, mac, err := parseResult(it.HMAC, false, ErrBadHMAC)
			if err != nil {
				return r, seen, err
			}
			v, err := c.backward(k, number, ErrBadHMAC)
			if err != nil {
				return r, seen, err
			}
			seen[1] = mac
			valid, err := u.VerifyHMAC(v, h, input, mac)
			return Result{Valid: valid, Version: number}, seen, err
		},
	})
}
