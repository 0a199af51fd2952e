package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

// Sign signs input with v and returns the bare signature: ASN.1 DER, or R || S
// for ECDSA with o.JWS; 64 bytes for ed25519 (RFC 8032); as long as the modulus
// for RSA. Errors: ErrClosed, pass.ErrWrongUse, ErrSealed, those of
// Options.CheckSign, ErrDigestLength, ErrDamaged.
func (u *Use) Sign(v *state.KeyVersion, o Options, input []byte) ([]byte, error) {
	s, err := u.admit(pass.Sign, v)
	if err != nil {
		return nil, err
	}
	if err := o.CheckSign(v.Type); err != nil {
		return nil, err
	}
	digest, err := o.digest(v.Type, input)
	if err != nil {
		return nil, err
	}
	x, err := u.secret(s, v)
	if err != nil {
		return nil, err
	}
	return x.sign(o, digest)
}

// sign makes the signature. No error of crypto/ecdsa, crypto/ed25519 or
// crypto/rsa carries a part of the key.
func (x *secret) sign(o Options, digest []byte) ([]byte, error) {
	switch {
	case x.ec != nil:
		// Hedged: the nonce comes from the key, the digest and fresh randomness
		// together, so neither a weak generator nor a glitch in one of two
		// signatures of the same input gives the key away.
		der, err := ecdsa.SignASN1(rand.Reader, x.ec, digest)
		if err != nil || !o.JWS {
			return der, err
		}
		return rawFromDER(der, scalarSize(x.ec.Curve))
	case x.ed != nil:
		return ed25519.PrivateKey(x.ed[:]).Sign(nil, digest, o.ed25519())
	case x.rsa != nil && o.PKCS1v15:
		// Both paddings: crypto/rsa raises the result to the public exponent and
		// compares before it answers, so a fault in one half of the CRT yields an
		// error and not the factors of the modulus.
		return rsa.SignPKCS1v15(rand.Reader, x.rsa, o.Hash.std(), digest)
	case x.rsa != nil:
		return rsa.SignPSS(rand.Reader, x.rsa, o.Hash.std(), digest, o.pss())
	}
	return nil, ErrDamaged
}

func (o Options) pss() *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: int(o.Salt)} }

// ed25519 chooses Ed25519ph for a prehashed input, Ed25519 otherwise.
func (o Options) ed25519() *ed25519.Options {
	if o.Prehashed {
		return &ed25519.Options{Hash: crypto.SHA512}
	}
	return &ed25519.Options{}
}
