package raftstore

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAppliesInOrder(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	var want []string
	var proposals []*Proposal
	for i := range 300 {
		entry := fmt.Sprint("entry ", i)
		want = append(want, entry)
		proposals = append(proposals, s.Enqueue([]byte(entry)))
	}
	for i, p := range proposals {
		got, err := p.Wait(testContext(t))
		if err != nil || got != i+1 {
			t.Fatalf("proposal %d: %v, %v", i, got, err)
		}
	}
	if !slices.Equal(b.read(), want) {
		t.Error("entries are not in the order of the calls")
	}
	if !slices.IsSorted(b.indexes) || len(slices.Compact(b.indexes)) != len(want) {
		t.Errorf("indexes do not rise strictly: %v", b.indexes)
	}
	// Raft raises its own index a moment after it has told the proposer.
	if err := s.Barrier(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if i := s.Indexes(); i.Applied < b.indexes[len(b.indexes)-1] || i.Commit < i.Applied {
		t.Errorf("indexes %+v, last entry at %d", i, b.indexes[len(b.indexes)-1])
	}
}

func TestConcurrentProposals(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				if _, err := s.Propose(context.Background(), fmt.Appendf(nil, "%d-%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := b.read()
	slices.Sort(got)
	if len(slices.Compact(got)) != 160 {
		t.Errorf("%d distinct entries, want 160", len(got))
	}
}

func TestRestartReplays(t *testing.T) {
	dir := t.TempDir()
	b := newBook()
	s := open(t, dir, b)
	if s.Bootstrapped() {
		t.Error("an empty directory is bootstrapped")
	}
	settle(t, s)
	propose(t, s, "a", "b", "c")
	id := s.Identity()
	closeStore(t, s)

	again := newBook()
	s = open(t, dir, again)
	if !s.Bootstrapped() {
		t.Fatal("the state is gone")
	}
	settle(t, s)
	if got := again.read(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("replayed %q", got)
	}
	if !slices.Equal(again.indexes, b.indexes) {
		t.Errorf("indexes %v, before %v", again.indexes, b.indexes)
	}
	if got := s.Identity(); got.NodeID != id.NodeID || got.Incarnation != id.Incarnation || !slices.Equal(got.Public, id.Public) {
		t.Errorf("identity %+v, before %+v", got, id)
	}
	wantErr(t, s.Bootstrap(testContext(t)), ErrBootstrapped)
}

func TestBeforeBootstrap(t *testing.T) {
	s := open(t, t.TempDir(), newBook())
	ctx := testContext(t)
	_, err := s.Propose(ctx, []byte("x"))
	wantErr(t, err, ErrNotProposed, ErrNotBootstrapped)
	wantErr(t, s.Barrier(ctx), ErrNotBootstrapped)
	wantErr(t, s.WaitLeader(ctx), ErrNotBootstrapped)
	wantErr(t, s.Snapshot(ctx), ErrNotBootstrapped)
	if id, address := s.Leader(); s.Leading() || id != "" || address != "" || !s.LeaderSince().IsZero() {
		t.Error("somebody leads nothing")
	}
	if s.Indexes() != (Indexes{}) {
		t.Errorf("indexes %+v", s.Indexes())
	}
}

func TestBootstrapTwice(t *testing.T) {
	s := open(t, t.TempDir(), newBook())
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = s.Bootstrap(testContext(t)) })
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			wantErr(t, err, ErrBootstrapped)
			refused++
		}
	}
	if refused != len(errs)-1 {
		t.Errorf("%d of %d bootstraps were refused", refused, len(errs))
	}
}

// A crash between raft's two writes of a bootstrap leaves the term alone.
func TestBootstrapAfterHalfOfOne(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, newBook())
	if err := s.records.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = open(t, dir, newBook())
	if s.Bootstrapped() {
		t.Fatal("half a bootstrap counts as one")
	}
	settle(t, s)

	// A node that has voted in a cluster is no such half.
	dir = t.TempDir()
	s = open(t, dir, newBook())
	for _, key := range []string{"CurrentTerm", "LastVoteTerm"} {
		if err := s.records.SetUint64([]byte(key), 1); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, s.Bootstrap(testContext(t)), ErrBootstrapped)
}

func TestLeadership(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, NodeID: "alpha", Address: "192.0.2.1:8201", Dev: true}, newBook())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	changed := s.LeadershipChanged()
	settle(t, s)
	<-changed
	if id, address := s.Leader(); id != "alpha" || address != "alpha" { // where that is stands in the roster
		t.Errorf("leader %q at %q", id, address)
	}
	if !s.Leading() || s.LeaderSince().IsZero() {
		t.Error("it does not lead")
	}
	changed = s.LeadershipChanged()
	closeStore(t, s)
	<-changed
	if s.Leading() || !s.LeaderSince().IsZero() {
		t.Error("it leads after Close")
	}
	wantErr(t, s.WaitLeader(testContext(t)), ErrClosed)
}

// Production timings too must not make a lone voter wait for nobody: the
// heartbeat of 500 ms would do so for up to a second.
func TestLoneVoterLeadsAtOnce(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // after Bootstrap, and after a start with state
		s, err := Open(Options{Dir: dir}, newBook())
		if err != nil {
			t.Fatal(err)
		}
		settle(t, s)
		conf := s.raft.Load().ReloadableConfig()
		if conf.HeartbeatTimeout != 500*time.Millisecond || conf.ElectionTimeout != 500*time.Millisecond {
			t.Errorf("timings %v, %v are not what production has", conf.HeartbeatTimeout, conf.ElectionTimeout)
		}
		closeStore(t, s)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	_, err := Open(Options{Dir: dir}, newBook())
	wantErr(t, err, ErrLocked)
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v does not name the directory", err)
	}
	propose(t, s, "still alive")
	closeStore(t, s)
	lead(t, dir, newBook())
}

func TestModesAreTightened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := lead(t, dir, newBook())
	propose(t, s, "a")
	if err := s.Snapshot(testContext(t)); err != nil {
		t.Fatal(err)
	}
	files := wantTight(t, dir) // as made
	for _, want := range []string{"raft.db", "node.key", "node-id", "node-incarnation", "lock", "state.bin", "meta.json"} {
		if !files[want] {
			t.Errorf("no file %s", want)
		}
	}
	closeStore(t, s)

	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if e.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		mode := fs.FileMode(0o644)
		if e.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
	lead(t, dir, newBook())
	wantTight(t, dir) // as found
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a mode was set through a link: %v, %v", info.Mode(), err)
	}
}

func wantTight(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files[e.Name()] = true
		switch {
		case e.Type()&fs.ModeSymlink != 0:
		case e.IsDir() && info.Mode().Perm() != 0o700, !e.IsDir() && info.Mode().Perm() != 0o600:
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSweepsWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	closeStore(t, s)
	half := filepath.Join(dir, "snapshots", "2-9-1700000000000.tmp")
	if err := os.Mkdir(half, 0o755); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "audit.tmp")
	for _, path := range []string{filepath.Join(half, "state.bin"), filepath.Join(dir, "node.key.tmp"), foreign} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lead(t, dir, newBook())
	for _, path := range []string{half, filepath.Join(dir, "node.key.tmp")} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file of somebody else is gone: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"no directory":   {},
		"id with slash":  {Dir: t.TempDir(), NodeID: "a/b"},
		"id too long":    {Dir: t.TempDir(), NodeID: strings.Repeat("a", 129)},
		"address spaces": {Dir: t.TempDir(), Address: "a b"},
	} {
		if s, err := Open(o, newBook()); err == nil {
			t.Errorf("%s: accepted", name)
			s.Close()
		}
	}
	// Nothing was made in the directories of the refused ones.
	dir := t.TempDir()
	if _, err := Open(Options{Dir: dir, NodeID: "/"}, newBook()); err == nil {
		t.Error("accepted")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("made %v", entries)
	}
}

func TestCloseIsFinal(t *testing.T) {
	s := lead(t, t.TempDir(), newBook())
	closeStore(t, s)
	closeStore(t, s)
	ctx := testContext(t)
	_, err := s.Propose(ctx, []byte("x"))
	wantErr(t, err, ErrNotProposed, ErrClosed)
	wantErr(t, s.Barrier(ctx), ErrClosed)
	wantErr(t, s.Snapshot(ctx), ErrClosed)
	select {
	case err := <-s.Fatal():
		t.Errorf("Close is fatal: %v", err)
	default:
	}
}

// tmpfs mounts a small file system, or skips the test.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestFullDiskRefusesAndResumes(t *testing.T) {
	mount := tmpfs(t, "24m")
	b := newBook()
	s := lead(t, filepath.Join(mount, "data"), b)
	propose(t, s, "before")
	filler := filepath.Join(mount, "filler")
	if err := os.WriteFile(filler, make([]byte, 17<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.Propose(testContext(t), []byte("meanwhile"))
	wantErr(t, err, ErrNotProposed, ErrStorageFull)
	if !s.Leading() || s.Err() != nil {
		t.Errorf("a full disk stopped the node: %v", s.Err())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	propose(t, s, "after")
	if got := b.read(); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("entries %q", got)
	}
}
