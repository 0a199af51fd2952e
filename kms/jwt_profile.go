package kms

import (
	"fmt"

	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// minting is a profile made ready to issue tokens under the version that signs,
// once for a revision of its issuer.
type minting struct {
	rules  *jose.Rules
	header jose.Protected // empty where no version signs
	sig    int            // bytes of a signature
	to     *recipient     // nil: tokens are signed alone
}

// newMinting compiles a profile. It was compiled before it was stored, so an error
// is a fault of this node.
func newMinting(i *issuerView, p *profileView) (*minting, error) {
	rules, err := p.rules()
	if err != nil {
		return nil, fmt.Errorf("the profile %s of the issuer %s: %w", p.Name, p.Issuer, err)
	}
	m := &minting{rules: rules}
	if m.to, err = newRecipient(rules.Encryption()); err != nil {
		return nil, fmt.Errorf("the recipient of the profile %s of the issuer %s: %w", p.Name, p.Issuer, err)
	}
	if i.signer == nil {
		return m, nil
	}
	m.header = jose.NewProtected(jose.Alg(i.Alg), i.signer.KID, rules.Typ(), "")
	m.sig = signatureSize(jose.Alg(i.Alg), i.signer.Type)
	return m, nil
}

// signatureSize is how many bytes the signatures of a key have.
func signatureSize(alg jose.Alg, t state.KeyType) int {
	switch t {
	case state.ECDSAP256, state.Ed25519:
		return 64
	case state.ECDSAP384:
		return 96
	case state.ECDSAP521:
		return 132
	case state.RSA2048:
		return 256
	case state.RSA3072:
		return 384
	case state.RSA4096:
		return 512
	}
	return alg.Hash().Size() // an HMAC
}

// accepts says whether some profile of the issuer makes tokens of this type.
func (i *issuerView) accepts(typ string) (bool, error) {
	for _, p := range i.profiles {
		rules, err := p.rules()
		if err != nil {
			return false, err
		}
		if jose.TypeEqual(rules.Typ(), typ) {
			return true, nil
		}
	}
	return false, nil
}
