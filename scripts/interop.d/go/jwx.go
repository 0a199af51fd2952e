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
		name: "jwx", module: "github.com/lestrrat-go/jwx/v3",
		verify: func(_ context.Context, q question) (string, error) {
			set, err := jwk.Parse(q.jwks)
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
