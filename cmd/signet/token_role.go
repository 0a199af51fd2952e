package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

func newTokenRoleCommand(c *cli) *cobra.Command {
	return group("role", "write, read, list and delete token roles",
		newTokenRoleWriteCommand(c), newTokenRoleReadCommand(c), newTokenRoleListCommand(c), newTokenRoleDeleteCommand(c))
}

func newTokenRoleWriteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "write NAME", Short: "make or change a token role", Args: exactly("NAME"),
		Long: `Makes a token role, or changes what is given of one; tokens that were made through
it stay as they are.

A role that allows policies by name or pattern gives them to whoever may create
tokens through it (update on auth/token/create/NAME), whether that one has them or
not. Without them it gives those of its user. What it disallows it never gives.`,
		Example: `  signet token role write ci --allowed-policy deploy --period 1h --orphan
  signet token role write once --allowed-policy-glob 'team-*' --num-uses 1 --bound-cidr 10.0.0.0/8`,
	}
	f := cmd.Flags()
	var req wire.TokenRoleRequest
	f.Var(durationFlag{&req.TokenTTL}, "ttl", "lifetime of tokens that ask for none")
	f.Var(durationFlag{&req.TokenPeriod}, "period", "lifetime that every renewal grants anew (0: not periodic)")
	f.Var(durationFlag{&req.TokenExplicitMaxTTL}, "explicit-max-ttl", "lifetime that no renewal exceeds (0: none)")
	lists := map[string]*wire.StringList{
		"allowed-policy": &req.AllowedPolicies, "disallowed-policy": &req.DisallowedPolicies,
		"allowed-policy-glob": &req.AllowedPoliciesGlob, "disallowed-policy-glob": &req.DisallowedPoliciesGlob,
		"bound-cidr": &req.TokenBoundCIDRs,
	}
	f.StringSlice("allowed-policy", nil, "`policy` that it gives (repeat for more)")
	f.StringSlice("allowed-policy-glob", nil, "`pattern` of policies that it gives, with * for any text")
	f.StringSlice("disallowed-policy", nil, "`policy` that it never gives")
	f.StringSlice("disallowed-policy-glob", nil, "`pattern` of policies that it never gives")
	f.StringSlice("bound-cidr", nil, "`address` or prefix that the tokens may be used from")
	numUses := f.Int("num-uses", 0, "`number` of requests that the tokens are good for (0: no limit)")
	suffix := f.String("path-suffix", "", "`text` at the end of the path that the tokens show")
	orphan := f.Bool("orphan", false, "no revocation of their maker's token reaches them")
	renewable := f.Bool("renewable", true, "their lifetime can be prolonged")
	noDefault := f.Bool("no-default-policy", false, "leave out the policy called default")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if err := takeLists(cmd, lists); err != nil {
			return err
		}
		setIfChanged(f.Changed("num-uses"), &req.TokenNumUses, wire.IntOf(*numUses))
		setIfChanged(f.Changed("path-suffix"), &req.PathSuffix, wire.StringOf(*suffix))
		setIfChanged(f.Changed("orphan"), &req.Orphan, wire.BoolOf(*orphan))
		setIfChanged(f.Changed("renewable"), &req.Renewable, wire.BoolOf(*renewable))
		setIfChanged(f.Changed("no-default-policy"), &req.TokenNoDefaultPolicy, wire.BoolOf(*noDefault))
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Token().WriteRole(ctx, args[0], req); err != nil {
			return err
		}
		return c.emit(map[string]string{"written": args[0]}, line("written: "+printable(args[0])))
	})
}

func newTokenRoleReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read NAME", Short: "show a token role", Args: exactly("NAME")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		role, err := cl.Token().ReadRole(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(role, columns(roleRows(role)...))
	})
}

func roleRows(r wire.TokenRoleData) []row {
	allowed := append(append([]string{}, r.AllowedPolicies...), r.AllowedPoliciesGlob...)
	if len(allowed) == 0 {
		allowed = []string{"those of whoever makes the token"}
	}
	return []row{
		{"name", r.Name},
		{"gives policies", allowed},
		{"never gives", append(append([]string{}, r.DisallowedPolicies...), r.DisallowedPoliciesGlob...)},
		{"adds default", !r.TokenNoDefaultPolicy},
		{"lifetime", seconds(r.TokenTTL, "as asked")},
		{"period", seconds(r.TokenPeriod, "not periodic")},
		{"explicit end after", seconds(r.TokenExplicitMaxTTL, "none")},
		{"uses", uses(r.TokenNumUses)},
		{"renewable", r.Renewable},
		{"orphan", r.Orphan},
		{"bound to", r.TokenBoundCIDRs},
		{"path", fmt.Sprintf("auth/token/create/%s%s", r.Name, suffixText(r.PathSuffix))},
	}
}

func suffixText(suffix string) string {
	if suffix == "" {
		return ""
	}
	return "/" + suffix
}

func newTokenRoleListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the token roles", Args: exactly()}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		names, err := cl.Token().ListRoles(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newTokenRoleDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "delete NAME", Short: "delete a token role", Args: exactly("NAME"),
		Long: "Deletes a token role. Tokens that were made through it stay."}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Token().DeleteRole(ctx, args[0]); err != nil {
			return err
		}
		return c.emit(map[string]string{"deleted": args[0]}, line("deleted: "+printable(args[0])))
	})
}
