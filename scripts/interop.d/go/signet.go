package main

import (
	"context"
	"errors"
	"net/http"
)

// errInactive is the reason that Signet gives for a token that is not active.
type errInactive string

func (e errInactive) Error() string { return string(e) }

// itself is the node's own verification: no library of others, but the only verifier
// of what is signed with a secret.
func (s *server) itself() library {
	return library{
		name: signet, version: "of this checkout",
		verify: func(ctx context.Context, q question) (string, error) {
			var said struct {
				Active bool   `json:"active"`
				Reason string `json:"reason"`
				Claims struct {
					Subject string `json:"sub"`
				} `json:"claims"`
			}
			ask := object{"token": q.token, "audience": q.audience}
			if err := s.call(ctx, http.MethodPost, "jwt/verify/"+q.name, ask, &said); err != nil {
				return "", err
			}
			if !said.Active {
				return "", errInactive(said.Reason)
			}
			return said.Claims.Subject, nil
		},
		reason: func(err error) string {
			var e errInactive
			if !errors.As(err, &e) {
				return ""
			}
			return map[errInactive]string{"bad_signature": badSignature, "expired": isExpired, "wrong_audience": badAudience}[e]
		},
	}
}
