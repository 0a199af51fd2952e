package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// flooded opens a log with a clock that only the test moves.
func flooded(t *testing.T) (*Log, *clock) {
	c := newClock()
	l := mustOpen(t, Options{Now: c.Now})
	if l.LowSpace() {
		t.Skip("needs 64 MiB free in the temporary directory")
	}
	return l, c
}

// told reads how many refused requests stand in the log singly and in summaries.
func told(t *testing.T, l *Log) (single int, counted int64, summaries []Parsed) {
	t.Helper()
	l.drain()
	recs := readLog(t, logPath(l))
	summaries = find(recs, "audit/refused")
	for _, r := range summaries {
		counted += r.Count
	}
	return len(find(recs, "auth")), counted, summaries
}

func refusal(i int) *Record {
	return &Record{Type: TypeRequest, Operation: "auth", Outcome: OutcomeRefused, Code: "permission_denied", RequestID: fmt.Sprint(i)}
}

// TestRefuseOneSource: ten a second are recorded singly, the rest as a count, and
// the next second brings ten more.
func TestRefuseOneSource(t *testing.T) {
	l, c := flooded(t)
	for second := range 3 {
		for i := range 1000 {
			l.Refuse(refusal(i), "192.0.2.1")
		}
		l.tick(c.Now())
		eventually(t, "records and count", func() bool {
			single, counted, _ := told(t, l)
			l.tick(c.Now())
			return single == 10*(second+1) && counted >= int64(990*second)
		})
		c.add(time.Second)
		l.tick(c.Now())
	}
	single, counted, summaries := told(t, l)
	if single != 30 || counted != 2970 || l.Stats().Suppressed != 2970 {
		t.Errorf("%d recorded singly, %d counted", single, counted)
	}
	last := time.Time{}
	for _, r := range summaries {
		if r.Time.Sub(last) < time.Second {
			t.Errorf("two summaries within a second: %v and %v", last, r.Time)
		}
		last = r.Time
		if r.Fields["permission_denied"] != strconv.FormatInt(r.Count, 10) || r.Type != TypeSummary {
			t.Errorf("summary %+v", r.Record)
		}
	}
}

// TestRefuseManySources: a hundred a second in all, and one that floods does not
// use up the share of another.
func TestRefuseManySources(t *testing.T) {
	l, c := flooded(t)
	for i := range 5000 {
		l.Refuse(refusal(i), "192.0.2.1")
	}
	for i := range 5 {
		l.Refuse(refusal(i), "192.0.2.2")
	}
	if single, _, _ := told(t, l); single != 15 {
		t.Errorf("%d recorded singly of 10 and 5", single)
	}
	for i := range 50_000 {
		l.Refuse(refusal(i), "2001:db8::"+strconv.FormatInt(int64(i), 16))
	}
	l.flood.mu.Lock()
	sources := len(l.flood.sources)
	l.flood.mu.Unlock()
	if sources > maxSources {
		t.Errorf("%d sources kept", sources)
	}
	if single, _, _ := told(t, l); single != 100 {
		t.Errorf("%d recorded singly in a second", single)
	}
	c.add(time.Second)
	l.tick(c.Now())
	l.flood.mu.Lock()
	sources = len(l.flood.sources)
	l.flood.mu.Unlock()
	if sources != 0 {
		t.Errorf("%d sources kept after a second", sources)
	}
	l.Refuse(refusal(0), "192.0.2.9")
	l.Close()
	single, counted, _ := told(t, l)
	if single != 101 || counted != 55_005-100 {
		t.Errorf("%d recorded singly, %d counted", single, counted)
	}
}

// TestRefuseWhileFailing: nothing is lost from the count.
func TestRefuseWhileFailing(t *testing.T) {
	l, c := flooded(t)
	if err := os.Rename(logPath(l), logPath(l)+".1"); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		l.Refuse(refusal(i), "192.0.2.1")
	}
	mustRefuse(t, l, errMoved)
	l.drain()
	l.tick(c.Now())
	if err := os.Rename(logPath(l)+".1", logPath(l)); err != nil {
		t.Fatal(err)
	}
	resumed(t, l, 1) // the request; strangers have a count of their own
	c.add(time.Second)
	l.tick(c.Now())
	if single, counted, _ := told(t, l); single != 0 || counted != 8 {
		t.Errorf("%d recorded singly, %d counted, of 8", single, counted)
	}
}

// TestRefuseLowSpace: with little space left strangers are only counted, requests
// are still recorded, and the count is written when there is space again.
func TestRefuseLowSpace(t *testing.T) {
	mount := tmpfs(t, "8m")
	c := newClock()
	l := mustOpen(t, Options{Dir: filepath.Join(mount, "audit"), Now: c.Now})
	if !l.LowSpace() {
		t.Fatal("8 MiB are not low")
	}
	for i := range 5 {
		l.Refuse(refusal(i), "192.0.2.1")
	}
	c.add(time.Minute)
	l.tick(c.Now())
	mustAppend(t, l, &Record{Operation: "transit/sign"})
	if single, counted, _ := told(t, l); single != 0 || counted != 0 {
		t.Errorf("wrote %d records and a count of %d", single, counted)
	}
	if err := unix.Mount("", mount, "", unix.MS_REMOUNT, "size=128m"); err != nil {
		t.Fatal(err)
	}
	l.tick(c.Now())
	if l.LowSpace() {
		t.Error("128 MiB are low")
	}
	l.Refuse(refusal(5), "192.0.2.1")
	if single, counted, _ := told(t, l); single != 1 || counted != 5 {
		t.Errorf("%d recorded singly, %d counted", single, counted)
	}
}

// TestRefuseDoesNotWait: it returns while the disk hangs, and its memory is bounded.
func TestRefuseDoesNotWait(t *testing.T) {
	l, c := flooded(t)
	hang(l.journal)
	const n = 3000
	for i := range n {
		r := refusal(i)
		r.Path = string(make([]byte, 5000))
		l.Refuse(r, fmt.Sprint(i%500))
		if i%100 == 0 {
			c.add(time.Second)
		}
	}
	l.flood.mu.Lock()
	if size := len(l.flood.queue.buf); size > maxQueue+MaxRecord {
		t.Errorf("%d bytes queued", size)
	}
	l.flood.mu.Unlock()
	unhang(l.journal)
	l.Close()
	if single, counted, _ := told(t, l); int64(single)+counted != n || single < 30 {
		t.Errorf("%d recorded singly, %d counted, of %d", single, counted, n)
	}
}

// TestTallyBound: an attacker who chooses names cannot choose how many.
func TestTallyBound(t *testing.T) {
	var x tally
	for i := range 1000 {
		x.add(fmt.Sprint("name", i), 1)
	}
	x.add("", 5)
	x.add("since", 1)
	if len(x) > maxNames+1 || x["other"] < 900 {
		t.Errorf("%d names, %d other", len(x), x["other"])
	}
}

// TestCount: one summary a minute, none without reads, and none lost to a failure
// or at Close.
func TestCount(t *testing.T) {
	l, c := flooded(t)
	counted := func() []Parsed { return find(readLog(t, logPath(l)), "audit/public-reads") }
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				l.Count("sys/health")
			}
		})
	}
	wg.Wait()
	l.Count("sys/seal-status")
	begin := c.Now()
	c.add(59 * time.Second)
	l.tick(c.Now())
	if n := len(counted()); n != 0 {
		t.Fatalf("%d summaries before the minute is over", n)
	}
	c.add(time.Second)
	l.tick(c.Now())
	got := counted()
	if len(got) != 1 || got[0].Count != 101 || got[0].Type != TypeSummary || got[0].Fields["sys/health"] != "100" ||
		got[0].Fields["sys/seal-status"] != "1" || got[0].Fields["since"] != begin.Format(time.RFC3339Nano) {
		t.Fatalf("summaries %+v", got)
	}
	c.add(5 * time.Minute)
	l.tick(c.Now())
	if n := len(counted()); n != 1 {
		t.Errorf("%d summaries though nothing was read", n)
	}
	l.Count("sys/health")
	if err := os.Rename(logPath(l), logPath(l)+".1"); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, l, errMoved)
	c.add(time.Minute)
	l.tick(c.Now())
	if err := os.Rename(logPath(l)+".1", logPath(l)); err != nil {
		t.Fatal(err)
	}
	resumed(t, l, 1)
	l.Count("sys/health")
	l.Close()
	if got := counted(); len(got) != 2 || got[1].Count != 2 {
		t.Errorf("after a failure and Close: %+v", got)
	}
}
