package keyring

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

func TestSealedRefusesEverything(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	ec, aes := generated(t, k, "web", 1, state.ECDSAP256), generated(t, k, "box", 1, state.AES256GCM)
	sig := signed(t, k, ec, Options{}, []byte("x"))
	open, err := k.Open(pass.Mint(pass.Sign, ec.ID()), pass.Sign, ec.ID())
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(k *Keyring) {
		t.Helper()
		for action, v := range map[pass.Action]*state.KeyVersion{pass.Sign: ec, pass.Verify: ec, pass.Encrypt: aes, pass.Decrypt: aes, pass.Rewrap: aes, pass.HMAC: ec, pass.VerifyHMAC: aes} {
			if err := operations(k, v, pass.Mint(action, v.ID()))[action](); !errors.Is(err, ErrSealed) {
				t.Errorf("%s: %v", action, err)
			}
		}
		if _, err := k.Generate(pass.Mint(pass.Generate, mount+"/n"), mount, "n", 1, state.Ed25519, 0); !errors.Is(err, ErrSealed) {
			t.Errorf("generate: %v", err)
		}
		if _, err := k.Open(pass.Mint(pass.Sign, ec.ID()), pass.Sign, ec.ID()); !errors.Is(err, ErrSealed) {
			t.Errorf("open: %v", err)
		}
		k.Forget(mount, "web")
	}
	refuses(New())
	k.Seal()
	k.Seal()
	refuses(k)
	if _, err := open.Sign(ec, Options{}, []byte("x")); !errors.Is(err, ErrSealed) {
		t.Errorf("a use from before: %v", err)
	}
	k.Unseal(b)
	if !verified(t, k, ec, Options{}, []byte("x"), sig) {
		t.Error("a signature from before the seal does not verify")
	}
	signed(t, k, ec, Options{}, []byte("x"))
}

func TestAWipedBarrierIsASealedNode(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "web", 1, state.ECDSAP256)
	b.Wipe()
	if _, err := k.Sign(pass.Mint(pass.Sign, v.ID()), v, Options{}, []byte("x")); !errors.Is(err, ErrSealed) {
		t.Errorf("sign: %v", err)
	}
	if _, err := k.Generate(pass.Mint(pass.Generate, mount+"/n"), mount, "n", 1, state.Ed25519, 0); !errors.Is(err, ErrSealed) {
		t.Errorf("generate: %v", err)
	}
}

// Nothing but the cache holds a clear key, and Seal and Forget empty it.
func TestSealAndForgetLetGoOfClearKeys(t *testing.T) {
	k := unsealed(t)
	held := func(name string, typ state.KeyType) weak.Pointer[secret] {
		v := generated(t, k, name, 1, typ)
		if typ.Signs() {
			signed(t, k, v, Options{}, []byte("x"))
		} else if _, err := k.Encrypt(pass.Mint(pass.Encrypt, v.ID()), v, nil, nil); err != nil {
			t.Fatal(err)
		}
		return weak.Make(k.session.Load().entries[versionKey{mount, name, 1}].private.Load())
	}
	forgotten, ec, ed, aes := held("f", state.ECDSAP256), held("ec", state.ECDSAP384), held("ed", state.Ed25519), held("aes", state.AES256GCM)
	k.Forget(mount, "f")
	k.Forget("another-mount", "ec")
	if n := len(k.session.Load().entries); n != 3 {
		t.Errorf("%d entries after Forget, want 3", n)
	}
	k.Seal()
	for name, p := range map[string]weak.Pointer[secret]{"forgotten": forgotten, "ec": ec, "ed": ed, "aes": aes} {
		if p.Value() != nil {
			t.Errorf("%s is still reachable", name)
		}
	}
}

func TestSealUnderLoad(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	ec, ed := generated(t, k, "web", 1, state.ECDSAP256), generated(t, k, "web", 2, state.Ed25519)
	box := generated(t, k, "box", 1, state.AES256GCM)
	k.Seal()
	k.Unseal(b)

	var began, sealed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	work := func(f func() error) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := f()
				began.Add(1)
				if errors.Is(err, ErrSealed) {
					sealed.Add(1)
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, v := range []*state.KeyVersion{ec, ed, ec} {
		work(func() error {
			sig, err := k.Sign(pass.Mint(pass.Sign, v.ID()), v, Options{}, []byte("x"))
			if err != nil {
				return err
			}
			ok, err := k.Verify(pass.Mint(pass.Verify, v.ID()), v, Options{}, []byte("x"), sig)
			if err == nil && !ok {
				t.Error("a signature made while sealing does not verify")
			}
			return err
		})
	}
	work(func() error {
		ct, err := k.Encrypt(pass.Mint(pass.Encrypt, box.ID()), box, []byte("x"), nil)
		if err != nil {
			return err
		}
		_, err = k.Decrypt(pass.Mint(pass.Decrypt, box.ID()), box, ct, nil)
		return err
	})
	work(func() error {
		_, err := k.Generate(pass.Mint(pass.Generate, mount+"/n"), mount, "n", 1, state.ECDSAP256, 0)
		return err
	})
	for range 10 {
		for n := began.Load(); began.Load() < n+200; { // so that work is under way
		}
		k.Forget(mount, "web")
		k.Seal()
		for n := sealed.Load(); sealed.Load() < n+20; { // so that each state is met
		}
		k.Unseal(b)
	}
	close(stop)
	wg.Wait()
}

// Making an RSA key takes long; others sign meanwhile, and Seal does not wait.
func TestGenerateHoldsUpNobody(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "web", 1, state.ECDSAP256)
	began := k.session.Load() // Generate has been admitted
	done := make(chan error, 1)
	go func() {
		_, err := generate(began.b, &state.KeyVersion{Mount: mount, Name: "slow", Number: 1, Type: state.RSA4096}, 0)
		done <- err
	}()
	var n int
	for ; len(done) == 0; n++ {
		signed(t, k, v, Options{}, []byte("x"))
		if n == 3 {
			k.Seal() // returns although the key is not made yet
			k.Unseal(b)
		}
	}
	if err := <-done; err != nil {
		t.Error(err) // the barrier was not wiped: what was under way finishes
	}
	if n < 4 {
		t.Errorf("%d signatures while an RSA key was made", n)
	}
}

func TestVerifyDoesNotOpenThePrivateHalf(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	for _, typ := range []state.KeyType{state.ECDSAP256, state.Ed25519, state.RSA2048} {
		v := generated(t, k, string(typ), 1, typ)
		sig := signed(t, k, v, Options{}, []byte("x"))
		k.Seal()
		k.Unseal(b)
		broken := *v
		broken.Sealed = []byte("not sealed bytes")
		if !verified(t, k, &broken, Options{}, []byte("x"), sig) {
			t.Errorf("%s: does not verify", typ)
		}
		if k.session.Load().entries[versionKey{mount, string(typ), 1}].private.Load() != nil {
			t.Errorf("%s: the private half is open", typ)
		}
		if _, err := k.Sign(pass.Mint(pass.Sign, v.ID()), &broken, Options{}, []byte("x")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: signs with it: %v", typ, err)
		}
	}
}

// What is cached counts for the record it came from and for no other.
func TestTheCacheDoesNotOutliveTheRecord(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "web", 1, state.ECDSAP256)
	signed(t, k, v, Options{}, []byte("x")) // cached by now

	erased := *v
	erased.Sealed = nil
	if _, err := k.Sign(pass.Mint(pass.Sign, v.ID()), &erased, Options{}, []byte("x")); !errors.Is(err, ErrDamaged) {
		t.Errorf("a version whose private half was erased signs: %v", err)
	}

	// Another key under the same identity, as a restored snapshot may bring it.
	for _, typ := range []state.KeyType{state.ECDSAP256, state.Ed25519} {
		replaced := generated(t, k, "web", 1, typ)
		sig := signed(t, k, replaced, Options{}, []byte("x"))
		if !verified(t, k, replaced, Options{}, []byte("x"), sig) {
			t.Errorf("%s: the replaced record verifies with the old key", typ)
		}
	}
	one, two := generated(t, k, "box", 1, state.AES256GCM), generated(t, k, "box", 1, state.AES256GCM)
	ct, err := k.Encrypt(pass.Mint(pass.Encrypt, one.ID()), one, []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Decrypt(pass.Mint(pass.Decrypt, two.ID()), two, ct, nil); !errors.Is(err, ErrCiphertext) {
		t.Errorf("a symmetric key that was replaced still decrypts: %v", err)
	}
	if pt, err := k.Decrypt(pass.Mint(pass.Decrypt, one.ID()), one, ct, nil); err != nil || string(pt) != "x" {
		t.Errorf("the first key: %q, %v", pt, err)
	}

	// The same key sealed anew, as a new barrier term does it.
	name := barrier.Name{Kind: "key-version", Name: v.ID(), Version: 1}
	clearKeyset, err := b.Open(name, v.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	again := *v
	if again.Sealed, err = b.Seal(name, clearKeyset); err != nil {
		t.Fatal(err)
	}
	sig := signed(t, k, &again, Options{}, []byte("x"))
	if !verified(t, k, v, Options{}, []byte("x"), sig) {
		t.Error("sealed anew, it is another key")
	}
}

func TestOneOpeningServesAll(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	v := generated(t, k, "web", 1, state.ECDSAP256)
	s := k.session.Load()
	var mu sync.Mutex
	var all []*secret
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			x, err := s.secret(v)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, x)
		})
	}
	wg.Wait()
	if len(slices.Compact(all)) != 1 {
		t.Error("the version was opened more than once")
	}
}
