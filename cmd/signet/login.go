package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
)

// errBadLogin is about the token that was typed, whatever is in the environment.
var errBadLogin = errors.New("the server does not know this token, and nothing was stored")

func newLoginCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "login [-]", Short: "check a token and store it for the next commands", Args: secretFromStdin,
		Long: `Reads a token, typed without echo or piped in, asks the server whether it is
valid, and stores it in ~/.signet-token, readable by you alone.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		path, err := client.TokenFilePath()
		if err != nil {
			return err
		}
		token, err := c.readSecret(ctx, "token")
		if err != nil {
			return err
		}
		cfg := client.FromEnvironment()
		cfg.Token = client.StaticToken(token)
		cl, err := c.connectWith(cfg)
		if err != nil {
			return err
		}
		data, err := cl.Token().LookupSelf(ctx)
		if errors.Is(err, client.ErrInvalidToken) {
			return &advice{errBadLogin, []string{
				"it was mistyped, has expired or was revoked, or is of another server than " + addressInUse(),
				"with a role id and a secret id: signet approle login ROLE_ID",
			}}
		}
		if err != nil {
			return err
		}
		if err := client.WriteTokenFile(path, token); err != nil {
			return err
		}
		if os.Getenv("SIGNET_TOKEN") != "" {
			c.note("warning: SIGNET_TOKEN is set and goes before the token just stored")
		}
		data.ID = client.Secret{} // stored, so there is no reason to show it
		return c.emit(data, columns(tokenRows(data)...))
	})
}
