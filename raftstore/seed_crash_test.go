package raftstore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// seedChild fills a directory, on one thread: strace counts calls by thread.
func seedChild(dir string) int {
	runtime.LockOSThread()
	s, err := OpenSeed(Options{Dir: dir, NodeID: "first"})
	if err == nil {
		err = s.Fill(1000, begun("one", "two"))
		s.Close()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// fates of a directory whose making was cut short.
const (
	fateEmpty      = "empty"
	fateUnfinished = "unfinished"
	fateWhole      = "whole"
)

// fate says what a directory is, and fails the test for one that is anything between.
func fate(t *testing.T, dir string) string {
	t.Helper()
	free := CheckSeed(dir) == nil
	b := newBook()
	s, err := Open(Options{Dir: dir, Dev: true}, b)
	if errors.Is(err, ErrUnfinished) {
		if !free {
			t.Error("it is not whole, and cannot be begun anew")
		}
		seeded(t, dir, 2000)
		closeStore(t, lead(t, dir, newBook()))
		return fateUnfinished
	}
	if err != nil {
		t.Errorf("a node does not start on it: %v", err)
		return ""
	}
	defer closeStore(t, s)
	if !s.Bootstrapped() {
		if !free {
			t.Error("it holds no state, and cannot be begun anew")
		}
		return fateEmpty
	}
	settle(t, s)
	if got := b.read(); free || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("it has %q", got)
	}
	return fateWhole
}

// A process that is killed at any call that changes a file, or whose call fails,
// leaves a directory that is empty, or unfinished and says so, or whole.
func TestASeedThatIsCutShort(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	const calls = "mkdirat,openat,fchmodat,write,pwrite64,ftruncate,fsync,fdatasync,renameat,renameat2,unlinkat"
	step := 1
	if testing.Short() {
		step = 7
	}
	for _, fault := range []string{"signal=KILL", "error=EIO"} {
		seen := map[string]int{}
		for n := 1; ; n += step {
			dir := filepath.Join(t.TempDir(), "data")
			cmd := childCommand(dir, strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace="+calls, "-e", fmt.Sprintf("inject=%s:%s:when=%d", calls, fault, n))
			cmd.Env = append(cmd.Env, childEnv+"_SEED=1", "GOMAXPROCS=1")
			out, err := cmd.Output()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Skipf("strace does not work here: %v", err)
			}
			found := fate(t, dir)
			seen[found]++
			if err == nil && found != fateWhole {
				t.Fatalf("%s at call %d: it says that all is well, and the directory is %s: %s", fault, n, found, out)
			}
			if t.Failed() {
				t.Fatalf("%s at call %d: %s", fault, n, out)
			}
			if err == nil && n > 70 || n > 400 {
				break
			}
		}
		t.Logf("%s: %v", fault, seen)
		if seen[fateUnfinished] == 0 || seen[fateWhole] == 0 || seen[fateEmpty] == 0 {
			t.Errorf("%s: not every fate was met: %v", fault, seen)
		}
	}
}
