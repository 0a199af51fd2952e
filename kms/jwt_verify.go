package kms

import (
	"fmt"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// JWTDemand is what is asked of tokens. The zero value asks for one of any type
// that a profile of the issuer has.
type JWTDemand struct {
	Audience  string        // must be in aud
	Typ       string        // must be the typ
	Profile   string        // which it must fit: its typ, audiences, subject, scopes and forced claims
	Scope     string        // scopes that it must all have
	MaxAge    time.Duration // since iat at most; 0 asks nothing
	SingleUse bool          // spends it: the first to ask is told that it is active, and nobody after; not in a batch
}

// JWTVerdict is what became of a token.
type JWTVerdict struct {
	Active bool
	Reason string // of one that is not active; a jose.Reason
	Claims []byte // as they stand in the token
	Header []byte // as it stands in the token
	Err    error  // wraps a sentinel; the other fields are zero
}

// VerifyJWT checks tokens of an issuer by its key alone. It needs update. A token
// that is not active is no error. A single request's error is the token's; the tokens
// of a batch have their own.
//
// Errors: ErrIssuerNotFound, ErrProfileNotFound, ErrKeyDeleted, ErrUnsupported,
// ErrBadRequest; with SingleUse those of a write too, and then nobody knows whether
// the token was used.
func (s *Service) VerifyJWT(c *Call, issuer string, d JWTDemand, tokens []string, batch bool) ([]JWTVerdict, error) {
	out := make([]JWTVerdict, len(tokens))
	err := s.useIssuer(c, verb{operation: "jwt/verify", need: policy.Update, action: pass.Verify}, issuer, func(a *gate.Admission, i *issuerView, u *keyring.Use) error {
		if err := checkJWTBatch(len(tokens), batch); err != nil {
			return err
		}
		if d.SingleUse && batch {
			return saying(ErrUnsupported, "single_use is not supported in a batch: each use waits for the cluster")
		}
		w, err := s.newVerifier(c, i, u, &d)
		if err != nil {
			return err
		}
		a.Record.Alg = i.Alg
		if batch {
			return w.batch(a, tokens, out)
		}
		t, err := w.verdict(tokens[0], &out[0])
		if err != nil {
			return err
		}
		a.Record.Input, a.Record.KID, a.Record.KeyVersion, a.Record.JTI = s.hashOf([]byte(tokens[0])), t.kid(), t.number(), t.jti()
		if t.reason != jose.ReasonNone {
			note(a, "reason", string(t.reason))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// verifier checks tokens by the rules of one request.
type verifier struct {
	s      *Service
	c      *Call
	issuer *issuerView
	use    *keyring.Use
	typs   []string // the token has all of them; nil: that of some profile
	demand jose.Demand
	once   bool        // an active token is used with that
	rules  *jose.Rules // of the profile that is demanded; nil of none
}

// newVerifier checks what is asked for. u is open for pass.Verify. Errors:
// ErrProfileNotFound, ErrUnsupported, ErrBadRequest.
func (s *Service) newVerifier(c *Call, i *issuerView, u *keyring.Use, d *JWTDemand) (*verifier, error) {
	w := &verifier{s: s, c: c, issuer: i, use: u, demand: jose.Demand{
		Issuer: i.URL, Audience: d.Audience, Scope: d.Scope, MaxAge: int64(d.MaxAge / time.Second), Leeway: i.Leeway, Now: c.seconds(),
	}, once: d.SingleUse}
	switch {
	case d.MaxAge%time.Second != 0 || d.MaxAge < 0:
		return nil, saying(ErrBadRequest, "max_age is whole seconds and not negative, not %s", d.MaxAge)
	}
	if d.Typ != "" {
		w.typs = append(w.typs, d.Typ)
	}
	if d.Profile != "" {
		p, err := i.profile(d.Profile)
		if err != nil {
			return nil, err
		}
		rules, err := p.rules()
		if err != nil {
			return nil, err
		}
		w.typs, w.rules = append(w.typs, rules.Typ()), rules
	}
	return w, nil
}

// checkedToken is a token with the verdict. Claims are there only if the signature
// is right.
type checkedToken struct {
	token   *jose.Token
	version *state.KeyVersion // nil unless the kid is one of the issuer's
	claims  *jose.Claims
	reason  jose.Reason
}

func (t *checkedToken) kid() string {
	if t.version == nil {
		return ""
	}
	return t.version.KID
}

func (t *checkedToken) number() uint32 {
	if t.version == nil {
		return 0
	}
	return t.version.Number
}

func (t *checkedToken) jti() string {
	if t.claims == nil {
		return ""
	}
	return t.claims.JTI
}

// verify checks one compact JWS: the signature by the version of this issuer that
// its kid names and by the issuer's algorithm, and only then its type, its claims,
// and what became of them since. Error: the node's own, such as ErrSealed.
func (w *verifier) verify(text string) (checkedToken, error) { return w.verifyAnd(text, nil) }

// verifyAnd is verify with something more to ask of a token whose signature is
// right, before its use is spent; nil: nothing.
func (w *verifier) verifyAnd(text string, more func(t *checkedToken) jose.Reason) (checkedToken, error) {
	t, reason, err := w.signed(text)
	if err == nil && reason == jose.ReasonNone && more != nil {
		reason = more(&t)
	}
	if err == nil && reason == jose.ReasonNone {
		reason, err = w.standing(&t)
	}
	t.reason = reason
	return t, err
}

// signed checks the form, the key and the signature.
func (w *verifier) signed(text string) (t checkedToken, reason jose.Reason, err error) {
	if t.token, err = jose.Parse(text); err != nil {
		return t, jose.ReasonMalformed, nil
	}
	v := w.issuer.byKID[t.token.Header.KID]
	// A compromised version is looked at to say so. A pending one has signed nothing,
	// and what a suspended one signed is not told apart from that.
	if v == nil || v.KID == "" || !v.State.Accepts() && v.State != state.Compromised {
		w.c.missed = w.c.missed || v == nil
		return t, jose.ReasonUnknownKey, nil
	}
	t.version = v
	alg := jose.Alg(w.issuer.Alg)
	if alg.Check(&t.token.Header) != nil {
		return t, jose.ReasonBadSignature, nil
	}
	good, err := w.use.VerifyJOSE(v, alg, t.token.SigningInput, t.token.Signature)
	switch {
	case err != nil:
		return t, "", err
	case !good:
		return t, jose.ReasonBadSignature, nil
	}
	if t.claims, err = jose.ParseClaims(t.token.Payload); err != nil {
		return t, jose.ReasonMalformed, nil
	}
	return t, jose.ReasonNone, nil
}

// standing checks all that is asked of a token whose signature is right.
func (w *verifier) standing(t *checkedToken) (jose.Reason, error) {
	if ok, err := w.typed(t.token.Header.Typ); err != nil || !ok {
		return jose.ReasonWrongType, err
	}
	if reason := t.claims.Standing(&w.demand); reason != jose.ReasonNone {
		return reason, nil
	}
	if w.rules != nil && !w.rules.Fits(t.claims) {
		return jose.ReasonWrongType, nil // of another profile, which may have the same typ
	}
	if reason := w.s.revoked(w.c, w.issuer, t.claims); reason != jose.ReasonNone {
		return reason, nil
	}
	switch {
	case t.version.State == state.Compromised:
		return jose.ReasonKeyCompromised, nil
	case !t.claims.HasScope(w.demand.Scope):
		return jose.ReasonInsufficientScope, nil
	case w.once:
		return w.s.spend(w.c, w.issuer, t)
	}
	return jose.ReasonNone, nil
}

func (w *verifier) typed(typ string) (bool, error) {
	for _, want := range w.typs {
		if !jose.TypeEqual(want, typ) {
			return false, nil
		}
	}
	if w.typs != nil {
		return true, nil
	}
	return w.issuer.accepts(typ)
}

// verdict checks a token and fills out.
func (w *verifier) verdict(text string, out *JWTVerdict) (checkedToken, error) {
	if text == "" {
		return checkedToken{}, saying(ErrBadRequest, "missing token to verify")
	}
	t, err := w.verify(text)
	switch {
	case err != nil:
	case t.reason != jose.ReasonNone:
		out.Reason = string(t.reason)
		w.c.hintEncrypted(text, t.reason)
	default:
		*out = JWTVerdict{Active: true, Claims: t.claims.Raw, Header: t.token.Header.Raw}
	}
	return t, err
}

// batch checks tokens one after the other, each with its own error.
func (w *verifier) batch(a *gate.Admission, tokens []string, out []JWTVerdict) error {
	a.Record.Items = len(tokens)
	seen, bad := make([]audit.ItemHash, len(tokens)), 0
	for n, text := range tokens {
		t, err := w.verdict(text, &out[n])
		if err = translate(err); err != nil {
			if outcome(err) != audit.OutcomeRefused {
				return err // the node's fault, which is no item's
			}
			out[n] = JWTVerdict{Err: err}
		}
		seen[n] = audit.ItemHash{Index: n, Input: w.s.hashOf([]byte(text)), JTI: t.jti(), KeyVersion: t.number(), Code: Code(err)}
		if t.reason != jose.ReasonNone {
			seen[n].Code = string(t.reason)
			bad++
		}
	}
	if bad > 0 {
		note(a, "not_active", fmt.Sprint(bad))
	}
	recordItems(w.c, a, seen)
	return nil
}
