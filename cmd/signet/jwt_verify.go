package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newJWTVerifyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify ISSUER [TOKEN|-]", Short: "check a token of an issuer", Args: withToken("ISSUER"),
		Long: `Asks the server whether a token is one of the issuer and good now, and shows what
is in it. Exits with 4 if it is not. Without TOKEN it is read from stdin.`,
		Example: "  signet jwt verify acme --aud api://orders eyJhbGciOi…\n  signet jwt sign acme access --sub user:1 --aud a | signet jwt verify acme",
	}
	var req wire.JWTVerifyRequest
	demandFlags(cmd, &req)
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		token, err := c.tokenInput(args, 1)
		if err != nil {
			return err
		}
		req.Token = wire.SecretOf(token)
		out, err := j.Verify(ctx, args[0], req)
		if err != nil {
			return err
		}
		return c.emitVerdict(out, out.Active, verdictTable(out, time.Now()))
	})
}

// demandFlags are what is asked of a token.
func demandFlags(cmd *cobra.Command, req *wire.JWTVerifyRequest) {
	flags := cmd.Flags()
	flags.StringVar(&req.Audience, "aud", "", "`audience` that it must be for")
	flags.StringVar(&req.Typ, "typ", "", "`type` that it must have (default: that of any profile of the issuer)")
	flags.StringVar(&req.Profile, "profile", "", "`profile` that it must fit: type, audiences, subject, scopes and forced claims")
	flags.StringVar(&req.Scope, "scope", "", "`scopes` that it must have, with spaces between them")
	flags.Var(durationFlag{&req.MaxAge}, "max-age", "how long ago it may have been issued")
	flags.BoolVar(&req.SingleUse, "single-use", false, "use it up: another --single-use finds it replayed")
}

func verdictTable(v wire.JWTVerifyData, now time.Time) func(io.Writer) error {
	if !v.Active {
		return columns(row{"active", "no"}, row{"reason", string(v.Reason)}, row{"that is", reasonText(v.Reason)})
	}
	return columns(append([]row{{"active", "yes"}}, tokenContent(v.Header, v.Claims, now)...)...)
}

// reasonText says in words why a token is not active.
func reasonText(reason wire.JWTReason) string {
	switch reason {
	case wire.ReasonMalformed:
		return "no signed token by the rules; see which are broken with: signet jwt decode"
	case wire.ReasonBadSignature:
		return "the signature is not that of the key that the token names"
	case wire.ReasonUnknownKey:
		return "the token names a key that this issuer does not have, or no longer accepts"
	case wire.ReasonWrongType:
		return "its typ is not the one that is asked for, or that any profile of the issuer has; or it does not fit the profile that is asked for"
	case wire.ReasonWrongIssuer:
		return "its iss is not this issuer"
	case wire.ReasonWrongAudience:
		return "it is for another audience"
	case wire.ReasonExpired:
		return "it has expired, or is older than asked for"
	case wire.ReasonNotYetValid:
		return "it is not valid yet: look at nbf, and at the clocks"
	case wire.ReasonRevoked:
		return "it was revoked, or its subject or client was"
	case wire.ReasonKeyCompromised:
		return "its key is compromised: anybody may have signed it"
	case wire.ReasonInsufficientScope:
		return "it does not have a scope that is asked for"
	case wire.ReasonReplayed:
		return "it was used before"
	}
	return "this program does not know that reason; a newer one may"
}
