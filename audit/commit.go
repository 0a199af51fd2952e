package audit

import (
	"errors"
	"runtime"
	"sync"
	"time"
)

// journal turns concurrent appends into few writes. Appenders put their records
// into a shared buffer under mu; one of them, the leader of the group, writes it
// while the next group gathers, and then hands the file to that group's leader.
// There is no committer goroutine: one that meets nobody else writes at once, on
// its own stack.
type journal struct {
	file *file
	sync bool // fdatasync every group
	now  func() time.Time
	node string

	wake  chan struct{} // cap 1: the keeper has something to look at
	fatal chan error    // cap 1: the one fatal error

	// mu is held for copying into memory, never across a system call.
	mu      sync.Mutex
	idle    sync.Cond // of mu: writing became false
	writing bool      // somebody owns file and spare
	buf     []byte    // lines of the group being filled
	n       int       // records in buf
	turn    *turn     // of the group being filled; nil when buf is empty
	freed   *turn     // one to use again
	spare   []byte    // the other buffer; owned by whoever is writing
	stamp   stamper
	next    uint64 // seq of the next record
	durable uint64 // seq of the last record committed

	err      error // why appends are refused (wraps ErrUnavailable); nil when healthy
	trying   error // what err was, while recovery is writing its first group
	dead     bool  // err is for ever
	closed   error // refusal after close; nil before
	refused  int64 // requests refused since the failure began
	failedAt time.Time

	late      []lateRecord // in the order they happened
	lateBytes int
	lateLost  int64 // beyond what is kept

	stats Stats
}

// turn is what the appenders of one group wait on.
type turn struct {
	led      bool          // the group has a leader, awake or asleep
	lead     chan struct{} // cap 1: wakes a sleeping leader, who then owns the file
	done     chan struct{} // closed once err is final; nil without followers
	err      error
	requests int64 // Append calls in the group
}

// keepBuffer is the capacity above which a group's buffer is not used again.
const keepBuffer = 1 << 20

// append commits bodies in order and without anything between them. It fills in
// the stamps of recs, which runs parallel to bodies or is empty. A request counts
// among those refused; records of the log's own do not.
func (j *journal) append(p *pack, recs []*Record, requests int64) error {
	j.mu.Lock()
	if err := j.refusal(); err != nil {
		j.refused += requests
		j.stats.Refused += uint64(requests)
		j.mu.Unlock()
		return err
	}
	now := j.now()
	for i := range p.ends {
		seq := j.put(p.body(i), now)
		if i < len(recs) {
			recs[i].Seq, recs[i].Time, recs[i].Node = seq, now.UTC().Round(0), j.node
		}
	}
	t := j.join(requests)
	switch {
	case t.led: // follow
		if t.done == nil {
			t.done = make(chan struct{})
		}
		done := t.done
		j.mu.Unlock()
		<-done
		return t.err
	case j.writing: // lead, once the group before is through
		t.led = true
		t.lead = make(chan struct{}, 1)
		j.mu.Unlock()
		<-t.lead
	default:
		t.led = true
		j.writing = true
		j.mu.Unlock()
	}
	return j.commit(t)
}

// refusal is why nothing may be appended; nil when it may. mu is held.
func (j *journal) refusal() error {
	if j.closed != nil {
		return j.closed
	}
	return j.err
}

// put adds one line to the group being filled and returns its seq. mu is held.
func (j *journal) put(body []byte, at time.Time) uint64 {
	seq := j.next
	j.next++
	j.n++
	j.buf = append(j.stamp.append(j.buf, seq, at), body...)
	return seq
}

// join returns the turn of the group being filled. mu is held.
func (j *journal) join(requests int64) *turn {
	if j.turn == nil {
		j.turn, j.freed = j.freed, nil
		if j.turn == nil {
			j.turn = new(turn)
		}
	}
	j.turn.requests += requests
	return j.turn
}

// gatherYields is how often a leader lets others run before it pays for a
// fdatasync (some 60 µs of CPU): those about to append then share it. It costs
// nothing when nobody is ready to run. See DESIGN.md for the measurements.
const gatherYields = 2

// commit writes the group of t, of which the caller is the leader and owns the
// file.
func (j *journal) commit(t *turn) error {
	if j.sync {
		for range gatherYields {
			runtime.Gosched()
		}
	}
	j.mu.Lock()
	b, n, last := j.take()
	err := j.err // of the group before: this one's seqs are void, and nothing is written
	if err == nil {
		err = j.write(b, n, last)
	}
	if err != nil {
		j.refused += t.requests
		j.stats.Refused += uint64(t.requests)
	}
	j.release(b)
	t.err = err
	if t.done == nil { // nobody else knows t
		*t = turn{}
		j.freed = t
		j.mu.Unlock()
		return err
	}
	j.mu.Unlock()
	close(t.done)
	return err
}

// take empties the group being filled and returns its lines, how many, and the
// seq of the last. mu is held; the caller owns spare.
func (j *journal) take() (b []byte, n int, last uint64) {
	b, n = j.buf, j.n
	j.buf, j.spare, j.n, j.turn = j.spare[:0], nil, 0, nil
	return b, n, j.next - 1
}

// write commits n lines, records how that ended and returns the error their
// appenders get. mu is held, except while the file is written; the caller owns
// the file.
func (j *journal) write(b []byte, n int, last uint64) error {
	j.mu.Unlock()
	var took time.Duration
	begin := time.Now()
	err := j.file.commit(b, j.sync)
	if j.sync {
		took = time.Since(begin)
	}
	j.mu.Lock()
	if err != nil {
		return j.fail(err)
	}
	if j.dead {
		return j.err // the disk failed in the background meanwhile
	}
	j.durable = last
	j.stats.Records += uint64(n)
	j.stats.Groups++
	j.stats.Bytes += uint64(len(b))
	if j.sync {
		j.stats.Syncs++
		j.stats.LastSync = took
	} else {
		j.stats.Unsynced += uint64(n)
	}
	return nil
}

// fail makes the log refuse everything for a reason and returns the refusal.
// Records already gathered behind the failed group are refused too, since their
// seqs follow on lost ones: their leader finds err set. mu is held.
func (j *journal) fail(reason error) error {
	if j.dead {
		return j.err
	}
	if j.err == nil {
		j.failedAt = j.now()
		j.nudge()
	}
	j.err = &unavailable{reason: reason}
	j.next = j.durable + 1
	if isFatal(reason) {
		j.dead = true
		j.fatal <- reason
	}
	return j.err
}

func isFatal(err error) bool {
	var f *fatalError
	return errors.As(err, &f)
}

// nudge lets the keeper look at once, without waiting for it.
func (j *journal) nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// own takes the file for the keeper, unless somebody is writing: then there is
// nothing to do that the writer does not find out as well. release gives it back.
// mu is held.
func (j *journal) own() bool {
	if j.writing || j.dead || j.closed != nil {
		return false
	}
	j.writing = true
	return true
}

// release gives the file to the leader of the next group, or to nobody. b is the
// buffer written, if any. mu is held.
func (j *journal) release(b []byte) {
	if b != nil && cap(b) <= keepBuffer {
		j.spare = b[:0]
	}
	if j.turn != nil {
		j.turn.lead <- struct{}{}
		return
	}
	j.writing = false
	j.idle.Broadcast()
}
