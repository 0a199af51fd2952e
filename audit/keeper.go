package audit

import (
	"sync"
	"time"
)

// How often the keeper does what.
const (
	tickPeriod  = time.Second            // look at the file and the free space, write summaries
	probePeriod = 250 * time.Millisecond // try to recover, only while failing
	flushPeriod = 5 * time.Second        // sync in durability os
)

// keeper is the log's one goroutine: whatever no request waits for.
type keeper struct {
	quit, done chan struct{}
	once       sync.Once

	mu      sync.Mutex // one tick at a time
	counted time.Time  // last summary of public reads
	flushed time.Time  // last flush

	told error // the failure last logged; owned by the goroutine
}

func (k *keeper) init(now time.Time) {
	k.quit, k.done = make(chan struct{}), make(chan struct{})
	k.counted, k.flushed = now, now
}

// stop ends the goroutine after its last round. It tells whether this call did.
func (k *keeper) stop() (first bool) {
	k.once.Do(func() {
		first = true
		close(k.quit)
		<-k.done
	})
	return first
}

func (l *Log) keep() {
	defer close(l.keeper.done)
	tick := time.NewTicker(tickPeriod)
	defer tick.Stop()
	var probe <-chan time.Time // set while failing
	for {
		select {
		case <-l.keeper.quit:
			l.journal.recover()
			l.drain()
			l.summarize(l.now(), true)
			l.recordCounts()
			l.report()
			return
		case <-l.journal.wake:
			l.drain()
		case <-tick.C:
			l.tick(l.now())
		case <-probe:
			probe = nil
			l.journal.recover()
		}
		if !l.report() {
			probe = nil
		} else if probe == nil {
			probe = time.After(probePeriod)
		}
	}
}

// tick does what is due at a time.
func (l *Log) tick(now time.Time) {
	l.keeper.mu.Lock()
	defer l.keeper.mu.Unlock()
	l.measure()
	l.journal.inspect()
	l.summarize(now, false)
	if now.Sub(l.keeper.counted) >= countPeriod {
		l.keeper.counted = now
		l.recordCounts()
	}
	if now.Sub(l.keeper.flushed) >= flushPeriod {
		l.keeper.flushed = now
		l.journal.flush()
	}
}

// measure looks how much space is left. What it cannot measure is not low.
func (l *Log) measure() {
	free, err := l.journal.file.free()
	l.flood.mu.Lock()
	l.flood.low = err == nil && free < lowSpace
	l.flood.mu.Unlock()
}

// report logs a failure when it begins and when it ends, and tells whether the
// log is failing in a way that it can recover from.
func (l *Log) report() bool {
	j := l.journal
	j.mu.Lock()
	err, dead := j.err, j.dead
	j.mu.Unlock()
	told := l.keeper.told
	l.keeper.told = err
	switch {
	case err == nil && told != nil:
		l.logger.Info("the audit log works again", "path", j.file.path)
	case err != nil && (told == nil || told.Error() != err.Error()):
		l.logger.Error("the audit log fails; operations are refused", "path", j.file.path, "error", err)
	}
	return err != nil && !dead
}
