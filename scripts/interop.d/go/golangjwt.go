package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// golangJWT reads no JWKS: go-jose hands it the key.
func golangJWT() library {
	return library{
		name: "golang-jwt", version: versionOf("github.com/golang-jwt/jwt/v5"), lacks: lacksEd25519(),
		verify: func(_ context.Context, q question) (string, error) {
			var set jose.JSONWebKeySet
			if err := json.Unmarshal(q.jwks, &set); err != nil {
				return "", err
			}
			var c jwt.RegisteredClaims
			_, err := jwt.ParseWithClaims(q.token, &c, func(t *jwt.Token) (any, error) {
				kid, _ := t.Header["kid"].(string)
				keys := set.Key(kid)
				if len(keys) != 1 {
					return nil, fmt.Errorf("%d keys have the kid %q", len(keys), kid)
				}
				return keys[0].Key, nil
			}, jwt.WithValidMethods([]string{q.alg}), jwt.WithIssuer(q.issuer), jwt.WithAudience(q.audience), jwt.WithExpirationRequired())
			return c.Subject, err
		},
		reason: func(err error) string {
			switch {
			case errors.Is(err, jwt.ErrTokenUnverifiable): // no method or no key
				return ""
			case errors.Is(err, jwt.ErrTokenSignatureInvalid):
				return badSignature
			case errors.Is(err, jwt.ErrTokenExpired):
				return isExpired
			case errors.Is(err, jwt.ErrTokenInvalidAudience):
				return badAudience
			}
			return ""
		},
	}
}
