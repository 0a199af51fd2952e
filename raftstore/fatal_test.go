package raftstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

func TestFatalStopsTheMachine(t *testing.T) {
	for _, word := range []string{"fatal:", "wrapped:", "panic:"} {
		t.Run(word, func(t *testing.T) {
			dir := t.TempDir()
			b := newBook()
			s := lead(t, dir, b)
			propose(t, s, "before")
			ctx := testContext(t)

			p, after := s.Enqueue([]byte(word)), s.Enqueue([]byte("after"))
			_, err := p.Wait(ctx)
			wantErr(t, err, ErrUnknownOutcome)
			var fatal *Fatal
			if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "the book") {
				t.Errorf("%v does not carry the cause", err)
			}
			_, err = after.Wait(ctx)
			if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNotProposed) {
				t.Errorf("the entry after: %v", err)
			}
			if err := fatalOf(t, s); !errors.As(err, &fatal) {
				t.Errorf("on Fatal: %v", err)
			}
			if !errors.As(s.Err(), &fatal) {
				t.Errorf("Err: %v", s.Err())
			}
			_, err = s.Propose(ctx, []byte("late"))
			wantErr(t, err, ErrNotProposed)
			for name, err := range map[string]error{"Barrier": s.Barrier(ctx), "WaitLeader": s.WaitLeader(ctx), "Snapshot": s.Snapshot(ctx)} {
				if !errors.As(err, &fatal) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if s.Leading() {
				t.Error("it still leads")
			}
			closeStore(t, s)
			if got := b.read(); !slices.Equal(got, []string{"before"}) {
				t.Errorf("applied %q", got)
			}
			if applies, _ := b.count(); applies != 2 {
				t.Errorf("%d Applies, want 2", applies)
			}
		})
	}
}

// The adapter itself holds everything back after a failure, whatever raft does.
func TestFailedAdapterIsDeaf(t *testing.T) {
	b := newBook()
	var reported []error
	a := &adapter{machine: b, fail: func(f *Fatal) { reported = append(reported, f) }}
	first := a.Apply(&raft.Log{Index: 1, Data: []byte("fatal:")})
	if got := a.Apply(&raft.Log{Index: 2, Data: []byte("x")}); got != first {
		t.Errorf("later Apply: %v", got)
	}
	if snap, err := a.Snapshot(); snap != nil || !errors.Is(err, first.(error)) {
		t.Errorf("later Snapshot, which would lack entries: %v, %v", snap, err)
	}
	if err := a.Restore(nil); !errors.Is(err, first.(error)) {
		t.Errorf("later Restore: %v", err)
	}
	if applies, restores := b.count(); applies != 1 || restores != 0 || len(reported) != 1 {
		t.Errorf("%d Applies, %d Restores, %d reports", applies, restores, len(reported))
	}
}

func TestRestoreThatFailsIsFatal(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	for range 2 { // an older snapshot must not be tried instead
		propose(t, s, "a")
		if err := s.Snapshot(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	b := newBook()
	b.refuse = errors.New("cannot read this")
	_, err := Open(Options{Dir: dir, Dev: true}, b)
	var fatal *Fatal
	if !errors.As(err, &fatal) || !errors.Is(err, b.refuse) {
		t.Errorf("Open: %v", err)
	}
	b.refuse = nil
	lead(t, dir, b) // the lock is free again
}

// breaking is the log file with a switch that makes writes fail.
type breaking struct {
	storage
	logs, conf bool
	good       int // writes of conf that still succeed
}

var errDisk = errors.New("input/output error")

func (b *breaking) StoreLogs(l []*raft.Log) error {
	if b.logs {
		return errDisk
	}
	return b.storage.StoreLogs(l)
}

func (b *breaking) Set(k, v []byte) error {
	if b.conf {
		if b.good == 0 {
			return errDisk
		}
		b.good--
	}
	return b.storage.Set(k, v)
}

func TestFailedWriteStopsTheNode(t *testing.T) {
	dir := t.TempDir()
	b := newBook()
	s := lead(t, dir, b)
	propose(t, s, "before")
	disk := &breaking{storage: s.records.store, logs: true}
	s.records.store = disk
	_, err := s.Propose(testContext(t), []byte("lost"))
	wantErr(t, err, ErrUnknownOutcome, ErrStorageFailed, errDisk)
	wantErr(t, fatalOf(t, s), ErrStorageFailed, errDisk)
	disk.logs = false // the next write would succeed, and must not be tried
	if err := s.records.StoreLog(&raft.Log{Index: 99, Term: 9}); !errors.Is(err, ErrStorageFailed) {
		t.Errorf("a write after a failed one: %v", err)
	}
	closeStore(t, s)
	again := newBook()
	lead(t, dir, again)
	if got := again.read(); !slices.Equal(got, []string{"before"}) {
		t.Errorf("replayed %q", got)
	}
}

// raft panics when it cannot write a term, which would take the process down
// with no word on why. The first failure is met in Bootstrap's goroutines, the
// second and third in raft's own while it stands for election.
func TestFailedTermStopsTheNode(t *testing.T) {
	for _, good := range []int{0, 1, 2, 3} {
		dir := t.TempDir()
		s := open(t, dir, newBook())
		s.records.store = &breaking{storage: s.records.store, conf: true, good: good}
		wantErr(t, s.Bootstrap(testContext(t)), ErrStorageFailed, errDisk)
		wantErr(t, fatalOf(t, s), ErrStorageFailed, errDisk)
		closeStore(t, s)
		b := newBook()
		s = lead(t, dir, b) // with a good disk it goes on from wherever it was
		propose(t, s, "a")
	}
}

// The same with a real full disk, below the reserve.
func TestFullDiskWhileWriting(t *testing.T) {
	mount := tmpfs(t, "4m")
	s, err := Open(Options{Dir: filepath.Join(mount, "data"), Dev: true}, newBook())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.reserve = 0
	settle(t, s)
	acknowledged := 0
	for ; ; acknowledged++ {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err = s.Propose(ctx, make([]byte, 256<<10))
		cancel()
		if err != nil || acknowledged > 100 {
			break
		}
	}
	wantErr(t, err, ErrUnknownOutcome, ErrStorageFailed)
	wantErr(t, fatalOf(t, s), ErrStorageFailed)
	closeStore(t, s)

	// Still full: it may start, or say so, but not that the file is corrupt.
	if s, err = Open(Options{Dir: filepath.Join(mount, "data"), Dev: true}, newBook()); err == nil {
		closeStore(t, s)
	} else if wantErr(t, err, ErrStorageFailed); errors.Is(err, ErrCorruptStore) {
		t.Errorf("a full disk is called corruption: %v", err)
	}
	// More room: everything acknowledged is there.
	bigger := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(bigger, os.DirFS(filepath.Join(mount, "data"))); err != nil {
		t.Fatal(err)
	}
	again := newBook()
	lead(t, bigger, again)
	if got := len(again.read()); got != acknowledged && got != acknowledged+1 {
		t.Errorf("%d entries, %d acknowledged", got, acknowledged)
	}
}

func TestRaftThatStopsByItself(t *testing.T) {
	b := newBook()
	s := lead(t, t.TempDir(), b)
	s.raft.Load().Raft.Shutdown() // as raft does when the node was removed
	wantErr(t, fatalOf(t, s), ErrStopped)
	_, err := s.Propose(testContext(t), []byte("x"))
	wantErr(t, err, ErrNotProposed, ErrStopped)
	closeStore(t, s)
}

// An entry that rots while the node runs must not reach the machine.
func TestRottenEntryWhileRunning(t *testing.T) {
	s := lead(t, t.TempDir(), newBook())
	propose(t, s, "a")
	last, err := s.records.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	if err := s.records.store.GetLog(last, &l); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*raft.Log){
		"data":  func(l *raft.Log) { l.Data = append([]byte("x"), l.Data...) },
		"term":  func(l *raft.Log) { l.Term++ },
		"type":  func(l *raft.Log) { l.Type = raft.LogNoop },
		"index": func(l *raft.Log) { l.Index++ },
		"sum":   func(l *raft.Log) { l.Extensions = nil },
	} {
		bad := l
		spoil(&bad)
		if err := openEntry(last, &bad); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	l.Data = []byte("b")
	if err := s.records.store.StoreLog(&l); err != nil {
		t.Fatal(err)
	}
	returned := false
	isolated(func() error {
		s.records.GetLog(last, new(raft.Log))
		returned = true
		return nil
	})
	if returned {
		t.Error("raft would have gone on with it")
	}
	var c *Corruption
	if err := fatalOf(t, s); !errors.As(err, &c) || !errors.Is(err, ErrCorruptStore) || c.File != s.records.path {
		t.Errorf("%v", err)
	}
	if got := fmt.Sprint(s.Err()); !strings.Contains(got, "raft.db") {
		t.Errorf("%s does not name the file", got)
	}
}

// Of a batch the machine sees its own entries alone, and each result goes to its own;
// after one that is fatal nobody learns of any.
func TestABatchOfTheAdapter(t *testing.T) {
	b := newBook()
	var reported []error
	a := &adapter{machine: b, fail: func(f *Fatal) { reported = append(reported, f) }}
	conf := &raft.Log{Index: 1, Type: raft.LogConfiguration, Data: []byte("x")}
	if got := a.ApplyBatch([]*raft.Log{conf}); len(got) != 1 || got[0] != nil {
		t.Errorf("a configuration alone: %v", got)
	}
	if snap, err := a.Snapshot(); snap != nil || err != raft.ErrNothingNewToSnapshot {
		t.Errorf("a snapshot of nothing: %v, %v", snap, err)
	}
	entry := func(i uint64, text string) *raft.Log { return &raft.Log{Index: i, Data: []byte(text)} }
	got := a.ApplyBatch([]*raft.Log{entry(2, "a"), conf, entry(4, "refuse:"), entry(5, "b")})
	if err, ok := got[2].(error); len(got) != 4 || got[0] == nil || got[1] != nil || !ok || !errors.Is(err, errRefused) || got[3] == nil || got[3] == got[0] {
		t.Errorf("%v", got)
	}
	if snap, err := a.Snapshot(); snap == nil || err != nil {
		t.Errorf("a snapshot: %v", err)
	}
	got = a.ApplyBatch([]*raft.Log{entry(6, "c"), entry(7, "fatal:"), conf, entry(9, "d")})
	for i, want := range []bool{false, true, false, true} {
		var fatal *Fatal
		if err, ok := got[i].(error); (ok && errors.As(err, &fatal)) != want {
			t.Errorf("result %d: %v", i, got[i])
		}
	}
	if applies, _ := b.count(); applies != 5 || len(reported) != 1 {
		t.Errorf("%d Applies, %d reports", applies, len(reported))
	}
}
