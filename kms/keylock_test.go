package kms

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// One at a time has a key's lock, whoever gives up waiting for it meanwhile, and
// nothing stays of it.
func TestAKeyLockIsHeldByOne(t *testing.T) {
	var l keyLocks
	var all sync.WaitGroup
	var got, gaveUp [2]int // by key, under its lock
	var mu sync.Mutex
	for g := range 8 {
		all.Go(func() {
			for i := range 300 {
				key := (g + i) % 2
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(2) == 0 {
					go func() { time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond); cancel() }()
				}
				unlock, err := l.lock(ctx, string(rune('a'+key)))
				switch {
				case err == nil:
					got[key]++ // the race detector sees two at once
					if rand.IntN(4) == 0 {
						time.Sleep(20 * time.Microsecond)
					}
					unlock()
				case errors.Is(err, ErrBusy):
					mu.Lock()
					gaveUp[key]++
					mu.Unlock()
				default:
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if sum := got[0] + got[1] + gaveUp[0] + gaveUp[1]; sum != 8*300 || got[0] == 0 || gaveUp[0] == 0 {
		t.Errorf("%v got it, %v gave up", got, gaveUp)
	}
	if len(l.held) != 0 {
		t.Errorf("%d locks stayed", len(l.held))
	}
}

// A lock that is held is waited for, and taken when it is given back.
func TestAKeyLockIsWaitedFor(t *testing.T) {
	var l keyLocks
	first, err := l.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.lock(ended, "a"); !errors.Is(err, ErrBusy) {
		t.Fatalf("%v, want %v", err, ErrBusy)
	}
	other, err := l.lock(ended, "b") // nobody has it: nothing to wait for
	if err != nil {
		t.Fatal(err)
	}
	other()
	second := make(chan func())
	go func() {
		unlock, err := l.lock(t.Context(), "a")
		if err != nil {
			t.Error(err)
		}
		second <- unlock
	}()
	for waits := 0; waits < 2; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		waits = l.held["a"].users
		l.mu.Unlock()
	}
	select {
	case <-second:
		t.Fatal("two have the lock")
	default:
	}
	first()
	(<-second)()
	if len(l.held) != 0 {
		t.Errorf("%d locks stayed", len(l.held))
	}
}
