package jose

import (
	"fmt"
	"slices"
)

// consistent holds use, key_ops and alg to each other and to kty and crv. A key
// without any of them is for whatever its type can do; ParseJWK's callers say
// what that is. Errors: ErrJWK, ErrUnsupportedKey.
func (p *Params) consistent() error {
	switch p.KTY {
	case KtyEC, KtyRSA, KtyOKP, KtyOct:
	default:
		return unsupportedKey("its kty is none that is used here")
	}
	signs, encrypts := Alg(p.Alg).Known(), KeyAlg(p.Alg).kty() != "" || Enc(p.Alg).Known()
	switch {
	case p.Alg != "" && !signs && !encrypts:
		return unsupportedKey("its alg is none that is used here")
	case signs && Alg(p.Alg).suits(p.KTY, p.Crv) != nil, encrypts && !encryptsWith(p.Alg, p.KTY):
		return badJWK("its alg is not for its kty and crv")
	case signs && p.Use != "" && p.Use != "sig", encrypts && p.Use != "" && p.Use != "enc":
		return badJWK("its use contradicts its alg")
	}
	return p.consistentOps(signs, encrypts)
}

// consistentOps takes no key_ops that contradict use or alg; other names of
// operations say nothing here (RFC 7517, section 4.3).
func (p *Params) consistentOps(signs, encrypts bool) error {
	for _, op := range p.KeyOps {
		signing := op == "sign" || op == "verify"
		encrypting := slices.Contains([]string{"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"}, op)
		if signing && (p.Use == "enc" || encrypts) || encrypting && (p.Use == "sig" || signs) {
			return badJWK("its key_ops contradict its use or alg")
		}
	}
	return nil
}

func encryptsWith(alg, kty string) bool {
	if Enc(alg).Known() { // a key for dir may name what it encrypts with
		return kty == KtyOct
	}
	return KeyAlg(alg).kty() == kty
}

// CheckVerify refuses a key that is not for checking signatures of alg: of another
// alg, type or curve, for another use, or with key_ops without verify. A key
// without alg takes each that suits it, so the caller must have fixed one for it.
// Error: ErrKeyUse.
func (p *Params) CheckVerify(alg Alg) error {
	if err := alg.suits(p.KTY, p.Crv); err != nil {
		return err
	}
	return p.check("sig", string(alg), "verify")
}

// CheckEncrypt refuses a key that is not for encryption to it by alg. Error:
// ErrKeyUse.
func (p *Params) CheckEncrypt(alg KeyAlg) error {
	return p.checkCrypt(alg, "encrypt", "wrapKey", "deriveKey", "deriveBits")
}

// CheckDecrypt is CheckEncrypt for the private half. enc is what a dir key may be
// bound to instead of dir.
func (p *Params) CheckDecrypt(alg KeyAlg, enc Enc) error {
	if alg == Dir && p.Alg == string(enc) {
		alg = KeyAlg(p.Alg)
		return p.check("enc", string(alg), "decrypt")
	}
	return p.checkCrypt(alg, "decrypt", "unwrapKey", "deriveKey", "deriveBits")
}

func (p *Params) checkCrypt(alg KeyAlg, ops ...string) error {
	if kty := alg.kty(); kty == "" || kty != p.KTY {
		return fmt.Errorf("%w: alg %s is not for a %s key", ErrKeyUse, string(alg), p.KTY)
	}
	return p.check("enc", string(alg), ops...)
}

func (p *Params) check(use, alg string, ops ...string) error {
	switch {
	case p.Alg != "" && p.Alg != alg:
		return fmt.Errorf("%w: it is bound to another alg", ErrKeyUse)
	case p.Use != "" && p.Use != use:
		return fmt.Errorf("%w: its use is not %s", ErrKeyUse, use)
	case p.KeyOps != nil && !slices.ContainsFunc(p.KeyOps, func(op string) bool { return slices.Contains(ops, op) }):
		return fmt.Errorf("%w: its key_ops lack %s", ErrKeyUse, ops[0])
	}
	return nil
}
