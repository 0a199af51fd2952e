package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
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
	called := false
	if _, err := saveFile(path, func(io.Writer) error { called = true; return nil }); !isUsage(err) || called {
		t.Errorf("over another file: %v", err)
	}
	if _, err := saveFile(filepath.Join(dir, "none", "b"), absent); err == nil {
		t.Error("into a directory that is not there")
	}
}
