//go:build signet_testhook

package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// recorded reads a record file: version → what → bytes.
func recorded(t *testing.T, path string) map[string]map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]map[string][]byte)
	for line := range strings.Lines(string(text)) {
		field := strings.Fields(line)
		if len(field) != 3 || !strings.HasSuffix(line, "\n") {
			t.Fatalf("line %q", line)
		}
		b, err := hex.DecodeString(field[2])
		if err != nil {
			t.Fatal(err)
		}
		if all[field[0]] == nil {
			all[field[0]] = make(map[string][]byte)
		}
		all[field[0]][field[1]] = b
	}
	return all
}

func TestRecorderWritesEveryForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	t.Setenv(recordFile, path)
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	versions := make(map[state.KeyType]*state.KeyVersion)
	types := []state.KeyType{state.ECDSAP256, state.ECDSAP384, state.ECDSAP521, state.Ed25519, state.RSA2048, state.AES256GCM, state.AES128GCM, state.ChaCha20, state.XChaCha20, state.HMAC}
	for i, typ := range types {
		versions[typ] = generated(t, k, "web", uint32(i+1), typ)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	all := recorded(t, path)
	if len(all) != len(types) {
		t.Fatalf("%d versions, want %d", len(all), len(types))
	}
	for i, typ := range types {
		v, forms := versions[typ], all[fmt.Sprintf("%s/web/%d", mount, i+1)]
		plaintext, err := b.Open(barrier.Name{Kind: "key-version", Name: v.ID(), Version: uint64(v.Number)}, v.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(forms["keyset"], plaintext) {
			t.Errorf("%s: the keyset is not what was sealed", typ)
		}
		m := hmac.New(sha256.New, forms["hmac"])
		m.Write([]byte("x"))
		if !bytes.Equal(m.Sum(nil), macOf(t, k, v, SHA256, []byte("x"))) {
			t.Errorf("%s: the hmac key makes another hmac", typ)
		}
		delete(forms, "hmac")
		if typ == state.HMAC {
			if len(forms) != 1 {
				t.Errorf("%s: %d forms", typ, len(forms))
			}
			continue
		}
		if typ.Encrypts() {
			key := append(forms["aes"], forms["chacha20"]...)
			if len(forms) != 2 || !opensWith(t, typ, key, encrypted(t, k, v, []byte("x"), nil)) {
				t.Errorf("%s: the key does not decrypt", typ)
			}
			continue
		}
		private, err := x509.ParsePKCS8PrivateKey(forms["pkcs8"])
		if err != nil {
			t.Fatal(typ, err)
		}
		checkForms(t, private, v, forms)
	}
}

func opensWith(t *testing.T, typ state.KeyType, key, ct []byte) bool {
	t.Helper()
	aead := independent(t, typ, key)
	n := aead.NonceSize()
	_, err := aead.Open(nil, ct[:n], ct[n:], nil)
	return err == nil
}

func checkForms(t *testing.T, private any, v *state.KeyVersion, forms map[string][]byte) {
	t.Helper()
	want := map[string][]byte{"keyset": forms["keyset"], "pkcs8": forms["pkcs8"]}
	var public any
	switch p := private.(type) {
	case *ecdsa.PrivateKey:
		public = p.Public()
		want["ecdsa-d"], _ = p.Bytes()
		want["sec1"], _ = x509.MarshalECPrivateKey(p)
	case ed25519.PrivateKey:
		public = p.Public()
		want["ed25519-seed"] = p.Seed()
	case *rsa.PrivateKey:
		public = p.Public()
		want["pkcs1"] = x509.MarshalPKCS1PrivateKey(p)
		want["rsa-d"], want["rsa-p"], want["rsa-q"] = p.D.Bytes(), p.Primes[0].Bytes(), p.Primes[1].Bytes()
		if new(big.Int).Mul(p.Primes[0], p.Primes[1]).Cmp(p.N) != 0 {
			t.Error("the primes are not those of the modulus")
		}
	}
	if !bytes.Equal(spkiOf(t, public), v.Public) {
		t.Errorf("%s: the key recorded is another", v.Type)
	}
	if len(forms) != len(want) {
		t.Errorf("%s: %d forms, want %d", v.Type, len(forms), len(want))
	}
	for what, b := range want {
		if len(b) == 0 || !bytes.Equal(forms[what], b) {
			t.Errorf("%s: %s is not the key's", v.Type, what)
		}
	}
}

func TestRecorderFailsLoudly(t *testing.T) {
	t.Setenv(recordFile, filepath.Join(t.TempDir(), "missing", "record"))
	if _, err := unsealed(t).Generate(pass.Mint(pass.Generate, "m/k"), "m", "k", 1, state.Ed25519, 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key that could not be recorded: %v", err)
	}
	t.Setenv(recordFile, "")
	generated(t, unsealed(t), "k", 1, state.Ed25519)
}
