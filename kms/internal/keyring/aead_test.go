package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	tinkchacha "github.com/tink-crypto/tink-go/v2/aead/chacha20poly1305"
	tinkxchacha "github.com/tink-crypto/tink-go/v2/aead/xchacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// encrypting lists the types that encrypt.
func encrypting() []state.KeyType {
	return slices.DeleteFunc(state.KeyTypes(), func(t state.KeyType) bool { return !t.Encrypts() })
}

func encrypted(t testing.TB, k *Keyring, v *state.KeyVersion, plaintext, aad []byte) []byte {
	t.Helper()
	ct, err := k.Encrypt(pass.Mint(pass.Encrypt, v.ID()), v, plaintext, aad)
	if err != nil {
		t.Fatal(err)
	}
	return ct
}

func decrypted(k *Keyring, v *state.KeyVersion, ct, aad []byte) ([]byte, error) {
	return k.Decrypt(pass.Mint(pass.Decrypt, v.ID()), v, ct, aad)
}

func rewrapped(k *Keyring, from, to *state.KeyVersion, ct, aad []byte) (out []byte, err error) {
	err = using(k, from, pass.Mint(pass.Rewrap, from.ID()), pass.Rewrap, func(u *Use) error {
		out, err = u.Rewrap(from, to, ct, aad)
		return err
	})
	return out, err
}

// independent is a cipher that no code of the keyring made.
func independent(t testing.TB, typ state.KeyType, key []byte) cipher.AEAD {
	t.Helper()
	var aead cipher.AEAD
	var err error
	switch typ {
	case state.ChaCha20:
		aead, err = chacha20poly1305.New(key)
	case state.XChaCha20:
		aead, err = chacha20poly1305.NewX(key)
	default:
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		aead, err = cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[state.KeyType]int{state.AES128GCM: 16, state.AES256GCM: 32}[typ]; len(key) != want {
			t.Fatalf("%s has a key of %d bytes", typ, len(key))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// cipherKey takes the key of v out of its keyset.
func cipherKey(t testing.TB, b *barrier.Barrier, v *state.KeyVersion) []byte {
	t.Helper()
	main, _, err := openKeyset(b, v)
	if err != nil {
		t.Fatal(err)
	}
	return clearBytes(main.(interface{ KeyBytes() secretdata.Bytes }).KeyBytes())
}

func TestEncryptHasTheLayoutNonceCiphertextTag(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	for _, typ := range encrypting() {
		v := generated(t, k, "box", 1, typ)
		other := independent(t, typ, cipherKey(t, b, v))
		nonces := map[state.KeyType]int{state.AES128GCM: 12, state.AES256GCM: 12, state.ChaCha20: 12, state.XChaCha20: 24}
		for _, n := range []int{0, 1, 16, 1000} {
			plaintext := bytes.Repeat([]byte{7}, n)
			for _, aad := range [][]byte{nil, {}, []byte("aad")} {
				ct := encrypted(t, k, v, plaintext, aad)
				size := nonces[typ]
				if len(ct) != size+n+16 {
					t.Errorf("%s: %d bytes for %d", typ, len(ct), n)
				}
				// An independent cipher reads ours, and we read what it made.
				if pt, err := other.Open(nil, ct[:size], ct[size:], aad); err != nil || !bytes.Equal(pt, plaintext) {
					t.Errorf("%s elsewhere: %x, %v", typ, pt, err)
				}
				nonce := bytes.Repeat([]byte{9}, size)
				for _, ct := range [][]byte{ct, other.Seal(slices.Clone(nonce), nonce, plaintext, aad)} {
					before := bytes.Clone(ct)
					pt, err := decrypted(k, v, ct, aad)
					if err != nil || pt == nil || !bytes.Equal(pt, plaintext) || !bytes.Equal(ct, before) {
						t.Errorf("%s: decrypt: %x, %v", typ, pt, err)
					}
				}
			}
		}
		if bytes.Equal(encrypted(t, k, v, nil, nil)[:12], encrypted(t, k, v, nil, nil)[:12]) {
			t.Errorf("%s: a nonce twice", typ)
		}
	}
}

// sealedWith makes a version of typ whose main key is given, beside an HMAC key
// as every version has one, or alone as before there was one.
func sealedWith(t testing.TB, b *barrier.Barrier, typ state.KeyType, main key.Key, side bool) *state.KeyVersion {
	t.Helper()
	m := keyset.NewManager()
	id, err := m.AddKey(main)
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	if side {
		p, err := macParameters(sideKeySize)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.AddNewKeyFromParameters(p); err != nil {
			t.Fatal(err)
		}
	}
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

func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of the documents that define the ciphers.
func TestCiphersDecryptPublishedVectors(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	sunscreen := []byte("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
	for _, c := range []struct {
		source               string
		typ                  state.KeyType
		key, nonce, aad, box string
		plaintext            []byte
	}{
		{
			"McGrew and Viega, test case 4", state.AES128GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
			"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
			fromHex(t, "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
		},
		{
			"McGrew and Viega, test case 16", state.AES256GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
			"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
			fromHex(t, "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
		},
		{
			"RFC 8439, section 2.8.2", state.ChaCha20, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
			"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
			sunscreen,
		},
		{
			"draft-irtf-cfrg-xchacha-03, appendix A.3.1", state.XChaCha20, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "404142434445464748494a4b4c4d4e4f5051525354555657", "50515253c0c1c2c3c4c5c6c7",
			"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
			sunscreen,
		},
	} {
		v := sealedWith(t, b, c.typ, tinkCipher(t, c.typ, fromHex(t, c.key)), true)
		pt, err := decrypted(k, v, append(fromHex(t, c.nonce), fromHex(t, c.box)...), fromHex(t, c.aad))
		if err != nil || !bytes.Equal(pt, c.plaintext) {
			t.Errorf("%s: %x, %v", c.source, pt, err)
		}
	}
}

func tinkCipher(t testing.TB, typ state.KeyType, raw []byte) key.Key {
	t.Helper()
	p, err := parameters(typ)
	if err != nil {
		t.Fatal(err)
	}
	secret := secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{})
	var out key.Key
	switch p := p.(type) {
	case *aesgcm.Parameters:
		out, err = aesgcm.NewKey(secret, 0, p)
	case *tinkchacha.Parameters:
		out, err = tinkchacha.NewKey(secret, 0, p)
	case *tinkxchacha.Parameters:
		out, err = tinkxchacha.NewKey(secret, 0, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDecryptAndRewrapRefuse(t *testing.T) {
	w := shared(t)
	for _, typ := range encrypting() {
		v := w.version(typ)
		second := generated(t, w.Keyring, string(typ), 2, typ)
		other := generated(t, w.Keyring, "box", 1, typ)
		ct := encrypted(t, w.Keyring, v, []byte("secret"), []byte("aad"))
		refuses := func(what string, v *state.KeyVersion, ct, aad []byte) {
			t.Helper()
			pt, err := decrypted(w.Keyring, v, ct, aad)
			if !errors.Is(err, ErrCiphertext) || pt != nil {
				t.Errorf("%s, %s: %q, %v", typ, what, pt, err)
			}
			out, err := rewrapped(w.Keyring, v, v, ct, aad)
			if !errors.Is(err, ErrCiphertext) || out != nil {
				t.Errorf("%s, %s, rewrap: %q, %v", typ, what, out, err)
			}
		}
		for i := range ct {
			refuses("altered", v, flipped(ct, i), []byte("aad"))
		}
		for n := range ct {
			refuses("cut", v, ct[:n], []byte("aad"))
		}
		refuses("longer", v, append(slices.Clone(ct), 0), []byte("aad"))
		refuses("other aad", v, ct, []byte("aae"))
		refuses("no aad", v, ct, nil)
		refuses("another key", other, ct, []byte("aad"))
		refuses("another version", second, ct, []byte("aad"))
		refuses("a nonce of other length", v, append(make([]byte, 12), ct...), []byte("aad"))
	}
}

func TestRewrapMovesToAnotherVersion(t *testing.T) {
	w := shared(t)
	for _, typ := range encrypting() {
		v1 := w.version(typ)
		v2 := generated(t, w.Keyring, string(typ), 2, typ)
		for _, plaintext := range [][]byte{{}, []byte("secret")} {
			old := encrypted(t, w.Keyring, v1, plaintext, []byte("aad"))
			for _, to := range []*state.KeyVersion{v1, v2} {
				fresh, err := rewrapped(w.Keyring, v1, to, old, []byte("aad"))
				if err != nil || bytes.Equal(fresh, old) || len(fresh) != len(old) {
					t.Fatalf("%s: %x, %v", typ, fresh, err)
				}
				if pt, err := decrypted(w.Keyring, to, fresh, []byte("aad")); err != nil || !bytes.Equal(pt, plaintext) {
					t.Errorf("%s: %q, %v", typ, pt, err)
				}
				if _, err := decrypted(w.Keyring, to, fresh, nil); !errors.Is(err, ErrCiphertext) {
					t.Errorf("%s: the associated data is gone: %v", typ, err)
				}
			}
		}
		// The pass is for one key, at both ends.
		other := generated(t, w.Keyring, "box", 1, typ)
		old := encrypted(t, w.Keyring, v1, []byte("secret"), nil)
		if out, err := rewrapped(w.Keyring, v1, other, old, nil); !errors.Is(err, pass.ErrWrongUse) || out != nil {
			t.Errorf("%s: rewrapped for another key: %v", typ, err)
		}
	}
}
