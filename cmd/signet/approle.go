package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newAppRoleCommand(c *cli) *cobra.Command {
	return group("approle", "let machines log in with a role id and a secret id",
		newAppRoleWriteCommand(c), newAppRoleReadCommand(c), newAppRoleListCommand(c), newAppRoleDeleteCommand(c),
		newAppRoleIDCommand(c), newSecretIDCommand(c), newAppRoleLoginCommand(c))
}

func newAppRoleWriteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "write ROLE", Short: "make or change a role", Args: exactly("ROLE"),
		Long: `Makes a role, or changes what is given of one. Whoever shows its role id and a
secret id of it gets a token with its policies, and with those of the application
that it names, to which the token belongs.`,
		Example: `  signet approle write web --application web --policy signer --ttl 1h --secret-id-ttl 24h
  signet approle role-id web
  signet approle secret-id create web --num-uses 1`,
	}
	f := cmd.Flags()
	var req wire.AppRoleRequest
	f.Var(durationFlag{&req.TokenTTL}, "ttl", "lifetime of the tokens")
	f.Var(durationFlag{&req.TokenMaxTTL}, "max-ttl", "lifetime that no renewal exceeds, as the role has it at the renewal (0: the system's)")
	f.Var(durationFlag{&req.TokenExplicitMaxTTL}, "explicit-max-ttl", "lifetime that no renewal exceeds, as the role had it at the login (0: none)")
	f.Var(durationFlag{&req.TokenPeriod}, "period", "lifetime that every renewal grants anew (0: not periodic)")
	f.Var(durationFlag{&req.SecretIDTTL}, "secret-id-ttl", "lifetime of the secret ids (0: they do not expire)")
	addBoolFlag(cmd, &req.BindSecretID, "bind-secret-id", "logins need a secret id (default true)")
	addBoolFlag(cmd, &req.TokenNoDefaultPolicy, "no-default-policy", "leave out the policy called default")
	application := f.String("application", "", "`name` of the application that the tokens belong to")
	secretUses := f.Int("secret-id-num-uses", 0, "`number` of logins that a secret id is good for (0: no limit)")
	uses := f.Int("num-uses", 0, "`number` of requests that a token is good for (0: no limit)")
	lists := map[string]*wire.StringList{
		"policy": &req.TokenPolicies, "bound-cidr": &req.TokenBoundCIDRs, "secret-id-bound-cidr": &req.SecretIDBoundCIDRs,
	}
	f.StringSlice("policy", nil, "`policy` of the tokens (repeat for more)")
	f.StringSlice("bound-cidr", nil, "`address` or prefix that the tokens may be used from")
	f.StringSlice("secret-id-bound-cidr", nil, "`address` or prefix that logins may come from")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if err := takeLists(cmd, lists); err != nil {
			return err
		}
		setIfChanged(f.Changed("application"), &req.Application, wire.StringOf(*application))
		setIfChanged(f.Changed("secret-id-num-uses"), &req.SecretIDNumUses, wire.IntOf(*secretUses))
		setIfChanged(f.Changed("num-uses"), &req.TokenNumUses, wire.IntOf(*uses))
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.AppRole().WriteRole(ctx, args[0], req); err != nil {
			return err
		}
		return c.emit(map[string]string{"written": args[0]}, line("written: "+printable(args[0])))
	})
}

func newAppRoleReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read ROLE", Short: "show a role", Args: exactly("ROLE")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		r, err := cl.AppRole().ReadRole(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(r, columns(
			row{"role", args[0]}, row{"application", r.Application}, row{"policies", r.TokenPolicies}, row{"adds default", !r.TokenNoDefaultPolicy},
			row{"needs a secret id", r.BindSecretID}, row{"logins from", r.SecretIDBoundCIDRs},
			row{"uses of a secret id", limit(r.SecretIDNumUses)}, row{"lifetime of a secret id", seconds(r.SecretIDTTL, "does not expire")},
			row{"lifetime of a token", seconds(r.TokenTTL, "the system's default")}, row{"longest", seconds(r.TokenMaxTTL, "the system's")},
			row{"explicit end after", seconds(r.TokenExplicitMaxTTL, "none")}, row{"period", seconds(r.TokenPeriod, "not periodic")},
			row{"uses of a token", limit(r.TokenNumUses)}, row{"tokens bound to", r.TokenBoundCIDRs},
		))
	})
}

// limit returns a number of uses; 0 is no limit.
func limit(n int64) any {
	if n == 0 {
		return "no limit"
	}
	return n
}

func newAppRoleListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the roles", Args: exactly()}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		names, err := cl.AppRole().ListRoles(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newAppRoleDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "delete ROLE", Short: "delete a role and its secret ids", Args: exactly("ROLE"),
		Long: "Deletes a role and its secret ids. Tokens of its logins stay until they expire, and\ncannot be renewed."}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.AppRole().DeleteRole(ctx, args[0]); err != nil {
			return err
		}
		return c.emit(map[string]string{"deleted": args[0]}, line("deleted: "+printable(args[0])))
	})
}

func newAppRoleIDCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "role-id ROLE", Short: "print the id of a role, or choose it", Args: exactly("ROLE"),
		Long: "Prints the role id, which is no secret; with --set it is chosen, and the old one is\nof no use any more.",
	}
	id := cmd.Flags().String("set", "", "the new `id`")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("set") {
			if err := cl.AppRole().WriteRoleID(ctx, args[0], *id); err != nil {
				return err
			}
		}
		got, err := cl.AppRole().RoleID(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(wire.RoleIDData{RoleID: got}, line(printable(got)))
	})
}

func newAppRoleLoginCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "login ROLE_ID", Short: "log in and print the token", Args: roleIDAlone,
		Long: `Logs in with a role id and a secret id, which is typed without echo or piped in,
and prints the token. It needs no token.`,
		Example: "  signet approle login \"$ROLE_ID\" < /run/secrets/secret-id",
	}
	none := cmd.Flags().Bool("no-secret-id", false, "the role wants no secret id")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		var secret client.Secret
		if !*none {
			var err error
			if secret, err = c.readSecret(ctx, "secret id"); err != nil {
				return err
			}
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		return c.emitAuth(cl.AppRole().Login(ctx, args[0], secret))
	})
}

// roleIDAlone is the Args of a command that takes a role id and reads a secret id.
func roleIDAlone(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		// Whatever it was, it is not repeated: it may have been the secret.
		return usage(cmd, "a secret id is not taken from the command line: type it when asked, or pipe it in")
	}
	return exactly("ROLE_ID")(cmd, args)
}
