//go:build !openbao

package vaultclient

import (
	"context"

	"github.com/hashicorp/vault/api/auth/approle"
)

// approleLogin logs in with Vault's own package for it.
func approleLogin(ctx context.Context, c *client, roleID, secretID string) (*secret, error) {
	method, err := approle.NewAppRoleAuth(roleID, &approle.SecretID{FromString: secretID})
	if err != nil {
		return nil, err
	}
	return c.Auth().Login(ctx, method)
}
