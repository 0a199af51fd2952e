package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

const approlePath = "auth/approle/role"

// AppRole has the calls of auth/approle/.
type AppRole struct{ c *Client }

// AppRole returns the calls of auth/approle/.
func (c *Client) AppRole() AppRole { return AppRole{c} }

// Login returns a new token for a role id and a secret id, which may be zero where
// the role wants none. It needs no token. It is not repeated when it is not certain
// that the first attempt had no effect: that may have spent a use.
func (a AppRole) Login(ctx context.Context, roleID string, secretID Secret) (*wire.Auth, error) {
	cl := call{
		method: http.MethodPut, path: "auth/approle/login", effect: true, open: true, unkeyed: true,
		body: wire.LoginRequest{RoleID: wire.StringOf(roleID), SecretID: secretID},
	}
	var env wire.Envelope[*struct{}]
	if err := a.c.do(ctx, cl, &env); err != nil {
		return nil, err
	}
	a.c.warnAll(env.Warnings)
	if env.Auth == nil || env.Auth.ClientToken.Reveal() == "" {
		return nil, cl.badAnswer("no token in it")
	}
	return env.Auth, nil
}

// WriteRole makes a role, or changes what is set in req of one.
func (a AppRole) WriteRole(ctx context.Context, name string, req wire.AppRoleRequest) error {
	return a.run(ctx, http.MethodPost, name, "", req)
}

// ReadRole describes a role, or returns an error that matches [ErrNotFound].
func (a AppRole) ReadRole(ctx context.Context, name string) (wire.AppRoleData, error) {
	return approle[wire.AppRoleData](ctx, a, http.MethodGet, name, "", nil)
}

// ListRoles returns the names of all roles, sorted.
func (a AppRole) ListRoles(ctx context.Context) ([]string, error) { return list(ctx, a.c, approlePath) }

// DeleteRole removes a role and its secret ids. Tokens of its logins stay until they
// expire, and cannot be renewed.
func (a AppRole) DeleteRole(ctx context.Context, name string) error {
	return a.run(ctx, http.MethodDelete, name, "", nil)
}

// RoleID returns a role's id, which is no secret.
func (a AppRole) RoleID(ctx context.Context, name string) (string, error) {
	data, err := approle[wire.RoleIDData](ctx, a, http.MethodGet, name, "/role-id", nil)
	return data.RoleID, err
}

// WriteRoleID gives a role another id; the old one is of no use any more.
func (a AppRole) WriteRoleID(ctx context.Context, name, id string) error {
	return a.run(ctx, http.MethodPost, name, "/role-id", wire.AppRoleRequest{RoleID: wire.StringOf(id)})
}

// CreateSecretID returns a new secret id of a role, which nobody shows again; one of
// the caller's choice if req has it.
func (a AppRole) CreateSecretID(ctx context.Context, name string, req wire.SecretIDRequest) (wire.SecretIDCreated, error) {
	below := "/secret-id"
	if !req.SecretID.IsZero() {
		below = "/custom-secret-id"
	}
	return approle[wire.SecretIDCreated](ctx, a, http.MethodPost, name, below, req)
}

// ListSecretIDs returns the accessors of a role's secret ids.
func (a AppRole) ListSecretIDs(ctx context.Context, name string) ([]string, error) {
	path, err := join(approlePath, name)
	if err != nil {
		return nil, err
	}
	return list(ctx, a.c, path+"/secret-id")
}

// LookupSecretID describes the secret id that an accessor stands for, or returns an
// error that matches [ErrNotFound].
func (a AppRole) LookupSecretID(ctx context.Context, name, accessor string) (wire.SecretIDData, error) {
	return approle[wire.SecretIDData](ctx, a, http.MethodPost, name, "/secret-id-accessor/lookup", wire.SecretIDRef{Accessor: accessor})
}

// DestroySecretID removes the secret id that an accessor stands for. No login that
// begins after the return succeeds with it.
func (a AppRole) DestroySecretID(ctx context.Context, name, accessor string) error {
	return a.run(ctx, http.MethodPost, name, "/secret-id-accessor/destroy", wire.SecretIDRef{Accessor: accessor})
}

func (a AppRole) run(ctx context.Context, method, name, below string, body any) error {
	path, err := join(approlePath, name)
	if err != nil {
		return err
	}
	return a.c.run(ctx, call{method: method, path: path + below, effect: true, body: body})
}

func approle[T any](ctx context.Context, a AppRole, method, name, below string, body any) (T, error) {
	path, err := join(approlePath, name)
	if err != nil {
		var zero T
		return zero, err
	}
	changes := method != http.MethodGet && below != "/secret-id-accessor/lookup"
	return fetch[T](ctx, a.c, call{method: method, path: path + below, effect: changes, body: body})
}
