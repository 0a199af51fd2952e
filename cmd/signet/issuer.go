package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newIssuerCommand(c *cli) *cobra.Command {
	return group("issuer", "create, list, read, configure, rotate and delete issuers of tokens",
		newIssuerCreateCommand(c), newIssuerListCommand(c), newIssuerReadCommand(c), newIssuerConfigCommand(c),
		newIssuerDeleteCommand(c), newIssuerUndeleteCommand(c),
		newIssuerRotateCommand(c), newIssuerRotationCommand(c), newIssuerCancelCommand(c), newIssuerCompromiseCommand(c), newIssuerStateCommand(c))
}

// onJWT makes a command that calls the server about issuers.
func (c *cli) onJWT(cmd *cobra.Command, do func(ctx context.Context, j client.JWT, args []string) error) *cobra.Command {
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		return do(ctx, cl.JWT(), args)
	})
}

// onIssuer makes the command of a call that returns an issuer.
func (c *cli) onIssuer(cmd *cobra.Command, do func(ctx context.Context, j client.JWT, name string) (wire.IssuerData, error)) *cobra.Command {
	cmd.Args = exactly("NAME")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		issuer, err := do(ctx, j, args[0])
		if err != nil {
			return err
		}
		return c.emit(issuer, issuerTable(issuer))
	})
}

// addIssuerFlags adds what can be set and changed of an issuer.
func addIssuerFlags(cmd *cobra.Command, req *wire.IssuerRequest) {
	f := cmd.Flags()
	f.Var(durationFlag{&req.JWKSMaxAge}, "jwks-max-age", "how long verifiers may keep the public keys, 1s to 24h (default 5m)")
	f.Var(durationFlag{&req.Leeway}, "leeway", "what verification forgives of clocks, at most 60s (default 30s)")
	f.Var(durationFlag{&req.Rotation.Period}, "rotation-period", "rotate the key this often, such as 30d (0: never)")
	f.Var(durationFlag{&req.Rotation.LeadTime}, "lead-time", "how long a new key is published before it signs (default and least: twice --jwks-max-age)")
	f.Var(textFlag{&req.JWKSURI}, "jwks-uri", "where verifiers find the keys (default: the issuer URL and /jwks.json)")
	addBoolFlag(cmd, &req.DeletionAllowed, "deletion-allowed", "the issuer may be deleted")
}

func newIssuerCreateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME --issuer URL", Short: "create an issuer with its key",
		Long: `Creates an issuer: a URL that tokens name as their iss, an algorithm, and a key that
signs nothing but its tokens. These three are for life.

Of an issuer URL that ends in /issuers/NAME on this server, such as
https://signet.example/issuers/NAME, the server publishes keys and metadata where
verifiers look for them. For another URL, publish there what the server has at the
paths that "signet issuer read" shows, or say --jwks-uri.

With --import the key is one that signed elsewhere until now. With the --kid that its
tokens name, they go on verifying here and everywhere. The file is wrapped on this
machine; destroy it when the key is imported.

Say next what its tokens may hold: signet profile write NAME PROFILE`,
		Example: `  signet issuer create acme --issuer https://signet.example/issuers/acme
  signet issuer create acme --issuer https://acme.example --alg PS256 --key-type rsa-3072 --rotation-period 30d
  signet issuer create acme --issuer https://acme.example --import old.pem --kid 2024-key`,
	}
	var req wire.IssuerRequest
	f := cmd.Flags()
	f.Var(textFlag{&req.Issuer}, "issuer", "the issuer `URL`, https (required)")
	f.Var(textFlag{&req.Alg}, "alg", "algorithm of JOSE, such as ES256, PS256, RS256, EdDSA or HS256 (default ES256)")
	f.Var(textFlag{&req.KeyType}, "key-type", "with an alg of RSA: rsa-2048 (default), rsa-3072 or rsa-4096")
	addIssuerFlags(cmd, &req)
	var from importFlags
	from.add(cmd)
	return c.onIssuer(cmd, func(ctx context.Context, j client.JWT, name string) (wire.IssuerData, error) {
		if req.Issuer.Value == "" {
			return wire.IssuerData{}, usage(cmd, "--issuer is missing: the URL that tokens name as their iss")
		}
		var err error
		if req.Import, err = from.wrapped(ctx, c, cmd, j, func() (bool, error) { return strings.HasPrefix(req.Alg.Value, "HS"), nil }); err != nil {
			return wire.IssuerData{}, err
		}
		issuer, err := j.WriteIssuer(ctx, name, req)
		if err == nil && req.Import != nil {
			c.imported(from.file)
		}
		return issuer, err
	})
}

func newIssuerConfigCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config NAME", Short: "change the settings of an issuer",
		Long:    "Changes the settings that are given. The issuer URL, the algorithm and the type of key are for life.",
		Example: "  signet issuer config acme --rotation-period 30d --lead-time 1h\n  signet issuer config acme --deletion-allowed",
	}
	var req wire.IssuerRequest
	addIssuerFlags(cmd, &req)
	return c.onIssuer(cmd, func(ctx context.Context, j client.JWT, name string) (wire.IssuerData, error) {
		if req == (wire.IssuerRequest{}) {
			return wire.IssuerData{}, usage(cmd, "say what to change")
		}
		// Otherwise a name that is mistyped would ask for a new issuer.
		if _, err := j.ReadIssuer(ctx, name); err != nil {
			return wire.IssuerData{}, err
		}
		return j.WriteIssuer(ctx, name, req)
	})
}

func newIssuerReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read NAME", Short: "show an issuer and the versions of its key"}
	return c.onIssuer(cmd, func(ctx context.Context, j client.JWT, name string) (wire.IssuerData, error) {
		return j.ReadIssuer(ctx, name)
	})
}

func newIssuerListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the issuers", Args: exactly()}
	deleted := cmd.Flags().Bool("deleted", false, "list those that are deleted and can be undeleted")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, _ []string) error {
		if *deleted {
			gone, err := j.DeletedIssuers(ctx)
			if err != nil {
				return err
			}
			return c.emit(gone, deletedTable(gone))
		}
		names, err := j.ListIssuers(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newIssuerDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete NAME [--grace DURATION]", Short: "delete an issuer", Args: exactly("NAME"),
		Long: `Deletes an issuer, if its settings allow it: signet issuer config NAME --deletion-allowed

A deleted issuer signs nothing and publishes nothing, so that verifiers refuse its
tokens as soon as they ask for its keys again. It is destroyed with its key when its
grace period is over: seven days, or what --grace says. Until then signet issuer
undelete brings it back. Less than seven days needs the capability sudo.`,
		Example: "  signet issuer delete acme\n  signet issuer delete acme --grace 30d",
	}
	var grace wire.Duration
	cmd.Flags().Var(durationFlag{&grace}, "grace", "how long it can be undeleted, such as 24h or 30d (default: 7d)")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		var err error
		if grace.Set {
			err = j.DeleteIssuerAfter(ctx, args[0], grace.Value)
		} else {
			err = j.DeleteIssuer(ctx, args[0])
		}
		if err != nil {
			return err
		}
		out, said := deletedKey{Deleted: args[0]}, "deleted: "+printable(args[0])
		// It is done. Whoever may delete need not be allowed to list.
		if gone, err := j.DeletedIssuers(ctx); err == nil {
			if i, there := gone.KeyInfo[args[0]]; there {
				out.DestroyTime = &i.DestroyTime
				said += ", can be undeleted until " + i.DestroyTime.Format(time.RFC3339)
			}
		}
		return c.emit(out, line(said))
	})
}

func newIssuerUndeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "undelete NAME", Short: "put a deleted issuer back to use",
		Long: "Puts a deleted issuer back to use, with its key and profiles. See what can be undeleted with: signet issuer list --deleted"}
	return c.onIssuer(cmd, func(ctx context.Context, j client.JWT, name string) (wire.IssuerData, error) {
		return j.UndeleteIssuer(ctx, name)
	})
}

func issuerTable(i wire.IssuerData) func(io.Writer) error {
	return func(w io.Writer) error {
		every := func(d wire.Duration, none string) string { return seconds(int64(d.Value/time.Second), none) }
		jwks, documents := i.JWKSURI, []string{i.Documents.JWKS, i.Documents.OpenIDConfiguration, i.Documents.OAuthAuthorizationServer}
		if jwks == "" {
			jwks, documents = "none: the key is a shared secret, and this server alone verifies", nil
		}
		if err := columns(
			row{"name", i.Name},
			row{"issuer", i.Issuer},
			row{"alg", i.Alg},
			row{"key type", i.KeyType},
			row{"jwks uri", jwks},
			row{"jwks max age", every(i.JWKSMaxAge, "0s")},
			row{"leeway", every(i.Leeway, "0s")},
			row{"rotates every", every(i.Rotation.Period, "never")},
			row{"lead time", every(i.Rotation.LeadTime, "0s")},
			row{"signing version", versionText(i.ActiveVersion)},
			row{"deletion allowed", i.DeletionAllowed},
			row{"documents", documents},
		)(w); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		rows := []row{{"VERSION", "CREATED", "STATE", "KID"}}
		for _, v := range i.Versions {
			kid := v.KID
			if v.Imported {
				kid += " (imported)"
			}
			rows = append(rows, row{v.Version, v.CreationTime, v.State, kid})
		}
		return columns(rows...)(w)
	}
}

func versionText(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// deletedTable shows what can be undeleted.
func deletedTable(gone wire.DeletedKeys) func(io.Writer) error {
	return func(w io.Writer) error {
		if len(gone.Keys) == 0 {
			return nil
		}
		rows := []row{{"NAME", "DELETED", "DESTROYED AFTER"}}
		for _, name := range slices.Sorted(slices.Values(gone.Keys)) {
			rows = append(rows, row{name, gone.KeyInfo[name].DeletionTime, gone.KeyInfo[name].DestroyTime})
		}
		return columns(rows...)(w)
	}
}

// textFlag is a flag of a text that may be left out; "" is one too.
type textFlag struct{ to *wire.String }

func (f textFlag) String() string {
	if f.to == nil {
		return ""
	}
	return f.to.Value
}

func (f textFlag) Set(text string) error {
	*f.to = wire.StringOf(text)
	return nil
}

func (f textFlag) Type() string { return "text" }
