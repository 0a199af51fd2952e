package keyring

import (
	"crypto/x509"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

const mount = "0d7c3a1e-5b0f-4f0e-9a55-3f1f6a2f7c11"

// signing lists the types that sign.
func signing() []state.KeyType {
	return slices.DeleteFunc(state.KeyTypes(), func(t state.KeyType) bool { return !t.Signs() })
}

func newBarrier(t testing.TB) *barrier.Barrier {
	t.Helper()
	ts, err := barrier.NewTermStore(1)
	if err != nil {
		t.Fatal(err)
	}
	defer ts.Wipe()
	b, err := barrier.New("cluster", ts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unsealed(t testing.TB) *Keyring {
	t.Helper()
	k := New()
	k.Unseal(newBarrier(t))
	return k
}

// generated makes a version and fails the test if it cannot.
func generated(t testing.TB, k *Keyring, name string, number uint32, typ state.KeyType) *state.KeyVersion {
	t.Helper()
	g, err := k.Generate(pass.Mint(pass.Generate, mount+"/"+name), mount, name, number, typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &state.KeyVersion{Mount: mount, Name: name, Number: number, Type: typ, State: state.Active,
		KID: g.KID, Public: g.Public, Sealed: g.Sealed}
}

// world is one unsealed keyring with a key of each type, made once for all tests
// that change nothing in it: RSA keys are slow to make.
type world struct {
	*Keyring
	versions map[state.KeyType]*state.KeyVersion // type → its version 1
}

var theWorld struct {
	sync.Mutex
	*world
}

func shared(t testing.TB) *world {
	t.Helper()
	theWorld.Lock()
	defer theWorld.Unlock()
	if theWorld.world == nil {
		w := &world{unsealed(t), make(map[state.KeyType]*state.KeyVersion)}
		for _, typ := range state.KeyTypes() {
			w.versions[typ] = generated(t, w.Keyring, string(typ), 1, typ)
		}
		theWorld.world = w
	}
	return theWorld.world
}

// version returns a copy that a test may change.
func (w *world) version(typ state.KeyType) *state.KeyVersion {
	v := *w.versions[typ]
	v.Public, v.Sealed = slices.Clone(v.Public), slices.Clone(v.Sealed)
	return &v
}

func (w *world) public(t testing.TB, typ state.KeyType) any {
	t.Helper()
	k, err := x509.ParsePKIXPublicKey(w.versions[typ].Public)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t testing.TB, k *Keyring, v *state.KeyVersion, o Options, input []byte) []byte {
	t.Helper()
	sig, err := k.Sign(pass.Mint(pass.Sign, v.ID()), v, o, input)
	if err != nil {
		t.Fatalf("sign with %+v: %v", o, err)
	}
	return sig
}

func verified(t testing.TB, k *Keyring, v *state.KeyVersion, o Options, input, sig []byte) bool {
	t.Helper()
	ok, err := k.Verify(pass.Mint(pass.Verify, v.ID()), v, o, input, sig)
	if err != nil {
		t.Fatalf("verify with %+v: %v", o, err)
	}
	return ok
}

func flipped(b []byte, i int) []byte {
	c := slices.Clone(b)
	c[i] ^= 1
	return c
}

// hashes maps every hash that signs to its length in bytes.
func hashes() map[Hash]int {
	return map[Hash]int{SHA224: 28, SHA256: 32, SHA384: 48, SHA512: 64, SHA3_224: 28, SHA3_256: 32, SHA3_384: 48, SHA3_512: 64}
}

// combinations are all options that make distinct signatures with keys of typ.
func combinations(typ state.KeyType) []Options {
	var all []Options
	if typ == state.Ed25519 {
		return []Options{{}, {Hash: SHA512, Prehashed: true}}
	}
	for _, h := range slices.Sorted(maps.Keys(hashes())) {
		for _, prehashed := range []bool{false, true} {
			o := Options{Hash: h, Prehashed: prehashed}
			if typ.ECDSA() {
				all = append(all, o)
				o.JWS = true
				all = append(all, o)
				continue
			}
			for _, salt := range []Salt{SaltAuto, SaltHash, 20} {
				o.Salt = salt
				all = append(all, o)
			}
			o.PKCS1v15, o.Salt = true, SaltAuto
			all = append(all, o)
		}
	}
	none := Options{Hash: HashNone, Prehashed: true, PKCS1v15: true}
	if typ.ECDSA() {
		all = append(all, none, Options{Hash: HashNone, Prehashed: true, JWS: true})
	} else {
		all = append(all, none)
	}
	return all
}
