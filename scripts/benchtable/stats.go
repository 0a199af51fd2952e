package main

import (
	"slices"
	"time"
)

// spread is the median of some values, the smallest and the largest. Zero is the
// spread of none.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spreadOf returns the spread of values. Of two middle values the median is the mean.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// over is the spread of what f says of each value.
func over[T any](values []T, f func(T) float64) spread {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return spreadOf(out)
}

// quantile is the nearest-rank quantile q, from 0 to 1, of sorted durations in
// microseconds; 0 of none.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(q*float64(len(sorted))+0.5) - 1
	return micros(sorted[min(max(i, 0), len(sorted)-1)])
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
