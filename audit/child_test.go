package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// childEnv makes the test binary run child instead of the tests. Its value is the
// directory of the log, a space and the durability.
const childEnv = "SIGNET_AUDIT_TEST_CHILD"

// child appends two records, says so, waits for a line, and then meets whatever
// strace makes of its system calls. It reports on standard output.
func child() {
	dir, durability, _ := strings.Cut(os.Getenv(childEnv), " ")
	l, err := Open(Options{Dir: dir, Durability: Durability(durability)})
	fmt.Println("open", err)
	fmt.Println("append", l.Append(&Record{RequestID: "before"}, &Record{RequestID: "before"}))
	fmt.Println("ready")
	fmt.Scanln()
	fmt.Println("append", l.Append(&Record{RequestID: "injected"}))
	l.journal.flush()
	var after error
	select {
	case err := <-l.Fatal():
		fmt.Println("fatal", err)
		time.Sleep(4 * probePeriod) // what could recover has by then
		after = l.Append(&Record{RequestID: "after"})
	default:
		// strace counts calls by thread, so each thread of the runtime may meet
		// the injected error once.
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if after = l.Append(&Record{RequestID: "after"}); after == nil {
				break
			}
		}
	}
	fmt.Println("append", after)
	fmt.Println("err", l.Err())
	fmt.Println("close", l.Close())
}

// inject runs child under strace from its "ready" on and returns what it printed
// after that, and what strace wrote.
func inject(t *testing.T, dir string, d Durability, args ...string) (said []string, trace string) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir+" "+string(d))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewScanner(out)
	for _, want := range []string{"open <nil>", "append <nil>", "ready"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the child said %q, want %q", lines.Text(), want)
		}
	}
	path := filepath.Join(dir, fileName)
	output := filepath.Join(t.TempDir(), "trace")
	strace := exec.Command("strace", append(args, "-f", "-o", output, "-P", path, "-p", fmt.Sprint(cmd.Process.Pid))...)
	attached, err := strace.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := strace.Start(); err != nil {
		t.Fatal(err)
	}
	if s := bufio.NewScanner(attached); !s.Scan() || !strings.Contains(s.Text(), "attached") {
		in.Close()
		cmd.Process.Kill()
		strace.Wait()
		t.Skipf("needs permission to trace: %s", s.Text())
	}
	go io.Copy(io.Discard, attached)
	io.WriteString(in, "go\n")
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	strace.Wait()
	b, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	return said, string(b)
}

// TestDiskError: after an input/output error nothing is acknowledged any more,
// although every system call after the first (of a thread: so strace counts) would
// succeed.
func TestDiskError(t *testing.T) {
	for name, c := range map[string]struct {
		durability Durability
		inject     string
		first      string // how the append meets it
	}{
		"fdatasync":       {DurabilitySync, "fdatasync:error=EIO:when=1", "unavailable"},
		"fdatasync other": {DurabilitySync, "fdatasync:error=EROFS:when=1", "unavailable"},
		"write":           {DurabilitySync, "write:error=EIO:when=1", "unavailable"},
		"write os":        {DurabilityOS, "write:error=EIO:when=1", "unavailable"},
		"flush os":        {DurabilityOS, "fdatasync:error=EIO:when=1", "<nil>"},
		"flush os full":   {DurabilityOS, "fdatasync:error=ENOSPC:when=1", "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			said, _ := inject(t, dir, c.durability, "-e", "inject="+c.inject)
			if len(said) != 5 {
				t.Fatalf("the child said %q", said)
			}
			for i, want := range []string{"append .*" + c.first, "fatal the disk", "append audit log unavailable: the disk", "err audit log unavailable: the disk", "close .*the disk"} {
				if !regexp.MustCompile("^" + want).MatchString(said[i]) {
					t.Errorf("the child said %q, want %q", said[i], want)
				}
			}
			// The start path is the recovery path.
			mustOpen(t, Options{Dir: dir}).Close()
			recs := readLog(t, filepath.Join(dir, fileName))
			for _, r := range recs {
				if r.RequestID == "after" {
					t.Error("something was written after the error")
				}
			}
			if len(recs) < 4 || recs[1].RequestID != "before" || recs[2].RequestID != "before" {
				t.Errorf("acknowledged records are gone: %+v", recs)
			}
		})
	}
}

// TestSyncWithoutSpace: file systems that allocate late may say so only in
// fdatasync. The record is taken back and the log recovers.
func TestSyncWithoutSpace(t *testing.T) {
	dir := t.TempDir()
	said, _ := inject(t, dir, DurabilitySync, "-e", "inject=fdatasync:error=ENOSPC:when=1")
	got := strings.Join(said, "\n")
	if len(said) != 4 || !strings.Contains(said[0], errFull.Error()) || said[1] != "append <nil>" || said[2] != "err <nil>" || !strings.HasPrefix(said[3], "close ") {
		t.Fatalf("the child said\n%s", got)
	}
	recs := readLog(t, filepath.Join(dir, fileName))
	last := len(recs) - 1
	if last < 4 || recs[3].Operation != "audit/resumed" || recs[3].Count < 1 || recs[last].RequestID != "after" {
		t.Fatalf("log %+v", recs)
	}
	for _, r := range recs[3:last] {
		if r.Operation != "audit/resumed" {
			t.Errorf("what was refused is in the log: %+v", r)
		}
	}
}

// TestShortWrite: part of a record is written, then the disk is full: the part is
// cut off again.
func TestShortWrite(t *testing.T) {
	mount := tmpfs(t, "1m")
	l := mustOpen(t, Options{Dir: mount})
	free := fill(t, mount)
	size := fileSize(t, l)
	recs := make([]*Record, 40) // more than what is left of the page
	for i := range recs {
		recs[i] = &Record{RequestID: "refused", Path: strings.Repeat("x", 200)}
	}
	if err := l.Append(recs...); !errors.Is(err, errFull) {
		t.Fatalf("Append: %v", err)
	}
	if now := fileSize(t, l); now != size {
		t.Errorf("the file has %d bytes, had %d", now, size)
	}
	free()
	resumed(t, l, 1)
}

// TestOrderOfCalls: in mode sync every write to the log is followed by fdatasync
// and by the look at the path before Append returns.
func TestOrderOfCalls(t *testing.T) {
	for d, want := range map[Durability]string{
		DurabilitySync: `write\(.*injected.*\n.*fdatasync\(.*\n.*newfstatat\(`,
		DurabilityOS:   `write\(.*injected.*\n.*newfstatat\(`,
	} {
		dir := t.TempDir()
		said, trace := inject(t, dir, d, "-s", "1000", "-e", "trace=write,fdatasync,lstat,newfstatat,ftruncate")
		if len(said) != 4 || said[0] != "append <nil>" {
			t.Fatalf("the child said %q", said)
		}
		if !regexp.MustCompile(want).MatchString(strings.ReplaceAll(trace, " lstat(", " newfstatat(")) {
			t.Errorf("%s: calls on the log:\n%s", d, trace)
		}
		b, err := os.ReadFile(filepath.Join(dir, fileName))
		if err != nil || !bytes.Contains(b, []byte("after")) {
			t.Errorf("%s: %v", d, err)
		}
	}
}
