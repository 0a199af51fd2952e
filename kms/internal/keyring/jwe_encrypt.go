package keyring

import (
	"slices"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// EncryptTo encrypts plaintext to the public key of somebody by ECDH-ES,
// ECDH-ES+A256KW or RSA-OAEP-256 and returns the compact JWE. It needs no key of
// this node. Content key and IV are fresh; nothing is compressed. The header names
// the kid of recipient, if it has one, and cty, if that is not empty. Error:
// ErrRecipient, jose.ErrKeyUse.
func EncryptTo(recipient *jose.JWK, alg jose.KeyAlg, enc jose.Enc, cty string, plaintext []byte) (string, error) {
	allowed := jose.ServerAllowed()
	if alg == jose.Dir || !slices.Contains(allowed.Algs, alg) || !slices.Contains(allowed.Encs, enc) {
		return "", ErrRecipient
	}
	if err := recipient.CheckEncrypt(alg); err != nil {
		return "", err
	}
	o := &gojose.EncrypterOptions{}
	if cty != "" {
		o = o.WithContentType(gojose.ContentType(cty))
	}
	encrypter, err := gojose.NewEncrypter(gojose.ContentEncryption(enc),
		gojose.Recipient{Algorithm: gojose.KeyAlgorithm(alg), Key: recipient.Key(), KeyID: recipient.KID}, o)
	if err != nil {
		return "", ErrRecipient
	}
	object, err := encrypter.Encrypt(plaintext)
	if err != nil {
		return "", ErrRecipient
	}
	token, err := object.CompactSerialize()
	if err != nil {
		return "", ErrRecipient
	}
	return token, nil
}

// EncryptJWE encrypts plaintext with v, an AES key, by dir and returns the compact
// JWE. It is one encryption with a random nonce, and whoever calls counts it as he
// counts Encrypt. Errors: ErrClosed, pass.ErrWrongUse, ErrSealed, ErrKeyType,
// ErrAlg, ErrDamaged.
func (u *Use) EncryptJWE(v *state.KeyVersion, enc jose.Enc, cty string, plaintext []byte) (string, error) {
	s, err := u.admit(pass.Encrypt, v)
	if err != nil {
		return "", err
	}
	if err := CheckJWE(v.Type, jose.Dir, enc); err != nil {
		return "", err
	}
	x, err := u.secret(s, v)
	if err != nil {
		return "", err
	}
	header := jose.NewEncProtected(jose.Dir, enc, v.KID, cty)
	sealed, err := x.aead.Encrypt(plaintext, header)
	if err != nil {
		return "", ErrDamaged
	}
	const iv, tag = 12, 16
	body := len(sealed) - tag
	return jose.CompactJWE(header, nil, sealed[:iv], sealed[iv:body], sealed[body:]), nil
}
