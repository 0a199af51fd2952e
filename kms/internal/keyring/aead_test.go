package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

func encrypted(t testing.TB, k *Keyring, v *state.KeyVersion, plaintext, aad []byte) []byte {
	t.Helper()
	ct, err := k.Encrypt(pass.Mint(pass.Encrypt, v.ID()), v, plaintext, aad)
	if err != nil {
		t.Fatal(err)
	}
	return ct
}

func TestEncryptHasTheLayoutNonceCiphertextTag(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "box", 1, state.AES256GCM)
	opened, err := openKeyset(b, v)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(clearBytes(opened.(*aesgcm.Key).KeyBytes()))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 16, 1000} {
		plaintext := bytes.Repeat([]byte{7}, n)
		for _, aad := range [][]byte{nil, {}, []byte("aad")} {
			ct := encrypted(t, k, v, plaintext, aad)
			if len(ct) != 12+n+16 {
				t.Errorf("%d bytes for %d", len(ct), n)
			}
			// The standard library reads ours, and we read what it made.
			if pt, err := gcm.Open(nil, ct[:12], ct[12:], aad); err != nil || !bytes.Equal(pt, plaintext) {
				t.Errorf("standard library: %x, %v", pt, err)
			}
			nonce := bytes.Repeat([]byte{9}, 12)
			for _, ct := range [][]byte{ct, gcm.Seal(slices.Clone(nonce), nonce, plaintext, aad)} {
				pt, err := k.Decrypt(pass.Mint(pass.Decrypt, v.ID()), v, ct, aad)
				if err != nil || pt == nil || !bytes.Equal(pt, plaintext) {
					t.Errorf("decrypt: %x, %v", pt, err)
				}
			}
		}
	}
	if bytes.Equal(encrypted(t, k, v, nil, nil)[:12], encrypted(t, k, v, nil, nil)[:12]) {
		t.Error("a nonce twice")
	}
}

func TestDecryptRefuses(t *testing.T) {
	w := shared(t)
	v := w.version(state.AES256GCM)
	other := generated(t, w.Keyring, "box", 1, state.AES256GCM)
	ct := encrypted(t, w.Keyring, v, []byte("secret"), []byte("aad"))
	refuses := func(what string, v *state.KeyVersion, ct, aad []byte) {
		t.Helper()
		pt, err := w.Decrypt(pass.Mint(pass.Decrypt, v.ID()), v, ct, aad)
		if !errors.Is(err, ErrCiphertext) || pt != nil {
			t.Errorf("%s: %q, %v", what, pt, err)
		}
	}
	for i := range ct {
		refuses("altered", v, flipped(ct, i), []byte("aad"))
	}
	for n := range ct {
		refuses("cut", v, ct[:n], []byte("aad"))
	}
	refuses("longer", v, append(slices.Clone(ct), 0), []byte("aad"))
	refuses("other aad", v, ct, []byte("aae"))
	refuses("no aad", v, ct, nil)
	refuses("another key", other, ct, []byte("aad"))
}
