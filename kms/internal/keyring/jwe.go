package keyring

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"hash"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// CheckJWE refuses key management and content encryption that keys of t are not
// used with: RSA keys take RSA-OAEP-256 with each enc of the server, AES keys take
// dir with the AES-GCM of their length. Errors: ErrKeyType, ErrAlg.
func CheckJWE(t state.KeyType, alg jose.KeyAlg, enc jose.Enc) error {
	switch {
	case !t.Known():
		return unknownType(t)
	case t.RSA() && alg == jose.RSAOAEP256 && enc.Known():
		return nil
	case t == state.AES128GCM && alg == jose.Dir && enc == jose.A128GCM:
		return nil
	case t == state.AES256GCM && alg == jose.Dir && enc == jose.A256GCM:
		return nil
	}
	return ErrAlg
}

// FitsJWE says whether keys of t are used with alg, by some enc.
func FitsJWE(t state.KeyType, alg jose.KeyAlg) bool { return CheckJWE(t, alg, ownEnc(t)) == nil }

// DecryptJWE decrypts e with v by alg, which is what v is used with and not what
// the token says. Success says nothing about who encrypted it, but with dir.
// Errors: ErrClosed, pass.ErrWrongUse, ErrSealed, ErrKeyType, ErrDamaged, ErrAlg
// when alg is none of v's type, and ErrJWE for all that is wrong with e.
func (u *Use) DecryptJWE(v *state.KeyVersion, alg jose.KeyAlg, e *jose.Encrypted) ([]byte, error) {
	s, err := u.admit(pass.Decrypt, v)
	if err != nil {
		return nil, err
	}
	if err := CheckJWE(v.Type, alg, ownEnc(v.Type)); err != nil {
		return nil, err
	}
	if e.Header.Alg != alg || CheckJWE(v.Type, alg, e.Header.Enc) != nil {
		return nil, ErrJWE
	}
	x, err := u.secret(s, v)
	if err != nil {
		return nil, err
	}
	if x.rsa != nil {
		return decryptJWE(&oaep{key: x.rsa, alg: alg, enc: e.Header.Enc}, e)
	}
	return x.decryptDir(e)
}

// ownEnc is an enc that keys of t are used with.
func ownEnc(t state.KeyType) jose.Enc {
	if t == state.AES128GCM {
		return jose.A128GCM
	}
	return jose.A256GCM
}

// decryptDir uses that a JWE of dir and AES-GCM is what Encrypt makes, cut
// differently: iv, ciphertext and tag with the header as associated data (RFC
// 7518, section 5.3). So the bytes of the key stay inside the cipher.
func (x *secret) decryptDir(e *jose.Encrypted) ([]byte, error) {
	sealed := make([]byte, 0, len(e.IV)+len(e.Ciphertext)+len(e.Tag))
	sealed = append(append(append(sealed, e.IV...), e.Ciphertext...), e.Tag...)
	plaintext, err := x.decrypt(sealed, e.AAD)
	if err != nil {
		return nil, ErrJWE
	}
	return plaintext, nil
}

// decryptJWE has go-jose decrypt what package jose has let through. key is what
// go-jose takes: an *ecdsa.PrivateKey, the bytes of a key for wrapping, or oaep.
// Error: ErrJWE.
func decryptJWE(key any, e *jose.Encrypted) ([]byte, error) {
	if ec, ok := key.(*ecdsa.PrivateKey); ok && (e.Header.EPK == nil || e.Header.EPK.Crv != ec.Params().Name) {
		return nil, ErrJWE // a point of another curve would tell of the key (RFC 8725, section 2.5)
	}
	parsed, err := gojose.ParseEncryptedCompact(e.Compact,
		[]gojose.KeyAlgorithm{gojose.KeyAlgorithm(e.Header.Alg)}, []gojose.ContentEncryption{gojose.ContentEncryption(e.Header.Enc)})
	if err != nil {
		return nil, ErrJWE
	}
	plaintext, err := parsed.Decrypt(key)
	if err != nil {
		return nil, ErrJWE
	}
	if plaintext == nil {
		plaintext = []byte{}
	}
	return plaintext, nil
}

// oaep takes the content key out of RSA-OAEP for go-jose.
type oaep struct {
	_ [0]func()
	redacted
	key *rsa.PrivateKey
	alg jose.KeyAlg
	enc jose.Enc
}

// DecryptKey answers a random key when there is none of the right length in
// encrypted: the content then fails to open, after the same work and with the same
// error as an altered content (RFC 7516, section 11.5).
func (o *oaep) DecryptKey(encrypted []byte, _ gojose.Header) ([]byte, error) {
	var h hash.Hash
	switch o.alg {
	case jose.RSAOAEP256:
		h = sha256.New()
	case jose.RSAOAEP:
		h = sha1.New()
	default:
		return nil, ErrJWE
	}
	key := make([]byte, o.enc.KeySize())
	_, _ = rand.Read(key) // does not fail: crypto/rand ends the process instead
	if found, err := rsa.DecryptOAEP(h, nil, o.key, encrypted, nil); err == nil && len(found) == len(key) {
		copy(key, found)
		clear(found)
	}
	return key, nil
}
