package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"math/big"
	"testing"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// FuzzVerify feeds signature bytes to every verifier. Nothing may panic; what
// reads as an ECDSA signature has one form only; and a verdict agrees with plain
// arithmetic on r and s.
func FuzzVerify(f *testing.F) {
	k := unsealed(f)
	input := []byte("what is signed")
	types := []state.KeyType{state.ECDSAP256, state.ECDSAP384, state.ECDSAP521, state.Ed25519, state.RSA2048}
	versions := make([]*state.KeyVersion, len(types))
	for i, typ := range types {
		v := generated(f, k, string(typ), 1, typ)
		versions[i] = v
		for _, o := range []Options{{}, {JWS: true}, {PKCS1v15: true}} {
			sig := signed(f, k, v, o, input)
			f.Add(uint8(i), sig)
			f.Add(uint8(i), flipped(sig, len(sig)/2))
			f.Add(uint8(i), append(bytes.Clone(sig), 0))
		}
	}
	for _, sig := range [][]byte{nil, {0x30}, {0x30, 0}, {0x30, 6, 2, 1, 0, 2, 1, 0}, {0x30, 6, 2, 1, 1, 2, 1, 1}, make([]byte, 64), make([]byte, 132)} {
		f.Add(uint8(0), sig)
	}
	f.Fuzz(func(t *testing.T, which uint8, sig []byte) {
		v := versions[int(which)%len(versions)]
		before := bytes.Clone(sig)
		asn1 := verified(t, k, v, Options{}, input, sig)
		jws := verified(t, k, v, Options{JWS: true}, input, sig)
		verified(t, k, v, Options{PKCS1v15: true}, input, sig)
		if !bytes.Equal(sig, before) {
			t.Fatal("Verify writes to the signature")
		}
		if !v.Type.ECDSA() {
			return
		}
		public, err := parsePublic(v.Type, v.Public)
		if err != nil {
			t.Fatal(err)
		}
		size := scalarSize(public.ec.Curve)
		raw, err := rawFromDER(sig, size)
		if err == nil {
			if !bytes.Equal(derFromRaw(raw, size), sig) {
				t.Errorf("DER %x has a second form", sig)
			}
			if verified(t, k, v, Options{JWS: true}, input, raw) != asn1 {
				t.Errorf("%x: ASN.1 says %v, R || S the other", sig, asn1)
			}
		} else if asn1 {
			t.Errorf("%x verifies but does not read as DER", sig)
		}
		if len(sig) != 2*size {
			if jws {
				t.Errorf("%x verifies with %d bytes", sig, len(sig))
			}
			return
		}
		if back, err := rawFromDER(derFromRaw(sig, size), size); err != nil || !bytes.Equal(back, sig) {
			t.Errorf("R || S %x does not come back: %x, %v", sig, back, err)
		}
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		if want := ecdsa.Verify(public.ec, hashed(SHA256, input), r, s); jws != want {
			t.Errorf("R || S %x: %v, plain arithmetic says %v", sig, jws, want)
		}
	})
}

// FuzzKeyset puts bytes of any kind where the barrier vouches for a keyset.
// Nothing may panic, and what opens is a key of the type, with an HMAC key of the
// right length or none.
func FuzzKeyset(f *testing.F) {
	b := newBarrier(f)
	k := New()
	k.Unseal(b)
	types := []state.KeyType{state.ECDSAP256, state.Ed25519, state.AES128GCM, state.AES256GCM, state.ChaCha20, state.XChaCha20, state.HMAC}
	for i, typ := range types {
		v := generated(f, k, "k", 1, typ)
		plaintext, err := b.Open(barrier.Name{Kind: "key-version", Name: v.ID(), Version: 1}, v.Sealed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), plaintext)
		f.Add(uint8(i+1), plaintext)
		f.Add(uint8(i), append(bytes.Clone(plaintext), plaintext...))
	}
	f.Fuzz(func(t *testing.T, which uint8, plaintext []byte) {
		v := &state.KeyVersion{Mount: mount, Name: "k", Number: 1, Type: types[int(which)%len(types)]}
		var err error
		if v.Sealed, err = b.Seal(barrier.Name{Kind: "key-version", Name: v.ID(), Version: 1}, bytes.Clone(plaintext)); err != nil {
			t.Fatal(err)
		}
		x, err := openSecret(b, v)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || x != nil {
				t.Errorf("%v", err)
			}
			return
		}
		if (x.ec != nil) != v.Type.ECDSA() || (x.ed != nil) != (v.Type == state.Ed25519) || (x.aead != nil) != v.Type.Encrypts() || x.rsa != nil {
			t.Errorf("%s opened as another type", v.Type)
		}
		switch {
		case v.Type == state.HMAC && (x.mac == nil || len(x.mac.bytes) < MinKeySize || len(x.mac.bytes) > MaxKeySize),
			v.Type != state.HMAC && x.mac != nil && len(x.mac.bytes) != sideKeySize:
			t.Errorf("%s with an hmac key of another length", v.Type)
		}
	})
}
