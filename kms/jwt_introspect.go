package kms

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// JWTForm is what a client sends to the endpoints of RFC 7662 and RFC 7009.
type JWTForm struct {
	Token    string
	Audience string // of introspection, beyond the RFC: the token must be for this
	Err      error  // what is wrong with the form; told to those alone who may use the path
}

func (f *JWTForm) check() error {
	switch {
	case f.Err != nil:
		return f.Err
	case f.Token == "":
		return saying(ErrBadRequest, "the parameter 'token' is missing")
	}
	return nil
}

// AudienceMetadata is the member of an application's metadata that names the
// audiences, with spaces between them, whose tokens it is shown by introspection.
// An application without it, and a caller without an application, is shown all.
const AudienceMetadata = "introspect_audience"

// IntrospectJWT answers RFC 7662, section 2.2: the body of the answer. A token that is
// not active, for whatever reason, and one that is not for the caller, is
// {"active":false} and nothing more. It needs update. A use of a token that is good
// for one is not spent.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadRequest, and f.Err.
func (s *Service) IntrospectJWT(c *Call, issuer string, f JWTForm) ([]byte, error) {
	answer := []byte(`{"active":false}`)
	err := s.useIssuer(c, verb{operation: "jwt/introspect", need: policy.Update, action: pass.Verify}, issuer, func(a *gate.Admission, i *issuerView, u *keyring.Use) error {
		if err := f.check(); err != nil {
			return err
		}
		w, err := s.newVerifier(c, i, u, &JWTDemand{Audience: f.Audience})
		if err != nil {
			return err
		}
		t, err := w.verify(f.Token)
		if err != nil {
			return err
		}
		if t.reason == jose.ReasonNone && !c.mayBeShown(t.claims) {
			t.reason = jose.ReasonWrongAudience
		}
		a.Record.Alg, a.Record.Input = i.Alg, s.hashOf([]byte(f.Token))
		a.Record.KID, a.Record.KeyVersion, a.Record.JTI = t.kid(), t.number(), t.jti()
		if t.reason != jose.ReasonNone {
			note(a, "reason", string(t.reason))
			return nil
		}
		answer = introspection(t.claims.Raw)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// mayBeShown says whether a token is for the caller, if the caller's application is
// one that sees the tokens of some audiences alone.
func (c *Call) mayBeShown(claims *jose.Claims) bool {
	a := c.view.Application(c.Caller.Application)
	if a == nil {
		return true
	}
	list, limited := a.Metadata[AudienceMetadata]
	if !limited {
		return true
	}
	for audience := range strings.FieldsSeq(list) {
		if slices.Contains(claims.Audience, audience) {
			return true
		}
	}
	return false
}

// introspection is the answer for an active token: its claims, which have the names
// of RFC 7662, behind what the server says itself. What the token says of active and
// token_type is left out: it is not for the token to say.
func introspection(claims []byte) []byte {
	const own = `{"active":true,"token_type":"Bearer"`
	out := append(make([]byte, 0, len(own)+len(claims)+1), own...)
	if !bytes.Contains(claims, []byte(`"active"`)) && !bytes.Contains(claims, []byte(`"token_type"`)) && !bytes.ContainsRune(claims, '\\') {
		inside := bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(claims), []byte("{")), []byte("}")))
		if len(inside) > 0 {
			out = append(append(out, ','), inside...)
		}
		return append(out, '}')
	}
	dec := jsontext.NewDecoder(bytes.NewReader(claims))
	_, _ = dec.ReadToken() // the brace of an object that was checked
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		if text != "active" && text != "token_type" {
			out = append(append(append(append(out, ','), quoted(text)...), ':'), value...)
		}
	}
	return append(out, '}')
}

// RevokeByClient revokes a token as RFC 7009 has it. It needs update. One that is
// not of this issuer, or not accepted any more, is a success without an effect. A
// token of another client is refused, unless the caller may use jwt/revoke/:issuer.
// When it returns, the revocation is committed, as RevokeJWT's is.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadRequest, f.Err, ErrWrongClient;
// those of a write.
func (s *Service) RevokeByClient(ctx context.Context, c *Call, issuer string, f JWTForm) error {
	v := verb{operation: "jwt/revocation", need: policy.Update}
	i, missing := c.view.issuer(issuer)
	if missing == nil && i.key != nil {
		v.action, v.key = pass.Verify, i.key.ID()
	}
	_, err := s.write(ctx, c, v, func(a *gate.Admission) (state.Command, error) {
		a.Record.Issuer = issuer
		if err := firstError(missing, f.check()); err != nil {
			return nil, err
		}
		if v.key == "" {
			return nil, fmt.Errorf("the issuer %s has no key", issuer)
		}
		u, err := s.keys.Open(a.Pass(), pass.Verify, v.key)
		if err != nil {
			return nil, err
		}
		defer u.Close()
		a.Record.Input = s.hashOf([]byte(f.Token))
		t, err := i.signedBy(u, f.Token)
		if err != nil || t == nil || !t.version.State.Accepts() {
			return nil, err // invalid already, which is a success (RFC 7009, section 2.2)
		}
		a.Record.JTI, a.Record.KeyVersion = t.jti(), t.number()
		if !c.owns(t.claims) && !c.Caller.Allow("jwt/revoke/"+issuer, policy.Update) {
			return nil, ErrWrongClient
		}
		exp := t.claims.Expires.Unix() + 1 // a fraction counts
		id := i.entryOf(t.claims)
		if revoked, _ := c.view.Issued(id); revoked || exp+jose.MaxLeeway <= c.seconds() {
			return nil, nil
		}
		return &state.RevokeIssued{Issuer: i.Name, UUID: i.UUID, Entries: []state.Revocation{{ID: id[:], Exp: min(exp, state.MaxCutOff)}}}, nil
	})
	return err
}

// owns says whether a token was issued to the caller.
func (c *Call) owns(claims *jose.Claims) bool {
	switch {
	case claims.ClientID == "":
		return false
	case c.Caller.Application != "":
		return claims.ClientID == c.Caller.Application
	case len(c.token.Hash) == 0: // credentials of a role without an application
		return false
	}
	return claims.ClientID == anonymousClient(c.token.Hash)
}
