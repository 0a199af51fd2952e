package kms

import (
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Verify checks each item's signature, or each item's HMAC if that is what they
// have. It needs update. A well-formed signature or HMAC that does not verify is no
// error. Errors: as Sign, and ErrBadSignature, ErrBadHMAC, ErrNoHMACKey.
func (s *Service) Verify(c *Call, ref KeyRef, opts SignOptions, items []Item, batch bool) ([]Result, error) {
	signatures, macs := 0, 0
	for i := range items {
		switch it := &items[i]; {
		case it.Signature != "" && it.HMAC == "":
			signatures++
		case it.HMAC != "" && it.Signature == "":
			macs++
		}
	}
	if macs > 0 {
		return s.verifyHMAC(c, ref, opts.Hash, items, batch, signatures > 0)
	}
	return s.verifySignature(c, ref, opts, items, batch)
}

func (s *Service) verifySignature(c *Call, ref KeyRef, opts SignOptions, items []Item, batch bool) ([]Result, error) {
	var o keyring.Options
	return s.run(c, &transit{
		verb: verb{operation: "transit/verify", need: policy.Update, action: pass.Verify}, ref: ref, items: items, batch: batch,
		missing: "signature verification key not found",
		check: func(k *state.Key) (err error) {
			if !k.Type.Signs() {
				return saying(ErrKeyTypeUnsupported, "key type %s does not support verification of a signature", k.Type)
			}
			if o, err = opts.options(); err != nil {
				return err
			}
			return o.Check(k.Type)
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
			number, sig, err := parseResult(it.Signature, o.JWS, ErrBadSignature)
			if err != nil {
				return r, seen, err
			}
			v, err := c.backward(k, number, ErrBadSignature)
			if err != nil {
				return r, seen, err
			}
			seen[1] = sig
			valid, err := u.Verify(v, o, input, sig)
			return Result{Valid: valid, Version: number}, seen, err
		},
	})
}

// oneProof refuses an item with two things to verify, or one that no key makes.
func (it *Item) oneProof() error {
	switch {
	case it.CMAC:
		return saying(ErrUnsupported, "cmac is not supported; send 'signature' or 'hmac'")
	case it.Signature != "" && it.HMAC != "":
		return saying(ErrBadRequest, "send one of 'signature' and 'hmac', not both")
	}
	return nil
}
