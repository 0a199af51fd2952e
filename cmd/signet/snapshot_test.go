package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// A file that is saved is there whole, or not at all.
func TestSaveFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "b.snapshot")
	files := func() int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	absent := func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it has its name before it is whole: %v", err)
		}
		return nil
	}
	broken := errors.New("broken")
	if _, err := saveFile(path, func(w io.Writer) error { return errors.Join(absent(w), broken) }); !errors.Is(err, broken) || files() != 0 {
		t.Errorf("%v, and %d files are left", err, files())
	}
	size, err := saveFile(path, absent)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || size != 4 || info.Mode() != 0o600 || files() != 1 {
		t.Errorf("%d bytes, %v, %v, %v", size, err, statErr, info)
	}
	if runtime.GOOS == "linux" {
		partialsGo(t, filepath.Join(dir, "c.snapshot"))
	}
	called := false
	if _, err := saveFile(path, func(io.Writer) error { called = true; return nil }); !isUsage(err) || called {
		t.Errorf("over another file: %v", err)
	}
	if _, err := saveFile(filepath.Join(dir, "none", "b"), absent); err == nil {
		t.Error("into a directory that is not there")
	}
}

// What killed processes left of the same file goes, what a living one writes stays, and
// so does whatever else is called so.
func partialsGo(t *testing.T, path string) {
	t.Helper()
	dir := filepath.Dir(path)
	left := []string{path + ".partial-12", path + ".partial-345"}
	others := []string{path + ".partial-", path + ".partial-1x", filepath.Join(dir, "other.snapshot.partial-7"), path + ".partial-99"}
	for _, name := range slices.Concat(left, others) {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	living, err := os.Open(path + ".partial-99")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = living.Close() }() // read only
	if err := holdPartial(living); err != nil {
		t.Fatal(err)
	}
	if _, err := saveFile(path, func(w io.Writer) error {
		beside, err := filepath.Glob(path + ".partial-*")
		if err == nil && len(beside) != 4 {
			t.Errorf("while it is written: %v", beside)
		}
		// Another process that saves the same file now lets this one be.
		removeStale(path + ".partial-")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range append(others, path) {
		if _, err := os.Lstat(name); err != nil {
			t.Error(err)
		}
		_ = os.Remove(name) // in the test's own directory
	}
}
