package main

import (
	"context"
	"errors"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// jwxLibrary takes the algorithm from alg of the key, never from the token.
func jwxLibrary() library {
	return library{
		name: "jwx", version: versionOf("github.com/lestrrat-go/jwx/v3"),
		verify: func(ctx context.Context, q question) (string, error) {
			set, err := jwk.Fetch(ctx, q.jwksURI)
			if err != nil {
				return "", err
			}
			token, err := jwt.ParseString(q.token, jwt.WithKeySet(set), jwt.WithIssuer(q.issuer), jwt.WithAudience(q.audience))
			if err != nil {
				return "", err
			}
			subject, _ := token.Subject()
			return subject, nil
		},
		reason: func(err error) string {
			switch {
			case errors.Is(err, jws.VerifyError()):
				return badSignature
			case errors.Is(err, jwt.TokenExpiredError()):
				return isExpired
			case errors.Is(err, jwt.InvalidAudienceError()):
				return badAudience
			}
			return ""
		},
	}
}
