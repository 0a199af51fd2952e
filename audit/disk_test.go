package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDiskFull: refused while there is no space, back by itself when there is, and
// the file holds what was acknowledged and nothing else.
func TestDiskFull(t *testing.T) {
	for _, d := range []Durability{DurabilityOS, DurabilitySync} {
		t.Run(string(d), func(t *testing.T) {
			mount := tmpfs(t, "1m")
			l := mustOpen(t, Options{Dir: filepath.Join(mount, "audit"), Durability: d})
			mustAppend(t, l, &Record{RequestID: "before"})
			free := fill(t, mount)
			acked := fillSlack(t, l)
			for range 3 {
				mustRefuse(t, l, unix.ENOSPC)
			}
			if size, want := fileSize(t, l), l.journal.file.size; size != want {
				t.Errorf("the file has %d bytes, %d of them acknowledged", size, want)
			}
			// Still full: no probe may bring it back, nor write anything.
			time.Sleep(3 * probePeriod)
			mustRefuse(t, l, errFull)
			if s := l.Stats(); s.Refused < 4 {
				t.Errorf("stats count %d refused", s.Refused)
			}
			free()
			resumed(t, l, int64(l.Stats().Refused))
			if n := len(find(readLog(t, logPath(l)), "slack")); n != acked {
				t.Errorf("%d records acknowledged, %d there", acked, n)
			}
		})
	}
}

// fillSlack appends until the last free bytes of the file's last page are gone.
func fillSlack(t *testing.T, l *Log) (acked int) {
	t.Helper()
	for ; acked < 10_000; acked++ {
		if err := l.Append(&Record{Operation: "slack", Path: strings.Repeat("x", 500)}); err != nil {
			return acked
		}
	}
	t.Fatal("the disk does not fill up")
	return 0
}

func fileSize(t *testing.T, l *Log) int64 {
	t.Helper()
	st, err := os.Stat(logPath(l))
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

// TestDiskFullUnderLoad fills and frees the disk while 16 goroutines append
// requests of several records: whatever was acknowledged is there once, whatever
// was refused is not, and the notices count every refusal.
func TestDiskFullUnderLoad(t *testing.T) {
	for _, d := range []Durability{DurabilityOS, DurabilitySync} {
		t.Run(string(d), func(t *testing.T) {
			mount := tmpfs(t, "24m")
			l := mustOpen(t, Options{Dir: filepath.Join(mount, "audit"), Durability: d})
			var wg sync.WaitGroup
			var mu sync.Mutex
			acked, refused := make(map[string]bool), int64(0)
			stop := make(chan struct{})
			for w := range 16 {
				wg.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						id := fmt.Sprintf("%d/%d", w, i)
						recs := []*Record{{RequestID: id}, {RequestID: id, Chunk: 1}, {RequestID: id, Chunk: 2, Path: strings.Repeat("x", 300)}}
						err := l.Append(recs...)
						mu.Lock()
						if err == nil {
							acked[id] = true
						} else {
							refused++
						}
						mu.Unlock()
						if err != nil || i%50 == 0 {
							time.Sleep(2 * time.Millisecond)
						}
					}
				})
			}
			for round := range 2 {
				free := fill(t, mount)
				eventually(t, "the disk is full", func() bool { return errors.Is(l.Err(), errFull) })
				l.AppendLate(&Record{Operation: "sys/seal", RequestID: fmt.Sprint("late", round)})
				free()
				eventually(t, "service resumes", func() bool { return l.Err() == nil })
			}
			close(stop)
			wg.Wait()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			seen, noticed := make(map[string]int), int64(0)
			recs := readLog(t, logPath(l))
			for i, r := range recs {
				switch {
				case r.Operation == "audit/resumed":
					noticed += r.Count
				case r.RequestID == "" || r.Operation == "sys/seal":
				default:
					seen[r.RequestID]++
					if r.Chunk != 0 && (recs[i-1].RequestID != r.RequestID || recs[i-1].Chunk != r.Chunk-1) {
						t.Errorf("seq %d is out of place", r.Seq)
					}
				}
			}
			for id := range acked {
				if seen[id] != 3 {
					t.Errorf("acknowledged %s: %d records", id, seen[id])
				}
			}
			if len(seen) != len(acked) || noticed != refused || refused == 0 {
				t.Errorf("%d acknowledged, %d in the log; %d refused, %d in notices", len(acked), len(seen), refused, noticed)
			}
			if late := find(recs, "sys/seal"); len(late) != 2 {
				t.Errorf("late records: %+v", late)
			}
		})
	}
}

// TestOpenOnFullDisk: the node starts, says that it cannot record, and writes its
// first record when it can.
func TestOpenOnFullDisk(t *testing.T) {
	mount := tmpfs(t, "1m")
	dir := filepath.Join(mount, "audit")
	l := mustOpen(t, Options{Dir: dir})
	free := fill(t, mount)
	fillSlack(t, l)
	l.Close()
	if err := os.Truncate(logPath(l), fileSize(t, l)-3); err != nil { // a torn tail, too
		t.Fatal(err)
	}
	l = mustOpen(t, Options{Dir: dir})
	for l.Append(&Record{Operation: "slack", Path: strings.Repeat("y", 100)}) == nil {
	}
	mustRefuse(t, l, errFull)
	free()
	eventually(t, "service resumes", func() bool { return l.Err() == nil })
	opens := find(readLog(t, logPath(l)), "audit/open")
	if len(opens) != 2 || opens[1].Fields["torn_bytes"] == "" {
		t.Errorf("starts recorded: %+v", opens)
	}
}

// TestLate: what must answer is kept in order while the log fails, written on
// recovery before the notice, and says when it happened.
func TestLate(t *testing.T) {
	c := newClock()
	l := mustOpen(t, Options{Now: c.Now, Node: "n1"})
	begin := c.Now()
	l.AppendLate(&Record{Operation: "sys/seal", RequestID: "in time"})
	if err := os.Rename(logPath(l), logPath(l)+".1"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c.add(time.Second)
		l.AppendLate(&Record{Operation: "sys/unseal", RequestID: fmt.Sprint(i), Items: 5})
	}
	mustRefuse(t, l, errMoved)
	if s := l.Stats(); s.LatePending != 3 || s.Refused != 1 {
		t.Errorf("stats %+v", s)
	}
	c.add(time.Hour)
	if err := os.Rename(logPath(l)+".1", logPath(l)); err != nil {
		t.Fatal(err)
	}
	resumed(t, l, 1)
	recs := readLog(t, logPath(l))
	if r := recs[1]; r.RequestID != "in time" || r.Late {
		t.Errorf("record 2 is %+v", r)
	}
	for i, r := range recs[2:5] {
		if r.RequestID != fmt.Sprint(i) || !r.Late || r.Items != 5 || r.Node != "n1" || !r.Time.Equal(begin.Add(time.Duration(i+1)*time.Second)) {
			t.Errorf("late record %d is %+v", i, r)
		}
	}
	if r := recs[5]; r.Operation != "audit/resumed" || r.Fields["late_records"] != "3" || !r.Time.Equal(c.Now()) {
		t.Errorf("notice is %+v", r)
	}
	if s := l.Stats(); s.LatePending != 0 {
		t.Errorf("%d late records pending", s.LatePending)
	}
}

// TestLateBound: beyond the bound records are counted, and the count is recorded.
func TestLateBound(t *testing.T) {
	l := mustOpen(t, Options{})
	if err := os.Rename(logPath(l), logPath(l)+".1"); err != nil {
		t.Fatal(err)
	}
	for range maxLate + 7 {
		l.AppendLate(&Record{Operation: "sys/seal"})
	}
	if s := l.Stats(); s.LatePending != maxLate || s.LateLost != 7 {
		t.Errorf("%d kept, %d lost", s.LatePending, s.LateLost)
	}
	if err := os.Rename(logPath(l)+".1", logPath(l)); err != nil {
		t.Fatal(err)
	}
	resumed(t, l, 0)
	recs := readLog(t, logPath(l))
	if n := len(find(recs, "sys/seal")); n != maxLate {
		t.Errorf("%d late records", n)
	}
	if f := find(recs, "audit/resumed")[0].Fields; f["late_records_lost"] != "7" {
		t.Errorf("notice says %v", f)
	}
	// By size, too.
	if err := os.Rename(logPath(l), logPath(l)+".1"); err != nil {
		t.Fatal(err)
	}
	for range maxLateBytes/MaxRecord + 50 {
		l.AppendLate(&Record{Path: strings.Repeat("x", MaxRecord-200)})
	}
	if s := l.Stats(); s.LateLost == 0 || s.LatePending > maxLateBytes/(MaxRecord-300) {
		t.Errorf("%d large records kept, %d lost", s.LatePending, s.LateLost)
	}
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "late records") {
		t.Errorf("Close says nothing of what is lost: %v", err)
	}
}

// TestRecoveryFails: when there is space again, but not enough for what waits,
// nothing of it is lost and nobody sees hope.
func TestRecoveryFails(t *testing.T) {
	mount := tmpfs(t, "1m")
	l := mustOpen(t, Options{Dir: filepath.Join(mount, "audit")})
	free := fill(t, mount)
	fillSlack(t, l)
	const n = 100
	for i := range n {
		l.AppendLate(&Record{Operation: "sys/seal", Items: i, Path: strings.Repeat("x", 20_000)})
	}
	refused := int64(l.Stats().Refused)
	free()
	for end := time.Now().Add(3 * probePeriod); time.Now().Before(end); {
		if l.Err() == nil {
			t.Fatal("Err showed hope")
		}
	}
	// While it is tried they are on their way, and not counted.
	eventually(t, "all late records wait again", func() bool { return l.Stats().LatePending == n })
	if err := unix.Mount("", mount, "", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "service resumes", func() bool { return l.Err() == nil })
	resumed(t, l, refused)
	for i, r := range find(readLog(t, logPath(l)), "sys/seal") {
		if r.Items != i || !r.Late {
			t.Errorf("late record %d is %d", i, r.Items)
		}
	}
}

// TestLateUnderRace: late records and recoveries at once lose nothing.
func TestLateUnderRace(t *testing.T) {
	l := mustOpen(t, Options{})
	var wg sync.WaitGroup
	const workers, each = 8, 200
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				l.AppendLate(&Record{Operation: "late", RequestID: fmt.Sprintf("%d/%d", w, i)})
			}
		})
	}
	for range 20 {
		if err := os.Rename(logPath(l), logPath(l)+".1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if err := os.Rename(logPath(l)+".1", logPath(l)); err != nil {
			t.Fatal(err)
		}
		for l.journal.recover(); l.Err() != nil; l.journal.recover() {
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for _, r := range find(readLog(t, logPath(l)), "late") {
		seen[r.RequestID]++
	}
	for w := range workers {
		for i := range each {
			if id := fmt.Sprintf("%d/%d", w, i); seen[id] != 1 {
				t.Errorf("%s is there %d times", id, seen[id])
			}
		}
	}
}
