package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

const rolePath = "auth/token/roles"

// WriteRole makes a token role, or changes what is set in req of one.
func (t Token) WriteRole(ctx context.Context, name string, req wire.TokenRoleRequest) error {
	path, err := join(rolePath, name)
	if err != nil {
		return err
	}
	return t.c.run(ctx, call{method: http.MethodPost, path: path, effect: true, body: req})
}

// ReadRole describes a token role, or returns an error that matches [ErrNotFound].
func (t Token) ReadRole(ctx context.Context, name string) (wire.TokenRoleData, error) {
	path, err := join(rolePath, name)
	if err != nil {
		return wire.TokenRoleData{}, err
	}
	return fetch[wire.TokenRoleData](ctx, t.c, call{method: http.MethodGet, path: path})
}

// ListRoles returns the names of all token roles, sorted.
func (t Token) ListRoles(ctx context.Context) ([]string, error) { return list(ctx, t.c, rolePath) }

// DeleteRole removes a token role. Tokens made through it stay.
func (t Token) DeleteRole(ctx context.Context, name string) error {
	path, err := join(rolePath, name)
	if err != nil {
		return err
	}
	return t.c.run(ctx, call{method: http.MethodDelete, path: path, effect: true})
}
