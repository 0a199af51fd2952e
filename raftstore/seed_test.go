package raftstore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// begun is what a book of these entries writes.
func begun(entries ...string) *bookSnapshot {
	var indexes []uint64
	for i := range entries {
		indexes = append(indexes, uint64(i+1))
	}
	return &bookSnapshot{newBook(), bookState{entries, indexes}}
}

func seeded(t *testing.T, dir string, index uint64) Identity {
	t.Helper()
	s, err := OpenSeed(Options{Dir: dir, NodeID: "first"})
	must(t, err)
	defer s.Close()
	must(t, s.Fill(index, begun("one", "two")))
	return s.Identity()
}

// A seeded directory is that of a cluster of one node, which goes on from there.
func TestASeedBeginsACluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "raft")
	id := seeded(t, dir, 1000)
	wantTight(t, dir)
	b := newBook()
	s := lead(t, dir, b)
	if s.Identity().Incarnation != id.Incarnation || s.Identity().NodeID != "first" {
		t.Errorf("it is %+v, not %+v", s.Identity(), id)
	}
	propose(t, s, "three")
	if got := b.read(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("it has %q", got)
	}
	servers, err := s.Servers()
	if err != nil || len(servers) != 1 || !servers[0].Voter || s.Indexes().Applied <= 1000 {
		t.Errorf("%v, %v, %+v", servers, err, s.Indexes())
	}
	closeStore(t, s)
	b = newBook()
	s = lead(t, dir, b)
	if got := b.read(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("after a restart it has %q", got)
	}
	closeStore(t, s)
	if _, err := OpenSeed(Options{Dir: dir}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a cluster: %v", err)
	}
}

func TestASeedTakesAnEmptyDirectoryAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600))
	must(t, CheckSeed(dir))
	must(t, CheckSeed(filepath.Join(dir, "none")))
	other := filepath.Join(dir, "notes")
	must(t, os.WriteFile(other, []byte("x"), 0o644))
	if _, err := OpenSeed(Options{Dir: dir}); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), other) {
		t.Errorf("%v", err)
	}
	if info, err := os.Stat(other); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("it was touched: %v, %v", info, err)
	}
}

type broken struct{ err error }

func (b broken) WriteTo(w io.Writer) (int64, error) {
	_, _ = w.Write([]byte("half"))
	return 4, b.err
}

// What a restore that failed leaves is started by nobody, and begun anew by the next
// one.
func TestAnUnfinishedSeedIsRefusedAndReplaced(t *testing.T) {
	dir, cause := t.TempDir(), errors.New("cause")
	s, err := OpenSeed(Options{Dir: dir, NodeID: "first"})
	must(t, err)
	if _, err := OpenSeed(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("two at once: %v", err)
	}
	before := s.Identity()
	if err := s.Fill(7, broken{cause}); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	s.Close()
	if _, err := Open(Options{Dir: dir}, newBook()); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a node starts on it: %v", err)
	}
	if _, err := OpenRecovery(Options{Dir: dir}, newBook()); !errors.Is(err, ErrUnfinished) {
		t.Errorf("it is recovered: %v", err)
	}
	if after := seeded(t, dir, 9); after.Incarnation == before.Incarnation {
		t.Error("the second attempt has the identity of the first")
	}
	b := newBook()
	st := lead(t, dir, b)
	closeStore(t, st)
	if got := b.read(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("it has %q", got)
	}
}

// A disk that is full leaves a directory that says so, and room makes it good.
func TestASeedOnAFullDisk(t *testing.T) {
	for _, size := range []int{120, 160, 200, 240} { // KiB that are taken, of 256
		mount := tmpfs(t, "256k")
		dir, hog := filepath.Join(mount, "data"), filepath.Join(mount, "hog")
		must(t, os.WriteFile(hog, make([]byte, size<<10), 0o600))
		s, err := OpenSeed(Options{Dir: dir, NodeID: "first"})
		if err == nil {
			err = s.Fill(7, begun(strings.Repeat("x", 120<<10)))
			s.Close()
		}
		if err == nil {
			t.Errorf("beside %d KiB it fits", size)
		}
		if _, err := Open(Options{Dir: dir}, newBook()); err == nil || !errors.Is(err, ErrUnfinished) && !strings.Contains(err.Error(), "no space left") {
			t.Errorf("beside %d KiB: a node starts on it: %v", size, err)
		}
		must(t, os.Remove(hog))
		again, err := OpenSeed(Options{Dir: dir, NodeID: "first"})
		if err != nil {
			t.Fatalf("beside %d KiB: it cannot be begun anew: %v", size, err)
		}
		again.Close()
	}
}
