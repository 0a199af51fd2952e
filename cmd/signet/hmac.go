package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// macHashes are the hashes that make an HMAC.
func macHashes() []string {
	return []string{
		wire.HashSHA2_224, wire.HashSHA2_256, wire.HashSHA2_384, wire.HashSHA2_512,
		wire.HashSHA3_224, wire.HashSHA3_256, wire.HashSHA3_384, wire.HashSHA3_512,
	}
}

func newHMACCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "hmac KEY FILE|-", Short: "make the hmac of a file or stdin",
		Long: "Makes the hmac of a file, or of stdin with -, and prints it. Keys of every type\n" +
			"have an hmac key of their own beside them. To check one: signet verify --hmac",
		Example: "  signet hmac web release.tar\n  signet verify web --hmac vault:v1:qL8c… release.tar",
	}
	var req wire.HMACRequest
	cmd.Flags().Var(choiceFlag{&req.HashAlgorithm, macHashes()}, "hash", "hash of the hmac: sha2-256 (default), sha2-384, sha2-512, sha3-256, …")
	keyVersionFlag(cmd, &req.KeyVersion)
	return c.onInput(cmd, maxInput, func(ctx context.Context, t client.Transit, key string, input []byte) (result, error) {
		req.Input = wire.BytesOf(input)
		mac, err := t.HMAC(ctx, key, req)
		return result{value: wire.HMACData{HMAC: mac}, table: line(printable(mac))}, err
	})
}
