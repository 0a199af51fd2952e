package main

import (
	"context"
	"errors"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

func goOIDC() library {
	return library{
		name: "go-oidc", version: versionOf("github.com/coreos/go-oidc/v3"), discovers: true, lacks: lacksEd25519(),
		verify: func(ctx context.Context, q question) (string, error) {
			provider, err := oidc.NewProvider(ctx, q.issuer) // by discovery
			if err != nil {
				return "", err
			}
			config := &oidc.Config{ClientID: q.audience, SupportedSigningAlgs: []string{q.alg}}
			token, err := provider.Verifier(config).Verify(ctx, q.token)
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
