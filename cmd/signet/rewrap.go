package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newRewrapCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rewrap KEY FILE|-", Short: "encrypt what encrypt printed with a newer version of the key",
		Long: "Takes what encrypt printed, from a file or from stdin with -, and prints it\n" +
			"encrypted with the latest version of the key. The plaintext stays on the server.",
		Example: "  signet key rotate box\n  signet rewrap box secret.enc",
	}
	var req wire.RewrapRequest
	aadFlag(cmd, &req.AssociatedData)
	keyVersionFlag(cmd, &req.KeyVersion)
	return c.onInput(cmd, maxCiphertext, func(ctx context.Context, t client.Transit, key string, input []byte) (result, error) {
		if req.Ciphertext = strings.TrimSpace(string(input)); req.Ciphertext == "" {
			return result{}, usage(cmd, "there is no ciphertext in the input")
		}
		out, err := t.Rewrap(ctx, key, req)
		return result{value: out, table: line(printable(out.Ciphertext))}, err
	})
}
