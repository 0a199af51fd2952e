package client

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// Token has the calls of auth/token/.
type Token struct{ c *Client }

// Token returns the calls of auth/token/.
func (c *Client) Token() Token { return Token{c} }

// Create returns a new token, a child of the one in use.
func (t Token) Create(ctx context.Context, req wire.TokenCreateRequest) (*wire.Auth, error) {
	return t.auth(ctx, "auth/token/create", http.MethodPost, req)
}

// CreateOrphan returns a new token that no revocation of a parent reaches.
func (t Token) CreateOrphan(ctx context.Context, req wire.TokenCreateRequest) (*wire.Auth, error) {
	return t.auth(ctx, "auth/token/create-orphan", http.MethodPost, req)
}

// CreateWithRole returns a new token as a role has it.
func (t Token) CreateWithRole(ctx context.Context, role string, req wire.TokenCreateRequest) (*wire.Auth, error) {
	path, err := join("auth/token/create", role)
	if err != nil {
		return nil, err
	}
	return t.auth(ctx, path, http.MethodPost, req)
}

// Accessors returns the accessor of every token there is. It needs sudo.
func (t Token) Accessors(ctx context.Context) ([]string, error) {
	return list(ctx, t.c, "auth/token/accessors")
}

// LookupSelf describes the token in use.
func (t Token) LookupSelf(ctx context.Context) (wire.TokenData, error) {
	return fetch[wire.TokenData](ctx, t.c, call{method: http.MethodGet, path: "auth/token/lookup-self"})
}

// Lookup describes a token.
func (t Token) Lookup(ctx context.Context, token Secret) (wire.TokenData, error) {
	return fetch[wire.TokenData](ctx, t.c, call{
		method: http.MethodPost, path: "auth/token/lookup", body: wire.TokenRequest{Token: token},
	})
}

// LookupAccessor describes the token that accessor stands for.
func (t Token) LookupAccessor(ctx context.Context, accessor string) (wire.TokenData, error) {
	return fetch[wire.TokenData](ctx, t.c, call{
		method: http.MethodPost, path: "auth/token/lookup-accessor", body: wire.AccessorRequest{Accessor: accessor},
	})
}

// RenewSelf prolongs the token in use; increment 0 asks for its first ttl again.
func (t Token) RenewSelf(ctx context.Context, increment time.Duration) (*wire.Auth, error) {
	return t.auth(ctx, "auth/token/renew-self", http.MethodPut, wire.RenewRequest{Increment: wire.DurationOf(increment)})
}

// Renew prolongs a token.
func (t Token) Renew(ctx context.Context, token Secret, increment time.Duration) (*wire.Auth, error) {
	return t.auth(ctx, "auth/token/renew", http.MethodPut, wire.RenewRequest{Token: token, Increment: wire.DurationOf(increment)})
}

// RenewAccessor prolongs the token that accessor stands for.
func (t Token) RenewAccessor(ctx context.Context, accessor string, increment time.Duration) (*wire.Auth, error) {
	return t.auth(ctx, "auth/token/renew-accessor", http.MethodPost,
		wire.RenewRequest{Accessor: accessor, Increment: wire.DurationOf(increment)})
}

// RevokeSelf revokes the token in use and its children.
func (t Token) RevokeSelf(ctx context.Context) error {
	err := t.c.run(ctx, call{method: http.MethodPut, path: "auth/token/revoke-self", effect: true})
	if refused, ok := err.(*Error); ok && refused.Code == wire.InvalidToken && refused.mayHaveHappened {
		return nil // an attempt whose answer was lost has revoked it
	}
	return err
}

// Revoke revokes a token and its children. No request begun after the return
// succeeds with any of them.
func (t Token) Revoke(ctx context.Context, token Secret) error {
	return t.c.run(ctx, call{
		method: http.MethodPut, path: "auth/token/revoke", effect: true, body: wire.TokenRequest{Token: token},
	})
}

// RevokeAccessor is Revoke by accessor.
func (t Token) RevokeAccessor(ctx context.Context, accessor string) error {
	return t.c.run(ctx, call{
		method: http.MethodPost, path: "auth/token/revoke-accessor", effect: true, body: wire.AccessorRequest{Accessor: accessor},
	})
}

// RevokeOrphan revokes a token and leaves its children, as orphans.
func (t Token) RevokeOrphan(ctx context.Context, token Secret) error {
	return t.c.run(ctx, call{
		method: http.MethodPut, path: "auth/token/revoke-orphan", effect: true, body: wire.TokenRequest{Token: token},
	})
}

func (t Token) auth(ctx context.Context, path, method string, body any) (*wire.Auth, error) {
	cl := call{method: method, path: path, effect: true, body: body}
	var env wire.Envelope[*struct{}]
	if err := t.c.do(ctx, cl, &env); err != nil {
		return nil, err
	}
	t.c.warnAll(env.Warnings)
	// A renewal by accessor shows no token, so only the accessor is sure to be there.
	if env.Auth == nil || env.Auth.Accessor == "" {
		return nil, cl.badAnswer("no token in it")
	}
	return env.Auth, nil
}

// list returns the names of a LIST; a list of nothing is empty and no error.
func list(ctx context.Context, c *Client, path string) ([]string, error) {
	out, err := fetch[wire.Keys](ctx, c, call{method: http.MethodGet, path: path, query: listing()})
	if refused, ok := err.(*Error); ok && refused.Code == wire.NotFound {
		return nil, nil
	}
	return out.Keys, err
}
