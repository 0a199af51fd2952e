package keyring

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// wrapped is what somebody who has the public wrapping key sends.
func wrapped(t testing.TB, to *state.KeyVersion, hash crypto.Hash, kek, plain []byte) []byte {
	t.Helper()
	public, err := x509.ParsePKIXPublicKey(to.Public)
	if err != nil {
		t.Fatal(err)
	}
	head, err := rsa.EncryptOAEP(hash.New(), rand.Reader, public.(*rsa.PublicKey), kek, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(kek) != 16 && len(kek) != 32 {
		return append(head, make([]byte, 64)...)
	}
	cipher, err := subtle.NewKWP(kek)
	if err != nil {
		t.Fatal(err)
	}
	tail, err := cipher.Wrap(plain)
	if err != nil {
		t.Fatal(err)
	}
	return append(head, tail...)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func pkcs8(t testing.TB, k any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// made is a key of t from elsewhere, in the form that is imported, with its public
// half as SPKI.
func made(t testing.TB, typ state.KeyType) (plain, spki []byte) {
	t.Helper()
	var private crypto.Signer
	var err error
	switch {
	case typ.ECDSA():
		private, err = ecdsa.GenerateKey(curve(typ), rand.Reader)
	case typ.RSA():
		private, err = rsa.GenerateKey(rand.Reader, rsaBits(typ))
	case typ == state.Ed25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case typ == state.AES128GCM:
		return randomBytes(16), nil
	default:
		return randomBytes(32), nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if spki, err = x509.MarshalPKIXPublicKey(private.Public()); err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, private), spki
}

func (w *world) imports(typ state.KeyType, i *Imported) (*state.KeyVersion, int, error) {
	i.Wrapping = w.versions[state.RSA4096]
	g, size, err := w.Import(pass.Mint(pass.Import, mount+"/imported"), mount, "imported", 1, typ, i)
	if err != nil {
		return nil, 0, err
	}
	return &state.KeyVersion{Mount: mount, Name: "imported", Number: 1, Type: typ, State: state.Active, KID: g.KID, Public: g.Public, Sealed: g.Sealed, Imported: true}, size, nil
}

// A key of every type, wrapped with every hash, works as one that was made here, and
// its public half is that of what was imported.
func TestImportedKeysWork(t *testing.T) {
	w := shared(t)
	hashes := map[string]crypto.Hash{"": crypto.SHA256, "SHA1": crypto.SHA1, "SHA224": crypto.SHA224, "SHA256": crypto.SHA256, "SHA384": crypto.SHA384, "SHA512": crypto.SHA512}
	if len(WrapHashes()) != len(hashes)-1 {
		t.Error("a hash is not tested")
	}
	plain, _ := made(t, state.Ed25519)
	for name, hash := range hashes {
		if _, _, err := w.imports(state.Ed25519, &Imported{Hash: name, Ciphertext: wrapped(t, w.versions[state.RSA4096], hash, randomBytes(32), plain)}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, typ := range state.KeyTypes() {
		if typ == state.RSA4096 {
			continue // seconds
		}
		plain, spki := made(t, typ)
		v, size, err := w.imports(typ, &Imported{Ciphertext: wrapped(t, w.versions[state.RSA4096], crypto.SHA256, randomBytes(32), plain)})
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		if !bytes.Equal(v.Public, spki) || (size != 0) != (typ == state.HMAC) {
			t.Errorf("%s: another public half, or size %d", typ, size)
		}
		if thumbprint, err := jose.Thumbprint(v.Public); typ.Asymmetric() && (err != nil || thumbprint != v.KID) || v.KID == "" {
			t.Errorf("%s: kid %q", typ, v.KID)
		}
		if bytes.Contains(v.Sealed, plain[:16]) {
			t.Errorf("%s: sealed in clear", typ)
		}
		input := []byte("input")
		switch {
		case typ.Signs():
			if !verified(t, w.Keyring, v, Options{}, input, signed(t, w.Keyring, v, Options{}, input)) {
				t.Errorf("%s: its signature does not verify", typ)
			}
		case typ.Encrypts():
			box, err := w.Encrypt(pass.Mint(pass.Encrypt, v.ID()), v, input, nil)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := w.Decrypt(pass.Mint(pass.Decrypt, v.ID()), v, box, nil); err != nil || !bytes.Equal(back, input) {
				t.Errorf("%s: %v", typ, err)
			}
		}
		use, err := w.Open(pass.Mint(pass.HMAC, v.ID()), pass.HMAC, v.ID())
		if err != nil {
			t.Fatal(err)
		}
		mac, err := use.HMAC(v, SHA256, input)
		if err != nil || typ == state.HMAC && !bytes.Equal(mac, (&macKey{bytes: plain}).sum(SHA256, input)) {
			t.Errorf("%s: hmac: %v", typ, err)
		}
	}
	v, _, err := w.imports(state.Ed25519, &Imported{KID: "chosen", Ciphertext: wrapped(t, w.versions[state.RSA4096], crypto.SHA256, randomBytes(32), plain)})
	if err != nil || v.KID != "chosen" {
		t.Errorf("%v, %v", v, err)
	}
}

// Whatever is wrong with the wrapping, the error is one and the same.
func TestNothingIsToldOfWhatDoesNotUnwrap(t *testing.T) {
	w := shared(t)
	to := w.versions[state.RSA4096]
	plain, _ := made(t, state.Ed25519)
	good := wrapped(t, to, crypto.SHA256, randomBytes(32), plain)
	other := generated(t, w.Keyring, "other", 1, state.RSA2048)
	long := append(slices.Clone(good), make([]byte, MaxImported-len(good))...)
	cases := map[string][]byte{
		"nothing": nil, "a bit of OAEP": flipped(good, 100), "the last bit of OAEP": flipped(good, 511), "the first bit of KWP": flipped(good, 512), "the last bit": flipped(good, len(good)-1),
		"OAEP alone": good[:512], "less than OAEP": good[:511], "short by one": good[:len(good)-1], "short by a block": good[:len(good)-8],
		"a byte more": append(slices.Clone(good), 0), "a block more": append(slices.Clone(good), make([]byte, 8)...), "the longest": long, "too long": append(long, 0),
		"another hash": wrapped(t, to, crypto.SHA512, randomBytes(32), plain), "for another key": wrapped(t, other, crypto.SHA256, randomBytes(32), plain),
		"an AES-128 key": wrapped(t, to, crypto.SHA256, randomBytes(16), plain), "a key of 31 bytes": wrapped(t, to, crypto.SHA256, randomBytes(31), nil), "no key": wrapped(t, to, crypto.SHA256, nil, nil),
		"zeros": make([]byte, 600), "more than the modulus": bytes.Repeat([]byte{0xff}, 600),
	}
	for what, ciphertext := range cases {
		if _, _, err := w.imports(state.Ed25519, &Imported{Ciphertext: ciphertext}); err != ErrUnwrap {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := w.imports(state.Ed25519, &Imported{Ciphertext: good, Hash: "SHA1"}); err != ErrUnwrap {
		t.Errorf("the hash asked for is another: %v", err)
	}
	if _, _, err := w.imports(state.Ed25519, &Imported{Ciphertext: good, Hash: "MD5"}); !errors.Is(err, ErrHash) {
		t.Errorf("%v", err)
	}
}

// What unwraps and is not the key that was asked for is refused, with the rule and
// no byte of the key.
func TestKeysThatAreNotImported(t *testing.T) {
	w := shared(t)
	to := w.versions[state.RSA4096]
	p256, _ := made(t, state.ECDSAP256)
	ed, _ := made(t, state.Ed25519)
	two, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048 := pkcs8(t, two)
	for what, c := range map[string]struct {
		typ   state.KeyType
		plain []byte
		text  string
	}{
		"EC for another curve":     {state.ECDSAP384, p256, "P-256"},
		"EC for ed25519":           {state.Ed25519, p256, "P-256"},
		"EC for RSA":               {state.RSA2048, p256, "P-256"},
		"ed25519 for EC":           {state.ECDSAP256, ed, "ed25519"},
		"RSA for EC":               {state.ECDSAP256, rsa2048, "RSA"},
		"RSA of another size":      {state.RSA3072, rsa2048, "2048 bits"},
		"weak RSA":                 {state.RSA2048, weakRSA(t), ""},
		"RSA with exponent 3":      {state.RSA2048, rsaWith(t, two, func(k *pkcs1Key) { k.E = 3 }), ""},
		"RSA of other parts":       {state.RSA2048, rsaWith(t, two, func(k *pkcs1Key) { k.D.Add(k.D, big.NewInt(2)) }), ""},
		"RSA with another modulus": {state.RSA2048, rsaWith(t, two, func(k *pkcs1Key) { k.N.Add(k.N, big.NewInt(2)) }), ""},
		"an X25519 key":            {state.Ed25519, pkcs8(t, x25519), "another algorithm"},
		"P-224":                    {state.ECDSAP256, pkcs8(t, p224), "P-224"},
		"a scalar of 0":            {state.ECDSAP256, scalar(t, p256, new(big.Int)), ""},
		"a scalar of n":            {state.ECDSAP256, scalar(t, p256, elliptic.P256().Params().N), ""},
		"a byte more":              {state.ECDSAP256, append(slices.Clone(p256), 0), "follows"},
		"a byte more inside":       {state.Ed25519, inside(t, ed, 0), "follows"},
		"two keys":                 {state.Ed25519, append(slices.Clone(ed), ed...), "follows"},
		"short by a byte":          {state.ECDSAP256, p256[:len(p256)-1], "PKCS #8"},
		"a seed of 31 bytes":       {state.Ed25519, shortSeed(t), ""},
		"a bare seed":              {state.Ed25519, randomBytes(32), "PKCS #8"},
		"SEC 1":                    {state.ECDSAP256, sec1(t), "PKCS #8"},
		"PKCS #1":                  {state.RSA2048, x509.MarshalPKCS1PrivateKey(two), "PKCS #8"},
		"a public key":             {state.RSA2048, w.versions[state.RSA2048].Public, "PKCS #8"},
		"PKCS #8 for AES":          {state.AES256GCM, p256, "bytes"},
		"AES of another size":      {state.AES256GCM, randomBytes(16), "16 bytes"},
		"AES-128 of 32 bytes":      {state.AES128GCM, randomBytes(32), "32 bytes"},
		"AES-192":                  {state.AES256GCM, randomBytes(24), "24 bytes"},
		"AES of one byte":          {state.AES256GCM, bytes.Repeat([]byte{7}, 32), "the same"},
		"a short hmac key":         {state.HMAC, randomBytes(31), "31 bytes"},
		"a long hmac key":          {state.HMAC, randomBytes(513), "513 bytes"},
		"an hmac key of zeros":     {state.HMAC, make([]byte, 64), "the same"},
	} {
		v, _, err := w.imports(c.typ, &Imported{Ciphertext: wrapped(t, to, crypto.SHA256, randomBytes(32), c.plain)})
		if !errors.Is(err, ErrImport) || v != nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := w.imports(state.HMAC, &Imported{MinSize: 64, Ciphertext: wrapped(t, to, crypto.SHA256, randomBytes(32), randomBytes(63))}); !errors.Is(err, ErrImport) {
		t.Errorf("a key that is too short for its hash: %v", err)
	}
}

// An import needs its own Pass, once, and a wrapping key that is one.
func TestWhoMayImport(t *testing.T) {
	w := shared(t)
	i := &Imported{Wrapping: w.versions[state.RSA4096]}
	p := pass.Mint(pass.Generate, mount+"/web")
	if _, _, err := w.Import(p, mount, "web", 1, state.Ed25519, i); !errors.Is(err, pass.ErrWrongUse) {
		t.Errorf("a Pass to generate: %v", err)
	}
	if _, _, err := w.Import(pass.Mint(pass.Import, mount+"/web"), mount, "other", 1, state.Ed25519, i); !errors.Is(err, pass.ErrWrongUse) {
		t.Errorf("a Pass for another key: %v", err)
	}
	for what, c := range map[string]struct {
		typ  state.KeyType
		want error
	}{"no type": {"dsa", ErrKeyType}} {
		if _, _, err := w.Import(pass.Mint(pass.Import, mount+"/web"), mount, "web", 1, c.typ, i); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := w.Import(pass.Mint(pass.Import, mount+"/web"), mount, "web", 0, state.Ed25519, i); !errors.Is(err, ErrVersion) {
		t.Errorf("%v", err)
	}
	if _, _, err := w.Import(pass.Mint(pass.Import, mount+"/web"), mount, "web", 1, state.Ed25519, &Imported{Wrapping: w.versions[state.Ed25519]}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a wrapping key that is none: %v", err)
	}
	if _, _, err := New().Import(pass.Mint(pass.Import, mount+"/web"), mount, "web", 1, state.Ed25519, i); !errors.Is(err, ErrSealed) {
		t.Errorf("%v", err)
	}
}

// pkcs1Key is an RSAPrivateKey (RFC 8017, appendix A.1.2).
type pkcs1Key struct {
	Version            int
	N                  *big.Int
	E                  int
	D, P, Q, DP, DQ, I *big.Int
}

func rsaWith(t testing.TB, k *rsa.PrivateKey, change func(*pkcs1Key)) []byte {
	t.Helper()
	raw := &pkcs1Key{}
	if _, err := asn1.Unmarshal(x509.MarshalPKCS1PrivateKey(k), raw); err != nil {
		t.Fatal(err)
	}
	change(raw)
	return reassembled(t, pkcs8(t, k), marshalled(t, *raw))
}

// weakRSA is an RSA key of 1024 bits.
func weakRSA(t testing.TB) []byte {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, k)
}

// info is a PrivateKeyInfo (RFC 5958, section 2) without what is optional.
type info struct {
	Version   int
	Algorithm asn1.RawValue
	Private   []byte
}

func marshalled(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// reassembled is der with another private key in it.
func reassembled(t testing.TB, der, private []byte) []byte {
	t.Helper()
	var i info
	if _, err := asn1.Unmarshal(der, &i); err != nil {
		t.Fatal(err)
	}
	i.Private = private
	return marshalled(t, i)
}

func inside(t testing.TB, der []byte, more ...byte) []byte {
	t.Helper()
	var i info
	if _, err := asn1.Unmarshal(der, &i); err != nil {
		t.Fatal(err)
	}
	return reassembled(t, der, append(i.Private, more...))
}

func scalar(t testing.TB, der []byte, d *big.Int) []byte {
	t.Helper()
	return reassembled(t, der, marshalled(t, struct {
		Version int
		D       []byte
	}{1, d.FillBytes(make([]byte, 32))}))
}

func shortSeed(t testing.TB) []byte {
	ed, _ := made(t, state.Ed25519)
	return reassembled(t, ed, marshalled(t, randomBytes(31)))
}

func sec1(t testing.TB) []byte {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// FuzzImport feeds bytes of any kind to what reads keys, and to what unwraps them.
// Nothing may panic, and what is taken is a key of the type asked for.
func FuzzImport(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // quicker than the 4096 of a wrapping key
	if err != nil {
		f.Fatal(err)
	}
	types := []state.KeyType{state.ECDSAP256, state.ECDSAP384, state.ECDSAP521, state.Ed25519, state.RSA2048, state.AES128GCM, state.AES256GCM, state.ChaCha20, state.XChaCha20, state.HMAC}
	for i, typ := range types {
		plain, _ := made(f, typ)
		f.Add(uint8(i), plain)
		f.Add(uint8(i+1), plain)
		f.Add(uint8(i), plain[:len(plain)-1])
		f.Add(uint8(i), append(plain, 0))
	}
	head, err := rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, &key.PublicKey, randomBytes(32), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), append(head, make([]byte, 24)...))
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		if _, err := unwrap(key, crypto.SHA256, content); err != nil && err != ErrUnwrap {
			t.Errorf("%v", err)
		}
		typ := types[int(which)%len(types)]
		before := bytes.Clone(content)
		h, err := importedKeyset(typ, content, MinKeySize)
		if !bytes.Equal(before, content) {
			t.Error("what is read was written to")
		}
		if err != nil {
			if !errors.Is(err, ErrImport) || h != nil {
				t.Errorf("%v", err)
			}
			return
		}
		e, err := h.Primary()
		if err != nil {
			t.Fatal(err)
		}
		if typ == state.HMAC {
			_, err = fromTinkMAC(e.Key(), MinKeySize, MaxKeySize)
		} else {
			_, err = fromTink(typ, e.Key())
		}
		if err != nil || typ.Asymmetric() && !wholePKCS8(content) {
			t.Errorf("a key that is none was taken: %v", err)
		}
	})
}
