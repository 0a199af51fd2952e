package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// lacksEd25519 holds for every library that has Ed25519 by its older name alone.
func lacksEd25519() map[string]string {
	return map[string]string{"Ed25519": "knows it as EdDSA only"}
}

func goJose() library {
	return library{
		name: "go-jose", version: versionOf("github.com/go-jose/go-jose/v4"), lacks: lacksEd25519(),
		verify: func(_ context.Context, q question) (string, error) {
			var set jose.JSONWebKeySet
			if err := json.Unmarshal(q.jwks, &set); err != nil {
				return "", err
			}
			token, err := jwt.ParseSigned(q.token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(q.alg)})
			if err != nil {
				return "", err
			}
			var c jwt.Claims
			if err := token.Claims(set, &c); err != nil { // the key with the token's kid
				return "", err
			}
			// Its default leeway would let a token pass that ended a minute ago.
			err = c.ValidateWithLeeway(jwt.Expected{Issuer: q.issuer, AnyAudience: jwt.Audience{q.audience}}, 0)
			return c.Subject, err
		},
		reason: func(err error) string {
			switch {
			case errors.Is(err, jose.ErrCryptoFailure):
				return badSignature
			case errors.Is(err, jwt.ErrExpired):
				return isExpired
			case errors.Is(err, jwt.ErrInvalidAudience):
				return badAudience
			}
			return ""
		},
	}
}
