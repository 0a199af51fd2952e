package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSnapshotAndTail(t *testing.T) {
	dir := t.TempDir()
	b := newBook()
	s := lead(t, dir, b)
	propose(t, s, "a", "b", "c")
	if err := s.Snapshot(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if i := s.Indexes(); i.LastSnapshot == 0 || i.LastSnapshot > i.Applied {
		t.Errorf("indexes %+v", i)
	}
	propose(t, s, "d", "e")
	closeStore(t, s)
	if b.released != 1 {
		t.Errorf("snapshot released %d times", b.released)
	}

	again := newBook()
	s = lead(t, dir, again)
	if got := again.read(); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("entries %q", got)
	}
	if applies, restores := again.count(); applies != 2 || restores != 1 {
		t.Errorf("%d Applies and %d Restores, want 2 and 1", applies, restores)
	}
	if s.Indexes().LastSnapshot == 0 {
		t.Error("the snapshot is not counted after a restart")
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	s := lead(t, t.TempDir(), newBook())
	closeStore(t, s)
	s = open(t, t.TempDir(), newBook())
	if err := s.found(); err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot(testContext(t)); err != nil {
		t.Error(err)
	}
}

// Snapshots come by themselves, the log is cut, and old ones go.
func TestSnapshotsByThemselves(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, Dev: true, SnapshotThreshold: 20, SnapshotInterval: 5 * time.Millisecond, TrailingLogs: 5}, newBook())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	settle(t, s)
	var want []string
	for round := range 4 {
		before := s.Indexes().LastSnapshot
		for i := range 25 {
			want = append(want, fmt.Sprint(round, "-", i))
			propose(t, s, want[len(want)-1])
		}
		for deadline := time.Now().Add(patience); s.Indexes().LastSnapshot == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no snapshot came")
			}
		}
	}
	closeStore(t, s) // waits for the cut that follows a snapshot
	shape, err := checkLogFile(filepath.Join(dir, logFile))
	if err != nil {
		t.Fatal(err)
	}
	if shape.runStart < 50 {
		t.Errorf("the log still begins at %d", shape.runStart)
	}
	if names, _ := os.ReadDir(filepath.Join(dir, snapshotsDir)); len(names) != keepSnapshots {
		t.Errorf("snapshots on disk: %v", names)
	}
	again := newBook()
	lead(t, dir, again)
	if got := again.read(); !slices.Equal(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
}

// withSnapshots makes a directory with two snapshots and a tail, and returns
// the directory of the newest snapshot.
func withSnapshots(t *testing.T) (dir, newest string) {
	t.Helper()
	dir = t.TempDir()
	s := lead(t, dir, newBook())
	for _, e := range []string{"a", "b"} {
		propose(t, s, e)
		if err := s.Snapshot(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	propose(t, s, "tail")
	metas, err := s.snapshots.List()
	if err != nil || len(metas) != 1 {
		t.Fatal(metas, err)
	}
	closeStore(t, s)
	return dir, filepath.Join(dir, snapshotsDir, metas[0].ID)
}

func TestCorruptSnapshot(t *testing.T) {
	dir, newest := withSnapshots(t)
	state, meta := filepath.Join(newest, snapshotStateFile), filepath.Join(newest, snapshotMetaFile)
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			out := strings.Replace(string(b), old, new, 1)
			if out == string(b) {
				t.Fatalf("%q is not in %s", old, b)
			}
			return []byte(out)
		}
	}
	for name, c := range map[string]struct {
		file   string
		damage func([]byte) []byte // nil: the file goes
	}{
		"first bit of the state": {state, func(b []byte) []byte { b[0] ^= 1; return b }},
		"last bit of the state":  {state, func(b []byte) []byte { b[len(b)-33] ^= 0x80; return b }},
		"bit of the checksum":    {state, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		"cut":                    {state, func(b []byte) []byte { return b[:len(b)-1] }},
		"grown":                  {state, func(b []byte) []byte { return append(b, 0) }},
		"empty":                  {state, func([]byte) []byte { return nil }},
		"no state":               {state, nil},
		"no meta":                {meta, nil},
		"empty meta":             {meta, func([]byte) []byte { return nil }},
		"index":                  {meta, replace(`"Index":`, `"Index":1`)},
		"term":                   {meta, replace(`"Term":`, `"Term":1`)},
		"size":                   {meta, replace(`"Size":`, `"Size":1`)},
		"negative size":          {meta, replace(`"Size":`, `"Size":-`)},
		"version":                {meta, replace(`"Version":1`, `"Version":0`)},
		"servers":                {meta, replace(`"Suffrage":0`, `"Suffrage":1`)},
		"servers index":          {meta, replace(`"ConfigurationIndex":`, `"ConfigurationIndex":1`)},
		"id":                     {meta, replace(`"ID":"`, `"ID":"1`)},
	} {
		t.Run(name, func(t *testing.T) {
			whole, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(c.file, whole, 0o600)
			if c.damage == nil {
				err = os.Remove(c.file)
			} else {
				err = os.WriteFile(c.file, c.damage(slices.Clone(whole)), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			b := newBook()
			s, err := Open(Options{Dir: dir, Dev: true}, b)
			if err == nil {
				s.Close()
			}
			wantErr(t, err, ErrCorruptSnapshot)
			var damage *Corruption
			if errors.As(err, &damage) && filepath.Dir(damage.File) != newest {
				t.Errorf("it names %s", damage.File)
			}
			if _, restores := b.count(); restores != 0 {
				t.Error("the machine was given the damaged bytes")
			}
		})
	}
	b := newBook()
	lead(t, dir, b) // all of it was put back
	if got := b.read(); !slices.Equal(got, []string{"a", "b", "tail"}) {
		t.Errorf("entries %q", got)
	}
}

// What an operator may do about a damaged snapshot: remove it. That is safe as
// long as the log reaches back far enough, and is refused when it does not.
func TestSnapshotRemovedByHand(t *testing.T) {
	dir, newest := withSnapshots(t)
	if err := os.RemoveAll(newest); err != nil {
		t.Fatal(err)
	}
	b := newBook()
	s := lead(t, dir, b)
	if got := b.read(); !slices.Equal(got, []string{"a", "b", "tail"}) {
		t.Errorf("entries %q", got)
	}
	// Now the log is cut behind the snapshots.
	if err := s.records.DeleteRange(1, s.Indexes().Applied-1); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if err := os.RemoveAll(filepath.Join(dir, snapshotsDir)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: dir, Dev: true}, newBook())
	wantErr(t, err, ErrCorruptStore)
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}

func FuzzSnapshotName(f *testing.F) {
	for _, seed := range []string{"2-9-1700000000000", "2-9-1", "02-9-1", "2-9-1.tmp", "2-9", "", "-1-2-3", "2-9-1 "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := parseSnapshotName(s); ok && n.String() != s {
			t.Errorf("%q parses to %v", s, n)
		}
	})
}
