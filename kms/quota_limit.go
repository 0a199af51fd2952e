package kms

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// limiter counts for one quota: a bucket for each source or token. Its times are
// nanoseconds on one clock that never goes back.
//
// The rule of a bucket is the generic cell rate algorithm (ITU-T I.371): a request
// costs a fixed time, and a bucket holds as much time as an interval's requests
// cost. So what one caller gets through in any window of length w is at most
// burst + w/cost.
type limiter struct {
	quota state.Quota
	path  quotaPath
	cost  int64 // what one request takes from a bucket
	full  int64 // what a bucket holds
	block int64
	most  int // buckets

	refused atomic.Uint64

	mu      sync.Mutex // held for a look-up, or for one sweep a second
	buckets map[string]*bucket
	rest    bucket // of all for whom there was no room
	sweepAt int64  // not again before
}

// bucket is what one caller has left. The zero value is full.
type bucket struct {
	fullAt  int64 // when it is full again, if nobody asks
	blocked int64 // until when everything is refused
}

// maxBuckets bounds the memory of a quota, to about 10 MiB.
const maxBuckets = 65_536

// sweepEvery bounds the time spent on looking for buckets that nobody needs.
const sweepEvery = int64(time.Second)

// maxQuotaBurst is far above what a node can serve, so that the sums below fit.
const maxQuotaBurst = 1e9

func newLimiter(q state.Quota, most int) *limiter {
	// Rounded up: a limit may be a nanosecond a request stricter, never laxer.
	cost := int64(math.Ceil(min(float64(q.Interval)/q.Rate, float64(maxQuotaTime))))
	burst := int64(math.Ceil(min(q.Rate, maxQuotaBurst)))
	return &limiter{
		quota: q, path: newQuotaPath(q.Path), cost: max(cost, 1), full: max(cost, 1) * burst, block: q.Block, most: most,
		buckets: make(map[string]*bucket),
	}
}

// bucket finds the bucket of key, which may be a new one or the shared rest. To
// forget a full bucket changes nothing, so room is made of those. mu is held.
func (l *limiter) bucket(key string, now int64) *bucket {
	if b := l.buckets[key]; b != nil {
		return b
	}
	if len(l.buckets) >= l.most {
		l.sweep(now)
	}
	if len(l.buckets) >= l.most {
		return &l.rest
	}
	b := &bucket{}
	l.buckets[key] = b
	return b
}

func (l *limiter) sweep(now int64) {
	if now < l.sweepAt {
		return
	}
	l.sweepAt = now + sweepEvery
	for key, b := range l.buckets {
		if b.fullAt <= now && b.blocked <= now {
			delete(l.buckets, key)
		}
	}
}

// wait is how long from now until b lets a request through, 0 for at once, unless
// others are let through before. mu is held.
func (l *limiter) wait(b *bucket, now int64) int64 {
	return max(max(b.fullAt, now)+l.cost-l.full-now, b.blocked-now, 0)
}

// take counts a request that wait lets through. mu is held.
func (l *limiter) take(b *bucket, now int64) { b.fullAt = max(b.fullAt, now) + l.cost }

// over begins the time in which whoever went over the limit is refused
// everything; one under way is not made longer. The shared rest is held to the
// rate alone: one of those who share it must not shut the others out. It returns
// the wait, which may have grown. mu is held.
func (l *limiter) over(b *bucket, now int64) int64 {
	if b != &l.rest && b.blocked <= now && l.block > 0 {
		b.blocked = now + l.block
	}
	return l.wait(b, now)
}
