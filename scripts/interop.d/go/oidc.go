package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

func goOIDC() library {
	return library{
		name: "go-oidc", module: "github.com/coreos/go-oidc/v3", lacks: lacksEd25519(),
		verify: func(ctx context.Context, q question) (string, error) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(q.jwks) }))
			defer s.Close()
			v := oidc.NewVerifier(q.issuer, oidc.NewRemoteKeySet(ctx, s.URL), &oidc.Config{
				ClientID: q.audience, SupportedSigningAlgs: []string{q.alg},
			})
			token, err := v.Verify(ctx, q.token)
			if err != nil {
				return "", err
			}
			return token.Subject, nil
		},
		// Its errors have texts alone, but for the lifetime.
		reason: func(err error) string {
			var late *oidc.TokenExpiredError
			switch {
			case strings.Contains(err.Error(), "failed to verify"):
				return badSignature
			case errors.As(err, &late):
				return isExpired
			case strings.Contains(err.Error(), "expected audience"):
				return badAudience
			}
			return ""
		},
	}
}
