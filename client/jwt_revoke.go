package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
)

// Revoke revokes a token of an issuer, by itself or by its jti, or everything that was
// issued for a subject or to an application until now, or before a time; BatchInput
// of req must be nil. When it returns, no node accepts what it revoked, and no crash
// changes that. To revoke again is no error.
func (j JWT) Revoke(ctx context.Context, issuer string, req wire.JWTRevokeRequest) (wire.JWTRevokeData, error) {
	cl, err := j.token(req, "revoke", issuer)
	if err != nil {
		return wire.JWTRevokeData{}, err
	}
	cl.effect = true
	out, err := fetch[wire.JWTRevokeData](ctx, j.c, cl)
	if err == nil && out.Effective == "" {
		err = cl.badAnswer("nothing in it says what is revoked")
	}
	return out, err
}

// RevokeBatch revokes what the items of BatchInput of req name, all in one step: one
// result an item, in order, each with its own error.
func (j JWT) RevokeBatch(ctx context.Context, issuer string, req wire.JWTRevokeRequest) ([]wire.JWTRevokeResult, error) {
	cl, err := j.token(req, "revoke", issuer)
	cl.effect = true
	return tokenBatch[wire.JWTRevokeResult](ctx, j, cl, len(req.BatchInput), err)
}

// Introspect asks about a token as RFC 7662 has it. One that is not active, for
// whatever reason, is no error, and nothing is said of it. Beside the members of
// [wire.Introspection] Claims has all that was answered.
func (j JWT) Introspect(ctx context.Context, issuer string, token Secret) (wire.Introspection, error) {
	path, err := join("jwt/introspect", issuer)
	if err != nil {
		return wire.Introspection{}, err
	}
	cl := call{method: http.MethodPost, path: path, body: url.Values{"token": {token.Reveal()}}}
	var raw jsontext.Value
	if err := j.c.do(ctx, cl, &raw); err != nil {
		return wire.Introspection{}, err
	}
	var out struct {
		Active *bool `json:"active"`
		wire.Introspection
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.Active == nil {
		return wire.Introspection{}, cl.badAnswer("no verdict in it")
	}
	out.Introspection.Active, out.Introspection.Claims = *out.Active, raw
	return out.Introspection, nil
}
