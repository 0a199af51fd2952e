package raftstore

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	// Raft drops what it handed to the machine's queue when it stops, and answers nobody:
	// who waits in there waits until the process ends, and a node that failed ends soon.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/raft.(*deferError).Error"), goleak.IgnoreAnyFunction("github.com/signet-kms/signet/raftstore.(*Store).drain.func1"))
}

var errRefused = errors.New("refused by the book")

// book is a machine that remembers the entries in order. Entries that begin
// with a word in front of a colon do something else as well.
type book struct {
	mu       sync.Mutex
	entries  []string
	indexes  []uint64
	applies  int // Applies in this life
	restores int
	released int
	block    chan struct{} // "block:" waits for it
	blocked  chan struct{} // "block:" says here that it waits
	refuse   error         // what Restore returns
}

func newBook() *book { return &book{block: make(chan struct{}), blocked: make(chan struct{}, 1)} }

func (b *book) Apply(index uint64, data []byte) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.applies++
	word, _, _ := strings.Cut(string(data), ":")
	switch word {
	case "refuse":
		return fmt.Errorf("entry %d: %w", index, errRefused)
	case "fatal":
		return &Fatal{Err: errors.New("the book burns")}
	case "wrapped":
		return fmt.Errorf("around: %w", &Fatal{Err: errors.New("the book burns")})
	case "panic":
		panic("the book explodes")
	case "block":
		b.blocked <- struct{}{}
		<-b.block
	}
	b.entries = append(b.entries, string(data))
	b.indexes = append(b.indexes, index)
	return len(b.entries)
}

type bookState struct {
	Entries []string
	Indexes []uint64
}

type bookSnapshot struct {
	book  *book
	state bookState
}

func (b *book) Snapshot() (Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &bookSnapshot{b, bookState{b.entries[:len(b.entries):len(b.entries)], b.indexes[:len(b.indexes):len(b.indexes)]}}, nil
}

func (s *bookSnapshot) WriteTo(w io.Writer) (int64, error) {
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(s.state); err != nil {
		return 0, err
	}
	return buf.WriteTo(w)
}

func (s *bookSnapshot) Release() {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	s.book.released++
}

func (b *book) Restore(r io.Reader) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	var state bookState
	if err := gob.NewDecoder(r).Decode(&state); err != nil {
		return err
	}
	b.entries, b.indexes = state.Entries, state.Indexes
	b.restores++
	return nil
}

func (b *book) read() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.entries...)
}

func (b *book) count() (applies, restores int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.applies, b.restores
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// open opens a store in dir and closes it at the end of the test.
func open(t *testing.T, dir string, m Machine) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Dev: true}, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// lead opens a store and makes sure that it leads and that its machine has
// everything.
func lead(t *testing.T, dir string, m Machine) *Store {
	t.Helper()
	s := open(t, dir, m)
	settle(t, s)
	return s
}

func settle(t *testing.T, s *Store) {
	t.Helper()
	ctx := testContext(t)
	if !s.Bootstrapped() {
		if err := s.Bootstrap(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WaitLeader(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
}

func propose(t *testing.T, s *Store, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if _, err := s.Propose(testContext(t), []byte(e)); err != nil {
			t.Fatalf("%s: %v", e, err)
		}
	}
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err error, wants ...error) {
	t.Helper()
	for _, want := range wants {
		if !errors.Is(err, want) {
			t.Errorf("error is %v, want one that is %v", err, want)
		}
	}
}

func fatalOf(t *testing.T, s *Store) error {
	t.Helper()
	select {
	case err := <-s.Fatal():
		return err
	case <-time.After(patience):
		t.Fatal("nothing on Fatal")
		return nil
	}
}
