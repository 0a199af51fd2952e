package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// testdata/one-key-keysets.json was written by the build before keys had an HMAC
// key: a term store under a wrapping key of ones, and versions that it sealed,
// each with what its key made of "golden".
func TestVersionsSealedByAnEarlierBuildOpen(t *testing.T) {
	text, err := os.ReadFile("testdata/one-key-keysets.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Terms    []byte
		Versions []struct {
			Type                 state.KeyType
			Public, Sealed, Made []byte
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	ts, err := barrier.UnwrapTermStore(bytes.Repeat([]byte{1}, 32), []byte("golden"), golden.Terms)
	if err != nil {
		t.Fatal(err)
	}
	b, err := barrier.New("golden", ts)
	if err != nil {
		t.Fatal(err)
	}
	k := New()
	k.Unseal(b)
	for _, g := range golden.Versions {
		v := &state.KeyVersion{Mount: "golden-mount", Name: string(g.Type), Number: 1, Type: g.Type, Public: g.Public, Sealed: g.Sealed}
		if g.Type.Signs() {
			if !verified(t, k, v, Options{}, []byte("golden"), g.Made) {
				t.Errorf("%s: a signature of then does not verify", g.Type)
			}
			if !verified(t, k, v, Options{}, []byte("new"), signed(t, k, v, Options{}, []byte("new"))) {
				t.Errorf("%s: it does not sign", g.Type)
			}
		} else if pt, err := decrypted(k, v, g.Made, []byte("aad")); err != nil || string(pt) != "golden" {
			t.Errorf("%s: %q, %v", g.Type, pt, err)
		}
		for _, action := range []pass.Action{pass.HMAC, pass.VerifyHMAC} {
			if err := operations(k, v, pass.Mint(action, v.ID()))[action](); !errors.Is(err, ErrNoHMACKey) {
				t.Errorf("%s %s: %v", g.Type, action, err)
			}
		}
	}
	if len(golden.Versions) != 4 {
		t.Errorf("%d versions", len(golden.Versions))
	}
}
