package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// oldSample is what scripts/tinkold writes and reads: a keyset, and a signature,
// ciphertext or MAC made with it. Its keys are thrown away.
type oldSample struct {
	Type           state.KeyType `json:"type"`
	Keyset         []byte        `json:"keyset"`
	Input          []byte        `json:"input"`
	AssociatedData []byte        `json:"associated_data"`
	Output         []byte        `json:"output"`
}

// oldOptions sign as the old library does, which binds the hash to the curve.
func oldOptions(t state.KeyType) Options {
	switch t {
	case state.ECDSAP384:
		return Options{Hash: SHA384}
	case state.ECDSAP521:
		return Options{Hash: SHA512}
	}
	return Options{}
}

// opens says whether this keyring takes keysets of a type from the old library.
// Of RSA keys it keeps PSS keysets alone, which the old library does not have.
func opens(t state.KeyType) bool {
	return !t.RSA()
}

// Keysets of github.com/google/tink/go work as if they had been made here. The
// fixture is the output of `go run . make` in scripts/tinkold.
func TestKeysetsOfTheOldTinkWork(t *testing.T) {
	fixture, err := os.ReadFile(filepath.Join("testdata", "tinkold.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	oldKeysets(t, k, b, fixture)
}

// The same with fresh keys, and the other way round: the old library accepts what
// this one makes, with its own keysets and with those made here.
func TestTheOldTinkAcceptsWhatIsMadeHere(t *testing.T) {
	binary := buildTinkOld(t)
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	out, err := exec.Command(binary, "make").Output()
	if err != nil {
		t.Fatalf("tinkold make: %v", err)
	}
	anew := oldKeysets(t, k, b, out)
	for _, typ := range state.KeyTypes() {
		if !opens(typ) {
			continue
		}
		v := generated(t, k, "new-"+string(typ), 1, typ)
		serialized, err := b.Open(barrier.Name{Kind: "key-version", Name: v.ID(), Version: 1}, v.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		anew = append(anew, newSample(t, k, v, serialized))
	}
	if err := tinkOldCheck(binary, anew); err != nil {
		t.Errorf("the old library refuses what was made here: %v", err)
	}
	// It does look: each altered output is refused.
	for _, s := range anew {
		s.Output = flipped(s.Output, len(s.Output)-1)
		if err := tinkOldCheck(binary, []oldSample{s}); err == nil {
			t.Errorf("the old library accepts an altered output of %s", s.Type)
		}
	}
}

// oldKeysets seals each keyset as a version, checks its sample and returns a new one
// made with the same key.
func oldKeysets(t *testing.T, k *Keyring, b *barrier.Barrier, samples []byte) []oldSample {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(samples))
	dec.DisallowUnknownFields()
	var all []oldSample
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	var anew []oldSample
	var seen []state.KeyType
	for _, s := range all {
		if !opens(s.Type) {
			continue
		}
		seen = append(seen, s.Type)
		v := adopt(t, b, s)
		if !s.accepted(t, k, v) {
			t.Errorf("%s: the sample of the old library is refused", s.Type)
		}
		altered := s
		altered.Output = flipped(s.Output, len(s.Output)-1)
		if altered.accepted(t, k, v) {
			t.Errorf("%s: an altered sample is accepted", s.Type)
		}
		anew = append(anew, newSample(t, k, v, s.Keyset))
	}
	for _, typ := range state.KeyTypes() {
		if opens(typ) && !slices.Contains(seen, typ) {
			t.Errorf("the old library made no %s", typ)
		}
	}
	return anew
}

// adopt makes a version of a keyset, through the adapter that seals those of this
// room.
func adopt(t *testing.T, b *barrier.Barrier, s oldSample) *state.KeyVersion {
	t.Helper()
	v := &state.KeyVersion{Mount: mount, Name: "old-" + string(s.Type), Number: 1, Type: s.Type, State: state.Active}
	a := newVersionAEAD(b, v)
	var err error
	if v.Sealed, err = a.Encrypt(slices.Clone(s.Keyset), a.label); err != nil {
		t.Fatal(err)
	}
	x, err := openSecret(b, v)
	if err != nil {
		t.Fatalf("%s: the keyset does not open: %v", s.Type, err)
	}
	if v.Public, err = x.spki(); err != nil {
		t.Fatal(err)
	}
	return v
}

// accepted checks the output of s with v.
func (s oldSample) accepted(t *testing.T, k *Keyring, v *state.KeyVersion) bool {
	t.Helper()
	if v.Type.Signs() {
		return verified(t, k, v, oldOptions(v.Type), s.Input, s.Output)
	}
	if v.Type == state.HMAC {
		var ok bool
		if err := using(k, v, pass.Mint(pass.VerifyHMAC, v.ID()), pass.VerifyHMAC, func(u *Use) (err error) {
			ok, err = u.VerifyHMAC(v, SHA256, s.Input, s.Output)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	plaintext, err := k.Decrypt(pass.Mint(pass.Decrypt, v.ID()), v, s.Output, s.AssociatedData)
	if err != nil && !errors.Is(err, ErrCiphertext) {
		t.Fatal(err)
	}
	return err == nil && bytes.Equal(plaintext, s.Input)
}

// newSample uses v, whose keyset in clear is serialized.
func newSample(t *testing.T, k *Keyring, v *state.KeyVersion, serialized []byte) oldSample {
	t.Helper()
	s := oldSample{Type: v.Type, Keyset: serialized, Input: fmt.Appendf(nil, "made here with %s", v.Type)}
	if v.Type.Signs() {
		s.Output = signed(t, k, v, oldOptions(v.Type), s.Input)
		return s
	}
	if v.Type == state.HMAC {
		if err := using(k, v, pass.Mint(pass.HMAC, v.ID()), pass.HMAC, func(u *Use) (err error) {
			s.Output, err = u.HMAC(v, SHA256, s.Input)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s.AssociatedData = []byte("of " + v.Name)
	var err error
	if s.Output, err = k.Encrypt(pass.Mint(pass.Encrypt, v.ID()), v, s.Input, s.AssociatedData); err != nil {
		t.Fatal(err)
	}
	return s
}

// buildTinkOld builds the nested module, or skips the test where its modules are
// not there and cannot be downloaded.
func buildTinkOld(t *testing.T) string {
	t.Helper()
	module := filepath.Join("..", "..", "..", "scripts", "tinkold")
	if out, err := exec.Command("go", "-C", module, "mod", "download").CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("SECURITY ERROR")) {
			t.Fatalf("the modules of scripts/tinkold are not those of its go.sum:\n%s", out)
		}
		t.Skipf("the modules of scripts/tinkold cannot be downloaded: %s", bytes.TrimSpace(out))
	}
	binary := filepath.Join(t.TempDir(), "tinkold")
	if out, err := exec.Command("go", "-C", module, "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building scripts/tinkold: %v\n%s", err, out)
	}
	return binary
}

func tinkOldCheck(binary string, all []oldSample) error {
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	cmd := exec.Command(binary, "check")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
