package kms

import (
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
)

// JWTQuestion is what a gateway asks about the request of an end user.
type JWTQuestion struct {
	Demand    JWTDemand // SingleUse is not asked: a gateway may ask twice about one request
	Err       error     // what is wrong with the demands; told to those alone who may use the path
	Presented bool      // the end user showed something
	Token     string    // what was shown; "" if it is not one bearer token
}

// JWTAccess is the answer to a gateway. Its zero value denies.
type JWTAccess int

const (
	JWTDenied      JWTAccess = iota // what was shown is not good, and nobody is told why
	JWTNothing                      // nothing was shown
	JWTScopeLacked                  // the token is good, and lacks a scope
	JWTGranted
)

// JWTPassage is the answer with the claims of a token that is good for it; without
// JWTGranted they are empty.
type JWTPassage struct {
	Access                        JWTAccess
	Subject, ClientID, Scope, JTI string // "" where the token has none; any text
	Expires                       int64  // seconds since 1970, rounded down
	Claims                        []byte // as they stand in the token
}

// AuthorizeJWT answers a gateway that has to let a request pass or not. It needs
// update on jwt/authorize/:issuer, whatever the method, and checks as VerifyJWT does.
// The reason of a denial is in the audit record alone.
//
// Errors: ErrIssuerNotFound, ErrProfileNotFound, ErrKeyDeleted, ErrBadRequest, and
// q.Err.
func (s *Service) AuthorizeJWT(c *Call, issuer string, q *JWTQuestion) (JWTPassage, error) {
	var out JWTPassage
	err := s.useIssuer(c, verb{operation: "jwt/authorize", need: policy.Update, action: pass.Verify}, issuer, func(a *gate.Admission, i *issuerView, u *keyring.Use) error {
		if q.Err != nil {
			return q.Err
		}
		demand := q.Demand
		demand.SingleUse = false
		if !jose.ValidScopes(demand.Scope) {
			return saying(ErrBadRequest, "scope is scopes with one space between them (RFC 6749, section 3.3)")
		}
		w, err := s.newVerifier(c, i, u, &demand)
		if err != nil {
			return err
		}
		a.Record.Alg = i.Alg
		if !q.Presented {
			out.Access = JWTNothing
			note(a, "reason", "no_token")
			return nil
		}
		t, err := w.verify(q.Token) // "" is malformed, as a token is
		if err != nil {
			return err
		}
		a.Record.Input, a.Record.KID, a.Record.KeyVersion, a.Record.JTI = s.hashOf([]byte(q.Token)), t.kid(), t.number(), t.jti()
		if t.reason != jose.ReasonNone {
			note(a, "reason", string(t.reason))
		}
		out = passage(&t)
		return nil
	})
	if err != nil {
		return JWTPassage{}, err
	}
	return out, nil
}

func passage(t *checkedToken) JWTPassage {
	switch t.reason {
	case jose.ReasonNone:
		return JWTPassage{
			Access: JWTGranted, Subject: t.claims.Subject, ClientID: t.claims.ClientID, Scope: t.claims.Scope, JTI: t.claims.JTI,
			Expires: t.claims.Expires.Unix(), Claims: t.claims.Raw,
		}
	case jose.ReasonInsufficientScope:
		return JWTPassage{Access: JWTScopeLacked}
	}
	return JWTPassage{}
}
