package main

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram counts durations in buckets whose width grows with them: each
// power of two nanoseconds is cut into 64, so a percentile is at most 1/64 too
// long, at any scale, in 20 KiB. It is safe for concurrent use.
type histogram struct {
	buckets [histogramBuckets]atomic.Uint64
	sum     atomic.Uint64 // nanoseconds
	longest atomic.Int64
}

const (
	subBits          = 6
	subBuckets       = 1 << subBits
	longestBits      = 42 // 2^42 ns are 73 minutes, over the longest run
	histogramBuckets = (longestBits - subBits + 1) * subBuckets
)

// bucketOf returns the bucket of a duration. Below 2^6 ns each has its own.
func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < subBuckets {
		return int(n)
	}
	octave := bits.Len64(n) - subBits // 1 for 64 to 127
	// The top bit says the octave; the 6 bits below it say the part.
	return min(octave*subBuckets+int(n>>(octave-1))&(subBuckets-1), histogramBuckets-1)
}

// bucketEnd returns the longest duration of a bucket.
func bucketEnd(i int) time.Duration {
	octave := i / subBuckets
	if octave == 0 {
		return time.Duration(i)
	}
	return time.Duration(uint64(subBuckets+i%subBuckets+1)<<(octave-1) - 1)
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)].Add(1)
	h.sum.Add(uint64(max(d, 0)))
	for {
		seen := h.longest.Load()
		if int64(d) <= seen || h.longest.CompareAndSwap(seen, int64(d)) {
			return
		}
	}
}

func (h *histogram) count() (n uint64) {
	for i := range h.buckets {
		n += h.buckets[i].Load()
	}
	return n
}

func (h *histogram) mean() time.Duration {
	n := h.count()
	if n == 0 {
		return 0
	}
	return time.Duration(h.sum.Load() / n)
}

func (h *histogram) max() time.Duration { return time.Duration(h.longest.Load()) }

// percentile returns a duration that the part p, of 0 to 1, does not exceed; 0
// if there is none. It is never over max.
func (h *histogram) percentile(p float64) time.Duration {
	n := h.count()
	rank := max(uint64(math.Ceil(p*float64(n))), 1)
	seen := uint64(0)
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen >= rank {
			return min(bucketEnd(i), h.max())
		}
	}
	return 0
}
