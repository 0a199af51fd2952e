package keyring

import (
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

func TestParseHash(t *testing.T) {
	for _, s := range []string{"sha2-224", "sha2-256", "sha2-384", "sha2-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "none", "sha1"} {
		if h, err := ParseHash(s); err != nil || string(h) != s {
			t.Errorf("%s: %q, %v", s, h, err)
		}
	}
	if h, err := ParseHash(""); err != nil || h != SHA256 {
		t.Errorf("the default is %q, %v", h, err)
	}
	for _, s := range []string{"x", "SHA2-256", "sha256", "md5", " sha1", "sha2-256\x00"} {
		if _, err := ParseHash(s); !errors.Is(err, ErrHash) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := ParseHash("x"); err.Error() != `invalid hash algorithm "x"` {
		t.Errorf("the text clients know is now %q", err)
	}
}

func TestParseSalt(t *testing.T) {
	for s, want := range map[string]Salt{"": SaltAuto, "auto": SaltAuto, "hash": SaltHash, "0": SaltAuto, "-1": SaltHash, "1": 1, "32": 32} {
		if got, err := ParseSalt(s); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"-2", "max", "1.5", "0x20", "99999999999999999999", " 1"} {
		if _, err := ParseSalt(s); !errors.Is(err, ErrSalt) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		typ  state.KeyType
		o    Options
		want error
		text string
	}{
		{"rsa-1024", Options{}, ErrKeyType, "unknown key type rsa-1024"},
		{state.AES256GCM, Options{}, ErrUnsupported, "key type aes256-gcm96 does not support signing"},
		{state.ECDSAP256, Options{Hash: "md5"}, ErrHash, `invalid hash algorithm "md5"`},
		{state.ECDSAP256, Options{Hash: HashNone}, ErrHashNone, ""},
		{state.ECDSAP256, Options{Hash: HashNone, PKCS1v15: true}, ErrHashNone, ""},
		{state.RSA2048, Options{Hash: HashNone, Prehashed: true}, ErrHashNone, "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15"},
		{state.RSA2048, Options{Hash: HashNone, PKCS1v15: true}, ErrHashNone, ""},
		{state.Ed25519, Options{Prehashed: true}, ErrPrehashedEd25519, ""},
		{state.Ed25519, Options{Prehashed: true, Hash: HashNone}, ErrPrehashedEd25519, ""},
		{state.Ed25519, Options{Prehashed: true, Hash: SHA3_512}, ErrPrehashedEd25519, ""},
		{state.RSA2048, Options{Salt: -2}, ErrSalt, ""},
		{state.RSA2048, Options{Salt: 256 - 32 - 2 + 1}, ErrSalt, "invalid salt_length 223: rsa-2048 with sha2-256 takes auto, hash or 1 to 222"},
		{state.RSA4096, Options{Hash: SHA512, Salt: 512 - 64 - 2 + 1}, ErrSalt, ""},
	} {
		err := c.o.Check(c.typ)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s %+v: %v, want %v", c.typ, c.o, err, c.want)
		}
		if err := c.o.CheckSign(c.typ); !errors.Is(err, c.want) {
			t.Errorf("CheckSign %s %+v: %v, want %v", c.typ, c.o, err, c.want)
		}
	}
}

func TestLongestSaltThatIsAdmittedSigns(t *testing.T) {
	w := shared(t)
	for typ, size := range map[state.KeyType]int{state.RSA2048: 256, state.RSA3072: 384, state.RSA4096: 512} {
		for h, length := range hashes() {
			o := Options{Hash: h, Salt: Salt(size - length - 2)}
			signed(t, w.Keyring, w.version(typ), o, []byte("x"))
			o.Salt++
			if err := o.Check(typ); !errors.Is(err, ErrSalt) {
				t.Errorf("%s %+v: %v", typ, o, err)
			}
		}
	}
}

func TestSHA1VerifiesButDoesNotSign(t *testing.T) {
	w := shared(t)
	for _, typ := range []state.KeyType{state.ECDSAP256, state.RSA2048} {
		for _, o := range []Options{{Hash: SHA1}, {Hash: SHA1, Prehashed: true}, {Hash: SHA1, PKCS1v15: true}} {
			v := w.version(typ)
			input := make([]byte, 20)
			_, err := w.Sign(pass.Mint(pass.Sign, v.ID()), v, o, input)
			if !errors.Is(err, ErrSHA1) {
				t.Errorf("%s %+v: %v, want ErrSHA1", typ, o, err)
			}
			if verified(t, w.Keyring, v, o, input, []byte("no signature")) {
				t.Errorf("%s %+v: nonsense verifies", typ, o)
			}
		}
	}
	// A signature of old, made with what the room never signs with.
	v := w.version(state.RSA2048)
	x, err := w.session.Load().secret(v)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Hash: SHA1, PKCS1v15: true}
	sig, err := x.sign(o, hashed(SHA1, []byte("old")))
	if err != nil {
		t.Fatal(err)
	}
	if !verified(t, w.Keyring, v, o, []byte("old"), sig) {
		t.Error("a SHA-1 signature of old does not verify")
	}
}

func TestPrehashedInputHasTheLengthOfItsHash(t *testing.T) {
	w := shared(t)
	check := func(typ state.KeyType, o Options, n int, wrong bool) {
		t.Helper()
		v := w.version(typ)
		_, err := w.Sign(pass.Mint(pass.Sign, v.ID()), v, o, make([]byte, n))
		_, verr := w.Verify(pass.Mint(pass.Verify, v.ID()), v, o, make([]byte, n), make([]byte, 64))
		for _, err := range []error{err, verr} {
			if wrong != errors.Is(err, ErrDigestLength) || !wrong && err != nil {
				t.Errorf("%s %+v with %d bytes: %v", typ, o, n, err)
			}
		}
	}
	for h, length := range hashes() {
		for _, typ := range []state.KeyType{state.ECDSAP256, state.ECDSAP521, state.RSA2048} {
			for _, n := range []int{0, length - 1, length, length + 1, 1000} {
				check(typ, Options{Hash: h, Prehashed: true}, n, n != length)
			}
		}
	}
	for _, n := range []int{0, 32, 63, 64, 65} {
		check(state.Ed25519, Options{Hash: SHA512, Prehashed: true}, n, n != 64)
	}
	none := Options{Hash: HashNone, Prehashed: true, PKCS1v15: true}
	for n, wrong := range map[int]bool{0: true, 1: false, 245: false, 246: true, 1000: true} {
		check(state.RSA2048, none, n, wrong)
	}
	for n, wrong := range map[int]bool{0: true, 20: true, 27: true, 28: false, 32: false, 33: true, 48: false, 64: false, 65: true, 1000: true} {
		check(state.ECDSAP256, none, n, wrong)
	}
}
