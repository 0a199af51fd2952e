package keyring

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

// Verify says whether sig is a signature of input by v, in the form that the
// options name and in no other. Bytes that are no signature at all are false,
// not an error. The private half stays closed. Errors: ErrClosed,
// pass.ErrWrongUse, ErrSealed, those of Options.Check, ErrDigestLength,
// ErrDamaged.
func (u *Use) Verify(v *state.KeyVersion, o Options, input, sig []byte) (bool, error) {
	s, err := u.admit(pass.Verify, v)
	if err != nil {
		return false, err
	}
	if v.Type.Known() && !v.Type.Signs() {
		return false, unsupported(v.Type, "verification")
	}
	if err := o.Check(v.Type); err != nil {
		return false, err
	}
	digest, err := o.digest(v.Type, input)
	if err != nil {
		return false, err
	}
	e, err := s.lookup(v)
	if err != nil {
		return false, err
	}
	return e.public.verify(o, digest, sig), nil
}

// verify takes every failure of the primitives as "no": key and options were
// checked before, so the signature is all that can be wrong.
func (k *publicKey) verify(o Options, digest, sig []byte) bool {
	switch {
	case k.ec != nil:
		// VerifyASN1 takes DER alone, without a byte after it, and r and s from 1
		// to n-1 alone. It takes (r, n-s) for (r, s), as ECDSA does.
		if o.JWS {
			sig = derFromRaw(sig, scalarSize(k.ec.Curve))
		}
		return ecdsa.VerifyASN1(k.ec, digest, sig)
	case k.ed != nil:
		// Demands S below the group order and compares the bytes of R, so a
		// signature has one form.
		return ed25519.VerifyWithOptions(k.ed, digest, sig, o.ed25519()) == nil
	case k.rsa != nil && o.PKCS1v15:
		return rsa.VerifyPKCS1v15(k.rsa, o.Hash.std(), digest, sig) == nil
	case k.rsa != nil:
		return rsa.VerifyPSS(k.rsa, o.Hash.std(), digest, sig, o.pss()) == nil
	}
	return false
}
