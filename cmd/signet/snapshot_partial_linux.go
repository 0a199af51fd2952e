package main

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// removeStale removes the regular files prefix-N that no living process writes, which
// is known by the lock on them: see holdPartial. It tries: what stays is in nobody's
// way.
func removeStale(prefix string) {
	dir, base := filepath.Split(prefix)
	entries, err := os.ReadDir(filepath.Clean(dir)) // "." for none
	if err != nil {
		return
	}
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), base)
		if !ours || number == "" || strings.Trim(number, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if holdPartial(f) == nil {
			_ = os.Remove(f.Name())
		}
		_ = f.Close()
	}
}

// holdPartial says that this process writes f, until f is closed or the process ends.
// Error: another one does.
func holdPartial(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
