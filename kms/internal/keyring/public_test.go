package keyring

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

func spkiOf(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestPublicHalfMustBeOfTheTypeAndInOneForm(t *testing.T) {
	w := shared(t)
	for typ, v := range w.versions {
		if _, err := parsePublic(typ, v.Public); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		for other, o := range w.versions {
			if other != typ && (other.Asymmetric() || typ.Asymmetric()) { // the others have none
				if _, err := parsePublic(typ, o.Public); !errors.Is(err, ErrDamaged) {
					t.Errorf("%s is taken for %s: %v", other, typ, err)
				}
			}
		}
		if typ.Asymmetric() {
			for name, der := range map[string][]byte{"empty": nil, "longer": append(w.version(typ).Public, 0), "shorter": v.Public[:len(v.Public)-1]} {
				if _, err := parsePublic(typ, der); !errors.Is(err, ErrDamaged) {
					t.Errorf("%s, %s: %v", typ, name, err)
				}
			}
		}
	}
	// The bits of the point moved by one, which x509 moves back.
	p256 := w.version(state.ECDSAP256).Public
	point := p256[len(p256)-65:]
	copy(point, new(big.Int).Lsh(new(big.Int).SetBytes(point), 1).FillBytes(make([]byte, 65)))
	p256[len(p256)-66] = 1 // one bit unused
	if _, err := x509.ParsePKIXPublicKey(p256); err != nil {
		t.Fatal("this form is no second one any more: find another", err)
	}
	if _, err := parsePublic(state.ECDSAP256, p256); !errors.Is(err, ErrDamaged) {
		t.Errorf("a second form of the same key: %v", err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := w.public(t, state.RSA2048).(*rsa.PublicKey).N
	for name, public := range map[string]any{
		"p224":                &p224.PublicKey,
		"rsa e=3":             &rsa.PublicKey{N: n, E: 3},
		"rsa of another size": &rsa.PublicKey{N: new(big.Int).Rsh(n, 1), E: 65537},
	} {
		for _, typ := range state.KeyTypes() {
			if _, err := parsePublic(typ, spkiOf(t, public)); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s as %s: %v", name, typ, err)
			}
		}
	}
}

// smallPoints are the points of Edwards25519 whose order divides 8: in canonical
// form, and in the forms with y not reduced or the sign of zero set.
func smallPoints(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for _, s := range []string{
		"01" + strings.Repeat("00", 31), "01" + strings.Repeat("00", 30) + "80", // order 1
		"ec" + strings.Repeat("ff", 30) + "7f", "ec" + strings.Repeat("ff", 31), // order 2
		strings.Repeat("00", 32), strings.Repeat("00", 31) + "80", // order 4
		"ed" + strings.Repeat("ff", 30) + "7f", "ed" + strings.Repeat("ff", 31), // y = p, order 4
		"ee" + strings.Repeat("ff", 30) + "7f", "ee" + strings.Repeat("ff", 31), // y = p+1, order 1
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	} {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 32 {
			t.Fatal(s, err)
		}
		all = append(all, b)
	}
	return all
}

func TestSmallOrderEd25519KeysAreRefused(t *testing.T) {
	// Under the neutral point R = [S]B verifies any message: the forgery is real.
	forged := make([]byte, 64)
	forged[0] = 1 // R neutral, S zero
	neutral := ed25519.PublicKey(smallPoints(t)[0])
	if !ed25519.Verify(neutral, []byte("anything"), forged) {
		t.Error("the standard library refuses small keys by now: jose.SmallOrder may go")
	}
	for _, p := range smallPoints(t) {
		if _, err := parsePublic(state.Ed25519, spkiOf(t, ed25519.PublicKey(p))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%x: %v", p, err)
		}
	}
	for range 50 {
		k, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if jose.SmallOrder(k) {
			t.Errorf("%x is no small point", k)
		}
	}
}

func publicN(t testing.TB, w *world) *big.Int { return w.public(t, state.RSA2048).(*rsa.PublicKey).N }
