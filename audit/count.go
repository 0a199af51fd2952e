package audit

import (
	"sync"
	"time"
)

// counts are the public reads since the last summary.
type counts struct {
	mu    sync.Mutex
	names tally
	total int64
	since time.Time
}

// countPeriod is how often the counts are written.
const countPeriod = time.Minute

// Count counts one public read (health, seal status) by name: one summary record
// a minute says how many there were, and none is written when there were none.
// Names are few and fixed, such as the route; beyond 32 they become "other".
func (l *Log) Count(what string) {
	c := &l.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total == 0 {
		c.since = l.now()
	}
	c.total++
	c.names.add(what, 1)
}

// recordCounts writes the counts, and keeps them when they cannot be written.
func (l *Log) recordCounts() {
	c := &l.counts
	c.mu.Lock()
	names, total, since := c.names, c.total, c.since
	c.names, c.total = nil, 0
	c.mu.Unlock()
	if total == 0 {
		return
	}
	err := l.appendOwn(&Record{
		Type: TypeSummary, Operation: "audit/public-reads", Outcome: OutcomeOK, Count: total,
		Fields: names.fields(since),
	})
	if err != nil {
		c.mu.Lock()
		c.total += total
		c.since = since
		for name, n := range names {
			c.names.add(name, n)
		}
		c.mu.Unlock()
	}
}

// appendOwn appends a record of the log's own, which is no refused request when
// it fails.
func (l *Log) appendOwn(rec *Record) error {
	p := l.pack(rec)
	defer l.unpack(p)
	return l.journal.append(p, nil, 0)
}
