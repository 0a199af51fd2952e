package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newJWTDecryptCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "decrypt ISSUER [TOKEN|-]", Short: "decrypt an encrypted token of an issuer, and check what is in it", Args: withToken("ISSUER"),
		Long: `Has the server decrypt a token with a key that a profile of the issuer names, and
asks whether the signed token in it is one of the issuer and good now. Only then is it
shown: whoever knows a public key can encrypt anything to it. Exits with 4 if it is
not. Without TOKEN it is read from stdin.`,
		Example: "  signet jwt sign acme sealed --sub user:1 --aud a | signet jwt decrypt acme --aud a",
	}
	var req wire.JWTVerifyRequest
	demandFlags(cmd, &req)
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		token, err := c.tokenInput(args, 1)
		if err != nil {
			return err
		}
		out, err := j.Decrypt(ctx, args[0], wire.JWTDecryptRequest{
			Token: wire.SecretOf(token), Audience: req.Audience, Typ: req.Typ, Profile: req.Profile, Scope: req.Scope, MaxAge: req.MaxAge, SingleUse: req.SingleUse,
		})
		if err != nil {
			return err
		}
		return c.emitVerdict(out, out.Active, decryptedTable(out, time.Now()))
	})
}

func decryptedTable(d wire.JWTDecryptData, now time.Time) func(io.Writer) error {
	if !d.Active {
		return columns(row{"active", "no"}, row{"reason", string(d.Reason)}, row{"that is", sealedReason(d.Reason)})
	}
	return columns(append([]row{{"active", "yes"}, {"signed", "yes"}, {"encrypted", "yes"}}, tokenContent(d.Header, d.Claims, now)...)...)
}

// sealedReason is reasonText where the encryption may be the reason.
func sealedReason(reason wire.JWTReason) string {
	switch reason {
	case wire.ReasonMalformed:
		return "no encrypted token by the rules, or what is in it is no signed token; of a token that is signed alone: signet jwt verify"
	case wire.ReasonBadSignature:
		return "it does not decrypt with the key that it names, or what is in it is not signed by the issuer"
	case wire.ReasonUnknownKey:
		return "it names no key that a profile of this issuer names and that still decrypts, or what is in it is of another issuer"
	}
	return reasonText(reason)
}
