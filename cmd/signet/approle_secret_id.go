package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

func newSecretIDCommand(c *cli) *cobra.Command {
	return group("secret-id", "create, list, look up and destroy secret ids",
		newSecretIDCreateCommand(c), newSecretIDListCommand(c), newSecretIDLookupCommand(c), newSecretIDDestroyCommand(c))
}

func newSecretIDCreateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create ROLE", Short: "create a secret id, shown once", Args: exactly("ROLE"),
		Long: `Creates a secret id of a role and prints it: it is not shown again. With --custom
it is one of your own choice, typed without echo or piped in.`,
	}
	f := cmd.Flags()
	var req wire.SecretIDRequest
	f.Var(durationFlag{&req.TTL}, "ttl", "lifetime, not longer than the role allows")
	uses := f.Int("num-uses", 0, "`number` of logins that it is good for, not more than the role allows")
	meta := f.StringToString("metadata", nil, "`name=value`, of the tokens")
	from := f.StringSlice("cidr", nil, "`address` or prefix that logins may come from")
	bound := f.StringSlice("bound-cidr", nil, "`address` or prefix that the tokens may be used from")
	custom := f.Bool("custom", false, "read the secret id from the terminal or stdin")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		setIfChanged(f.Changed("num-uses"), &req.NumUses, wire.IntOf(*uses))
		setIfChanged(len(*meta) > 0, &req.Metadata, wire.KeyValues(*meta))
		setIfChanged(f.Changed("cidr"), &req.CIDRList, wire.StringList(*from))
		setIfChanged(f.Changed("bound-cidr"), &req.TokenBoundCIDRs, wire.StringList(*bound))
		if *custom {
			secret, err := c.readSecret(ctx, "secret id")
			if err != nil {
				return err
			}
			req.SecretID = secret
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		made, err := cl.AppRole().CreateSecretID(ctx, args[0], req)
		if err != nil {
			return err
		}
		return c.emit(made, columns(
			row{"secret id", made.SecretID.Reveal()}, row{"accessor", made.Accessor},
			row{"uses", limit(made.NumUses)}, row{"lifetime", seconds(made.TTL, "does not expire")},
		))
	})
}

func newSecretIDListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list ROLE", Short: "list the accessors of a role's secret ids", Args: exactly("ROLE")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		accessors, err := cl.AppRole().ListSecretIDs(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: accessors}, lines(accessors))
	})
}

func newSecretIDLookupCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "lookup ROLE ACCESSOR", Short: "show the secret id of an accessor", Args: exactly("ROLE", "ACCESSOR")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		d, err := cl.AppRole().LookupSecretID(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		return c.emit(d, columns(
			row{"accessor", d.Accessor}, row{"uses left", limit(d.NumUses)}, row{"created", d.CreationTime}, row{"expires", orNever(d.ExpirationTime)},
			row{"metadata", metaText(d.Metadata)}, row{"logins from", d.CIDRList}, row{"tokens bound to", d.TokenBoundCIDRs},
		))
	})
}

func orNever(at time.Time) any {
	if at.IsZero() {
		return "never"
	}
	return at
}

func newSecretIDDestroyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "destroy ROLE ACCESSOR", Short: "destroy the secret id of an accessor", Args: exactly("ROLE", "ACCESSOR"),
		Long: "Destroys the secret id of an accessor: nobody logs in with it any more. Tokens of\nits logins stay."}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.AppRole().DestroySecretID(ctx, args[0], args[1]); err != nil {
			return err
		}
		return c.emit(map[string]string{"destroyed": args[1]}, line("destroyed: "+printable(args[1])))
	})
}
