package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/client"
)

// benchRun repeats one operation by many workers and counts.
type benchRun struct {
	work        benchWork
	duration    time.Duration
	concurrency int
	interval    time.Duration // between operations of all workers; 0: as fast as they can
	warn        func(string)

	latency   histogram // of what succeeded
	failed    atomic.Uint64
	begun     time.Time     // set before the workers are let go
	slot      atomic.Int64  // the next one of interval
	elapsed   time.Duration // until the last worker was done
	unchecked sync.Once

	mu     sync.Mutex
	errors map[string]uint64 // code → count; guarded by mu
	first  error             // guarded by mu
	wrong  error             // an answer that was wrong, which ends the run; guarded by mu
}

// grace is how long operations that were begun in time may take to finish.
const grace = 5 * time.Second

// run warms up, measures, and returns when all workers are done. progress is
// called every second meanwhile, from another goroutine. It returns the first
// error if no operation of the warm-up succeeded, or [errWrongAnswer].
//
// The first operation of each worker opens its connection and is checked. It is
// not counted, unless it fails.
func (r *benchRun) run(ctx context.Context, progress func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.errors = map[string]uint64{}
	ready := make([]bool, r.concurrency) // worker → its first answer was checked
	r.each(func(i int) { ready[i] = r.once(ctx, cancel, false, time.Time{}) })
	if err := r.afterWarmUp(ctx, ready); err != nil {
		return err
	}
	r.begun = time.Now()
	stop := every(time.Second, progress)
	end := time.AfterFunc(r.duration+grace, cancel)
	r.each(func(i int) { r.worker(ctx, cancel, ready[i]) })
	r.elapsed = time.Since(r.begun)
	end.Stop()
	stop()
	return r.wrong // no worker is left that could write it
}

func (r *benchRun) each(do func(i int)) {
	var workers sync.WaitGroup
	for i := range r.concurrency {
		workers.Go(func() { do(i) })
	}
	workers.Wait()
}

func (r *benchRun) afterWarmUp(ctx context.Context, ready []bool) error {
	if r.wrong != nil {
		return r.wrong
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, ok := range ready {
		if ok {
			return nil
		}
	}
	return r.first
}

func (r *benchRun) worker(ctx context.Context, cancel func(), checked bool) {
	for ctx.Err() == nil {
		due, ok := r.wait(ctx)
		if !ok {
			return
		}
		checked = r.once(ctx, cancel, checked, due) || checked
	}
}

// wait returns when the next operation is to begin, and from when its latency
// counts: from now, or, if it should have begun before, from then, so that a
// server that stalls is not spared the operations it held up. It returns false
// at the end of the run.
func (r *benchRun) wait(ctx context.Context) (due time.Time, ok bool) {
	now := time.Now()
	if r.interval == 0 {
		return now, now.Sub(r.begun) < r.duration
	}
	offset := time.Duration(r.slot.Add(1)-1) * r.interval
	if offset >= r.duration || now.Sub(r.begun) >= r.duration {
		return now, false
	}
	if due = r.begun.Add(offset); due.After(now) {
		ok = pause(ctx, due.Sub(now))
		due = time.Now()
		return due, ok
	}
	return due, true
}

// pause returns false if the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once does one operation. The first that succeeds for a worker is checked and
// not counted; once returns true for it, and for all others that succeed.
func (r *benchRun) once(ctx context.Context, cancel func(), checked bool, due time.Time) bool {
	answer, err := r.work.do(ctx)
	took := time.Since(due)
	if err == nil && !checked {
		err = r.check(ctx, answer)
	}
	switch {
	case err == nil && checked:
		r.latency.add(took)
	case err == nil:
	case errors.Is(err, errWrongAnswer):
		r.stop(err)
		cancel()
	case errors.Is(err, context.Canceled):
		// Interrupted, or not finished within the grace: neither done nor refused.
		if !due.IsZero() && time.Since(due) > grace {
			r.count("unfinished", err)
		}
	default:
		r.count(errorCode(err), err)
		if network := (*client.NetworkError)(nil); errors.As(err, &network) {
			pause(ctx, 10*time.Millisecond) // no use in a storm of refused connections
		}
	}
	return err == nil
}

func (r *benchRun) check(ctx context.Context, answer []string) error {
	if r.work.check == nil {
		return nil
	}
	err := r.work.check(ctx, answer)
	if errors.Is(err, client.ErrPermissionDenied) {
		r.unchecked.Do(func() {
			r.warn("the answers are not checked: the token may not verify or decrypt with this key")
		})
		return nil
	}
	if err != nil && !errors.Is(err, errWrongAnswer) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("check the first answer: %w", err)
	}
	return err
}

func (r *benchRun) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong == nil {
		r.wrong = err
	}
}

func (r *benchRun) count(code string, err error) {
	r.failed.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors[code]++
	if r.first == nil {
		r.first = err
	}
}

// every calls do at each interval until stop is called; stop waits for the last.
func every(interval time.Duration, do func()) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do()
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended); <-done }
}
