package kms

import (
	"crypto/rand"

	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// DataKeyRequest asks for a key of the caller's own, encrypted under one of ours.
type DataKeyRequest struct {
	Bits      int64 // 128, 256 or 512; 0 is 256
	Plaintext bool  // return it in clear as well
	Item      Item  // AAD, Version, Context, Nonce
}

// DataKey makes random bytes for the caller to encrypt with, and encrypts them.
// It needs update. Result.Plain is nil unless Plaintext asks for it. Errors: as
// Encrypt.
func (s *Service) DataKey(c *Call, ref KeyRef, req DataKeyRequest) (Result, error) {
	bits := req.Bits
	if bits == 0 {
		bits = 256
	}
	var plain []byte
	results, err := s.run(c, &transit{
		verb: verb{operation: "transit/datakey", need: policy.Update, action: pass.Encrypt}, ref: ref, items: []Item{req.Item},
		missing: "encryption key not found",
		check: func(k *state.Key) error {
			switch bits {
			case 128, 256, 512:
				return encrypts("encryption")(k)
			}
			return saying(ErrBadRequest, "invalid bit length %d; use 128, 256 or 512", req.Bits)
		},
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			plain = make([]byte, bits/8)
			_, _ = rand.Read(plain) // does not fail: crypto/rand ends the process instead
			it.Input = Field{Bytes: plain, Set: true}
			return s.encryptItem(c, u, k, it)
		},
	})
	if err != nil || !req.Plaintext {
		clear(plain) // it is recorded by now, and leaves by no path
	}
	if err != nil {
		return Result{}, err
	}
	if req.Plaintext {
		results[0].Plain = plain
	}
	return results[0], nil
}
