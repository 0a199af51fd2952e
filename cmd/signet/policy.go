package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

// maxPolicy is far above what the server takes, so that its words are heard.
const maxPolicy = 1 << 20

func newPolicyCommand(c *cli) *cobra.Command {
	return group("policy", "write, read, list, delete and check policies",
		newPolicyWriteCommand(c), newPolicyReadCommand(c), newPolicyListCommand(c), newPolicyDeleteCommand(c), newPolicyCheckCommand(c))
}

func newPolicyWriteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "write NAME FILE|-", Short: "create or replace a policy", Args: exactly("NAME", "FILE or -"),
		Long:    "Creates or replaces a policy from a file, or from stdin with -. The syntax is Vault's.",
		Example: "  signet policy write web - <<'.'\n  path \"transit/sign/web\" { capabilities = [\"update\"] }\n  .",
	}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		text, err := c.readInput(args[1], maxPolicy)
		if err != nil {
			return err
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Sys().WritePolicy(ctx, args[0], string(text)); err != nil {
			return err
		}
		return c.emit(map[string]string{"written": args[0]}, line("written: "+printable(args[0])))
	})
}

func newPolicyReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read NAME", Short: "print a policy", Args: exactly("NAME")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		text, err := cl.Sys().ReadPolicy(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(wire.PolicyData{Name: args[0], Policy: text}, func(w io.Writer) error {
			// As it is, since it goes back into a file.
			_, err := io.WriteString(w, strings.TrimRight(text, "\n")+"\n")
			return err
		})
	})
}

func newPolicyListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the policies", Args: exactly()}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		names, err := cl.Sys().ListPolicies(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newPolicyDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "delete NAME", Short: "delete a policy", Args: exactly("NAME"),
		Long: "Deletes a policy. Tokens that name it lose what it granted, at once."}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		_, was := cl.Sys().ReadPolicy(ctx, args[0])
		if err := cl.Sys().DeletePolicy(ctx, args[0]); err != nil {
			return err
		}
		return c.emitGone(args[0], "policy", was)
	})
}
