package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// maxClaims is how long the claims of a file may be, in bytes.
const maxClaims = 64 << 10

// jwtSignFlags are what is asked for in a token.
type jwtSignFlags struct {
	sub, scope, file     string
	aud, claims, context []string
	ttl, nbf             wire.Duration
	subGiven             bool
}

func newJWTSignCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign ISSUER PROFILE", Short: "issue a token", Args: exactly("ISSUER", "PROFILE"),
		Long: `Issues a token of a profile and prints it alone. What the profile does not allow
is refused and named.

A claim is NAME=TEXT for text, or NAME:=JSON for anything else.`,
		Example: "  signet jwt sign acme access --sub user:1 --aud api://orders --ttl 10m\n  signet jwt sign acme access --sub user:1 --claim role=clerk --claim 'groups:=[\"a\",\"b\"]'",
	}
	var f jwtSignFlags
	flags := cmd.Flags()
	flags.StringVar(&f.sub, "sub", "", "who the token is about")
	flags.StringArrayVar(&f.aud, "aud", nil, "`audience` of the token; may be repeated (default: that of the profile)")
	flags.StringVar(&f.scope, "scope", "", "`scopes`, with spaces between them")
	flags.Var(durationFlag{&f.ttl}, "ttl", "how long it is valid (default: as the profile has it)")
	flags.Var(durationFlag{&f.nbf}, "nbf", "how long from now it becomes valid")
	flags.StringArrayVar(&f.claims, "claim", nil, "a claim, `NAME=TEXT` or NAME:=JSON; may be repeated")
	flags.StringVar(&f.file, "claims-file", "", "`file` with a JSON object of claims, or - for stdin")
	flags.StringArrayVar(&f.context, "context", nil, "`NAME=TEXT` of the end user's request, for the audit log alone; may be repeated")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		f.subGiven = cmd.Flags().Changed("sub")
		req, err := f.request(c)
		if err != nil {
			return err
		}
		out, err := j.Sign(ctx, args[0], args[1], req)
		if err != nil {
			return err
		}
		return c.emit(out, line(printable(out.Token.Reveal())))
	})
}

func (f *jwtSignFlags) request(c *cli) (wire.JWTSignRequest, error) {
	req := wire.JWTSignRequest{JWTSignInput: wire.JWTSignInput{Audience: f.aud, Scope: f.scope, TTL: f.ttl, NotBefore: f.nbf}}
	if f.subGiven {
		req.Subject = &f.sub
	}
	for _, pair := range f.context {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return req, usageError("--context is NAME=TEXT", "")
		}
		if req.Context == nil {
			req.Context = map[string]string{}
		}
		req.Context[name] = value
	}
	var err error
	req.Claims, err = f.object(c)
	return req, err
}

// object is the claims of the file, with those of the flags behind them; nil for
// none. Values are kept as they were written: a number loses nothing.
func (f *jwtSignFlags) object(c *cli) (jsontext.Value, error) {
	out := []byte{'{'}
	if f.file != "" {
		raw, err := c.readInput(f.file, maxClaims)
		if err != nil {
			return nil, err
		}
		raw = bytes.TrimSpace(raw)
		if v := jsontext.Value(raw); !v.IsValid() || v.Kind() != '{' {
			return nil, usageError("--claims-file does not hold one JSON object, in which no name stands twice", "")
		}
		out = bytes.TrimSpace(raw[:len(raw)-1])
	}
	for _, claim := range f.claims {
		member, err := claimMember(claim)
		if err != nil {
			return nil, err
		}
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(out, member...)
	}
	if f.file == "" && len(f.claims) == 0 {
		return nil, nil
	}
	if out = append(out, '}'); !jsontext.Value(out).IsValid() {
		return nil, usageError("a claim is given twice", "")
	}
	return out, nil
}

// claimMember turns NAME=TEXT or NAME:=JSON into a member of an object.
func claimMember(claim string) ([]byte, error) {
	name, value, ok := strings.Cut(claim, "=")
	raw := strings.HasSuffix(name, ":")
	if raw {
		name = strings.TrimSuffix(name, ":")
	}
	if !ok || name == "" {
		return nil, usageError("--claim is NAME=TEXT, or NAME:=JSON", "")
	}
	member, err := jsontext.AppendQuote(nil, name)
	if err != nil {
		return nil, usageError("the name of a --claim is not UTF-8", "")
	}
	member = append(member, ':')
	switch {
	case !raw:
		if member, err = jsontext.AppendQuote(member, value); err != nil {
			return nil, usageError(fmt.Sprintf("--claim %s is not UTF-8", printable(name)), "")
		}
	case !jsontext.Value(value).IsValid():
		return nil, usageError(fmt.Sprintf("--claim %s:= is not followed by JSON", printable(name)), "text needs quotes there, or = in place of :=")
	default:
		member = append(member, value...)
	}
	return member, nil
}
