//go:build openbao

package vaultclient

import "context"

// approleLogin logs in through the library's general calls: no package for it is
// published.
func approleLogin(ctx context.Context, c *client, roleID, secretID string) (*secret, error) {
	s, err := c.Logical().WriteWithContext(ctx, "auth/approle/login", object{"role_id": roleID, "secret_id": secretID})
	if err == nil {
		c.SetToken(s.Auth.ClientToken)
	}
	return s, err
}
