package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// attempt opens the private half of v and uses it.
func attempt(k *Keyring, v *state.KeyVersion) error {
	if v.Type.Signs() {
		_, err := k.Sign(pass.Mint(pass.Sign, v.ID()), v, Options{}, []byte("x"))
		return err
	}
	if v.Type == state.HMAC {
		return operations(k, v, pass.Mint(pass.HMAC, v.ID()))[pass.HMAC]()
	}
	_, err := k.Encrypt(pass.Mint(pass.Encrypt, v.ID()), v, nil, nil)
	return err
}

func TestASealedHalfOpensOnlyWhereItBelongs(t *testing.T) {
	w := shared(t)
	other := generated(t, w.Keyring, "other", 1, state.ECDSAP256)
	for _, typ := range state.KeyTypes() {
		if err := attempt(w.Keyring, w.version(typ)); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		changes := map[string]func(v *state.KeyVersion){
			"name":           func(v *state.KeyVersion) { v.Name = "moved" },
			"mount":          func(v *state.KeyVersion) { v.Mount = "another-mount" },
			"number":         func(v *state.KeyVersion) { v.Number = 2 },
			"first bit":      func(v *state.KeyVersion) { v.Sealed[0] ^= 1 },
			"last bit":       func(v *state.KeyVersion) { v.Sealed[len(v.Sealed)-1] ^= 1 },
			"cut":            func(v *state.KeyVersion) { v.Sealed = v.Sealed[:len(v.Sealed)-1] },
			"longer":         func(v *state.KeyVersion) { v.Sealed = append(v.Sealed, 0) },
			"empty":          func(v *state.KeyVersion) { v.Sealed = nil },
			"another's half": func(v *state.KeyVersion) { v.Sealed = other.Sealed },
			"another public": func(v *state.KeyVersion) { v.Public = other.Public },
			"cut public": func(v *state.KeyVersion) {
				if len(v.Public) == 0 {
					v.Public = []byte{0}
				}
				v.Public = v.Public[:len(v.Public)-1]
				v.Sealed = v.Sealed[:len(v.Sealed)-1]
			},
		}
		for _, t2 := range state.KeyTypes() {
			if t2 != typ {
				changes["type "+string(t2)] = func(v *state.KeyVersion) { v.Type = t2 }
				// The public half of that type too, so that the sealed half alone decides.
				changes["type and public "+string(t2)] = func(v *state.KeyVersion) { v.Type, v.Public = t2, w.versions[t2].Public }
			}
		}
		for what, change := range changes {
			v := w.version(typ)
			change(v)
			if err := attempt(w.Keyring, v); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, %s: %v", typ, what, err)
			}
		}
	}
}

// A keyset that the barrier vouches for is still held to what Generate makes.
func TestOtherKeysetsAreRefused(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "web", 1, state.ECDSAP256)
	two := keyset.NewManager()
	p, err := parameters(state.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		id, err := two.AddNewKeyFromParameters(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := two.SetPrimary(id); err != nil {
			t.Fatal(err)
		}
	}
	h, err := two.Handle()
	if err != nil {
		t.Fatal(err)
	}
	double := *v
	if double.Sealed, err = sealKeyset(b, v, h); err != nil {
		t.Fatal(err)
	}
	// The public half of the key that would be taken.
	primary, err := h.Primary()
	if err != nil {
		t.Fatal(err)
	}
	x, err := fromTink(state.ECDSAP256, primary.Key())
	if err != nil {
		t.Fatal(err)
	}
	if double.Public, err = x.spki(); err != nil {
		t.Fatal(err)
	}
	if err := attempt(k, &double); !errors.Is(err, ErrDamaged) {
		t.Errorf("a keyset with two keys: %v", err)
	}
	short, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 16, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantNoPrefix})
	if err != nil {
		t.Fatal(err)
	}
	prefixed, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]key.Parameters{"AES-128": short, "AES with a prefix": prefixed} {
		m := keyset.NewManager()
		id, err := m.AddNewKeyFromParameters(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.SetPrimary(id); err != nil {
			t.Fatal(err)
		}
		h, err := m.Handle()
		if err != nil {
			t.Fatal(err)
		}
		box := &state.KeyVersion{Mount: mount, Name: "box", Number: 1, Type: state.AES256GCM}
		if box.Sealed, err = sealKeyset(b, box, h); err != nil {
			t.Fatal(err)
		}
		if err := attempt(k, box); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, plaintext := range map[string][]byte{"empty": nil, "no protobuf": []byte("no keyset"), "no key": {8, 1}} {
		bad := *v
		if bad.Sealed, err = b.Seal(barrier.Name{Kind: "key-version", Name: v.ID(), Version: 1}, plaintext); err != nil {
			t.Fatal(err)
		}
		if err := attempt(k, &bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What goes into raft is what the barrier made: no description of the key in
// clear beside it, and no part of the key in it.
func TestSealedIsTheBarriersCiphertextAlone(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	for _, typ := range []state.KeyType{state.ECDSAP256, state.Ed25519, state.AES256GCM, state.XChaCha20, state.HMAC} {
		v := generated(t, k, "web", 1, typ)
		plaintext, err := b.Open(barrier.Name{Kind: "key-version", Name: mount + "/web", Version: 1}, v.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Sealed) != len(plaintext)+barrier.Overhead {
			t.Errorf("%s: %d bytes for a keyset of %d", typ, len(v.Sealed), len(plaintext))
		}
		if bytes.Contains(v.Sealed, []byte("type.googleapis.com")) {
			t.Errorf("%s: the keyset is described in clear", typ)
		}
	}
}

func TestTheAdapterTakesItsOwnLabelAlone(t *testing.T) {
	b := newBarrier(t)
	a := newVersionAEAD(b, &state.KeyVersion{Mount: "m", Name: "k", Number: 1})
	sealed, err := a.Encrypt([]byte("x"), a.label)
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range [][]byte{nil, []byte("key-version m/k 2")} {
		if _, err := a.Encrypt([]byte("x"), label); !errors.Is(err, ErrDamaged) {
			t.Errorf("encrypt as %q: %v", label, err)
		}
		if _, err := a.Decrypt(sealed, label); !errors.Is(err, ErrDamaged) {
			t.Errorf("decrypt as %q: %v", label, err)
		}
	}
	var io keysetIO
	if _, err := io.Read(); err == nil {
		t.Error("a clear keyset is read")
	}
	if err := io.Write(nil); err == nil {
		t.Error("a clear keyset is written")
	}
}

// The buffers between Tink and the barrier hold the serialized private key.
func TestSerializedKeysetsAreOverwritten(t *testing.T) {
	b := newBarrier(t)
	v := &state.KeyVersion{Mount: "m", Name: "k", Number: 1}
	a := newVersionAEAD(b, v)
	plaintext := []byte("serialized keyset")
	sealed, err := a.Encrypt(plaintext, a.label)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plaintext, make([]byte, len(plaintext))) {
		t.Errorf("after Encrypt: %q", plaintext)
	}
	opened, err := a.Decrypt(sealed, a.label)
	if err != nil || string(opened) != "serialized keyset" {
		t.Fatalf("%q, %v", opened, err)
	}
	a.wipe()
	if !bytes.Equal(opened, make([]byte, len(opened))) {
		t.Errorf("after wipe: %q", opened)
	}
}

// What comes back must be what was sealed, as the very version.
func TestSealedBytesMustOpenToWhatWasSealed(t *testing.T) {
	b := newBarrier(t)
	a := newVersionAEAD(b, &state.KeyVersion{Mount: "m", Name: "k", Number: 1})
	other := newVersionAEAD(b, &state.KeyVersion{Mount: "m", Name: "k", Number: 2})
	plaintext := []byte("serialized keyset")
	sealed, err := a.b.Seal(a.name, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.opensTo(sealed, plaintext); err != nil {
		t.Errorf("its own plaintext: %v", err)
	}
	for _, wrong := range []string{"", "serialized keyseT", "serialized keyset ", "serialized keyse"} {
		if err := a.opensTo(sealed, []byte(wrong)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := other.opensTo(sealed, plaintext); !errors.Is(err, barrier.ErrOpen) {
		t.Errorf("as another version: %v", err)
	}
	if err := a.opensTo(sealed[:len(sealed)-1], plaintext); !errors.Is(err, barrier.ErrOpen) {
		t.Errorf("cut short: %v", err)
	}
}

// A symmetric version is not parsed again when it is made, so it is here: as often as
// ids of other lengths take, for every type and the sizes that an hmac key may have.
func TestEveryNewKeysetParses(t *testing.T) {
	b := newBarrier(t)
	for _, typ := range state.KeyTypes() {
		sizes := []int{0}
		switch {
		case typ == state.HMAC:
			sizes = []int{MinKeySize, MinKeySize + 1, 127, 128, 255, 256, MaxKeySize - 1, MaxKeySize}
		case typ.Asymmetric():
			continue // those are opened whole
		}
		for _, size := range sizes {
			for range 200 {
				v := &state.KeyVersion{Mount: "m", Name: "k", Number: 1, Type: typ}
				if _, err := generate(b, v, size); err != nil {
					t.Fatal(typ, size, err)
				}
				x, err := openSecret(b, v)
				if err != nil || v.Public != nil || v.KID == "" {
					t.Fatal(typ, size, v.Public, v.KID, err)
				}
				if want := max(size, sideKeySize); typ == state.HMAC && len(x.mac.bytes) != want || typ != state.HMAC && (x.aead == nil || len(x.mac.bytes) != sideKeySize) {
					t.Fatalf("%s of %d bytes: an HMAC key of %d", typ, size, len(x.mac.bytes))
				}
			}
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	k := unsealed(t)
	for _, c := range []struct {
		mount, name string
		number      uint32
		typ         state.KeyType
		size        int
		want        error
	}{
		{"", "k", 1, state.Ed25519, 0, ErrVersion},
		{"a/b", "c", 1, state.Ed25519, 0, ErrVersion},
		{"m", "", 1, state.Ed25519, 0, ErrVersion},
		{"m", "k", 0, state.Ed25519, 0, ErrVersion},
		{"m", "k", 1, "", 0, ErrKeyType},
		{"m", "k", 1, "ed448", 0, ErrKeyType},
		{"m", "k", 1, state.Ed25519, 32, ErrKeySize},
		{"m", "k", 1, state.AES256GCM, 32, ErrKeySize},
		{"m", "k", 1, state.HMAC, 31, ErrKeySize},
		{"m", "k", 1, state.HMAC, 513, ErrKeySize},
		{"m", "k", 1, state.HMAC, -1, ErrKeySize},
	} {
		g, err := k.Generate(pass.Mint(pass.Generate, c.mount+"/"+c.name), c.mount, c.name, c.number, c.typ, c.size)
		if !errors.Is(err, c.want) || g != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestGeneratedKeysDiffer(t *testing.T) {
	k := unsealed(t)
	seen := make(map[string]bool)
	for _, typ := range []state.KeyType{state.AES256GCM, state.ECDSAP256, state.Ed25519} {
		for range 3 {
			v := generated(t, k, "web", 1, typ)
			if (typ == state.AES256GCM) != (v.Public == nil) {
				t.Errorf("%s: public half %x", typ, v.Public)
			}
			for _, s := range []string{v.KID, fmt.Sprintf("%x", v.Sealed)} {
				if seen[s] {
					t.Errorf("%s twice", s)
				}
				seen[s] = true
			}
		}
	}
	if v := generated(t, k, "web", 1, state.AES256GCM); len(v.KID) != 22 {
		t.Errorf("kid %q is not 16 bytes", v.KID)
	}
}
