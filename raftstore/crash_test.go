package raftstore

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childEnv names the data directory of a child process that proposes numbered
// entries and prints each number once it is acknowledged.
const childEnv = "RAFTSTORE_TEST_CHILD"

func child(dir string) int {
	if os.Getenv(childEnv+"_SEED") != "" {
		return seedChild(dir)
	}
	b := newBook()
	s, err := Open(Options{Dir: dir, Dev: true, SnapshotThreshold: 30, SnapshotInterval: 10 * time.Millisecond, TrailingLogs: 5}, b)
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	ctx := context.Background()
	if !s.Bootstrapped() {
		err = s.Bootstrap(ctx)
	}
	if err == nil {
		err = s.WaitLeader(ctx)
	}
	if err == nil {
		err = s.Barrier(ctx)
	}
	if err != nil {
		fmt.Println("start:", err)
		return 1
	}
	limit, _ := strconv.Atoi(os.Getenv(childEnv + "_LIMIT"))
	for n := len(b.read()); limit == 0 || n < limit; n++ {
		// Two at a time, so that a kill meets batches as well.
		p, q := s.Enqueue(fmt.Appendf(nil, "n:%d", n)), s.Enqueue(fmt.Appendf(nil, "n:%d", n+1))
		for _, p := range []*Proposal{p, q} {
			if _, err := p.Wait(ctx); err != nil {
				fmt.Println("propose:", err)
				return 1
			}
		}
		n++
		os.Stdout.WriteString(fmt.Sprintf("ack %d\n", n))
	}
	return 0
}

func childCommand(dir string, prefix ...string) *exec.Cmd {
	args := append(prefix, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// I1 for one node: whatever moment it is killed at, every acknowledged entry is
// there afterwards, once and in order.
func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	acknowledged := -1
	for round := range rounds {
		cmd := childCommand(dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Some kills hit the start, too.
		kill := time.AfterFunc(time.Duration(20+rand.IntN(400))*time.Millisecond, func() { cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "ack "))
			if err != nil {
				t.Errorf("round %d: the child says %q", round, lines.Text())
				continue
			}
			acknowledged = n
		}
		cmd.Wait()
		kill.Stop()

		b := newBook()
		s := open(t, dir, b)
		if !s.Bootstrapped() && acknowledged < 0 {
			closeStore(t, s)
			continue
		}
		settle(t, s)
		got := b.read()
		for i, e := range got {
			if e != fmt.Sprint("n:", i) {
				t.Fatalf("round %d: entry %d is %q", round, i, e)
			}
		}
		if len(got) <= acknowledged {
			t.Fatalf("round %d: %d entries, %d was acknowledged", round, len(got), acknowledged)
		}
		closeStore(t, s)
		acknowledged = len(got) - 1
	}
	t.Logf("%d entries after %d kills", acknowledged+1, rounds)
	if acknowledged < rounds {
		t.Error("the children did next to nothing")
	}
}

// SIGKILL leaves the page cache alone, so that a store which never syncs would
// pass the test above. Here the kernel's calls are watched: between the write
// of an entry to the log file and its acknowledgement the file is synced, with
// nothing written to it after the last sync.
func TestSyncsBeforeAcknowledging(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := childCommand(dir, strace, "-f", "-y", "-s", "16", "-e", "trace=pwrite64,fdatasync,write", "-o", trace)
	cmd.Env = append(cmd.Env, childEnv+"_LIMIT=10")
	if out, err := cmd.Output(); err != nil {
		t.Skipf("strace does not work here: %v: %s", err, out)
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.QuoteMeta(filepath.Join(dir, logFile))
	write := regexp.MustCompile(`pwrite64\(\d+<` + file + `>`)
	// A call during which another thread was traced takes two lines.
	sync := regexp.MustCompile(`fdatasync\(\d+<` + file + `>\)? += 0|fdatasync resumed>\) += 0`)
	ack := regexp.MustCompile(`write\(1<[^>]*>, "ack `)
	writes, acks, dirty := 0, 0, false
	for line := range strings.Lines(string(data)) {
		switch {
		case write.MatchString(line):
			dirty = true
			writes++
		case sync.MatchString(line):
			dirty = false
		case ack.MatchString(line):
			acks++
			if dirty {
				t.Errorf("acknowledged before a sync: %s", line)
			}
			if writes == 0 {
				t.Errorf("acknowledged without a write: %s", line)
			}
			writes = 0
		}
	}
	if acks != 5 {
		t.Fatalf("%d acknowledgements in the trace", acks)
	}
}
