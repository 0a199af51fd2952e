package kms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/backup"
	"github.com/signet-kms/signet/kms/state"
)

// BackupPlan has the leader write backups by itself. The zero value writes none.
type BackupPlan struct {
	Dir   string        // is made 0700
	Every time.Duration // from MinBackupEvery on
	Keep  int           // so many of this cluster's stay; the oldest go
}

// MinBackupEvery is the shortest time between two scheduled backups.
const MinBackupEvery = time.Second

// scheduleRetry is how soon a backup that failed is tried again at the latest.
const scheduleRetry = time.Minute

// scheduled is what the schedule did so far, for metrics.
type scheduled struct {
	good, failed atomic.Uint64
	at, size     atomic.Int64 // of the last good one; unix seconds, bytes
}

// keepBackups writes a backup whenever one is due while this node leads. Who takes
// the lead goes by the files in its own directory, so a change of leadership may
// make one more.
func (s *Service) keepBackups(ctx context.Context) {
	plan := s.cfg.Snapshots
	if plan.Every == 0 {
		return
	}
	last := newestBackup(plan.Dir)
	for ctx.Err() == nil {
		pause(ctx, min(leadershipPoll*5, plan.Every/4))
		if !s.leading() || time.Since(last) < plan.Every {
			continue
		}
		last = time.Now()
		name, size, err := s.scheduledBackup()
		switch {
		case errors.Is(err, errNothingNew): // it is as good as one of now
			s.scheduled.at.Store(last.Unix())
			s.log.Debug("nothing changed since the last scheduled snapshot", "file", name)
		case err == nil:
			s.scheduled.good.Add(1)
			s.scheduled.at.Store(last.Unix())
			s.scheduled.size.Store(size)
			s.log.Info("a scheduled snapshot is on disk", "file", name, "bytes", size)
		case ctx.Err() == nil && !errors.Is(err, ErrSealed):
			s.scheduled.failed.Add(1)
			s.log.Error("a scheduled snapshot failed, and will be tried again", "error", err)
			last = last.Add(-max(0, plan.Every-scheduleRetry))
		}
	}
}

// scheduledBackup writes one backup and the tombstones of the same moment beside it,
// reads them back, and only then lets the oldest go.
func (s *Service) scheduledBackup() (name string, size int64, err error) {
	dir := s.cfg.Snapshots.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", 0, err
	}
	removePartial(dir)
	b, err := s.newBackup()
	if err != nil {
		return "", 0, err
	}
	name = b.Name()
	path, t := filepath.Join(dir, name), b.tombstones()
	if there(path, readBack) && there(filepath.Join(dir, t.Name()), readTombstonesBack) {
		return name, 0, errNothingNew // the name has the index: it is of the same state
	}
	record := &audit.Record{
		Type: audit.TypeNode, Operation: "node/snapshot", Outcome: audit.OutcomeOK, Fields: map[string]string{"index": fmt.Sprint(b.meta.Index)},
	}
	if err := s.audit.Append(record); err != nil {
		return "", 0, translate(err)
	}
	if size, err = writeWhole(path, b.write, readBack); err != nil {
		return "", 0, err
	}
	// What a restore of any backup must not bring back: the newest such file is the
	// best for every one of them.
	if _, err := writeWhole(filepath.Join(dir, t.Name()), t.write, readTombstonesBack); err != nil {
		return "", 0, err
	}
	return name, size, s.retain(dir, b.meta.ClusterID)
}

// errNothingNew says that the last backup is of the state of now.
var errNothingNew = errors.New("there is a backup of this state")

// there says whether a file is there and can be read whole.
func there(path string, read func(io.Reader) error) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // read only
	return read(f) == nil
}

const partialSuffix = ".partial"

// writeWhole makes a file of mode 0600 that appears when it is on disk and was read
// back whole. What a killed process leaves has another name.
func writeWhole(path string, write func(io.Writer) error, read func(io.Reader) error) (size int64, err error) {
	f, err := os.OpenFile(path+partialSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
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
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	if err := read(f); err != nil {
		return 0, fmt.Errorf("what was written does not read: %w", err)
	}
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return 0, err
	}
	return size, errors.Join(d.Sync(), d.Close())
}

func readBack(r io.Reader) error {
	b, err := backup.NewReader(r)
	if err != nil {
		return err
	}
	_, err = b.Close()
	return err
}

func readTombstonesBack(r io.Reader) error {
	what := state.NewTombstones()
	if _, err := backup.ReadTombstones(r, what.Add); err != nil {
		return err
	}
	return what.Done()
}

// backupName is what Backup.Name gives: time, then index, so that names sort as the
// states do.
var backupName = regexp.MustCompile(`^signet-(\d{8}T\d{6}Z)-(\d+)\.snapshot$`)

// backupsIn lists the backups in a directory, the oldest first.
func backupsIn(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && backupName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := backupName.FindStringSubmatch(a), backupName.FindStringSubmatch(b)
		if x[1] != y[1] {
			return strings.Compare(x[1], y[1])
		}
		if len(x[2]) != len(y[2]) {
			return len(x[2]) - len(y[2])
		}
		return strings.Compare(x[2], y[2])
	})
	return names
}

// newestBackup is when the newest backup in a directory was written; zero for none.
func newestBackup(dir string) time.Time {
	var newest time.Time
	for _, name := range backupsIn(dir) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.ModTime().After(newest) && info.ModTime().Before(time.Now()) {
			newest = info.ModTime()
		}
	}
	return newest
}

// retain removes the oldest backups of this cluster. What it cannot read, or is of
// another cluster, is not its to remove.
func (s *Service) retain(dir, clusterID string) error {
	own := slices.DeleteFunc(backupsIn(dir), func(name string) bool { return clusterOf(filepath.Join(dir, name)) != clusterID })
	for len(own) > s.cfg.Snapshots.Keep {
		// The tombstones first: those beside no backup would stay for ever.
		beside := filepath.Join(dir, strings.TrimSuffix(own[0], backupSuffix)+tombstonesSuffix)
		if err := os.Remove(beside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Remove(filepath.Join(dir, own[0])); err != nil {
			return err
		}
		own = own[1:]
	}
	return nil
}

func clusterOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() // read only
	b, err := backup.NewReader(f)
	if err != nil {
		return ""
	}
	return b.Meta.ClusterID
}

// removePartial removes what a killed process left.
func removePartial(dir string) {
	for _, kind := range []string{backupSuffix, tombstonesSuffix} {
		left, _ := filepath.Glob(filepath.Join(dir, "signet-*"+kind+partialSuffix)) // the pattern is good
		for _, path := range left {
			_ = os.Remove(path) // it is in nobody's way
		}
	}
}

func (s *scheduled) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "signet_snapshots_total", Help: "Scheduled snapshots that this node has written."}, func() float64 { return float64(s.good.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "signet_snapshot_failures_total", Help: "Scheduled snapshots that failed on this node."}, func() float64 { return float64(s.failed.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "signet_snapshot_last_success_timestamp_seconds", Help: "When this node last wrote a scheduled snapshot; 0 not since it started."}, func() float64 { return float64(s.at.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "signet_snapshot_last_size_bytes", Help: "How long that snapshot is."}, func() float64 { return float64(s.size.Load()) }),
	}
}
