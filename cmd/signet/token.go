package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newTokenCommand(c *cli) *cobra.Command {
	return group("token", "create, look up, list, renew and revoke tokens",
		newTokenCreateCommand(c), newTokenLookupCommand(c), newTokenListCommand(c), newTokenRenewCommand(c),
		newTokenRevokeCommand(c), newTokenRoleCommand(c))
}

// which says which token a command is about.
type which struct {
	accessor *string
	stdin    bool // "-": another token, typed or piped in
}

// tokenArgs adds --accessor to cmd and lets it take "-".
func tokenArgs(cmd *cobra.Command) *which {
	w := &which{accessor: cmd.Flags().String("accessor", "", "the token that this `accessor` stands for")}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1 || (len(args) == 1 && args[0] != "-"):
			// Whatever it was, it is not repeated: it may have been a token.
			return usage(cmd, "a token is not taken from the command line: write - to type it or pipe it in")
		case cmd.Flags().Changed("accessor") && *w.accessor == "":
			return usage(cmd, "--accessor is empty: without one this would be about the token in use")
		case len(args) == 1 && *w.accessor != "":
			return usage(cmd, "either - or --accessor")
		}
		w.stdin = len(args) == 1
		return nil
	}
	return w
}

func newTokenLookupCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "lookup [-]", Short: "show the token in use, or another one",
		Long: "Shows the token in use; with - another one, typed without echo or piped in; with --accessor the one it stands for.",
	}
	w := tokenArgs(cmd)
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		var data wire.TokenData
		switch {
		case w.stdin:
			var token client.Secret
			if token, err = c.readSecret(ctx, "token"); err != nil {
				return err
			}
			data, err = cl.Token().Lookup(ctx, token)
		case *w.accessor != "":
			data, err = cl.Token().LookupAccessor(ctx, *w.accessor)
		default:
			data, err = cl.Token().LookupSelf(ctx)
		}
		if err != nil {
			return err
		}
		data.ID = client.Secret{} // whoever asks has it, and a screen is no place for it
		return c.emit(data, columns(tokenRows(data)...))
	})
}

func newTokenListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list the accessors of all tokens", Args: exactly(),
		Long: `Lists the accessor of every token there is. With an accessor a token can be looked
up, renewed and revoked, not used. It needs sudo and list on auth/token/accessors.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		accessors, err := cl.Token().Accessors(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: accessors}, lines(accessors))
	})
}

func newTokenRenewCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "renew [-]", Short: "prolong the token in use, or another one",
		Long: "Prolongs the token in use; with - another one, typed without echo or piped in; with --accessor the one it stands for.",
	}
	w := tokenArgs(cmd)
	var increment wire.Duration
	cmd.Flags().Var(durationFlag{&increment}, "increment", "lifetime from now, such as 12h (default: that at its creation)")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		switch {
		case w.stdin:
			token, err := c.readSecret(ctx, "token")
			if err != nil {
				return err
			}
			return c.emitRenewed(cl.Token().Renew(ctx, token, increment.Value))
		case *w.accessor != "":
			return c.emitRenewed(cl.Token().RenewAccessor(ctx, *w.accessor, increment.Value))
		}
		return c.emitRenewed(cl.Token().RenewSelf(ctx, increment.Value))
	})
}

func newTokenRevokeCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke -|--accessor A|--self", Short: "revoke a token and the tokens created with it",
		Long: `Revokes the token that is typed or piped in (-), that the accessor stands for, or
the one in use (--self), and all tokens created with it.`,
	}
	w := tokenArgs(cmd)
	self := cmd.Flags().Bool("self", false, "the token in use")
	keep := cmd.Flags().Bool("keep-children", false, "leave the tokens created with it (only with -)")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if chosen := count(w.stdin, *w.accessor != "", *self); chosen != 1 {
			return usage(cmd, "say which token: one of -, --accessor and --self")
		}
		if *keep && !w.stdin {
			return usage(cmd, "--keep-children goes with - only")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := c.revoke(ctx, cl, w, *keep); err != nil {
			return err
		}
		return c.emit(map[string]bool{"revoked": true}, line("revoked"))
	})
}

func (c *cli) revoke(ctx context.Context, cl *client.Client, w *which, keepChildren bool) error {
	switch {
	case *w.accessor != "":
		return cl.Token().RevokeAccessor(ctx, *w.accessor)
	case !w.stdin:
		return cl.Token().RevokeSelf(ctx)
	}
	token, err := c.readSecret(ctx, "token")
	if err != nil {
		return err
	}
	if keepChildren {
		return cl.Token().RevokeOrphan(ctx, token)
	}
	return cl.Token().Revoke(ctx, token)
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
