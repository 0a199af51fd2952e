package keyring

import (
	"crypto/hmac"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// CheckAlg refuses a signature algorithm that keys of t are not used with: each
// curve has one (RFC 7518, section 3.4), RSA keys have the six of RSA, ed25519 has
// both its names and hmac the three of HMAC. Errors: ErrKeyType, ErrAlg.
func CheckAlg(t state.KeyType, alg jose.Alg) error {
	if !t.Known() {
		return unknownType(t)
	}
	if !alg.Known() || algKty(t) != alg.Kty() || alg.Kty() == jose.KtyEC && curve(t).Params().Name != alg.Crv() {
		return ErrAlg
	}
	return nil
}

// algKty is the JWK type of keys of t as far as they sign.
func algKty(t state.KeyType) string {
	switch {
	case t.ECDSA():
		return jose.KtyEC
	case t.RSA():
		return jose.KtyRSA
	case t == state.Ed25519:
		return jose.KtyOKP
	case t == state.HMAC:
		return jose.KtyOct
	}
	return "none"
}

// SignJOSE signs the signing input of a JWS with v by alg, the one algorithm that
// v is bound to: whoever owns the key knows it, and no token has a say. ECDSA
// yields R || S of fixed width (RFC 7518, section 3.4), PSS has a salt as long as
// its hash (section 3.5), and HS algorithms use the key of an hmac key, which must
// be as long as the hash (section 3.2). Errors: ErrClosed, pass.ErrWrongUse,
// ErrSealed, ErrKeyType, ErrAlg, ErrShortKey, ErrDamaged.
func (u *Use) SignJOSE(v *state.KeyVersion, alg jose.Alg, input []byte) ([]byte, error) {
	s, err := u.admit(pass.Sign, v)
	if err != nil {
		return nil, err
	}
	if err := CheckAlg(v.Type, alg); err != nil {
		return nil, err
	}
	x, err := u.secret(s, v)
	if err != nil {
		return nil, err
	}
	o := joseOptions(alg)
	if alg.Symmetric() {
		return x.joseMAC(alg, o, input)
	}
	digest, err := o.digest(v.Type, input)
	if err != nil {
		return nil, err
	}
	return x.sign(o, digest)
}

// VerifyJOSE says whether sig is a signature of input by v under alg, in the one
// form that SignJOSE makes. Public keys leave the private half closed; an HMAC is
// compared in constant time. Errors: those of SignJOSE.
func (u *Use) VerifyJOSE(v *state.KeyVersion, alg jose.Alg, input, sig []byte) (bool, error) {
	s, err := u.admit(pass.Verify, v)
	if err != nil {
		return false, err
	}
	if err := CheckAlg(v.Type, alg); err != nil {
		return false, err
	}
	o := joseOptions(alg)
	if alg.Symmetric() {
		x, err := u.secret(s, v)
		if err != nil {
			return false, err
		}
		want, err := x.joseMAC(alg, o, input)
		return err == nil && hmac.Equal(want, sig), err
	}
	e, err := s.lookup(v)
	if err != nil {
		return false, err
	}
	digest, err := o.digest(v.Type, input)
	if err != nil {
		return false, err
	}
	return e.public.verify(o, digest, sig), nil
}

// joseMAC is the whole HMAC. Errors: ErrShortKey, ErrDamaged.
func (x *secret) joseMAC(alg jose.Alg, o Options, input []byte) ([]byte, error) {
	switch {
	case x.mac == nil:
		return nil, ErrDamaged
	case len(x.mac.bytes) < alg.MinKeySize():
		return nil, ErrShortKey
	}
	return x.mac.sum(o.Hash, input), nil
}

// joseOptions are the options of an algorithm that is known.
func joseOptions(alg jose.Alg) Options {
	o := Options{JWS: true, Salt: SaltHash, PKCS1v15: alg.Kty() == jose.KtyRSA && !alg.PSS()}
	switch alg {
	case jose.ES384, jose.RS384, jose.PS384, jose.HS384:
		o.Hash = SHA384
	case jose.ES512, jose.RS512, jose.PS512, jose.HS512:
		o.Hash = SHA512
	}
	return o
}
