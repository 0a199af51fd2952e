package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// snapshotContent is what a backup says of itself, read without a server.
type snapshotContent struct {
	ClusterID       string    `json:"cluster_id"`
	ClusterEpoch    uint64    `json:"cluster_epoch"`
	Index           uint64    `json:"index"`
	Term            uint64    `json:"term"`
	Time            time.Time `json:"time"` // of the last change in it
	Made            time.Time `json:"made"`
	Node            string    `json:"node"`
	Software        string    `json:"software"`
	Shares          int       `json:"shares"`
	Threshold       int       `json:"threshold"`
	ShareGeneration uint32    `json:"share_generation"`
	Members         []string  `json:"members"`
	StateSize       int64     `json:"state_size"`
	SHA256          string    `json:"sha256"` // of the file
}

func newSnapshotCommand(c *cli, inspect func(io.Reader) (snapshotContent, error)) *cobra.Command {
	return group("snapshot", "back the cluster up, look at backups, and restore them",
		newSnapshotSaveCommand(c), newSnapshotInspectCommand(c, inspect), newSnapshotVerifyCommand(c), newSnapshotRestoreCommand(c), newSnapshotStatusCommand(c),
		newSnapshotTombstonesCommand(c), newSnapshotEnableCommand(c))
}

func newSnapshotSaveCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "save FILE", Short: "write a backup of the whole cluster", Args: exactly("FILE"),
		Long: `Writes a backup of the whole cluster to FILE, which must not exist. It is sealed:
the shares open it, and nothing else does. FILE appears when it is whole and on the
disk, never before. It needs read and sudo on sys/storage/raft/snapshot.`,
		Example: "  signet operator snapshot save backup-$(date +%F).snapshot",
	}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		size, err := saveFile(args[0], func(w io.Writer) error { return cl.Raft().Snapshot(ctx, w) })
		if err != nil {
			return err
		}
		return c.emit(map[string]any{"file": args[0], "size": size}, line(fmt.Sprintf("saved: %s (%d bytes)", printable(args[0]), size)))
	})
}

// saveFile makes a file of mode 0600 that is there whole and durably, or not at all.
// What a killed process leaves has another name, FILE.partial-N, and goes with the next
// one that saves the same FILE.
func saveFile(path string, write func(io.Writer) error) (size int64, err error) {
	if path == "-" {
		return 0, usageError("this goes into a file, not to stdout", "name a FILE: it appears when it is whole and on the disk, and a pipe cannot tell that")
	}
	if _, err := os.Lstat(path); err == nil {
		return 0, usageError(printable(path)+" exists already", "no file is overwritten: choose a new name")
	} else if !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	dir := filepath.Dir(path)
	removeStale(path + ".partial-")
	f, err := os.CreateTemp(dir, filepath.Base(path)+".partial-*") // 0600
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("there is no directory %s", printable(dir))
	}
	if err != nil {
		return 0, err
	}
	if err := holdPartial(f); err != nil {
		return 0, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed; it goes in any case
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	return info.Size(), syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newSnapshotInspectCommand(c *cli, inspect func(io.Reader) (snapshotContent, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use: "inspect FILE", Short: "say what a backup is of, without a server", Args: exactly("FILE"),
		Long: `Reads a backup to its end, compares its files with the checksums in it and says what
it is of. It asks no server. Damage is found; a forgery is not: that takes the server,
with 'signet operator snapshot verify'.`,
	}
	return c.printing(cmd, func(_ context.Context, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only
		s, err := inspect(f)
		if err != nil {
			return fmt.Errorf("%s: %w", printable(args[0]), err)
		}
		return c.emit(s, columns(
			row{"cluster", s.ClusterID}, row{"cluster epoch", s.ClusterEpoch}, row{"members", s.Members},
			row{"made", s.Made}, row{"state as of", s.Time}, row{"index", s.Index}, row{"barrier term", s.Term},
			row{"written by", s.Node + ", version " + s.Software},
			row{"opens with", fmt.Sprintf("%d of %d shares of share generation %d", s.Threshold, s.Shares, s.ShareGeneration)},
			row{"sealed state", fmt.Sprintf("%d bytes", s.StateSize)}, row{"sha256", s.SHA256},
		))
	})
}

// snapshotVerdict is what the server said of a backup.
type snapshotVerdict struct {
	Valid  bool                 `json:"valid"`
	Reason string               `json:"reason,omitzero"`
	Report *wire.SnapshotReport `json:"snapshot,omitzero"`
}

func newSnapshotVerifyCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "have the server open a backup and check it", Args: exactly("FILE"),
		Long: `Sends a backup to the server, which opens it and checks every byte, and changes
nothing. Exits with 4 if it is damaged, forged or of another cluster. It needs update
and sudo on sys/storage/raft/snapshot-verify.`,
	}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only
		cl, err := c.connect()
		if err != nil {
			return err
		}
		report, err := cl.Raft().VerifySnapshot(ctx, f)
		if codeOf(err) == wire.BadSnapshot {
			why := ""
			if answered := (*client.Error)(nil); errors.As(err, &answered) {
				why = describeAnswer(answered)
			}
			return c.emitVerdict(snapshotVerdict{Reason: why}, false, line("invalid: "+printable(why)))
		}
		if err != nil {
			return err
		}
		return c.emitVerdict(snapshotVerdict{Valid: true, Report: &report}, true, snapshotTable(&report))
	})
}

func snapshotTable(s *wire.SnapshotReport) func(io.Writer) error {
	return columns(append([]row{{"valid", true}}, aboutSnapshot(s)...)...)
}

// aboutSnapshot says what a backup is of, and which shares open it.
func aboutSnapshot(s *wire.SnapshotReport) []row {
	opens := fmt.Sprintf("%d of %d shares of share generation %d", s.Threshold, s.Shares, s.ShareGeneration)
	if !s.SameShares {
		opens += ", not the present ones"
	}
	return []row{
		{"cluster", s.ClusterID}, {"cluster epoch", s.ClusterEpoch}, {"restore generation of the backup", s.Generation}, {"made", s.Made}, {"state as of", s.Time}, {"index", s.Index},
		{"barrier term", s.Term}, {"written by", s.Node + ", version " + s.Software}, {"opens with", opens},
		{"keys", s.Keys}, {"key versions", s.Versions}, {"tokens", s.Tokens}, {"policies", s.Policies}, {"issuers", s.Issuers},
	}
}
