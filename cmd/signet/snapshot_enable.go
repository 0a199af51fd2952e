package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

func newSnapshotEnableCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "enable [NAME...]", Short: "put keys to use again after a restore into an empty directory", Args: cobra.ArbitraryArgs,
		Long: `Puts the versions of keys that a restore into an empty directory took out of use back
to what they were: active, or retired. Versions that were suspended before the restore
stay suspended. Without names it lists the keys that wait. It needs read and sudo on
sys/storage/raft/restored, and update and sudo on sys/storage/raft/restored/enable.

Look first at what the restore could not know: what was destroyed, given up or revoked
after the tombstones were written is as if it had never been.`,
		Example: "  signet operator snapshot enable\n  signet operator snapshot enable web mail\n  signet operator snapshot enable --all",
	}
	mount := cmd.Flags().String("mount", "transit", "path of the transit engine that holds the keys")
	all := cmd.Flags().Bool("all", false, "every key that waits")
	return c.printing(cmd, func(ctx context.Context, names []string) error {
		if *all && len(names) > 0 {
			return usage(cmd, "either names or --all")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		var keys []wire.RestoredKey
		for _, name := range names {
			keys = append(keys, wire.RestoredKey{Mount: *mount, Name: name})
		}
		if len(names) == 0 {
			if keys, err = cl.Raft().RestoredKeys(ctx); err != nil {
				return err
			}
			if !*all {
				return c.emit(wire.RestoredKeys{Keys: keys}, restoredTable("waits", keys))
			}
		}
		done := []wire.RestoredKey{}
		tell := c.progress()
		for i, k := range keys {
			tell(fmt.Sprintf("enabled %d of %d keys", i, len(keys)), 0, 0)
			if k.Versions, err = cl.Raft().EnableRestored(ctx, k.Mount, k.Name); err != nil {
				c.note(fmt.Sprintf("%d of %d keys are enabled; %s is not", len(done), len(keys), printable(k.Name)))
				return err
			}
			done = append(done, k)
		}
		return c.emit(wire.RestoredKeys{Keys: done}, restoredTable("enabled", done))
	})
}

func restoredTable(what string, keys []wire.RestoredKey) func(io.Writer) error {
	if len(keys) == 0 {
		return line("no key waits to be enabled")
	}
	var rows []row
	for _, k := range keys {
		rows = append(rows, row{what, fmt.Sprintf("%s/%s, %d versions", k.Mount, k.Name, k.Versions)})
	}
	return columns(rows...)
}
