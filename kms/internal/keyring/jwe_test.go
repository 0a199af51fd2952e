package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// encrypted is a JWE of dir under an AES version.
func (w *bench) encrypted(t testing.TB, v *state.KeyVersion, plaintext string) string {
	t.Helper()
	enc := jose.A256GCM
	if v.Type == state.AES128GCM {
		enc = jose.A128GCM
	}
	token, err := w.use(t, pass.Encrypt, v).EncryptJWE(v, enc, "JWT", []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (w *bench) decrypt(t testing.TB, v *state.KeyVersion, alg jose.KeyAlg, token string) ([]byte, error) {
	t.Helper()
	e, err := jose.ParseEncrypted(token)
	if err != nil {
		return nil, err
	}
	return w.use(t, pass.Decrypt, v).DecryptJWE(v, alg, e)
}

// recipient is the public JWK of a version for those who encrypt to it.
func recipient(t testing.TB, v *state.KeyVersion, alg jose.KeyAlg) *jose.JWK {
	t.Helper()
	raw, err := jose.RecipientJWK(v.Public, alg, v.KID)
	if err != nil {
		t.Fatal(err)
	}
	k, err := jose.ParseJWK(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestDirEncryption(t *testing.T) {
	w := newBench(t)
	for typ, enc := range map[state.KeyType]jose.Enc{state.AES128GCM: jose.A128GCM, state.AES256GCM: jose.A256GCM} {
		v := generated(t, w.Keyring, "dir", 1, typ)
		for _, plaintext := range []string{"", "x", strings.Repeat("long ", 1000)} {
			token := w.encrypted(t, v, plaintext)
			got, err := w.decrypt(t, v, jose.Dir, token)
			if err != nil || string(got) != plaintext || got == nil {
				t.Errorf("%s: %q, %v", typ, got, err)
			}
			if again := w.encrypted(t, v, plaintext); again == token {
				t.Error("two encryptions are the same")
			}
			e, err := jose.ParseEncrypted(token)
			if err != nil || e.Header.Cty != "JWT" || e.Header.KID != v.KID || e.Header.Enc != enc {
				t.Errorf("%+v, %v", e.Header, err)
			}
		}
		for _, other := range []jose.Enc{jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A256CBCHS512, ""} {
			if _, err := w.use(t, pass.Encrypt, v).EncryptJWE(v, other, "", nil); errors.Is(err, ErrAlg) != (other != enc) {
				t.Errorf("%s with %s: %v", typ, other, err)
			}
		}
	}
}

// go-jose reads what is encrypted with dir, and is read.
func TestDirIsThatOfGoJose(t *testing.T) {
	w := newBench(t)
	raw := bytes.Repeat([]byte{9}, 32)
	v, err := w.aesVersion(raw)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := gojose.ParseEncryptedCompact(w.encrypted(t, v, "from here"), []gojose.KeyAlgorithm{gojose.DIRECT}, []gojose.ContentEncryption{gojose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsed.Decrypt(raw); err != nil || string(got) != "from here" {
		t.Errorf("%q, %v", got, err)
	}
	encrypter, err := gojose.NewEncrypter(gojose.A256GCM, gojose.Recipient{Algorithm: gojose.DIRECT, Key: raw}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte("from there"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.decrypt(t, v, jose.Dir, token); err != nil || string(got) != "from there" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRSAEncryption(t *testing.T) {
	w := newBench(t)
	v := w.versionFor(t, state.RSA2048)
	for _, enc := range jose.ServerAllowed().Encs {
		token, err := EncryptTo(recipient(t, v, jose.RSAOAEP256), jose.RSAOAEP256, enc, "JWT", []byte("plaintext"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.decrypt(t, v, jose.RSAOAEP256, token); err != nil || string(got) != "plaintext" {
			t.Errorf("%s: %q, %v", enc, got, err)
		}
		e, err := jose.ParseEncrypted(token)
		if err != nil || e.Header.Cty != "JWT" || e.Header.KID != v.KID || strings.Contains(string(e.Header.Raw), "zip") {
			t.Errorf("%s: %v", e.Header.Raw, err)
		}
	}
}

func TestECDHEncryption(t *testing.T) {
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		v := &state.KeyVersion{Public: spkiOf(t, &key.PublicKey), KID: "k"}
		for _, alg := range []jose.KeyAlg{jose.ECDHES, jose.ECDHESA256KW} {
			for _, enc := range jose.ServerAllowed().Encs {
				token, err := EncryptTo(recipient(t, v, alg), alg, enc, "", []byte("plaintext"))
				if err != nil {
					t.Fatal(err)
				}
				e, err := jose.ParseEncrypted(token)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := decryptJWE(key, e); err != nil || string(got) != "plaintext" {
					t.Errorf("%s %s: %q, %v", alg, enc, got, err)
				}
				if got, err := decryptJWE(other, e); !errors.Is(err, ErrJWE) || got != nil {
					t.Errorf("%s %s with another key: %v", alg, enc, err)
				}
			}
		}
	}
}

func TestEncryptToRefuses(t *testing.T) {
	w := newBench(t)
	v := w.versionFor(t, state.RSA2048)
	ec := w.versionFor(t, state.ECDSAP256)
	signing, err := jose.PublicJWK(v.Public, jose.RS256, "k")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.ParseJWK(signing)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		to   *jose.JWK
		alg  jose.KeyAlg
		enc  jose.Enc
		want error
	}{
		"RSA1_5":            {recipient(t, v, jose.RSAOAEP256), "RSA1_5", jose.A256GCM, ErrRecipient},
		"RSA-OAEP":          {recipient(t, v, jose.RSAOAEP), jose.RSAOAEP, jose.A256GCM, ErrRecipient},
		"dir":               {recipient(t, v, jose.RSAOAEP256), jose.Dir, jose.A256GCM, ErrRecipient},
		"PBES2":             {recipient(t, v, jose.RSAOAEP256), "PBES2-HS256+A128KW", jose.A256GCM, ErrRecipient},
		"A192GCM":           {recipient(t, v, jose.RSAOAEP256), jose.RSAOAEP256, jose.A192GCM, ErrRecipient},
		"no enc":            {recipient(t, v, jose.RSAOAEP256), jose.RSAOAEP256, "", ErrRecipient},
		"ECDH-ES to RSA":    {recipient(t, v, jose.RSAOAEP256), jose.ECDHES, jose.A256GCM, jose.ErrKeyUse},
		"RSA to an EC key":  {recipient(t, ec, jose.ECDHES), jose.RSAOAEP256, jose.A256GCM, jose.ErrKeyUse},
		"another alg of EC": {recipient(t, ec, jose.ECDHES), jose.ECDHESA256KW, jose.A256GCM, jose.ErrKeyUse},
		"to a signing key":  {signer, jose.RSAOAEP256, jose.A256GCM, jose.ErrKeyUse},
	} {
		if token, err := EncryptTo(c.to, c.alg, c.enc, "", []byte("x")); !errors.Is(err, c.want) || token != "" {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// attempted is one decryption.
type attempted struct {
	v     *state.KeyVersion
	alg   jose.KeyAlg
	token string
}

// Whatever is wrong with a JWE, the error is the same value with the same text.
func TestEveryFailureOfDecryptionIsOneError(t *testing.T) {
	w := newBench(t)
	aes, v := generated(t, w.Keyring, "aes", 1, state.AES256GCM), w.versionFor(t, state.RSA2048)
	to := recipient(t, v, jose.RSAOAEP256)
	gcm, err := EncryptTo(to, jose.RSAOAEP256, jose.A256GCM, "", []byte("plaintext"))
	if err != nil {
		t.Fatal(err)
	}
	cbc, err := EncryptTo(to, jose.RSAOAEP256, jose.A256CBCHS512, "", []byte("plaintext"))
	if err != nil {
		t.Fatal(err)
	}
	// A key of another length than enc asks for, well encrypted.
	short, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, to.Key().(*rsa.PublicKey), make([]byte, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(gcm, ".")
	tokens := map[string]attempted{"a content key of another length": {v, jose.RSAOAEP256, strings.Join([]string{parts[0], encode(short), parts[2], parts[3], parts[4]}, ".")}}
	for name, token := range map[string]string{"GCM": gcm, "CBC": cbc} {
		for i := range 5 {
			tokens[fmt.Sprintf("%s, a bit of segment %d", name, i)] = attempted{v, jose.RSAOAEP256, changed(t, token, i)}
		}
	}
	own := w.encrypted(t, aes, "plaintext")
	for i := range 5 {
		if i != 1 {
			tokens[fmt.Sprintf("dir, a bit of segment %d", i)] = attempted{aes, jose.Dir, changed(t, own, i)}
		}
	}
	tokens["dir to the RSA key"] = attempted{v, jose.RSAOAEP256, own}
	tokens["RSA to the AES key"] = attempted{aes, jose.Dir, gcm}
	other := generated(t, w.Keyring, "aes", 2, state.AES256GCM)
	tokens["dir under another version"] = attempted{other, jose.Dir, own}
	for name, c := range tokens {
		got, err := w.decrypt(t, c.v, c.alg, c.token)
		if errors.Is(err, jose.ErrMalformed) && strings.HasSuffix(name, "segment 0") {
			continue // the header is no JSON any more, which anybody can see
		}
		if err != ErrJWE || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// changed flips a bit of a segment in the middle of its bytes.
func changed(t testing.TB, token string, segment int) string {
	t.Helper()
	parts := strings.Split(token, ".")
	raw := unb64(t, parts[segment])
	raw[len(raw)/2] ^= 1
	parts[segment] = encode(raw)
	return strings.Join(parts, ".")
}

func TestEveryTypeHasItsJWEAlone(t *testing.T) {
	w := newBench(t)
	for _, typ := range state.KeyTypes() {
		for _, alg := range append(wide().Algs, "RSA1_5", "none", "") {
			for _, enc := range append(wide().Encs, "") {
				want := typ.RSA() && alg == jose.RSAOAEP256 && enc != "" || typ == state.AES128GCM && alg == jose.Dir && enc == jose.A128GCM ||
					typ == state.AES256GCM && alg == jose.Dir && enc == jose.A256GCM
				if err := CheckJWE(typ, alg, enc); (err == nil) != want || err != nil && !errors.Is(err, ErrAlg) {
					t.Errorf("%s, %q, %q: %v", typ, alg, enc, err)
				}
			}
		}
	}
	e, err := jose.ParseEncrypted(w.encrypted(t, generated(t, w.Keyring, "aes", 1, state.AES256GCM), "x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []state.KeyType{state.ECDSAP256, state.Ed25519, state.HMAC, state.ChaCha20, state.XChaCha20} {
		v := w.versionFor(t, typ)
		if _, err := w.use(t, pass.Decrypt, v).DecryptJWE(v, jose.Dir, e); !errors.Is(err, ErrAlg) {
			t.Errorf("decrypt with %s: %v", typ, err)
		}
		if _, err := w.use(t, pass.Encrypt, v).EncryptJWE(v, jose.A256GCM, "", nil); !errors.Is(err, ErrAlg) {
			t.Errorf("encrypt with %s: %v", typ, err)
		}
	}
	unknown := w.record("aes256-siv")
	if _, err := w.use(t, pass.Decrypt, unknown).DecryptJWE(unknown, jose.Dir, e); !errors.Is(err, ErrKeyType) {
		t.Errorf("%v", err)
	}
}
