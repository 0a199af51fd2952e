package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mustRefuse checks that the log refuses and says why without a path.
func mustRefuse(t *testing.T, l *Log, reason error) {
	t.Helper()
	r := Record{RequestID: "refused"}
	err := l.Append(&r)
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, reason) || r.Seq != 0 {
		t.Fatalf("Append: %v (seq %d), want %v", err, r.Seq, reason)
	}
	if err := l.Err(); !errors.Is(err, reason) || strings.Contains(err.Error(), "/") {
		t.Fatalf("Err: %v", err)
	}
}

// resumed waits for the log to work and checks that its notice counts what was
// refused, and that nothing refused is in it.
func resumed(t *testing.T, l *Log, refused int64) {
	t.Helper()
	eventually(t, "service resumes", func() bool { return l.Err() == nil })
	mustAppend(t, l, &Record{RequestID: "after"})
	recs := readLog(t, logPath(l))
	notices := find(recs, "audit/resumed")
	if len(notices) != 1 || notices[0].Count != refused || notices[0].Fields["since"] == "" || notices[0].Fields["reason"] == "" {
		t.Errorf("notices %+v, want one of %d", notices, refused)
	}
	for _, r := range recs {
		if r.RequestID == "refused" {
			t.Errorf("a refused record is in the log: seq %d", r.Seq)
		}
	}
	if last := recs[len(recs)-1]; last.RequestID != "after" {
		t.Errorf("the last record is %+v", last)
	}
}

// TestMoved: whatever makes another file, or none, stand at the path stops the
// log; the original back at its path resumes it.
func TestMoved(t *testing.T) {
	for name, c := range map[string]struct {
		away, back func(path string) error
	}{
		"renamed": {
			func(p string) error { return os.Rename(p, p+".1") },
			func(p string) error { return os.Rename(p+".1", p) },
		},
		"replaced by a copy": {
			func(p string) error {
				b, err := os.ReadFile(p)
				return errors.Join(err, os.Rename(p, p+".1"), os.WriteFile(p, b, 0o600))
			},
			func(p string) error { return os.Rename(p+".1", p) },
		},
		"linked elsewhere and deleted": {
			func(p string) error { return errors.Join(os.Link(p, p+".2"), os.Remove(p)) },
			func(p string) error { return os.Rename(p+".2", p) },
		},
		"replaced by a link to it": {
			func(p string) error { return errors.Join(os.Rename(p, p+".1"), os.Symlink(p+".1", p)) },
			func(p string) error { return os.Rename(p+".1", p) },
		},
		"directory renamed": {
			func(p string) error { return os.Rename(filepath.Dir(p), filepath.Dir(p)+"-old") },
			func(p string) error { return os.Rename(filepath.Dir(p)+"-old", filepath.Dir(p)) },
		},
		"directory replaced": {
			func(p string) error {
				d := filepath.Dir(p)
				return errors.Join(os.Rename(d, d+"-old"), os.Mkdir(d, 0o700))
			},
			func(p string) error {
				d := filepath.Dir(p)
				return os.Rename(filepath.Join(d+"-old", fileName), p)
			},
		},
	} {
		for _, d := range []Durability{DurabilityOS, DurabilitySync} {
			t.Run(name+"/"+string(d), func(t *testing.T) {
				l := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "audit"), Durability: d})
				mustAppend(t, l, &Record{RequestID: "before"})
				if err := c.away(logPath(l)); err != nil {
					t.Fatal(err)
				}
				mustRefuse(t, l, errMoved)
				mustRefuse(t, l, errMoved)
				if err := c.back(logPath(l)); err != nil {
					t.Fatal(err)
				}
				resumed(t, l, 2)
			})
		}
	}
}

// TestDeleted: a deleted log never comes back by itself; a restart opens a new one.
func TestDeleted(t *testing.T) {
	for name, remove := range map[string]func(string) error{
		"file":         os.Remove,
		"directory":    func(p string) error { return os.RemoveAll(filepath.Dir(p)) },
		"and replaced": func(p string) error { return errors.Join(os.Remove(p), os.WriteFile(p, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			l := mustOpen(t, Options{Dir: dir})
			mustAppend(t, l, &Record{})
			if err := remove(logPath(l)); err != nil {
				t.Fatal(err)
			}
			mustRefuse(t, l, errMoved)
			l.journal.recover()
			mustRefuse(t, l, errMoved)
			if err := l.Close(); !errors.Is(err, errMoved) {
				t.Errorf("Close: %v", err)
			}
			if b, _ := os.ReadFile(logPath(l)); len(b) != 0 {
				t.Errorf("wrote into a file that is not the log: %s", b)
			}
			l = mustOpen(t, Options{Dir: dir})
			mustAppend(t, l, &Record{})
		})
	}
}

// TestIdleLogIsWatched: the failure shows in Err before anybody needs the log.
func TestIdleLogIsWatched(t *testing.T) {
	l := mustOpen(t, Options{})
	if err := os.Remove(logPath(l)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Err says that the file is gone", func() bool { return errors.Is(l.Err(), errMoved) })
}

// TestResized: a log cut or extended by others stays refused until the restart,
// which judges it.
func TestResized(t *testing.T) {
	extend := func(p, s string) error {
		f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(s)
		return errors.Join(err, f.Close())
	}
	for name, c := range map[string]struct {
		edit    func(p string, size int64) error
		restart error
	}{
		"emptied":         {func(p string, size int64) error { return os.Truncate(p, 0) }, ErrCorrupt},
		"cut in a record": {func(p string, size int64) error { return os.Truncate(p, size-3) }, ErrCorrupt},
		"byte appended":   {func(p string, size int64) error { return extend(p, "\n") }, ErrCorrupt},
		"line appended":   {func(p string, size int64) error { return extend(p, "x\n") }, ErrCorrupt},
		"zeros appended":  {func(p string, size int64) error { return os.Truncate(p, size+100) }, ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := mustOpen(t, Options{Dir: dir})
			mustAppend(t, l, &Record{RequestID: "before"})
			st, err := os.Stat(logPath(l))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.edit(logPath(l), st.Size()); err != nil {
				t.Fatal(err)
			}
			mustRefuse(t, l, errSize)
			l.journal.recover()
			mustRefuse(t, l, errSize)
			if err := l.Close(); !errors.Is(err, errSize) {
				t.Errorf("Close: %v", err)
			}
			if _, err := Open(Options{Dir: dir}); !errors.Is(err, c.restart) {
				t.Errorf("restart: %v, want %v", err, c.restart)
			}
		})
	}
}
