package keyring

import (
	"crypto/rsa"
	"errors"
	"reflect"
	"testing"
	"unsafe"

	"github.com/signet-kms/signet/kms/state"
)

// One wrong bit in one half of the CRT, and the difference of a good and a bad
// signature has a factor of the modulus (Boneh, DeMillo and Lipton, 1997).
// crypto/rsa compares before it answers. It also proves a key before use, so the
// fault can only be put in behind its back.
func TestAFaultInRSAYieldsNoSignature(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "web", 1, state.RSA2048)
	for _, part := range []string{"dP", "dQ"} {
		x, err := openSecret(b, v)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []Options{{}, {PKCS1v15: true}} {
			if _, err := x.sign(o, hashed(SHA256, []byte("x"))); err != nil {
				t.Fatalf("without a fault: %v", err)
			}
		}
		exponent := hiddenBytes(t, &x.rsa.Precomputed, part)
		exponent[len(exponent)-1] ^= 2
		for _, o := range []Options{{}, {PKCS1v15: true}, {Hash: HashNone, Prehashed: true, PKCS1v15: true}} {
			if sig, err := x.sign(o, hashed(SHA256, []byte("x"))); !errors.Is(err, rsa.ErrDecryption) || len(sig) != 0 {
				t.Errorf("%s is faulty, and %+v gives %x, %v", part, o, sig, err)
			}
		}
	}
}

// hiddenBytes reaches a field of the prepared key that crypto/rsa computes with.
func hiddenBytes(t testing.TB, p *rsa.PrecomputedValues, field string) []byte {
	t.Helper()
	prepared := reflect.ValueOf(p).Elem().FieldByName("fips")
	if !prepared.IsValid() || prepared.IsNil() {
		t.Fatal("crypto/rsa keeps its prepared key elsewhere by now: find it, this test matters")
	}
	f := prepared.Elem().FieldByName(field)
	if !f.IsValid() || f.Kind() != reflect.Slice {
		t.Fatalf("crypto/rsa has no %s any more: find it, this test matters", field)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(f.Pointer())), f.Len())
}
