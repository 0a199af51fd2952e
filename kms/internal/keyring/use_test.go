package keyring

import (
	"errors"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

// operations are all on an existing version, by the action they need.
func operations(k *Keyring, v *state.KeyVersion, p *pass.Pass) map[pass.Action]func() error {
	return map[pass.Action]func() error{
		pass.Sign:    func() error { _, err := k.Sign(p, v, Options{}, []byte("x")); return err },
		pass.Verify:  func() error { _, err := k.Verify(p, v, Options{}, []byte("x"), []byte("x")); return err },
		pass.Encrypt: func() error { _, err := k.Encrypt(p, v, []byte("x"), nil); return err },
		pass.Decrypt: func() error { _, err := k.Decrypt(p, v, make([]byte, 40), nil); return err },
		pass.Rewrap: func() error {
			return using(k, v, p, pass.Rewrap, func(u *Use) error { _, err := u.Rewrap(v, v, make([]byte, 40), nil); return err })
		},
		pass.HMAC: func() error {
			return using(k, v, p, pass.HMAC, func(u *Use) error { _, err := u.HMAC(v, SHA256, []byte("x")); return err })
		},
		pass.VerifyHMAC: func() error {
			return using(k, v, p, pass.VerifyHMAC, func(u *Use) error { _, err := u.VerifyHMAC(v, SHA256, []byte("x"), []byte("x")); return err })
		},
	}
}

func using(k *Keyring, v *state.KeyVersion, p *pass.Pass, action pass.Action, do func(u *Use) error) error {
	u, err := k.Open(p, action, v.ID())
	if err != nil {
		return err
	}
	defer u.Close()
	return do(u)
}

// actions are those on an existing version.
func actions() []pass.Action {
	return []pass.Action{pass.Sign, pass.Verify, pass.Encrypt, pass.Decrypt, pass.Rewrap, pass.HMAC, pass.VerifyHMAC}
}

func suited(action pass.Action) state.KeyType {
	if action == pass.Sign || action == pass.Verify {
		return state.ECDSAP256
	}
	return state.AES256GCM
}

func TestEveryOperationSpendsItsOwnPassOnce(t *testing.T) {
	w := shared(t)
	for _, action := range actions() {
		v := w.version(suited(action))
		p := pass.Mint(action, v.ID())
		if err := operations(w.Keyring, v, p)[action](); err != nil && !errors.Is(err, ErrCiphertext) {
			t.Errorf("%s with its pass: %v", action, err)
		}
		if err := operations(w.Keyring, v, p)[action](); !errors.Is(err, pass.ErrSpent) {
			t.Errorf("%s a second time: %v", action, err)
		}
		if err := operations(w.Keyring, v, nil)[action](); !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("%s without a pass: %v", action, err)
		}
		if err := operations(w.Keyring, v, pass.Mint(action, v.Mount+"/other"))[action](); !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("%s with the pass of another key: %v", action, err)
		}
		for _, other := range append(actions(), pass.Generate) {
			if other == action {
				continue
			}
			if err := operations(w.Keyring, v, pass.Mint(other, v.ID()))[action](); !errors.Is(err, pass.ErrWrongUse) {
				t.Errorf("%s with a pass to %s: %v", action, other, err)
			}
		}
	}
	for name, p := range map[string]*pass.Pass{"nil": nil, "sign": pass.Mint(pass.Sign, mount+"/g"), "another key": pass.Mint(pass.Generate, mount+"/h")} {
		if _, err := w.Generate(p, mount, "g", 1, state.Ed25519, 0); !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("generate with pass %s: %v", name, err)
		}
	}
}

// A pass is gone even when what follows is refused: trying again needs policy.
func TestARefusedOperationSpendsThePass(t *testing.T) {
	w := shared(t)
	v := w.version(state.ECDSAP256)
	p := pass.Mint(pass.Sign, v.ID())
	if _, err := w.Sign(p, v, Options{Hash: "x"}, nil); !errors.Is(err, ErrHash) {
		t.Fatal(err)
	}
	if _, err := w.Sign(p, v, Options{}, nil); !errors.Is(err, pass.ErrSpent) {
		t.Fatalf("%v, want ErrSpent", err)
	}
}

func TestUseServesManyItemsOfOneKeyAndOneAction(t *testing.T) {
	k := unsealed(t)
	v1, v2 := generated(t, k, "web", 1, state.ECDSAP256), generated(t, k, "web", 2, state.Ed25519)
	other := generated(t, k, "we", 1, state.ECDSAP256)
	elsewhere := *v1
	elsewhere.Mount = "another-mount"
	u, err := k.Open(pass.Mint(pass.Sign, v1.ID()), pass.Sign, v1.ID())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, v := range []*state.KeyVersion{v1, v2} {
			sig, err := u.Sign(v, Options{}, []byte("x"))
			if err != nil || !verified(t, k, v, Options{}, []byte("x"), sig) {
				t.Fatalf("version %d: %v", v.Number, err)
			}
		}
	}
	for name, v := range map[string]*state.KeyVersion{"another key": other, "another mount": &elsewhere} {
		if _, err := u.Sign(v, Options{}, []byte("x")); !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := u.Verify(v1, Options{}, []byte("x"), []byte("x")); !errors.Is(err, pass.ErrWrongUse) {
		t.Errorf("verify: %v", err)
	}
	if _, err := u.Encrypt(v1, nil, nil); !errors.Is(err, pass.ErrWrongUse) {
		t.Errorf("encrypt: %v", err)
	}
	if _, err := u.Decrypt(v1, nil, nil); !errors.Is(err, pass.ErrWrongUse) {
		t.Errorf("decrypt: %v", err)
	}
	for _, err := range []error{
		func() error { _, err := u.HMAC(v1, SHA256, nil); return err }(),
		func() error { _, err := u.VerifyHMAC(v1, SHA256, nil, nil); return err }(),
		func() error { _, err := u.Rewrap(v1, v2, nil, nil); return err }(),
	} {
		if !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("hmac and rewrap with a pass to sign: %v", err)
		}
	}
	u.Close()
	u.Close()
	if _, err := u.Sign(v1, Options{}, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestNamesIsID(t *testing.T) {
	for _, id := range []string{"m/k", "m/kk", "mm/k", "m/", "/k", "m", "", "mxk", "m/k/"} {
		for _, v := range []*state.KeyVersion{{Mount: "m", Name: "k"}, {Mount: "m", Name: "kk"}, {Mount: "mm", Name: "k"}, {}, {Mount: "m"}, {Name: "k"}} {
			if names(id, v) != (v.ID() == id) {
				t.Errorf("%q and %q", id, v.ID())
			}
		}
	}
}

func TestTypesRefuseWhatTheyCannotDo(t *testing.T) {
	w := shared(t)
	for _, typ := range append(state.KeyTypes(), "aes256-siv") {
		v := &state.KeyVersion{Mount: mount, Name: "x", Number: 1, Type: typ}
		if w.versions[typ] != nil {
			v = w.version(typ)
		}
		for action, text := range map[pass.Action]string{pass.Sign: "signing", pass.Verify: "verification", pass.Encrypt: "encryption", pass.Decrypt: "decryption", pass.Rewrap: "rewrapping", pass.HMAC: "", pass.VerifyHMAC: ""} {
			err := operations(w.Keyring, v, pass.Mint(action, v.ID()))[action]()
			can := typ.Encrypts()
			if action == pass.Sign || action == pass.Verify {
				can = typ.Signs()
			}
			if action == pass.HMAC || action == pass.VerifyHMAC {
				can = typ.Known()
			}
			switch {
			case !typ.Known():
				if !errors.Is(err, ErrKeyType) || err.Error() != "unknown key type "+string(typ) {
					t.Errorf("%s %s: %v", action, typ, err)
				}
			case !can:
				if want := "key type " + string(typ) + " does not support " + text; !errors.Is(err, ErrUnsupported) || err.Error() != want {
					t.Errorf("%s %s: %v, want %s", action, typ, err, want)
				}
			case err != nil && !errors.Is(err, ErrCiphertext):
				t.Errorf("%s %s: %v", action, typ, err)
			}
		}
	}
}
