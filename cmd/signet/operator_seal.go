package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// oneOfSeveral names the node that a command about one node was sent to, where it could
// have been another.
func oneOfSeveral() string {
	if nodes := client.FromEnvironment().Addresses; len(nodes) > 1 {
		return ": " + printable(nodes[0])
	}
	return ""
}

func othersGoOn() string {
	nodes := client.FromEnvironment().Addresses
	if len(nodes) < 2 {
		return ""
	}
	return "; the other nodes go on: seal each with SIGNET_ADDR set to its address alone (" + printable(strings.Join(nodes[1:], ", ")) + ")"
}

func newMigrateSealCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate-seal", Short: "let other sides hold the root key, or no longer", Args: exactly(),
		Long: `Wraps the root key under the seals of the server's configuration, and under no
others; after that the server unseals by itself at each start. Run again, it wraps
anew: do that after the key of the other side was rotated. The shares stay what they
are and go on to unseal the server. With --to shamir nobody but the shareholders
unseals it any more.

The configuration is read when the server starts: put the seal there and start the
server again first, and take it out only after --to shamir. Every node of a cluster
needs the same seals.`,
		Example: "  signet operator migrate-seal\n  signet operator migrate-seal --to shamir",
	}
	to := cmd.Flags().String("to", "", "the seals of one `type` alone: transit, exec; or shamir for none")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if *to != "" && *to != "transit" && *to != "exec" && *to != "shamir" {
			return usage(cmd, "--to is transit, exec or shamir")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		out, err := cl.Sys().MigrateSeal(ctx, *to)
		if err != nil {
			return err
		}
		return c.emit(out, line(migrated(out)))
	})
}

func migrated(m wire.SealMigration) string {
	if len(m.Wrappings) == 0 {
		return "the shares alone unseal the server"
	}
	var names []string
	for _, w := range m.Wrappings {
		name := printable(w.Type)
		if w.Name != w.Type {
			name += " " + printable(w.Name)
		}
		if w.Version > 0 {
			name += fmt.Sprintf(" (version %d of its key)", w.Version)
		}
		names = append(names, name)
	}
	return "the server unseals by itself with " + strings.Join(names, ", or ") + "; the shares still unseal it"
}

func recoveryTable(w io.Writer, out *wire.InitResponse, threshold int) error {
	for i, share := range out.RecoveryKeys {
		if _, err := fmt.Fprintf(w, "recovery share %d: %s\n", i+1, printable(share.Reveal())); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, `
root token: %s

These are shown once and kept nowhere. The server unseals by itself, as long as the
seal of its configuration answers. Without that, any %d of the %d recovery shares
unseal it:

  signet operator unseal

So give each to another person, who keeps it offline: without that seal and without %d
of them, what the server keeps is lost for good. The root token may do everything: keep
it offline like a share, and create narrower tokens for daily work. It cannot be made
again.
`, printable(out.RootToken.Reveal()), threshold, len(out.RecoveryKeys), threshold)
	return err
}
