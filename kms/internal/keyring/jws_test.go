package keyring

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// joseTypes are the types that have signature algorithms, with theirs.
func joseTypes() map[state.KeyType][]jose.Alg {
	rs := []jose.Alg{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
	return map[state.KeyType][]jose.Alg{
		state.ECDSAP256: {jose.ES256}, state.ECDSAP384: {jose.ES384}, state.ECDSAP521: {jose.ES512},
		state.Ed25519: {jose.EdDSA, jose.Ed25519}, state.RSA2048: rs, state.RSA3072: rs, state.RSA4096: rs,
		state.HMAC: {jose.HS256, jose.HS384, jose.HS512},
	}
}

// versionFor is a version of typ, with a key that is long enough for every HMAC.
func (w *bench) versionFor(t testing.TB, typ state.KeyType) *state.KeyVersion {
	t.Helper()
	if typ != state.HMAC {
		return generated(t, w.Keyring, "jose-"+string(typ), 1, typ)
	}
	v, err := w.hmacVersion(bytes.Repeat([]byte{7}, 64))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *bench) use(t testing.TB, action pass.Action, v *state.KeyVersion) *Use {
	t.Helper()
	u, err := w.Open(pass.Mint(action, v.ID()), action, v.ID())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func (w *bench) signJOSE(t testing.TB, v *state.KeyVersion, alg jose.Alg, input string) []byte {
	t.Helper()
	sig, err := w.use(t, pass.Sign, v).SignJOSE(v, alg, []byte(input))
	if err != nil {
		t.Fatalf("%s with %s: %v", alg, v.Type, err)
	}
	return sig
}

func (w *bench) verifiesJOSE(t testing.TB, v *state.KeyVersion, alg jose.Alg, input string, sig []byte) bool {
	t.Helper()
	ok, err := w.use(t, pass.Verify, v).VerifyJOSE(v, alg, []byte(input), sig)
	if err != nil {
		t.Fatalf("%s with %s: %v", alg, v.Type, err)
	}
	return ok
}

// token signs a payload as an issuer does.
func (w *bench) token(t testing.TB, v *state.KeyVersion, alg jose.Alg, payload string) string {
	t.Helper()
	input := jose.NewProtected(alg, v.KID, "at+jwt", "").AppendSigningInput(nil, []byte(payload))
	return string(jose.AppendSignature(input, w.signJOSE(t, v, alg, string(input))))
}

// Every algorithm signs and verifies, reads in go-jose, and refuses another input,
// another signature and every other algorithm of the same key.
func TestJOSESignatures(t *testing.T) {
	for typ, algs := range joseTypes() {
		w := &bench{Keyring: shared(t).Keyring}
		v := shared(t).versions[typ]
		if typ == state.HMAC { // that of the world is too short for two of them
			w = newBench(t)
			v = w.versionFor(t, typ)
		}
		for _, alg := range algs {
			t.Run(string(typ)+" "+string(alg), func(t *testing.T) {
				sig := w.signJOSE(t, v, alg, "input")
				if want, fixed := map[state.KeyType]int{state.ECDSAP256: 64, state.ECDSAP384: 96, state.ECDSAP521: 132, state.Ed25519: 64}[typ]; fixed && len(sig) != want {
					t.Errorf("%d bytes", len(sig))
				}
				if !w.verifiesJOSE(t, v, alg, "input", sig) || w.verifiesJOSE(t, v, alg, "other", sig) {
					t.Error("does not verify, or verifies for another input")
				}
				for name, bad := range map[string][]byte{"empty": nil, "one bit": flipped(sig, 0), "last bit": flipped(sig, len(sig)-1), "short": sig[1:], "long": append(bytes.Clone(sig), 0), "cut": sig[:len(sig)-1], "zero": make([]byte, len(sig))} {
					if w.verifiesJOSE(t, v, alg, "input", bad) {
						t.Errorf("%s verifies", name)
					}
				}
				for _, other := range algs {
					if other != alg && typ != state.Ed25519 && w.verifiesJOSE(t, v, other, "input", sig) {
						t.Errorf("verifies under %s", other)
					}
				}
				w.readByGoJose(t, v, alg)
			})
		}
	}
}

func (w *bench) readByGoJose(t *testing.T, v *state.KeyVersion, alg jose.Alg) {
	if alg == jose.Ed25519 { // go-jose knows the older name alone
		return
	}
	parsed, err := gojose.ParseSignedCompact(w.token(t, v, alg, `{"sub":"x"}`), []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	var key any = bytes.Repeat([]byte{7}, 64)
	if v.Type != state.HMAC {
		raw, err := jose.PublicJWK(v.Public, alg, v.KID)
		if err != nil {
			t.Fatal(err)
		}
		var jwk gojose.JSONWebKey
		if err := jwk.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		key = jwk
	}
	if payload, err := parsed.Verify(key); err != nil || string(payload) != `{"sub":"x"}` {
		t.Errorf("go-jose: %q, %v", payload, err)
	}
}

func TestEveryTypeHasItsAlgsAlone(t *testing.T) {
	for _, typ := range append(state.KeyTypes(), "aes256-siv", "") {
		for _, alg := range append(jose.Algs(), "none", "NONE", "", "es256", "ES256K", "RSA1_5") {
			suits := false
			for _, a := range joseTypes()[typ] {
				suits = suits || a == alg
			}
			err := CheckAlg(typ, alg)
			switch {
			case !typ.Known() && !errors.Is(err, ErrKeyType), typ.Known() && suits != (err == nil), typ.Known() && !suits && !errors.Is(err, ErrAlg):
				t.Errorf("%s with %q: %v", typ, alg, err)
			}
		}
	}
}

func TestJOSERefuses(t *testing.T) {
	w := newBench(t)
	v := w.versionFor(t, state.ECDSAP256)
	for _, alg := range []jose.Alg{jose.ES384, jose.RS256, jose.HS256, jose.EdDSA, "none", ""} {
		if _, err := w.use(t, pass.Sign, v).SignJOSE(v, alg, nil); !errors.Is(err, ErrAlg) {
			t.Errorf("sign with %q: %v", alg, err)
		}
		if _, err := w.use(t, pass.Verify, v).VerifyJOSE(v, alg, nil, nil); !errors.Is(err, ErrAlg) {
			t.Errorf("verify with %q: %v", alg, err)
		}
	}
	// Every key has an HMAC key beside it, which makes no tokens.
	if _, err := w.use(t, pass.Verify, v).VerifyJOSE(v, jose.HS256, nil, nil); !errors.Is(err, ErrAlg) {
		t.Errorf("%v", err)
	}
	for size, ok := range map[int]map[jose.Alg]bool{
		32: {jose.HS256: true, jose.HS384: false, jose.HS512: false}, 47: {jose.HS256: true, jose.HS384: false},
		48: {jose.HS384: true, jose.HS512: false}, 63: {jose.HS512: false}, 64: {jose.HS512: true},
	} {
		short, err := w.hmacVersion(make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		for alg, want := range ok {
			_, err := w.use(t, pass.Sign, short).SignJOSE(short, alg, nil)
			_, err2 := w.use(t, pass.Verify, short).VerifyJOSE(short, alg, nil, nil)
			if want && (err != nil || err2 != nil) || !want && (!errors.Is(err, ErrShortKey) || !errors.Is(err2, ErrShortKey)) {
				t.Errorf("%d bytes for %s: %v, %v", size, alg, err, err2)
			}
		}
	}
}

// The passes, Close, Seal and damage end these uses as they end the others.
func TestJOSEUsesAreUses(t *testing.T) {
	w := newBench(t)
	ec, aes := w.versionFor(t, state.ECDSAP256), generated(t, w.Keyring, "aes", 1, state.AES256GCM)
	e, err := jose.ParseEncrypted(w.encrypted(t, aes, "x"))
	if err != nil {
		t.Fatal(err)
	}
	do := map[pass.Action]func(u *Use, v *state.KeyVersion) error{
		pass.Sign:    func(u *Use, v *state.KeyVersion) error { _, err := u.SignJOSE(v, jose.ES256, nil); return err },
		pass.Verify:  func(u *Use, v *state.KeyVersion) error { _, err := u.VerifyJOSE(v, jose.ES256, nil, nil); return err },
		pass.Encrypt: func(u *Use, v *state.KeyVersion) error { _, err := u.EncryptJWE(v, jose.A256GCM, "", nil); return err },
		pass.Decrypt: func(u *Use, v *state.KeyVersion) error { _, err := u.DecryptJWE(v, jose.Dir, e); return err },
	}
	suited := func(a pass.Action) *state.KeyVersion {
		if a == pass.Sign || a == pass.Verify {
			return ec
		}
		return aes
	}
	for action, use := range do {
		v := suited(action)
		u := w.use(t, action, v)
		if err := use(u, v); err != nil {
			t.Errorf("%s: %v", action, err)
		}
		for _, other := range actions() {
			if other != action && !errors.Is(use(w.use(t, other, v), v), pass.ErrWrongUse) {
				t.Errorf("%s with a pass to %s", action, other)
			}
		}
		moved := *v
		moved.Name = "another"
		if err := use(u, &moved); !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("%s, another key: %v", action, err)
		}
		damaged := *v
		damaged.Sealed, damaged.Public = flipped(v.Sealed, len(v.Sealed)-1), nil
		if v.Public != nil {
			damaged.Public = v.Public[:len(v.Public)-1]
		}
		if err := use(u, &damaged); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s, damaged: %v", action, err)
		}
		u.Close()
		if err := use(u, v); !errors.Is(err, ErrClosed) {
			t.Errorf("%s, closed: %v", action, err)
		}
	}
	open := map[pass.Action]*Use{}
	for action := range do {
		open[action] = w.use(t, action, suited(action))
	}
	w.Seal()
	for action, use := range do {
		if err := use(open[action], suited(action)); !errors.Is(err, ErrSealed) {
			t.Errorf("%s, sealed: %v", action, err)
		}
	}
}

// A salt of another length than the hash's, which crypto/rsa and go-jose take.
func TestPSSSaltIsAsLongAsTheHash(t *testing.T) {
	w := newBench(t)
	v := w.versionFor(t, state.RSA2048)
	x, err := w.session.Load().secret(v)
	if err != nil {
		t.Fatal(err)
	}
	for salt, want := range map[Salt]bool{SaltHash: true, 32: true, SaltAuto: false, 31: false, 33: false, 20: false, 64: false} {
		sig, err := x.sign(Options{Salt: salt}, SHA256.Sum([]byte("input")))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.verifiesJOSE(t, v, jose.PS256, "input", sig); got != want {
			t.Errorf("salt of %d bytes: %v", salt, got)
		}
	}
}

// r and s outside of 1 to n-1, and DER where R || S belongs.
func TestECDSARange(t *testing.T) {
	w := newBench(t)
	for typ, alg := range map[state.KeyType]jose.Alg{state.ECDSAP256: jose.ES256, state.ECDSAP384: jose.ES384, state.ECDSAP521: jose.ES512} {
		v := w.versionFor(t, typ)
		sig := w.signJOSE(t, v, alg, "input")
		half := len(sig) / 2
		c := curve(typ)
		fill := func(n *big.Int) []byte { return n.FillBytes(make([]byte, half)) }
		n := c.Params().N
		r, s := new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])
		cases := map[string][]byte{
			"r=0": append(make([]byte, half), sig[half:]...), "s=0": append(bytes.Clone(sig[:half]), make([]byte, half)...), "r=s=0": make([]byte, len(sig)),
			"r=n": append(fill(n), sig[half:]...), "s=n": append(bytes.Clone(sig[:half]), fill(n)...), "r=s=n": append(fill(n), fill(n)...), "r=s=1": append(fill(big.NewInt(1)), fill(big.NewInt(1))...),
			"DER": derFromRaw(sig, half), "all ones": bytes.Repeat([]byte{0xff}, len(sig)),
		}
		if sum := new(big.Int).Add(r, n); sum.BitLen() <= 8*half {
			cases["r+n"] = append(fill(sum), sig[half:]...)
		}
		if sum := new(big.Int).Add(s, n); sum.BitLen() <= 8*half {
			cases["s+n"] = append(bytes.Clone(sig[:half]), fill(sum)...)
		}
		for name, bad := range cases {
			if w.verifiesJOSE(t, v, alg, "input", bad) {
				t.Errorf("%s: %s verifies", alg, name)
			}
		}
	}
}
