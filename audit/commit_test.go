package audit

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestConcurrentAppend: every acknowledged record is in the file exactly once, and
// the records of one Append stand together in their order.
func TestConcurrentAppend(t *testing.T) {
	for _, d := range []Durability{DurabilityOS, DurabilitySync} {
		t.Run(string(d), func(t *testing.T) {
			l := mustOpen(t, Options{Durability: d})
			const workers, rounds = 16, 60
			var wg sync.WaitGroup
			seqs := make([]map[string]uint64, workers)
			for w := range workers {
				seqs[w] = make(map[string]uint64)
				wg.Go(func() {
					for i := range rounds {
						id := fmt.Sprintf("%d/%d", w, i)
						recs := make([]*Record, 1+i%4)
						for k := range recs {
							recs[k] = &Record{RequestID: id, Chunk: k + 1, Items: len(recs)}
						}
						if err := l.Append(recs...); err != nil {
							t.Error(err)
							return
						}
						for k, r := range recs {
							if r.Seq != recs[0].Seq+uint64(k) {
								t.Errorf("%s: seq %d is record %d", id, r.Seq, k)
							}
						}
						seqs[w][id] = recs[0].Seq
					}
				})
			}
			wg.Wait()
			// Acknowledged is readable, without Close.
			recs := readLog(t, logPath(l))
			seen := make(map[string]int)
			for i := 1; i < len(recs); { // after audit/open
				first := recs[i]
				seen[first.RequestID]++
				for k := range first.Items {
					if r := recs[i+k]; r.RequestID != first.RequestID || r.Chunk != k+1 {
						t.Fatalf("seq %d interrupts %s", r.Seq, first.RequestID)
					}
				}
				i += first.Items
			}
			for w := range workers {
				for id, seq := range seqs[w] {
					if seen[id] != 1 || recs[seq-1].RequestID != id {
						t.Errorf("%s is there %d times, and seq %d is %s", id, seen[id], seq, recs[seq-1].RequestID)
					}
				}
			}
			if len(seen) != workers*rounds {
				t.Errorf("%d requests in the log", len(seen))
			}
			s := l.Stats()
			if s.Records != uint64(len(recs)) || s.Groups == 0 || s.Groups > s.Records {
				t.Errorf("stats %+v of %d records", s, len(recs))
			}
			if d == DurabilitySync && s.Syncs != s.Groups || d == DurabilityOS && s.Syncs != 0 {
				t.Errorf("%d syncs for %d groups", s.Syncs, s.Groups)
			}
		})
	}
}

// hang takes the file as a write that hangs would; release ends it.
func hang(j *journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.writing {
		j.idle.Wait()
	}
	j.writing = true
}

func unhang(j *journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.release(nil)
}

// gather starts appends and waits until their records are in the group that is
// being filled. Their errors arrive in the channel.
func gather(t *testing.T, l *Log, n int) <-chan error {
	t.Helper()
	errs := make(chan error, n)
	for range n {
		go func() { errs <- l.Append(&Record{RequestID: "gathered"}) }()
	}
	eventually(t, "records gathered", func() bool {
		l.journal.mu.Lock()
		defer l.journal.mu.Unlock()
		return l.journal.n == n
	})
	return errs
}

// TestGroupsForm: while one group is being written, the next gathers, and it
// shares one write and one fdatasync.
func TestGroupsForm(t *testing.T) {
	l := mustOpen(t, Options{Durability: DurabilitySync})
	hang(l.journal)
	before := l.Stats()
	errs := gather(t, l, 10)
	unhang(l.journal)
	for range 10 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s := l.Stats(); s.Groups != before.Groups+1 || s.Syncs != before.Syncs+1 || s.Records != before.Records+10 {
		t.Errorf("ten waiting records took %d groups", s.Groups-before.Groups)
	}
}

// TestFailureRefusesTheNextGroup: what gathered behind a failed group is numbered
// after records that do not exist, so it is refused although it could be written.
func TestFailureRefusesTheNextGroup(t *testing.T) {
	l := mustOpen(t, Options{})
	hang(l.journal)
	errs := gather(t, l, 10)
	l.journal.mu.Lock()
	l.journal.next += 5 // the records of the hanging group, say
	l.journal.fail(errMoved)
	l.journal.mu.Unlock()
	unhang(l.journal)
	for range 10 {
		if err := <-errs; !errors.Is(err, errMoved) {
			t.Errorf("Append: %v", err)
		}
	}
	resumed(t, l, 10)
	if recs := readLog(t, logPath(l)); len(find(recs, "")) != 1 {
		t.Errorf("the log holds what was refused: %+v", recs)
	}
}

// TestCloseWaits: what is under way when Close is called is still acknowledged.
func TestCloseWaits(t *testing.T) {
	l := mustOpen(t, Options{})
	hang(l.journal)
	errs := gather(t, l, 3)
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	eventually(t, "Close refuses new records", func() bool { return errors.Is(l.Err(), ErrClosed) })
	select {
	case err := <-closed:
		t.Errorf("Close did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	unhang(l.journal)
	for range 3 {
		if err := <-errs; err != nil {
			t.Errorf("Append: %v", err)
		}
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := len(readLog(t, logPath(l))); n != 4 {
		t.Errorf("%d records", n)
	}
}

// TestCloseUnderLoad: Close acknowledges or refuses, and what it acknowledged is
// there.
func TestCloseUnderLoad(t *testing.T) {
	for range 5 {
		l := mustOpen(t, Options{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		acked := make(map[string]bool)
		begun := make(chan struct{}, 8)
		for w := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("%d/%d", w, i)
					if l.Append(&Record{RequestID: id}) != nil {
						return
					}
					mu.Lock()
					acked[id] = true
					mu.Unlock()
					if i == 0 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range 8 {
			<-begun
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		recs := readLog(t, logPath(l))
		if len(recs) != len(acked)+1 {
			t.Errorf("%d records for %d acknowledged", len(recs), len(acked))
		}
		for _, r := range recs[1:] {
			if !acked[r.RequestID] {
				t.Errorf("%s was not acknowledged", r.RequestID)
			}
		}
	}
}

// TestAppendAllocates: the hot path allocates nothing but the path for lstat. (The
// race detector makes pools forget now and then.)
func TestAppendAllocates(t *testing.T) {
	l := mustOpen(t, Options{})
	r := full()
	r.Fields, r.Late = nil, false
	mustAppend(t, l, &r)
	if n := testing.AllocsPerRun(200, func() { l.Append(&r) }); n > 4 {
		t.Errorf("%v allocations a record", n)
	}
}
