package audit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits on records of refused requests that nobody authenticated.
const (
	perSource  = 10      // a second, and at once
	perNode    = 100     // a second, and at once, all sources together
	maxSources = 4096    // limiters kept
	maxQueue   = 1 << 20 // bytes of records waiting for the keeper
)

// flood keeps strangers from filling the disk: some of what they do is recorded
// singly, the rest is counted.
type flood struct {
	mu         sync.Mutex
	all        *rate.Limiter
	sources    map[string]*source // by address; see sweep
	queue      pack               // records for the keeper
	queued     []string           // their error codes, should they end up counted
	low        bool               // little space left: only count
	count      int64              // not recorded singly since the last summary
	since      time.Time          // of the first counted
	codes      tally              // error codes of those counted
	summary    time.Time          // of the last summary
	suppressed uint64             // all that were ever counted
}

// source is the limit of one address.
type source struct {
	limit *rate.Limiter
	seen  time.Time
}

func (f *flood) init() {
	f.all = rate.NewLimiter(perNode, perNode)
	f.sources = make(map[string]*source)
}

// Refuse records a request that was refused before anybody was authenticated,
// from an address. It does not wait for the disk, since nothing of value leaves:
// the record is written within moments, singly up to 10 a second for a source and
// 100 in all, and beyond that as a part of one count a second. With less than
// 64 MiB free it is only counted, and the count written when there is space again.
func (l *Log) Refuse(rec *Record, from string) {
	now := l.now()
	f := &l.flood
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.low || len(f.queue.buf) > maxQueue || !f.allow(from, now) {
		f.add(rec.Code, now)
		return
	}
	f.queue.buf = appendBody(f.queue.buf, rec, l.journal.node)
	f.queue.ends = append(f.queue.ends, len(f.queue.buf))
	f.queued = append(f.queued, rec.Code)
	l.journal.nudge()
}

// allow spends one event of a source and of the node. The source comes first, so
// that one that floods uses up its own share only. A source for which there is no
// room is not allowed. mu is held.
func (f *flood) allow(from string, now time.Time) bool {
	s := f.sources[from]
	if s == nil {
		if len(f.sources) >= maxSources {
			return false
		}
		s = &source{limit: rate.NewLimiter(perSource, perSource)}
		f.sources[from] = s
	}
	s.seen = now
	return s.limit.AllowN(now, 1) && f.all.AllowN(now, 1)
}

// sweep forgets sources not seen for a second: their limit has filled up by then,
// so to forget them changes nothing. mu is held.
func (f *flood) sweep(now time.Time) {
	for from, s := range f.sources {
		if now.Sub(s.seen) >= time.Second {
			delete(f.sources, from)
		}
	}
}

// add counts one event that is not recorded singly. mu is held.
func (f *flood) add(code string, now time.Time) {
	if f.count == 0 {
		f.since = now
	}
	f.count++
	f.suppressed++
	f.codes.add(code, 1)
}

// drain writes the records that Refuse handed over. What cannot be written is
// counted.
func (l *Log) drain() {
	f := &l.flood
	f.mu.Lock()
	queue, codes := f.queue, f.queued
	f.queue, f.queued = pack{}, nil
	f.mu.Unlock()
	if len(queue.ends) == 0 {
		return
	}
	if l.journal.append(&queue, nil, 0) != nil {
		f.mu.Lock()
		for _, code := range codes {
			f.add(code, l.now())
		}
		f.mu.Unlock()
	}
}

// summarize writes the count of what was not recorded singly, at most once a
// second and not while space is low; force overrides both.
func (l *Log) summarize(now time.Time, force bool) {
	f := &l.flood
	f.mu.Lock()
	f.sweep(now)
	if f.count == 0 || !force && (f.low || now.Sub(f.summary) < time.Second) {
		f.mu.Unlock()
		return
	}
	n, since, codes := f.count, f.since, f.codes
	f.count, f.codes, f.summary = 0, nil, now
	f.mu.Unlock()
	err := l.appendOwn(&Record{
		Type: TypeSummary, Operation: "audit/refused", Outcome: OutcomeRefused, Count: n,
		Detail: "refused requests that were not recorded singly, by code",
		Fields: codes.fields(since),
	})
	if err != nil {
		f.mu.Lock()
		f.count += n
		f.since = since
		for code, k := range codes {
			f.codes.add(code, k)
		}
		f.mu.Unlock()
	}
}

// LowSpace tells whether less than 64 MiB are free for the log: then requests that
// nobody authenticated should not be accepted. It is at most a second old.
func (l *Log) LowSpace() bool {
	l.flood.mu.Lock()
	defer l.flood.mu.Unlock()
	return l.flood.low
}
