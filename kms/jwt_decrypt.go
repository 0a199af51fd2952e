package kms

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// DecryptJWT decrypts a nested token and verifies what is in it, by the code that
// VerifyJWT has. The key is a transit key that a profile of the issuer names, found
// by the kid of the JWE. Whoever knows a public key can encrypt to it, so nothing of
// the content is told unless it is a signed token of this issuer. It needs update on
// the issuer's path, and nothing on the transit key's.
//
// Form and content that is no signed token have the reason malformed; all that is
// wrong with the encryption has bad_signature, and what it was cannot be told.
//
// Errors: those of VerifyJWT.
func (s *Service) DecryptJWT(c *Call, issuer string, d JWTDemand, token string) (JWTVerdict, error) {
	var out JWTVerdict
	v := verb{operation: "jwt/decrypt", need: policy.Update, action: pass.Verify, further: c.decrypts(issuer)}
	err := s.useIssuer(c, v, issuer, func(a *gate.Admission, i *issuerView, u *keyring.Use) error {
		if token == "" {
			return saying(ErrBadRequest, "missing token to decrypt")
		}
		w, err := s.newVerifier(c, i, u, &d)
		if err != nil {
			return err
		}
		a.Record.Alg, a.Record.Input = i.Alg, s.hashOf([]byte(token))
		t, err := w.decrypt(a, token)
		if err != nil {
			return err
		}
		a.Record.KID, a.Record.KeyVersion, a.Record.JTI = t.kid(), t.number(), t.jti()
		if t.reason != jose.ReasonNone {
			note(a, "reason", string(t.reason))
			out = JWTVerdict{Reason: string(t.reason)}
			c.hintSigned(token, t.reason)
			return nil
		}
		out = JWTVerdict{Active: true, Claims: t.claims.Raw, Header: t.token.Header.Raw}
		return nil
	})
	if err != nil {
		return JWTVerdict{}, err
	}
	return out, nil
}

// decrypt checks one compact JWE, and then the token in it. Error: the node's own.
func (w *verifier) decrypt(a *gate.Admission, text string) (checkedToken, error) {
	e, err := jose.ParseEncrypted(text)
	if err != nil || !jose.TypeEqual(e.Header.Cty, nestedType) {
		return checkedToken{reason: jose.ReasonMalformed}, nil
	}
	from, err := w.issuer.opener(w.c.view, e.Header.KID)
	if err != nil || from == nil {
		w.c.misses()
		return checkedToken{reason: jose.ReasonUnknownKey}, err
	}
	v := from.version
	note(a, "encrypted_key", v.Name)
	note(a, "encrypted_kid", v.KID)
	note(a, "encrypted_version", fmt.Sprint(v.Number))
	use, err := w.s.keys.Open(a.FurtherPass(gate.Right{Action: pass.Decrypt, Key: v.ID()}), pass.Decrypt, v.ID())
	if err != nil {
		return checkedToken{}, err
	}
	defer use.Close()
	content, err := use.DecryptJWE(v, from.alg, e)
	switch {
	case errors.Is(err, keyring.ErrJWE):
		return checkedToken{reason: jose.ReasonBadSignature}, nil
	case err != nil:
		return checkedToken{}, err
	}
	return w.verifyAnd(string(content), func(t *checkedToken) jose.Reason {
		if e.Header.CheckReplicated(t.claims) != nil {
			return jose.ReasonMalformed
		}
		return jose.ReasonNone
	})
}

// hintEncrypted says what to do with a JWE in the place of a signed token.
func (c *Call) hintEncrypted(token string, reason jose.Reason) {
	if reason == jose.ReasonMalformed && len(c.Warnings) == 0 && strings.Count(token, ".") == 4 {
		c.Warnings = append(c.Warnings, "this has the form of an encrypted token; jwt/decrypt decrypts and verifies one")
	}
}

// hintSigned says what to do with a signed token in the place of a JWE.
func (c *Call) hintSigned(token string, reason jose.Reason) {
	if reason == jose.ReasonMalformed && strings.Count(token, ".") == 2 {
		c.Warnings = append(c.Warnings, "this has the form of a signed token; jwt/verify verifies one")
	}
}

// decrypting is a transit key that a profile names, and the alg it is used with.
type decrypting struct {
	key string // its name
	alg jose.KeyAlg
}

// newDecrypting are the transit keys that the profiles of an issuer name.
func newDecrypting(i *issuerView) ([]decrypting, error) {
	var out []decrypting
	for _, p := range i.profiles {
		rules, err := p.rules()
		if err != nil {
			return nil, err
		}
		if e := rules.Encryption(); e != nil && e.TransitKey != "" {
			out = append(out, decrypting{e.TransitKey, jose.KeyAlg(e.Alg)})
		}
	}
	slices.SortFunc(out, func(a, b decrypting) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(string(a.alg), string(b.alg)))
	})
	return slices.Compact(out), nil
}

// decrypts are the rights that decrypt needs beside the issuer's key. Which of them
// is used, the token says.
func (c *Call) decrypts(issuer string) []gate.Right {
	i, err := c.view.issuer(issuer)
	if err != nil {
		return nil
	}
	keys, err := i.decrypting()
	if err != nil {
		return nil // told by opener
	}
	out := make([]gate.Right, len(keys))
	for n, k := range keys {
		out[n] = gate.Right{Action: pass.Decrypt, Key: i.Mount + "/" + k.key}
	}
	return out
}

// opener is a version that decrypts, and by which alg.
type opener struct {
	version *state.KeyVersion
	alg     jose.KeyAlg
}

// opener finds the version of a kid among the transit keys that profiles of the
// issuer name; nil if it is none of theirs, or may not decrypt any more.
func (i *issuerView) opener(v *view, kid string) (*opener, error) {
	keys, err := i.decrypting()
	if err != nil || kid == "" {
		return nil, err
	}
	for _, from := range keys {
		k := v.Key(i.Mount, from.key)
		if k == nil || inUse(k) != nil {
			continue
		}
		number, found := i.numberOf(v, k, kid)
		if !found || number < k.MinDecryption || number < k.MinAvailable {
			continue
		}
		if version := v.Version(k.Mount, k.Name, number); version != nil && version.State.Accepts() && keyring.FitsJWE(version.Type, from.alg) {
			return &opener{version, from.alg}, nil
		}
	}
	return nil, nil
}

// kidIndex are the versions of a transit key by their kid. It belongs to one record
// of the key, which is replaced when a version comes or goes.
type kidIndex struct {
	key   *state.Key
	byKID map[string]uint32 // kid → number
}

// numberOf finds a version by its kid: a key may have ten thousand.
func (i *issuerView) numberOf(v *view, k *state.Key, kid string) (uint32, bool) {
	if found, ok := i.kids.Load(k.Name); ok && found.(*kidIndex).key == k {
		number, ok := found.(*kidIndex).byKID[kid]
		return number, ok
	}
	index := &kidIndex{key: k, byKID: map[string]uint32{}}
	v.EachVersion(k, func(version *state.KeyVersion) { index.byKID[version.KID] = version.Number })
	i.kids.Store(k.Name, index)
	number, ok := index.byKID[kid]
	return number, ok
}
