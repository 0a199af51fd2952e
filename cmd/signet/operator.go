package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newOperatorCommand(c *cli, inspect func(io.Reader) (snapshotContent, error)) *cobra.Command {
	statusCommand := newStatusCommand(c)
	return group("operator", "initialize, unseal and seal a server, and run a cluster",
		newInitCommand(c), newUnsealCommand(c), newVerifyShareCommand(c), newSealCommand(c), newMigrateSealCommand(c), statusCommand,
		newRotateCommand(c), newKeyStatusCommand(c), newRotateConfigCommand(c), newRaftCommand(c), newStepDownCommand(c),
		newSnapshotCommand(c, inspect))
}

func newInitCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "init", Short: "initialize a new server, once", Args: exactly(),
		Long: `Initializes a new server and prints the shares and the root token. Nobody can
ask for them again. The server stays sealed; unseal it with as many shares as
the threshold says. A server whose configuration has a seal "transit" or "exec"
unseals by itself; its shares are for the day when that seal is gone.`,
	}
	shares := cmd.Flags().Int("shares", 5, "make `N` shares")
	threshold := cmd.Flags().Int("threshold", 3, "any `K` of them unseal the server")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if *shares < 1 || *threshold < 1 || *threshold > *shares {
			return usage(cmd, fmt.Sprintf("--threshold is between 1 and --shares, not %d of %d", *threshold, *shares))
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		out, err := initialize(ctx, cl, *shares, *threshold)
		if err != nil {
			return err
		}
		return c.emit(out, func(w io.Writer) error { return initTable(w, out, *threshold) })
	})
}

// initialize asks for the sort of shares that the server's seal has.
func initialize(ctx context.Context, cl *client.Client, shares, threshold int) (*wire.InitResponse, error) {
	s, err := cl.Sys().SealStatus(ctx)
	if err != nil {
		return nil, err
	}
	if s.RecoverySeal {
		return cl.Sys().InitRecovery(ctx, shares, threshold)
	}
	return cl.Sys().Init(ctx, shares, threshold)
}

func initTable(w io.Writer, out *wire.InitResponse, threshold int) error {
	if len(out.RecoveryKeys) > 0 {
		return recoveryTable(w, out, threshold)
	}
	for i, share := range out.Keys {
		if _, err := fmt.Fprintf(w, "share %d: %s\n", i+1, printable(share.Reveal())); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, `
root token: %s

These are shown once and kept nowhere. Give each share to another person, who
keeps it offline. Any %d of the %d shares unseal the server after each start:

  signet operator unseal

Without %d of them, what the server keeps is lost for good. The root token may do
everything: keep it offline like a share, and create narrower tokens for daily work.
It cannot be made again.
`, printable(out.RootToken.Reveal()), threshold, len(out.Keys), threshold)
	return err
}

func newUnsealCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "unseal [-]", Short: "give a share to unseal the server", Args: secretFromStdin,
		Long: `Gives one share, typed without echo. From a pipe, every line of stdin is a share.
A wrong share is named at once and does not count.`,
		Example: "  signet operator unseal\n  signet operator unseal < shares",
	}
	reset := cmd.Flags().Bool("reset", false, "drop the shares given so far, give none")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		var s wire.SealStatus
		if *reset {
			s, err = cl.Sys().ResetUnseal(ctx)
		} else {
			s, err = c.giveShares(ctx, cl)
		}
		if err != nil {
			return err
		}
		return c.emit(s, line(progress(s)+oneOfSeveral()))
	})
}

// repeated says whether the server counts this share already, as after an unseal
// that was broken off.
func repeated(err error) bool {
	var refused *client.Error
	return errors.As(err, &refused) && refused.Code == wire.ShareRepeated
}

// unsealSoon gives a share, again for a few seconds where the node has just started: it
// did not take it, and would have it typed once more.
func unsealSoon(ctx context.Context, cl *client.Client, share client.Secret) (wire.SealStatus, error) {
	until := time.Now().Add(startedLately)
	for {
		s, err := cl.Sys().Unseal(ctx, share)
		if codeOf(err) != wire.NoLeader || !strings.Contains(err.Error(), "has just started") || time.Now().After(until) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// startedLately is how long a node takes at the most until it knows its log, if it ever
// will.
const startedLately = 10 * time.Second

func (c *cli) giveShares(ctx context.Context, cl *client.Client) (s wire.SealStatus, err error) {
	if c.interactive() {
		share, err := c.ask(ctx, "share")
		if err != nil {
			return s, err
		}
		return unsealSoon(ctx, cl, share)
	}
	shares, err := c.pipedSecrets("share")
	if err != nil {
		return s, err
	}
	for i, share := range shares {
		if s, err = unsealSoon(ctx, cl, share); repeated(err) && len(shares) > 1 {
			c.note(fmt.Sprintf("share %d of %d on stdin was given before: passed over", i+1, len(shares)))
			if s, err = cl.Sys().SealStatus(ctx); err == nil {
				continue
			}
		}
		if err != nil {
			if len(shares) > 1 {
				c.note(fmt.Sprintf("share %d of %d on stdin was refused", i+1, len(shares)))
			}
			return s, err
		}
		if !s.Sealed {
			break
		}
	}
	return s, nil
}

func newVerifyShareCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify-share [-]", Short: "check a share without using it", Args: secretFromStdin,
		Long: "Checks a share, typed without echo or piped in, against the server. It does not count towards unsealing.",
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		share, err := c.readSecret(ctx, "share")
		if err != nil {
			return err
		}
		out, err := cl.Sys().VerifyShare(ctx, share)
		if err != nil {
			return err
		}
		return c.emit(out, line(fmt.Sprintf("good: share %d of generation %d", out.Index, out.Generation)))
	})
}

func newSealCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "seal", Short: "drop the keys from the server's memory", Args: exactly(),
		Long: `Seals the server: it drops all keys from memory and serves nothing until it is
unsealed again. Of several addresses in SIGNET_ADDR it is the first: the other nodes
of a cluster go on, until each is sealed by itself.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Sys().Seal(ctx); err != nil {
			return err
		}
		return c.emit(map[string]bool{"sealed": true}, line("sealed"+oneOfSeveral()+othersGoOn()))
	})
}
