package main

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newJWTRevokeCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke ISSUER [TOKEN|-]", Short: "refuse a token, or all tokens of a subject or an application, from now on", Args: withToken("ISSUER"),
		Long: `Revokes one token: TOKEN, stdin, or the one with a --jti. With --sub or --client-id
it revokes everything that was issued for that subject, or to that application,
until now or before --issued-before. When the command returns, no node accepts what
was revoked.`,
		Example: "  signet jwt revoke acme eyJhbGciOi…\n  signet jwt revoke acme --sub user:1",
	}
	var req wire.JWTRevokeRequest
	flags := cmd.Flags()
	flags.StringVar(&req.JTI, "jti", "", "the `jti` of the token, where the token itself is not at hand")
	flags.StringVar(&req.Subject, "sub", "", "all tokens for this `subject`")
	flags.StringVar(&req.ClientID, "client-id", "", "all tokens that were issued to this `application`")
	flags.Var(timeFlag{&req.IssuedBefore}, "issued-before", "with --sub and --client-id: those issued before this `time` (2026-11-22T07:00:00Z, or seconds since 1970)")
	flags.Var(timeFlag{&req.Expires}, "expires", "with --jti: the `time` at which the token expires")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		named := req.JTI != "" || req.Subject != "" || req.ClientID != ""
		switch {
		case named && len(args) > 1:
			return usage(cmd, "a token beside --jti, --sub or --client-id: name one thing to revoke")
		case !named:
			token, err := c.tokenInput(args, 1)
			if err != nil {
				return err
			}
			req.Token = wire.SecretOf(token)
		}
		out, err := j.Revoke(ctx, args[0], req)
		if err != nil {
			return err
		}
		return c.emit(out, revokedTable(out))
	})
}

func revokedTable(d wire.JWTRevokeData) func(io.Writer) error {
	rows := []row{{"effective", d.Effective}}
	if d.JTI != "" {
		rows = append(rows, row{"jti", d.JTI})
	}
	if d.IssuedBefore != 0 {
		rows = append(rows, row{"issued before", time.Unix(d.IssuedBefore, 0).UTC().Format(time.RFC3339)})
	}
	if d.Expired {
		rows = append(rows, row{"expired", "yes: nothing had to be recorded"})
	}
	if d.KeptUntil != nil {
		rows = append(rows, row{"kept until", d.KeptUntil.Format(time.RFC3339)})
	}
	return columns(rows...)
}

func newJWTIntrospectCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "introspect ISSUER [TOKEN|-]", Short: "ask about a token as a resource server does (RFC 7662)", Args: withToken("ISSUER"),
		Long: `Asks the server whether a token is active, and shows what it answers to resource
servers. Exits with 4 if it is not active, and why is not said: signet jwt verify
does. Without TOKEN it is read from stdin.`,
	}
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		token, err := c.tokenInput(args, 1)
		if err != nil {
			return err
		}
		out, err := j.Introspect(ctx, args[0], wire.SecretOf(token))
		if err != nil {
			return err
		}
		return c.emitVerdict(out.Claims, out.Active, introspectionTable(out))
	})
}

func introspectionTable(i wire.Introspection) func(io.Writer) error {
	if !i.Active {
		return columns(row{"active", "no"})
	}
	rows := []row{{"active", "yes"}}
	for _, r := range []struct{ name, value string }{
		{"token_type", i.TokenType}, {"iss", i.Issuer}, {"sub", i.Subject}, {"client_id", i.ClientID}, {"scope", i.Scope}, {"jti", i.JTI},
	} {
		if r.value != "" {
			rows = append(rows, row{r.name, printable(r.value)})
		}
	}
	for _, audience := range i.Audience {
		rows = append(rows, row{"aud", printable(audience)})
	}
	for _, r := range []struct {
		name  string
		value int64
	}{{"iat", i.IssuedAt}, {"nbf", i.NotBefore}, {"exp", i.Expires}} {
		if r.value != 0 {
			rows = append(rows, row{r.name, time.Unix(r.value, 0).UTC().Format(time.RFC3339)})
		}
	}
	return columns(rows...)
}

var errWantTime = errors.New("want a time such as 2026-11-22T07:00:00Z, or seconds since 1970")

// timeFlag is a time as seconds since 1970.
type timeFlag struct{ to *wire.Int }

func (f timeFlag) String() string {
	if f.to == nil || !f.to.Set {
		return ""
	}
	return strconv.FormatInt(f.to.Value, 10)
}

func (timeFlag) Type() string { return "time" }

func (f timeFlag) Set(text string) error {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		*f.to = wire.Int{Value: n, Set: true}
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Unix() <= 0 {
		return errWantTime
	}
	*f.to = wire.Int{Value: at.Unix(), Set: true}
	return nil
}
