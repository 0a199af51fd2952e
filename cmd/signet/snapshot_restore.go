package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newSnapshotRestoreCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "restore a backup into the cluster that wrote it, or into an empty directory", Args: exactly("FILE"),
		Long: `Sends a backup to the cluster that wrote it, which checks every byte of it and then
puts back, all at once, what it lost since: what is missing comes back, and policies,
roles, rate limits and settings are as they were, also where they allow more than they
do now. No key, version or credential comes back that was destroyed, revoked, given up
or taken out of use since, with --force neither. Keys made since stay; tokens, secret
ids and join tokens made since are revoked, save the token that asks.

--dry-run changes nothing, says what would change and which shares open the backup.
A backup from before another restore needs --force. It needs update and sudo on
sys/storage/raft/snapshot, or with --force on sys/storage/raft/snapshot-force.

When the cluster is lost, --config FILE makes a new one out of the backup, in the empty
data directory of that configuration, whose node does not run and becomes its first.
The shares of the backup open it, typed or piped in as for unseal, or the seals of the
configuration. Every key version is disabled, every token and secret id is revoked, and
the nodes of the former cluster are refused. What was destroyed or revoked after the
backup stays so with --tombstones; without, that it comes back has to be accepted.`,
		Example: "  signet operator snapshot restore b.snapshot --dry-run\n  signet operator snapshot restore b.snapshot --yes\n  signet operator snapshot restore b.snapshot --config /etc/signet/signet.hcl --tombstones newest.tombstones",
	}
	dry := cmd.Flags().Bool("dry-run", false, "change nothing, and say what would change")
	force := cmd.Flags().Bool("force", false, "also if the backup is from before another restore")
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	empty := &emptyRestore{}
	empty.flags(cmd)
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		switch empty.dryRun = *dry; {
		case empty.config != "" && (*force || *yes):
			return usage(cmd, "--force and --yes are for a cluster that runs, not for --config")
		case empty.config != "":
			return empty.run(ctx, cmd, c, args[0])
		case empty.tombstones != "" || empty.accept:
			return usage(cmd, "--tombstones and --accept-resurrection go with --config, for an empty data directory")
		}
		if *dry && *yes {
			return usage(cmd, "either --dry-run or --yes")
		}
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only
		if !*dry && !*yes {
			if err := c.confirmRestore(ctx, args[0]); err != nil {
				return err
			}
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		done, err := c.sendRestore(ctx, cl, f, client.RestoreOptions{DryRun: *dry, Force: *force})
		if err != nil {
			return err
		}
		return c.emit(done, restoreTable(&done))
	})
}

func (c *cli) confirmRestore(ctx context.Context, path string) error {
	if !c.interactive() {
		return usageError("a restore changes the whole cluster, and there is nobody to ask", "if that is what you want, say: --yes; what would change says: --dry-run")
	}
	return c.confirm(ctx, "this puts the whole cluster back to what "+printable(path)+" has, and revokes tokens and secret ids made since", filepath.Base(path))
}

// sendRestore sends the backup, and tells meanwhile how far it is.
func (c *cli) sendRestore(ctx context.Context, cl *client.Client, f *os.File, o client.RestoreOptions) (wire.SnapshotRestore, error) {
	info, err := f.Stat()
	if err != nil {
		return wire.SnapshotRestore{}, err
	}
	body := &countedFile{f: f}
	telling, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		c.tellRestore(telling, cl, body, info.Size(), !o.DryRun)
	}()
	done, err := cl.Raft().Restore(ctx, body, o)
	stop()
	<-told
	if err != nil && !o.DryRun && !errors.Is(err, client.ErrOutcomeUnknown) {
		return done, &advice{err, append(hints(err), "nothing was changed")}
	}
	return done, err
}

// countedFile is a file that knows how far it was read.
type countedFile struct {
	f  *os.File
	at atomic.Int64
}

func (b *countedFile) Read(p []byte) (int, error) {
	n, err := b.f.Read(p)
	b.at.Add(int64(n))
	return n, err
}

func (b *countedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := b.f.Seek(offset, whence)
	b.at.Store(at)
	return at, err
}

// progressEvery is how often a long restore says how far it is.
const progressEvery = time.Second

// tellRestore says on stderr how far a restore is, where there is something new. Who may
// not ask for the second half is not told it.
func (c *cli) tellRestore(ctx context.Context, cl *client.Client, body *countedFile, size int64, staged bool) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := body.at.Load()
		text := fmt.Sprintf("sent %d of %d bytes", at, size)
		if at >= size {
			text = "sent all; the server reads it"
			if staged {
				if status, err := cl.Raft().SnapshotStatus(ctx); err == nil && status.Restoring != nil {
					text = fmt.Sprintf("prepared %d of %d pieces", status.Restoring.Pieces, status.Restoring.Of)
				}
			}
		}
		if text != said && ctx.Err() == nil {
			said = text
			c.note(text)
		}
	}
}

func restoreTable(r *wire.SnapshotRestore) func(io.Writer) error {
	rows := []row{{"restored", !r.DryRun}, {"restore generation", r.Generation}}
	rows = append(rows, aboutSnapshot(&r.Snapshot)...)
	rows = append(rows, row{"sha256", r.SHA256})
	said := len(rows)
	for _, change := range r.Changes {
		what := strings.ReplaceAll(change.What, "_", " ")
		for _, part := range []struct {
			word  string
			names wire.SnapshotNames
		}{{"come back", change.Restored}, {"as they were", change.Changed}, {"revoked", change.Revoked}, {"withheld", change.Withheld}} {
			if part.names.Count > 0 {
				rows = append(rows, row{what + " " + part.word, namesText(part.names)})
			}
		}
	}
	switch {
	case len(rows) > said:
	case r.DryRun:
		rows = append(rows, row{"changes", "none: nothing would change"})
	default:
		rows = append(rows, row{"changes", "none: all was as in the backup"})
	}
	return columns(rows...)
}

// namesText is a number, and as many names as fit on a line.
func namesText(n wire.SnapshotNames) string {
	const shown = 10
	text := fmt.Sprint(n.Count)
	for i, name := range n.Names {
		switch i {
		case 0:
			text += ": " + name
		case shown:
			return text + ", …"
		default:
			text += ", " + name
		}
	}
	if n.Count > len(n.Names) && len(n.Names) > 0 {
		text += ", …"
	}
	return text
}

func newSnapshotStatusCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "how many restores the cluster has been through, and how far one is", Args: exactly(),
		Long: `Says how many restores the cluster has been through, which is its generation, and how
far one is prepared that is under way. It needs read on
sys/storage/raft/snapshot-status.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		s, err := cl.Raft().SnapshotStatus(ctx)
		if err != nil {
			return err
		}
		rows := []row{{"generation", s.Generation}, {"restoring", s.Restoring != nil}}
		if g := s.Restoring; g != nil {
			rows = append(rows, row{"prepared", fmt.Sprintf("%d of %d pieces, the last at %s", g.Pieces, g.Of, g.Touched.UTC().Format(time.RFC3339))})
		}
		return c.emit(s, columns(rows...))
	})
}
