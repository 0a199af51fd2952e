package keyring

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkhmac "github.com/tink-crypto/tink-go/v2/mac/hmac"
	"github.com/tink-crypto/tink-go/v2/secretdata"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

func macOf(t testing.TB, k *Keyring, v *state.KeyVersion, h Hash, input []byte) []byte {
	t.Helper()
	var mac []byte
	if err := using(k, v, pass.Mint(pass.HMAC, v.ID()), pass.HMAC, func(u *Use) (err error) {
		mac, err = u.HMAC(v, h, input)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return mac
}

func macVerified(t testing.TB, k *Keyring, v *state.KeyVersion, h Hash, input, mac []byte) bool {
	t.Helper()
	var ok bool
	if err := using(k, v, pass.Mint(pass.VerifyHMAC, v.ID()), pass.VerifyHMAC, func(u *Use) (err error) {
		ok, err = u.VerifyHMAC(v, h, input, mac)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return ok
}

func tinkMAC(t testing.TB, raw []byte) key.Key {
	t.Helper()
	p, err := macParameters(len(raw))
	if err != nil {
		t.Fatal(err)
	}
	k, err := tinkhmac.NewKey(secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{}), p.(*tinkhmac.Parameters), 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// RFC 4231, test cases 6 and 7: those whose key is as long as keys are here. The
// others have keys of 4 to 25 bytes, and HMAC pads a short key with zeros (RFC 2104,
// section 2), so they count with their keys padded to 32 bytes.
func TestHMACMakesThePublishedVectors(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	padded := func(key []byte) []byte { return append(key, make([]byte, max(0, 32-len(key)))...) }
	for _, c := range []struct {
		name       string
		key, input []byte
		macs       map[Hash]string
	}{
		{"1", padded(bytes.Repeat([]byte{0x0b}, 20)), []byte("Hi There"), map[Hash]string{
			SHA224: "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
			SHA256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			SHA384: "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
			SHA512: "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
		}},
		{"2", padded([]byte("Jefe")), []byte("what do ya want for nothing?"), map[Hash]string{
			SHA224: "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
			SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			SHA384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
			SHA512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
		}},
		{"6", bytes.Repeat([]byte{0xaa}, 131), []byte("Test Using Larger Than Block-Size Key - Hash Key First"), map[Hash]string{
			SHA224: "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e",
			SHA256: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
			SHA384: "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
			SHA512: "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
		}},
		{"7", bytes.Repeat([]byte{0xaa}, 131), []byte("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."), map[Hash]string{
			SHA224: "3a854166ac5d9f023f54d517d0b39dbd946770db9c2b95c9f6f565d1",
			SHA256: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
			SHA384: "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
			SHA512: "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
		}},
	} {
		v := sealedWith(t, b, state.HMAC, tinkMAC(t, c.key), false)
		for h, want := range c.macs {
			if got := macOf(t, k, v, h, c.input); !bytes.Equal(got, fromHex(t, want)) {
				t.Errorf("case %s, %s: %x", c.name, h, got)
			}
			if !macVerified(t, k, v, h, c.input, fromHex(t, want)) {
				t.Errorf("case %s, %s does not verify", c.name, h)
			}
		}
	}
}

func macHashes() []Hash {
	return []Hash{SHA224, SHA256, SHA384, SHA512, SHA3_224, SHA3_256, SHA3_384, SHA3_512}
}

func TestEveryTypeMakesAndVerifiesHMACs(t *testing.T) {
	w := shared(t)
	input := []byte("what is authenticated")
	for _, typ := range state.KeyTypes() {
		v := w.version(typ)
		x, err := w.session.Load().secret(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range macHashes() {
			mac := macOf(t, w.Keyring, v, h, input)
			m := hmac.New(stdHash(h).New, x.mac.bytes)
			m.Write(input)
			if !bytes.Equal(mac, m.Sum(nil)) {
				t.Errorf("%s %s: not the standard library's", typ, h)
			}
			if !macVerified(t, w.Keyring, v, h, input, mac) || macVerified(t, w.Keyring, v, h, flipped(input, 2), mac) {
				t.Errorf("%s %s: the verdict is wrong", typ, h)
			}
			for i := range mac {
				if macVerified(t, w.Keyring, v, h, input, flipped(mac, i)) || macVerified(t, w.Keyring, v, h, input, mac[:i]) {
					t.Errorf("%s %s: altered or cut at %d it passes", typ, h, i)
				}
			}
			if macVerified(t, w.Keyring, v, h, input, append(slices.Clone(mac), 0)) || macVerified(t, w.Keyring, v, h, input, nil) {
				t.Errorf("%s %s: longer or empty it passes", typ, h)
			}
		}
		// SHA-1 verifies what an older system made, and makes none.
		m := hmac.New(stdHash(SHA1).New, x.mac.bytes)
		m.Write(input)
		if !macVerified(t, w.Keyring, v, SHA1, input, m.Sum(nil)) {
			t.Errorf("%s: SHA-1 does not verify", typ)
		}
		for h, want := range map[Hash]error{SHA1: ErrSHA1, HashNone: ErrHash, "md5": ErrHash} {
			if err := using(w.Keyring, v, pass.Mint(pass.HMAC, v.ID()), pass.HMAC, func(u *Use) error {
				_, err := u.HMAC(v, h, input)
				return err
			}); !errors.Is(err, want) {
				t.Errorf("%s: hmac with %s: %v", typ, h, err)
			}
		}
		for _, h := range []Hash{HashNone, "md5"} {
			if err := using(w.Keyring, v, pass.Mint(pass.VerifyHMAC, v.ID()), pass.VerifyHMAC, func(u *Use) error {
				_, err := u.VerifyHMAC(v, h, input, nil)
				return err
			}); !errors.Is(err, ErrHash) {
				t.Errorf("%s: verify with %s: %v", typ, h, err)
			}
		}
	}
}

// The HMAC key is a key of its own: not the main key, and another in each version.
func TestHMACKeysAreIndependent(t *testing.T) {
	w := shared(t)
	seen := map[string]bool{}
	for _, typ := range state.KeyTypes() {
		x, err := w.session.Load().secret(w.version(typ))
		if err != nil {
			t.Fatal(err)
		}
		if len(x.mac.bytes) != 32 || seen[string(x.mac.bytes)] {
			t.Errorf("%s: %d bytes, or those of another key", typ, len(x.mac.bytes))
		}
		seen[string(x.mac.bytes)] = true
		main := privateTraces(t, x)
		for _, trace := range main[5:] {
			if strings.Contains(trace, string(x.mac.bytes[4:20])) {
				t.Errorf("%s: the hmac key is the main key", typ)
			}
		}
		if typ.Encrypts() {
			if out, err := x.aead.Decrypt(encryptedUnder(t, typ, x.mac.bytes), nil); err == nil {
				t.Errorf("%s: the hmac key encrypts: %x", typ, out)
			}
		}
	}
}

// encryptedUnder is a ciphertext of typ under another key.
func encryptedUnder(t testing.TB, typ state.KeyType, raw []byte) []byte {
	t.Helper()
	if typ == state.AES128GCM {
		raw = raw[:16]
	}
	aead := independent(t, typ, raw)
	nonce := make([]byte, aead.NonceSize())
	return aead.Seal(nonce, nonce, []byte("x"), nil)
}

func TestHMACKeysHaveTheSizeAskedFor(t *testing.T) {
	k := unsealed(t)
	for asked, want := range map[int]int{0: 32, 32: 32, 33: 33, 64: 64, 512: 512} {
		g, err := k.Generate(pass.Mint(pass.Generate, mount+"/m"), mount, "m", 1, state.HMAC, asked)
		if err != nil {
			t.Fatal(err)
		}
		v := &state.KeyVersion{Mount: mount, Name: "m", Number: 1, Type: state.HMAC, Sealed: g.Sealed}
		x, err := k.session.Load().secret(v)
		if err != nil || len(x.mac.bytes) != want || g.Public != nil || len(g.KID) != 22 {
			t.Errorf("%d asked for: %v, %+v", asked, err, g)
		}
	}
}

// A version sealed before there were HMAC keys does what it did, and says clearly
// what it cannot do.
func TestVersionsWithoutAnHMACKeyStillWork(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	for _, typ := range []state.KeyType{state.ECDSAP256, state.Ed25519, state.AES256GCM} {
		v := withoutSide(t, b, generated(t, k, "web", 1, typ))
		if err := attempt(k, v); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		for _, action := range []pass.Action{pass.HMAC, pass.VerifyHMAC} {
			err := operations(k, v, pass.Mint(action, v.ID()))[action]()
			if !errors.Is(err, ErrNoHMACKey) || !strings.Contains(err.Error(), "rotate the key") {
				t.Errorf("%s %s: %v", typ, action, err)
			}
		}
	}
}

// withoutSide seals the main key of v alone, as earlier builds did.
func withoutSide(t testing.TB, b *barrier.Barrier, v *state.KeyVersion) *state.KeyVersion {
	t.Helper()
	main, side, err := openKeyset(b, v)
	if err != nil || side == nil {
		t.Fatal(err)
	}
	out := sealedWith(t, b, v.Type, main, false)
	out.Public = v.Public
	return out
}

// What stands beside the main key is one HMAC key as newKeyset makes it.
func TestOtherCompanionsAreRefused(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	aes := tinkCipher(t, state.AES256GCM, make([]byte, 32))
	tagged, err := tinkhmac.NewParameters(tinkhmac.ParametersOpts{KeySizeInBytes: 32, TagSizeInBytes: 16, HashType: tinkhmac.SHA256, Variant: tinkhmac.VariantNoPrefix})
	if err != nil {
		t.Fatal(err)
	}
	short, err := tinkhmac.NewKey(secretdata.NewBytesFromData(make([]byte, 32), insecuresecretdataaccess.Token{}), tagged, 0)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(n int) key.Key { return tinkMAC(t, make([]byte, n)) }
	for what, c := range map[string]struct {
		typ     state.KeyType
		keys    []key.Key // the first is the primary
		refused bool
	}{
		"aes and hmac":               {state.AES256GCM, []key.Key{aes, mac(32)}, false},
		"aes alone, as before":       {state.AES256GCM, []key.Key{aes}, false},
		"hmac alone":                 {state.HMAC, []key.Key{mac(32)}, false},
		"hmac of 512 bytes":          {state.HMAC, []key.Key{mac(512)}, false},
		"three keys":                 {state.AES256GCM, []key.Key{aes, mac(32), mac(32)}, true},
		"two aes keys":               {state.AES256GCM, []key.Key{aes, tinkCipher(t, state.AES256GCM, []byte("0123456789abcdef0123456789abcdef"))}, true},
		"hmac as the primary":        {state.AES256GCM, []key.Key{mac(32), aes}, true},
		"hmac alone for aes":         {state.AES256GCM, []key.Key{mac(32)}, true},
		"companion of 16 bytes":      {state.AES256GCM, []key.Key{aes, mac(16)}, true},
		"companion of 64 bytes":      {state.AES256GCM, []key.Key{aes, mac(64)}, true},
		"companion with a short tag": {state.AES256GCM, []key.Key{aes, short}, true},
		"two hmac keys":              {state.HMAC, []key.Key{mac(32), mac(33)}, true},
		"hmac of 31 bytes":           {state.HMAC, []key.Key{mac(31)}, true},
		"hmac of 513 bytes":          {state.HMAC, []key.Key{mac(513)}, true},
		"aes for hmac":               {state.HMAC, []key.Key{aes}, true},
	} {
		m := keyset.NewManager()
		for i, one := range c.keys {
			id, err := m.AddKey(one)
			if err == nil && i == 0 {
				err = m.SetPrimary(id)
			}
			if err != nil {
				t.Fatal(what, err)
			}
		}
		v := sealedKeyset(t, b, c.typ, m)
		if err := attempt(k, v); errors.Is(err, ErrDamaged) != c.refused || !c.refused && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func sealedKeyset(t testing.TB, b *barrier.Barrier, typ state.KeyType, m *keyset.Manager) *state.KeyVersion {
	t.Helper()
	h, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	v := &state.KeyVersion{Mount: mount, Name: "known", Number: 1, Type: typ, State: state.Active}
	if v.Sealed, err = sealKeyset(b, v, h); err != nil {
		t.Fatal(err)
	}
	return v
}
