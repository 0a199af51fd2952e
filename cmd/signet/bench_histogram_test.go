package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramPercentiles(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() time.Duration{
		"uniform":     func() time.Duration { return time.Duration(source.Int64N(int64(time.Second))) },
		"exponential": func() time.Duration { return time.Duration(source.ExpFloat64() * float64(time.Millisecond)) },
		"tiny":        func() time.Duration { return time.Duration(source.Int64N(100)) },
		"two humps": func() time.Duration {
			if source.IntN(50) == 0 {
				return time.Second + time.Duration(source.IntN(1000))
			}
			return time.Millisecond
		},
	} {
		var h histogram
		all := make([]time.Duration, 20_000)
		sum := time.Duration(0)
		for i := range all {
			all[i] = draw()
			sum += all[i]
			h.add(all[i])
		}
		slices.Sort(all)
		for _, p := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
			exact := all[max(int(p*float64(len(all)))-1, 0)]
			got := h.percentile(p)
			if got < exact || got > exact+exact/subBuckets+1 {
				t.Errorf("%s: p%g is %v, want %v or up to 1/64 more", name, 100*p, got, exact)
			}
		}
		if h.max() != all[len(all)-1] || h.percentile(1) != h.max() {
			t.Errorf("%s: max %v, p100 %v, want %v", name, h.max(), h.percentile(1), all[len(all)-1])
		}
		if want := sum / time.Duration(len(all)); h.mean() != want {
			t.Errorf("%s: mean %v, want %v", name, h.mean(), want)
		}
	}
}

func TestHistogramEdges(t *testing.T) {
	var h histogram
	if h.percentile(0.5) != 0 || h.mean() != 0 || h.max() != 0 || h.count() != 0 {
		t.Error("an empty histogram is not all zeros")
	}
	for _, d := range []time.Duration{-1, 0, 1, 63, 64, 127, 128, 1<<longestBits - 1, 1 << longestBits, 1<<63 - 1} {
		h.add(d)
	}
	if h.count() != 10 || h.percentile(0) != 0 {
		t.Errorf("count %d, p0 %v", h.count(), h.percentile(0))
	}
}

// Every duration lies in the bucket that says so, and buckets follow each other.
func TestHistogramBuckets(t *testing.T) {
	for i := range histogramBuckets - 1 {
		if end := bucketEnd(i); bucketOf(end) != i || bucketOf(end+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, which is in %d; the next is in %d", i, end, bucketOf(end), bucketOf(end+1))
		}
	}
}
