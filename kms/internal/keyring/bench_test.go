package keyring

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

// BenchmarkSign sets the whole way of a pass beside the bare primitive, for the
// same key: bare, with the hash, through Sign, through a Use, and as R || S.
func BenchmarkSign(b *testing.B) {
	k := unsealed(b)
	v := generated(b, k, "web", 1, state.ECDSAP256)
	x, err := k.session.Load().secret(v)
	if err != nil {
		b.Fatal(err)
	}
	input := make([]byte, 64)
	id := v.ID()
	use, err := k.Open(pass.Mint(pass.Sign, id), pass.Sign, id)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"bare": func() error {
			_, err := ecdsa.SignASN1(rand.Reader, x.ec, input[:32])
			return err
		},
		"bare with hash": func() error {
			d := sha256.Sum256(input)
			_, err := ecdsa.SignASN1(rand.Reader, x.ec, d[:])
			return err
		},
		"pass": func() error {
			_, err := k.Sign(pass.Mint(pass.Sign, id), v, Options{}, input)
			return err
		},
		"pass jws": func() error {
			_, err := k.Sign(pass.Mint(pass.Sign, id), v, Options{JWS: true}, input)
			return err
		},
		"use": func() error {
			_, err := use.Sign(v, Options{}, input)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOverhead is everything in Sign but the primitive: the pass, the
// lookup, the hash and the change to R || S.
func BenchmarkOverhead(b *testing.B) {
	k := unsealed(b)
	v := generated(b, k, "web", 1, state.ECDSAP256)
	der := signed(b, k, v, Options{}, []byte("x"))
	input := make([]byte, 64)
	id := v.ID()
	o := Options{JWS: true}
	b.ReportAllocs()
	for b.Loop() {
		u, err := k.Open(pass.Mint(pass.Sign, id), pass.Sign, v.ID())
		if err != nil {
			b.Fatal(err)
		}
		s, err := u.admit(pass.Sign, v)
		if err != nil {
			b.Fatal(err)
		}
		if err := o.CheckSign(v.Type); err != nil {
			b.Fatal(err)
		}
		if _, err := o.digest(v.Type, input); err != nil {
			b.Fatal(err)
		}
		if _, err := u.secret(s, v); err != nil {
			b.Fatal(err)
		}
		if _, err := rawFromDER(der, 32); err != nil {
			b.Fatal(err)
		}
		u.Close()
	}
}

// BenchmarkFirstUse is what opening a version costs, which the cache saves.
func BenchmarkFirstUse(b *testing.B) {
	barrier := newBarrier(b)
	k := New()
	k.Unseal(barrier)
	for _, typ := range []state.KeyType{state.ECDSAP256, state.ECDSAP384, state.Ed25519, state.RSA2048, state.RSA4096, state.AES256GCM} {
		v := generated(b, k, string(typ), 1, typ)
		b.Run(string(typ), func(b *testing.B) {
			for b.Loop() {
				if _, err := openSecret(barrier, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUse sets the verbs without a signature beside the bare primitives.
func BenchmarkUse(b *testing.B) {
	k := unsealed(b)
	input := make([]byte, 256)
	for _, typ := range []state.KeyType{state.AES256GCM, state.ChaCha20, state.XChaCha20} {
		v := generated(b, k, string(typ), 1, typ)
		x, err := k.session.Load().secret(v)
		if err != nil {
			b.Fatal(err)
		}
		ct := encrypted(b, k, v, input, nil)
		use := func(action pass.Action) *Use {
			u, err := k.Open(pass.Mint(action, v.ID()), action, v.ID())
			if err != nil {
				b.Fatal(err)
			}
			return u
		}
		encrypt, decrypt, rewrap, hmac := use(pass.Encrypt), use(pass.Decrypt), use(pass.Rewrap), use(pass.HMAC)
		for name, f := range map[string]func() error{
			"bare encrypt": func() error { _, err := x.aead.Encrypt(input, nil); return err },
			"encrypt":      func() error { _, err := encrypt.Encrypt(v, input, nil); return err },
			"decrypt":      func() error { _, err := decrypt.Decrypt(v, ct, nil); return err },
			"rewrap":       func() error { _, err := rewrap.Rewrap(v, v, ct, nil); return err },
			"bare hmac":    func() error { x.mac.sum(SHA256, input); return nil },
			"hmac":         func() error { _, err := hmac.HMAC(v, SHA256, input); return err },
		} {
			b.Run(string(typ)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkGenerate is a new version of each type, and its parts: the key itself, its
// sealing, and the proof that it opens.
func BenchmarkGenerate(b *testing.B) {
	barrier := newBarrier(b)
	for _, typ := range []state.KeyType{state.AES256GCM, state.ChaCha20, state.HMAC, state.Ed25519, state.ECDSAP256} {
		size, err := CheckKeySize(typ, 0)
		if err != nil {
			b.Fatal(err)
		}
		v := &state.KeyVersion{Mount: "transit", Name: "web", Number: 1, Type: typ}
		h, err := newKeyset(typ, size)
		if err != nil {
			b.Fatal(err)
		}
		for _, part := range []struct {
			name string
			do   func() error
		}{
			{"make", func() error { _, err := newKeyset(typ, size); return err }},
			{"seal", func() (err error) { v.Sealed, err = sealKeyset(barrier, v, h); return err }},
			{"open", func() error { _, err := openSecret(barrier, v); return err }},
			{"all", func() error {
				_, err := generate(barrier, &state.KeyVersion{Mount: "transit", Name: "web", Number: 1, Type: typ}, size)
				return err
			}},
		} {
			b.Run(string(typ)+"/"+part.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := part.do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
