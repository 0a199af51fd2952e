package keyring

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/signet-kms/signet/kms/state"
)

// naturals of r and s that no signature may have, by group order.
func forbidden(n *big.Int) map[string]*big.Int {
	one := big.NewInt(1)
	return map[string]*big.Int{"0": new(big.Int), "n": n, "n+1": new(big.Int).Add(n, one), "-1": big.NewInt(-1)}
}

func TestECDSARefusesRAndSOutOfRange(t *testing.T) {
	w := shared(t)
	input := []byte("what is signed")
	for _, typ := range signing() {
		if !typ.ECDSA() {
			continue
		}
		v, k := w.version(typ), w.public(t, typ).(*ecdsa.PublicKey)
		size := scalarSize(k.Curve)
		raw := signed(t, w.Keyring, v, Options{JWS: true}, input)
		good := [2]*big.Int{new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])}
		for what, bad := range forbidden(k.Params().N) {
			for i := range 3 { // r, s, both
				pair := good
				if i != 1 {
					pair[0] = bad
				}
				if i != 0 {
					pair[1] = bad
				}
				der, err := asn1.Marshal(struct{ R, S *big.Int }{pair[0], pair[1]})
				if err != nil {
					t.Fatal(err)
				}
				if verified(t, w.Keyring, v, Options{}, input, der) {
					t.Errorf("%s: DER with %s at %d passes", typ, what, i)
				}
				if bad.Sign() < 0 || bad.BitLen() > size*8 {
					continue
				}
				raw := append(pair[0].FillBytes(make([]byte, size)), pair[1].FillBytes(make([]byte, size))...)
				if verified(t, w.Keyring, v, Options{JWS: true}, input, raw) {
					t.Errorf("%s: R || S with %s at %d passes", typ, what, i)
				}
			}
		}
		// r+n and s+n name the same residues; where they fit the width they must
		// not pass, or one signature had two forms.
		for i := range 2 {
			pair := good
			pair[i] = new(big.Int).Add(pair[i], k.Params().N)
			der, err := asn1.Marshal(struct{ R, S *big.Int }{pair[0], pair[1]})
			if err != nil {
				t.Fatal(err)
			}
			if verified(t, w.Keyring, v, Options{}, input, der) {
				t.Errorf("%s: a residue beyond n at %d passes", typ, i)
			}
		}
	}
}

func TestECDSARefusesOtherEncodings(t *testing.T) {
	w := shared(t)
	input := []byte("what is signed")
	for _, typ := range signing() {
		if !typ.ECDSA() {
			continue
		}
		v := w.version(typ)
		raw := signed(t, w.Keyring, v, Options{JWS: true}, input)
		der := derOf(t, Options{JWS: true}, raw)
		half := len(raw) / 2
		for name, sig := range map[string][]byte{
			"DER":                  der,
			"empty":                {},
			"a byte more":          append(slices.Clone(raw), 0),
			"a byte less":          raw[:len(raw)-1],
			"half":                 raw[:half],
			"padded on the left":   slices.Concat([]byte{0}, raw[:half], []byte{0}, raw[half:]),
			"S padded on the left": slices.Concat(raw[:half], []byte{0}, raw[half:]),
			"twice":                slices.Concat(raw, raw),
			"R and S as one in 00": append(make([]byte, len(raw)), raw...),
		} {
			if verified(t, w.Keyring, v, Options{JWS: true}, input, sig) {
				t.Errorf("%s: %s passes for R || S", typ, name)
			}
		}
		for name, sig := range map[string][]byte{
			"R || S":              raw,
			"empty":               {},
			"trailing byte":       append(slices.Clone(der), 0),
			"two in a row":        slices.Concat(der, der),
			"truncated":           der[:len(der)-1],
			"third integer":       append([]byte{0x30, byte(len(der) - 2 + 3)}, append(slices.Clone(der[2:]), 2, 1, 1)...),
			"long form of length": slices.Concat([]byte{0x30, 0x82, 0, der[1]}, der[2:]),
			"indefinite length":   slices.Concat([]byte{0x30, 0x80}, der[2:], []byte{0, 0}),
			"leading zero in R":   slices.Concat([]byte{0x30, der[1] + 1, 2, der[3] + 1, 0}, der[4:]),
			"a set":               slices.Concat([]byte{0x31}, der[1:]),
		} {
			if typ == state.ECDSAP521 && (name == "third integer" || name == "long form of length" || name == "leading zero in R") {
				continue // its DER has a longer header than these build on
			}
			if verified(t, w.Keyring, v, Options{}, input, sig) {
				t.Errorf("%s: %s passes for DER", typ, name)
			}
			if raw, err := rawFromDER(sig, half); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %s becomes %x", typ, name, raw)
			}
		}
		if !verified(t, w.Keyring, v, Options{}, input, der) || !verified(t, w.Keyring, v, Options{JWS: true}, input, raw) {
			t.Errorf("%s: the proper forms do not pass", typ)
		}
	}
}

func TestEd25519RefusesMalleatedAndSmallSignatures(t *testing.T) {
	w := shared(t)
	v := w.version(state.Ed25519)
	input := []byte("what is signed")
	sig := signed(t, w.Keyring, v, Options{}, input)
	// S + L is the same residue: RFC 8032, section 5.1.7, demands 0 <= S < L.
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := slices.Clone(sig[32:])
	slices.Reverse(le)
	s := new(big.Int).SetBytes(le)
	for s.Add(s, l); s.BitLen() <= 256; s.Add(s, l) {
		b := s.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		if verified(t, w.Keyring, v, Options{}, input, slices.Concat(sig[:32], b)) {
			t.Errorf("S = %v passes", s)
		}
	}
	for _, p := range smallPoints(t) {
		for _, s := range [][]byte{make([]byte, 32), sig[32:]} {
			if verified(t, w.Keyring, v, Options{}, input, slices.Concat(p, s)) {
				t.Errorf("R = %x passes", p)
			}
		}
	}
	for name, b := range map[string][]byte{"empty": nil, "longer": append(slices.Clone(sig), 0), "shorter": sig[:63], "halves swapped": slices.Concat(sig[32:], sig[:32])} {
		if verified(t, w.Keyring, v, Options{}, input, b) {
			t.Errorf("%s passes", name)
		}
	}
}

func TestRSARefusesOtherLengthsAndRepresentatives(t *testing.T) {
	w := shared(t)
	v := w.version(state.RSA2048)
	input := []byte("what is signed")
	for _, o := range []Options{{}, {PKCS1v15: true}} {
		sig := signed(t, w.Keyring, v, o, input)
		beyond := new(big.Int).Add(new(big.Int).SetBytes(sig), publicN(t, w)).Bytes() // the same residue
		for name, b := range map[string][]byte{
			"empty": nil, "longer": append(slices.Clone(sig), 0), "shorter": sig[1:], "left-padded": append([]byte{0}, sig...),
			"beyond n": beyond, "zero": make([]byte, 256), "one": append(make([]byte, 255), 1),
		} {
			if verified(t, w.Keyring, v, o, input, b) {
				t.Errorf("%+v: %s passes", o, name)
			}
		}
	}
}
