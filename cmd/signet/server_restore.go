package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/raftstore"
)

// emptyRestore is a restore into an empty data directory, on the machine of a node
// that does not run.
type emptyRestore struct {
	config     string
	tombstones string
	accept     bool
	dryRun     bool
}

// flags puts the flags of f on cmd.
func (f *emptyRestore) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "configuration `file` of a node whose data directory is empty: it becomes the first one of the cluster")
	cmd.Flags().StringVar(&f.tombstones, "tombstones", "", "with --config: `file` with what must not come back, of 'operator snapshot tombstones'")
	cmd.Flags().BoolVar(&f.accept, "accept-resurrection", false, "with --config: without such a file, what was destroyed, revoked or blocked since the backup comes back")
}

// run is the command, for the backup at path.
func (f *emptyRestore) run(ctx context.Context, cmd *cobra.Command, c *cli, path string) error {
	switch {
	case f.tombstones != "" && f.accept:
		return usage(cmd, "--tombstones and --accept-resurrection exclude each other")
	case f.tombstones == "" && !f.accept && !f.dryRun:
		return usageError("a backup knows nothing of what was destroyed, revoked or blocked after it",
			"give --tombstones FILE, the newest that there is, or --accept-resurrection")
	}
	cfg, err := loadServerConfig(serverFlags{config: f.config})
	if err != nil {
		return err
	}
	if err := cfg.emptyDataDir(); err != nil && !f.dryRun {
		return err
	} else if err != nil {
		c.note("warning: " + err.Error())
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read only
	r, err := kms.NewResurrection(cfg.serviceConfig(hclog.NewNullLogger()), file, c.progress())
	if err != nil {
		return fmt.Errorf("%s: %w", printable(path), err)
	}
	defer r.Wipe()
	out := describeRestore(r, f)
	if err := f.readTombstones(r, &out); err != nil {
		return err
	}
	return c.resurrect(ctx, r, f, &out)
}

// emptyDataDir refuses a data directory that holds anything but what a file system
// puts there and a restore that was cut short.
func (c *serverConfig) emptyDataDir() error {
	store := filepath.Join(c.DataDir, "raft")
	entries, err := os.ReadDir(c.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return c.place(wrong("data_dir", "%w", err))
	}
	for _, e := range entries {
		if path := filepath.Join(c.DataDir, e.Name()); path != store && e.Name() != "lost+found" {
			return c.place(wrong("data_dir", "%w: there is %s", raftstore.ErrNotEmpty, path))
		}
	}
	if err := raftstore.CheckSeed(store); err != nil {
		return c.place(wrong("data_dir", "%w", err))
	}
	return nil
}

func (f *emptyRestore) readTombstones(r *kms.Resurrection, out *revivalReport) error {
	if f.tombstones == "" {
		return nil
	}
	file, err := os.Open(f.tombstones)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // read only
	t, err := r.ReadTombstones(file)
	if err != nil {
		return fmt.Errorf("%s: %w", printable(f.tombstones), err)
	}
	out.Tombstones = &restoreTombstones{
		Index: t.Index, Time: t.Time, Node: t.Node, After: t.Time.Sub(out.Backup.Time).Round(time.Second).String(),
		Destroyed: t.Counts.Destroyed, Versions: t.Counts.Versions, Applications: t.Counts.Applications, Revocations: t.Counts.Issued,
	}
	return nil
}

// resurrect opens the backup, says what would change, and changes it.
func (c *cli) resurrect(ctx context.Context, r *kms.Resurrection, f *emptyRestore, out *revivalReport) error {
	if err := c.openBackup(ctx, r, f.dryRun, out); err != nil {
		return err
	}
	if r.Open() {
		changes, err := r.Prepare(f.tombstones == "")
		if err != nil {
			return err
		}
		out.Changes, out.table = changes, changeRows(changes)
	}
	if f.dryRun {
		return c.emit(out, revivalTable(out))
	}
	done, err := r.Commit()
	switch {
	case errors.Is(err, raftstore.ErrLocked):
		return &advice{err, []string{"a node runs on this data directory, or another restore does"}}
	case errors.Is(err, raftstore.ErrNotEmpty):
		return err
	case err != nil:
		return &advice{err, []string{"the data directory is not whole, and no node starts on it", "run the same command again: it begins anew"}}
	}
	out.Restored = true
	out.New = &restoredCluster{
		NodeID: done.NodeID, Epoch: done.Epoch, Generation: done.Generation, Index: done.Index, Term: done.Term, RootToken: wire.SecretOf(done.RootToken.Reveal()),
	}
	if err := c.emit(out, revivalTable(out)); err != nil {
		return err
	}
	for _, text := range []string{
		"the root token is shown once: if it is lost, empty the data directory and restore again",
		"now start this node and unseal it with the shares of the backup; then enable what may be used: signet operator snapshot enable",
		"a node of the former cluster that still runs is another cluster now, with the same keys: stop it and wipe its data",
	} {
		c.note(text)
	}
	return nil
}

// openBackup opens it with the seals of the configuration, or with shares. A dry run
// goes on without.
func (c *cli) openBackup(ctx context.Context, r *kms.Resurrection, dryRun bool, out *revivalReport) error {
	if r.Unattended() {
		err := r.Unwrap(ctx)
		if err == nil {
			return nil
		}
		c.note("warning: the seals of the configuration do not open it, so shares are needed: " + printable(err.Error()))
	}
	for more := c.shares(ctx); ; {
		share, err := more()
		if isUsage(err) && dryRun {
			return nil // as many as there are
		}
		if err != nil {
			return err
		}
		progress, info, err := r.Share(share.Reveal())
		if err != nil {
			c.note("this share does not count: " + printable(err.Error()))
			continue
		}
		out.Given = append(out.Given, info.Index)
		if r.Open() {
			return nil
		}
		c.note(fmt.Sprintf("share %d is good: %d of %d", info.Index, progress.Submitted, progress.Threshold))
	}
}

// shares asks for one share after the other, or takes the lines of stdin.
func (c *cli) shares(ctx context.Context) func() (client.Secret, error) {
	if c.interactive() {
		return func() (client.Secret, error) { return c.ask(ctx, "share of the backup") }
	}
	var all []client.Secret
	read := false
	return func() (share client.Secret, err error) {
		if !read {
			read = true
			if all, err = c.pipedSecrets("share"); err != nil {
				return share, err
			}
		}
		if len(all) == 0 {
			return share, usageError("there are not enough good shares on stdin", "nothing was changed")
		}
		share, all = all[0], all[1:]
		return share, nil
	}
}

// progress prints how far long work is, once a second.
func (c *cli) progress() func(step string, done, of int64) {
	next := time.Now().Add(time.Second)
	return func(step string, done, of int64) {
		if time.Now().Before(next) {
			return
		}
		next = time.Now().Add(time.Second)
		if of > 0 {
			step += fmt.Sprintf(": %d of %d MiB", done>>20, of>>20)
		}
		c.note(step)
	}
}

func describeRestore(r *kms.Resurrection, f *emptyRestore) revivalReport {
	b := r.Backup()
	m := b.Meta
	out := revivalReport{DryRun: f.dryRun, Accepted: f.accept, Given: []int{}, Backup: restoreBackup{
		ClusterID: m.ClusterID, ClusterEpoch: m.ClusterEpoch, Generation: m.Generation, Index: m.Index, Time: m.Time, Made: m.Made, Node: m.Node, Software: m.Software,
		SHA256: hex.EncodeToString(b.SHA256),
	}, Opens: restoreShares{Generation: b.Record.Generation, Shares: b.Record.Shares, Threshold: b.Record.Threshold, Commitments: []string{}, WrappedBy: []string{}}}
	for _, commitment := range b.Record.Commitments {
		out.Opens.Commitments = append(out.Opens.Commitments, hex.EncodeToString(commitment[:4]))
	}
	for _, w := range b.Record.Wrappings {
		out.Opens.WrappedBy = append(out.Opens.WrappedBy, strings.TrimSpace(w.Type+" "+w.Name))
	}
	return out
}
