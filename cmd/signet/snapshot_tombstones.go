package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newSnapshotTombstonesCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "tombstones FILE", Short: "write down what a restore must not bring back", Args: exactly("FILE"),
		Long: `Writes to FILE, which must not exist, which keys and key versions were destroyed,
given up, retired or suspended, which applications there are and which of them are
blocked, and what was revoked of the tokens of issuers. Nothing in it is secret. The cluster seals it, so nobody can
change it.

A backup knows nothing of what happened after it: a restore into an empty data
directory takes the newest tombstones beside any backup. Write them often, and keep
them away from the cluster. It needs read and sudo on sys/storage/raft/tombstones.`,
		Example: "  signet operator snapshot tombstones $(date +%FT%H%M).tombstones",
	}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		size, err := saveFile(args[0], func(w io.Writer) error { return cl.Raft().Tombstones(ctx, w) })
		if err != nil {
			return err
		}
		return c.emit(map[string]any{"file": args[0], "size": size}, line(fmt.Sprintf("saved: %s (%d bytes)", printable(args[0]), size)))
	})
}
