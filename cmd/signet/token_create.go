package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newTokenCreateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create", Short: "create a token", Args: exactly(),
		Long: `Creates a token and prints it. Without --policy it has the policies of the
token in use, or those of the role.

A periodic token lives for its period and as long again with each renewal; to
create one takes sudo, or a role that has a period.`,
		Example: `  signet token create --policy web --ttl 12h
  signet token create --policy deploy --num-uses 1 --ttl 10m
  signet token create --role ci`,
	}
	f := cmd.Flags()
	var req wire.TokenCreateRequest
	policies := f.StringSlice("policy", nil, "`policy` of the new token (repeat for more)")
	meta := f.StringToString("meta", nil, "`name=value`, recorded with every use")
	f.Var(durationFlag{&req.TTL}, "ttl", "lifetime, such as 12h or 30d")
	f.Var(durationFlag{&req.Period}, "period", "lifetime that every renewal grants anew, without an end")
	f.Var(durationFlag{&req.ExplicitMaxTTL}, "explicit-max-ttl", "lifetime that no renewal exceeds")
	numUses := f.Int("num-uses", 0, "`number` of requests that it is good for (0: no limit)")
	role := f.String("role", "", "`name` of the token role to create it through")
	f.StringVar(&req.DisplayName, "display-name", "", "`name` for people, in lookups and in the audit log")
	orphan := f.Bool("orphan", false, "no revocation of the token in use reaches it")
	noDefault := f.Bool("no-default-policy", false, "leave out the policy called default")
	renewable := f.Bool("renewable", true, "its lifetime can be prolonged")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if f.Changed("policy") {
			req.Policies = *policies
		}
		if len(*meta) > 0 {
			req.Meta = *meta
		}
		setIfChanged(f.Changed("num-uses"), &req.NumUses, wire.IntOf(*numUses))
		setIfChanged(f.Changed("no-default-policy"), &req.NoDefaultPolicy, wire.BoolOf(*noDefault))
		setIfChanged(f.Changed("renewable"), &req.Renewable, wire.BoolOf(*renewable))
		if f.Changed("role") && *role == "" {
			return usage(cmd, "--role needs a name")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		return c.emitAuth(create(ctx, cl, req, *role, *orphan))
	})
}

func create(ctx context.Context, cl *client.Client, req wire.TokenCreateRequest, role string, orphan bool) (*wire.Auth, error) {
	switch {
	case role != "":
		setIfChanged(orphan, &req.NoParent, wire.BoolOf(true))
		return cl.Token().CreateWithRole(ctx, role, req)
	case orphan:
		return cl.Token().CreateOrphan(ctx, req)
	}
	return cl.Token().Create(ctx, req)
}

func setIfChanged[T any](changed bool, field *T, value T) {
	if changed {
		*field = value
	}
}
