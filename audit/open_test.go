package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOpenPermissions(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	for _, umask := range []int{0, 0o022, 0o777} {
		unix.Umask(0)
		dir := filepath.Join(t.TempDir(), "a", "b")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		unix.Umask(umask)
		l := mustOpen(t, Options{Dir: dir})
		checkMode(t, dir, 0o700)
		checkMode(t, logPath(l), 0o600)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(logPath(l), 0o644); err != nil {
			t.Fatal(err)
		}
		l = mustOpen(t, Options{Dir: dir})
		checkMode(t, logPath(l), 0o600)
		l.Close()
	}
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, st.Mode().Perm(), want)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(Options{}); err == nil {
		t.Error("opened without a directory")
	}
	if _, err := Open(Options{Dir: t.TempDir(), Durability: "fsync"}); err == nil || !strings.Contains(err.Error(), `"fsync"`) {
		t.Errorf("opened with an unknown durability: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := Open(Options{Dir: file}); err == nil {
		t.Error("opened a file as directory")
	}
	for name, make := range map[string]func(string) error{
		"symlink":   func(p string) error { return os.Symlink(file, p) },
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"fifo":      func(p string) error { return unix.Mkfifo(p, 0o600) },
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, fileName)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir}); err == nil {
			t.Errorf("opened a %s as log", name)
		}
	}
	if b, err := os.ReadFile(file); err != nil || len(b) != 0 {
		t.Errorf("wrote through a symlink: %q, %v", b, err)
	}
}

func TestOpenLocks(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: %v", err)
	}
	// The file moved into another directory is still in use.
	other := t.TempDir()
	if err := os.Rename(logPath(l), filepath.Join(other, fileName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: other}); !errors.Is(err, ErrLocked) {
		t.Errorf("Open of the moved file: %v", err)
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("Open of the directory left behind: %v", err)
	}
	l.Close()
	mustOpen(t, Options{Dir: other})
}

// TestReopen: seq goes on, every start is recorded, the caller's fields come back.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	for run := range 3 {
		d := []Durability{"", DurabilityOS, DurabilitySync}[run]
		l, err := Open(Options{Dir: dir, Node: "n1", Durability: d})
		if err != nil {
			t.Fatal(err)
		}
		r := Record{Type: TypeRequest, Operation: "transit/sign", Key: fmt.Sprint("k", run)}
		mustAppend(t, l, &r)
		if r.Seq != uint64(2*run+2) || r.Node != "n1" || time.Since(r.Time) > time.Hour || r.Time.Location() != time.UTC {
			t.Errorf("run %d set %d, %q, %v", run, r.Seq, r.Node, r.Time)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		err = l.Append(&r)
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrClosed) || r.Seq != 0 {
			t.Errorf("Append after Close: %v", err)
		}
		l.AppendLate(&r) // must return
		if !errors.Is(l.Err(), ErrClosed) {
			t.Errorf("Err after Close: %v", l.Err())
		}
	}
	recs := readLog(t, filepath.Join(dir, fileName))
	if len(recs) != 6 {
		t.Fatalf("%d records", len(recs))
	}
	for i, d := range []string{"sync", "os", "sync"} {
		open, sign := recs[2*i], recs[2*i+1]
		if open.Operation != "audit/open" || open.Type != TypeNode || open.Fields["durability"] != d {
			t.Errorf("record %d is %+v", 2*i+1, open)
		}
		if sign.Key != fmt.Sprint("k", i) || sign.Node != "n1" {
			t.Errorf("record %d is %+v", 2*i+2, sign)
		}
	}
}

// TestTornTail cuts the last record at every byte: what is left of it goes, all
// before it stays, and the next start says so.
func TestTornTail(t *testing.T) {
	var whole []byte
	for seq := range uint64(3) {
		whole = append(whole, line(seq+1, time.Unix(1, 0), &Record{Key: "k"})...)
	}
	keep := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	tails := [][]byte{make([]byte, 10), make([]byte, 3*MaxRecord), bytes.Repeat([]byte("x"), MaxRecord+1)}
	for cut := keep + 1; cut < len(whole); cut++ {
		tails = append(tails, whole[keep:cut])
	}
	for _, tail := range tails {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, append(bytes.Clone(whole[:keep]), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		l := mustOpen(t, Options{Dir: dir})
		l.Close()
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(after, whole[:keep]) {
			t.Fatalf("whole records were changed after %d bytes of tail", len(tail))
		}
		recs := readLog(t, path)
		if len(recs) != 3 || recs[2].Operation != "audit/open" || recs[2].Fields["torn_bytes"] != fmt.Sprint(len(tail)) {
			t.Fatalf("after %d bytes of tail: %+v", len(tail), recs[2:])
		}
	}
}

// TestCorrupt: any bad line but a torn last one stops Open, which names it and
// leaves the file alone.
func TestCorrupt(t *testing.T) {
	lines := make([]string, 6)
	for i := range lines {
		lines[i] = string(line(uint64(i+1), time.Unix(1, 0), &Record{Key: "k", Path: fmt.Sprint("p", i)}))
	}
	replace := func(i int, with string) []string {
		out := append([]string(nil), lines...)
		out[i] = with
		return out
	}
	for name, c := range map[string]struct {
		lines []string
		bad   int64
	}{
		"deleted":        {append(append([]string(nil), lines[:2]...), lines[3:]...), 3},
		"first deleted":  {lines[1:], 1},
		"repeated":       {append(append([]string(nil), lines[:3]...), lines[2:]...), 4},
		"swapped":        {[]string{lines[0], lines[2], lines[1], lines[3]}, 2},
		"seq edited":     {replace(3, strings.Replace(lines[3], `"seq":4`, `"seq":7`, 1)), 4},
		"empty line":     {replace(3, "\n"), 4},
		"torn in middle": {replace(3, lines[3][:20]+"\n"), 4},
		"lines joined":   {replace(3, strings.TrimSuffix(lines[3], "\n")), 4},
		"garbage":        {replace(1, "hello\n"), 2},
		"zeros":          {replace(1, strings.Repeat("\x00", 50)+"\n"), 2},
		"CR":             {replace(4, strings.Replace(lines[4], "\n", "\r\n", 1)), 5},
		"too long":       {replace(4, `{"seq":5,`+strings.Repeat(" ", 100_000)+"\n"), 5},
		"a bit too long": {replace(4, strings.Repeat("x", MaxRecord)+"\n"), 5},
		"last line":      {replace(5, "{}\n"), 6},
		"and torn":       {append(replace(2, "x\n"), `{"seq":7`), 3},
		"foreign":        {append(append([]string(nil), lines...), "# rotated\n"), 7},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		content := strings.Join(c.lines, "")
		os.WriteFile(path, []byte(content), 0o600)
		_, err := Open(Options{Dir: dir})
		var corrupt *CorruptError
		if !errors.Is(err, ErrCorrupt) || !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		offset := int64(len(strings.Join(c.lines[:c.bad-1], "")))
		if corrupt.Line != c.bad || corrupt.Seq != uint64(c.bad) || corrupt.Offset != offset {
			t.Errorf("%s: %v, want line %d at %d", name, err, c.bad, offset)
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("line %d", c.bad)) {
			t.Errorf("%s: %v names no line", name, err)
		}
		if b, _ := os.ReadFile(path); string(b) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestReadStops(t *testing.T) {
	two := append(line(1, time.Unix(0, 0), &Record{}), line(2, time.Unix(0, 0), &Record{})...)
	stop := errors.New("enough")
	if err := Read(bytes.NewReader(two), func([]byte, Parsed) error { return stop }); err != stop {
		t.Errorf("the error of fn became %v", err)
	}
	if err := Read(strings.NewReader(""), nil); err != nil {
		t.Errorf("empty log: %v", err)
	}
	n := 0
	err := Read(bytes.NewReader(two[:len(two)-1]), func([]byte, Parsed) error { n++; return nil })
	if !errors.Is(err, ErrTorn) || n != 1 {
		t.Errorf("torn log: %d records, %v", n, err)
	}
}
