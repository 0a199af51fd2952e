package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m) // Close leaves nothing running
}

// mustOpen opens a log in the page-cache mode (quicker) unless told otherwise.
func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Durability == "" {
		o.Durability = DurabilityOS
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustAppend(t testing.TB, l *Log, recs ...*Record) {
	t.Helper()
	if err := l.Append(recs...); err != nil {
		t.Fatal(err)
	}
}

// readLog reads a log strictly. A log that is still open may end in a record being
// written: it is read again then.
func readLog(t testing.TB, path string) []Parsed {
	t.Helper()
	for try := 0; ; try++ {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var recs []Parsed
		err = Read(bytes.NewReader(b), func(line []byte, rec Parsed) error {
			recs = append(recs, rec)
			return nil
		})
		if err == nil {
			return recs
		}
		if !errors.Is(err, ErrTorn) || try > 100 {
			t.Fatalf("reading the log: %v\n%s", err, b)
		}
		time.Sleep(time.Millisecond)
	}
}

func logPath(l *Log) string { return l.journal.file.path }

// find returns the records of an operation.
func find(recs []Parsed, operation string) []Parsed {
	var out []Parsed
	for _, r := range recs {
		if r.Operation == operation {
			out = append(out, r)
		}
	}
	return out
}

// eventually waits for a condition that the keeper brings about.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// tmpfs mounts a file system of a size and returns where.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a tmpfs")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs root to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all space that is left on a file system, and returns how to give it
// back.
func fill(t *testing.T, mount string) (free func()) {
	t.Helper()
	name := filepath.Join(mount, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}
