package kms

import (
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// SignOptions are the options of sign and verify as a request spells them.
type SignOptions struct {
	Hash       string // "": sha2-256
	Prehashed  bool
	Padding    string // "", "pss", "pkcs1v15"; RSA only
	Marshaling string // "", "asn1", "jws"
	Salt       string // "", "auto", "hash", a number
}

// options turns a request's spelling into the keyring's, in Vault's words.
func (o *SignOptions) options() (keyring.Options, error) {
	var out keyring.Options
	var err error
	if out.Hash, err = keyring.ParseHash(o.Hash); err != nil {
		return out, err
	}
	if out.Salt, err = keyring.ParseSalt(o.Salt); err != nil {
		return out, err
	}
	out.Prehashed = o.Prehashed
	switch o.Padding {
	case "", "pss":
	case "pkcs1v15":
		out.PKCS1v15 = true
	default:
		return out, saying(ErrBadRequest, "unsupported signature algorithm %s; use pss or pkcs1v15", state.Quote(o.Padding))
	}
	switch o.Marshaling {
	case "", "asn1":
	case "jws":
		out.JWS = true
	default:
		return out, saying(ErrBadRequest, "invalid marshaling type %s; use asn1 or jws", state.Quote(o.Marshaling))
	}
	return out, nil
}

// Sign signs each item. It needs update. A single request's error is the
// item's; items of a batch have their own.
//
// Errors: ErrKeyNotFound, ErrKeyTypeUnsupported, ErrBadRequest, ErrVersionTooNew,
// ErrVersionTooOld.
func (s *Service) Sign(c *Call, ref KeyRef, opts SignOptions, items []Item, batch bool) ([]Result, error) {
	var o keyring.Options
	return s.run(c, &transit{
		verb: verb{operation: "transit/sign", need: policy.Update, action: pass.Sign}, ref: ref, items: items, batch: batch,
		missing: "signing key not found",
		check: func(k *state.Key) (err error) {
			if !k.Type.Signs() {
				return saying(ErrKeyTypeUnsupported, "key type %s does not support signing", k.Type)
			}
			if o, err = opts.options(); err != nil {
				return err
			}
			return o.CheckSign(k.Type)
		},
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			input, err := it.take("missing input to sign")
			if err != nil {
				return r, seen, err
			}
			seen[0] = input
			v, err := c.forward(k, it.Version, "signing")
			if err != nil {
				return r, seen, err
			}
			sig, err := u.Sign(v, o, input)
			if err != nil {
				return r, seen, err
			}
			seen[1] = sig
			return Result{Text: formatResult(v.Number, sig, o.JWS), Version: v.Number}, seen, nil
		},
	})
}
