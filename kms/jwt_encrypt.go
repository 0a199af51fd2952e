package kms

import (
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// nestedType is the cty of a JWE whose content is a token (RFC 7519, section 5.2).
const nestedType = "JWT"

// recipient is whom the tokens of a profile are encrypted to once they are signed.
// One of jwk and transitKey is set.
type recipient struct {
	alg        jose.KeyAlg
	enc        jose.Enc
	jwk        *jose.JWK // with a kid
	transitKey string    // its name
}

// newRecipient reads what a profile says; nil where its tokens are signed alone.
func newRecipient(e *jose.Encrypt) (*recipient, error) {
	if e == nil {
		return nil, nil
	}
	to := &recipient{alg: jose.KeyAlg(e.Alg), enc: jose.Enc(e.Enc), transitKey: e.TransitKey}
	if to.transitKey != "" {
		return to, nil
	}
	var err error
	if to.jwk, err = jose.ParseJWK(e.Recipient); err != nil {
		return nil, err
	}
	if to.jwk.KID == "" {
		to.jwk.KID, err = to.jwk.Thumbprint()
	}
	return to, err
}

// encrypts are the rights that sign needs beside the issuer's key: to encrypt with
// the AES key that the profile names. A public half is no secret, and needs none.
func (c *Call) encrypts(issuer, profile string) []gate.Right {
	i, err := c.view.issuer(issuer)
	if err != nil || i.profiles[profile] == nil {
		return nil
	}
	m, err := i.profiles[profile].ready()
	if err != nil || m.to == nil || m.to.alg != jose.Dir {
		return nil
	}
	return []gate.Right{{Action: pass.Encrypt, Key: i.Mount + "/" + m.to.transitKey}}
}

// sealer encrypts the tokens of one request, each by itself.
type sealer struct {
	s       *Service
	c       *Call
	to      *recipient
	jwk     *jose.JWK         // nil: version encrypts
	use     *keyring.Use      // of version
	version *state.KeyVersion // of a transit key; nil of a recipient
}

// newSealer finds the key, and records which it is. A transit key encrypts with its
// latest version that may. Errors: ErrKeyNotFound, ErrKeyDeleted, ErrKeyBound,
// ErrKeyTypeUnsupported, ErrVersionState.
func (s *Service) newSealer(c *Call, a *gate.Admission, i *issuerView, to *recipient) (*sealer, error) {
	e := &sealer{s: s, c: c, to: to, jwk: to.jwk}
	note(a, "encrypted", "true")
	if e.jwk != nil {
		note(a, "encrypted_kid", e.jwk.KID)
		return e, nil
	}
	note(a, "encrypted_key", to.transitKey)
	k := c.view.Key(i.Mount, to.transitKey)
	if k == nil {
		return nil, saying(ErrKeyNotFound, "the transit key %s, which tokens of this profile are encrypted with, is not there", to.transitKey)
	}
	if err := inUse(k); err != nil {
		return nil, err
	}
	if err := keyring.CheckJWE(k.Type, to.alg, to.enc); err != nil {
		return nil, saying(ErrKeyTypeUnsupported, "the key %s is of type %s, which is not used with alg %s and enc %s: write the profile anew", k.Name, k.Type, to.alg, to.enc)
	}
	var err error
	if e.version, err = c.forward(k, 0, "encryption"); err != nil {
		return nil, err
	}
	note(a, "encrypted_kid", e.version.KID)
	note(a, "encrypted_version", fmt.Sprint(e.version.Number))
	if to.alg == jose.Dir {
		e.use, err = s.keys.Open(a.FurtherPass(gate.Right{Action: pass.Encrypt, Key: k.ID()}), pass.Encrypt, k.ID())
		return e, err
	}
	public, err := jose.RecipientJWK(e.version.Public, to.alg, e.version.KID)
	if err != nil {
		return nil, err
	}
	e.jwk, err = jose.ParseJWK(public)
	return e, err
}

func (e *sealer) close() {
	if e != nil && e.use != nil {
		e.use.Close()
	}
}

// seal makes the nested token (RFC 7519, section 11.2: signed first, then
// encrypted), of at most so many bytes. Errors: ErrClaimNotAllowed if it is longer,
// and those of bookEncryption.
func (e *sealer) seal(token []byte, most int64) ([]byte, error) {
	var out string
	var err error
	if e.jwk != nil {
		out, err = keyring.EncryptTo(e.jwk, e.to.alg, e.to.enc, nestedType, token)
	} else if err = e.s.bookEncryption(e.c, e.version); err == nil {
		out, err = e.use.EncryptJWE(e.version, e.to.enc, nestedType, token)
	}
	if err != nil {
		return nil, err
	}
	if int64(len(out)) > most {
		return nil, notAllowed(&jose.ClaimError{Claim: "token", Why: fmt.Sprintf("would be %d bytes long when it is encrypted, and the profile allows %d", len(out), most)}, nil)
	}
	return []byte(out), nil
}
