package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

func newApplicationCommand(c *cli) *cobra.Command {
	return group("application", "register, show, block and delete applications",
		newApplicationWriteCommand(c), newApplicationReadCommand(c), newApplicationListCommand(c),
		newApplicationBlockCommand(c), newApplicationUnblockCommand(c), newApplicationDeleteCommand(c))
}

func newApplicationWriteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "write NAME", Short: "register or change an application", Args: exactly("NAME"),
		Long: `Registers an application, which is a machine that asks for tokens and signatures,
or changes what is given of one. It logs in through the roles that name it, see
"signet approle". The policies are added to those of the role at each login.`,
		Example: `  signet application write web --owner team-a --policy signer --metadata tenant=acme
  signet approle write web --application web`,
	}
	f := cmd.Flags()
	var req wire.ApplicationRequest
	owner := f.String("owner", "", "`who` answers for it")
	description := f.String("description", "", "`text` for people")
	policies := f.StringSlice("policy", nil, "`policy` of its tokens (repeat for more)")
	metadata := f.StringToString("metadata", nil, "`name=value`, for the templates of claims; replaces all there was")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		setIfChanged(f.Changed("owner"), &req.Owner, wire.StringOf(*owner))
		setIfChanged(f.Changed("description"), &req.Description, wire.StringOf(*description))
		setIfChanged(f.Changed("policy"), &req.Policies, append(wire.StringList{}, *policies...)) // given and empty clears the list
		setIfChanged(f.Changed("metadata"), &req.Metadata, wire.Map(*metadata))
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Application().Write(ctx, args[0], req); err != nil {
			return err
		}
		return c.emit(map[string]string{"written": args[0]}, line("written: "+printable(args[0])))
	})
}

func newApplicationReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read NAME", Short: "show an application", Args: exactly("NAME")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		a, err := cl.Application().Read(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(a, columns(applicationRows(a)...))
	})
}

func applicationRows(a wire.ApplicationData) []row {
	rows := []row{
		{"name", a.Name}, {"state", a.State}, {"owner", a.Owner}, {"description", a.Description}, {"policies", a.Policies},
		{"metadata", metaText(a.Metadata)}, {"roles", a.Roles}, {"registered", a.Created}, {"first login", when(a.Activated)},
	}
	if a.Blocked != nil {
		rows = append(rows, row{"blocked", *a.Blocked}, row{"because", a.Reason})
	}
	return rows
}

// when returns a time that may not have come.
func when(at *time.Time) any {
	if at == nil {
		return "never"
	}
	return *at
}

func newApplicationListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the applications", Args: exactly()}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		names, err := cl.Application().List(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newApplicationBlockCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "block NAME --reason TEXT", Short: "refuse everything to an application", Args: exactly("NAME"),
		Long: `Refuses an application its tokens, its logins and its credentials, from the next
request on. The reason is recorded, and shown to who is refused.`,
	}
	reason := cmd.Flags().String("reason", "", "`why` (required)")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if *reason == "" {
			return usage(cmd, "--reason is missing")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Application().Block(ctx, args[0], *reason); err != nil {
			return err
		}
		return c.emit(map[string]string{"blocked": args[0]}, line("blocked: "+printable(args[0])))
	})
}

func newApplicationUnblockCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "unblock NAME", Short: "end the block of an application", Args: exactly("NAME"),
		Long: "Ends the block of an application. Its tokens that did not expire meanwhile are good again."}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Application().Unblock(ctx, args[0]); err != nil {
			return err
		}
		return c.emit(map[string]string{"unblocked": args[0]}, line("unblocked: "+printable(args[0])))
	})
}

func newApplicationDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "delete NAME", Short: "delete an application", Args: exactly("NAME"),
		Long: "Deletes an application that no role names any more, and revokes its tokens."}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Application().Delete(ctx, args[0]); err != nil {
			return err
		}
		return c.emit(map[string]string{"deleted": args[0]}, line("deleted: "+printable(args[0])))
	})
}
