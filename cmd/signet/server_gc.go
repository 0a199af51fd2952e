package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How far the heap may grow before it is collected, in percent of what is live.
// A fresh node has a few megabytes live, and to collect those hundreds of times a
// minute costs signatures. With a hundred thousand tokens it has a hundred
// megabytes, and four times that is memory that others could use.
const (
	smallHeap    = 48 << 20 // bytes live
	gcSmallHeap  = 300
	gcLargeHeap  = 150
	gcLookAgain  = 2 * time.Second
	gcHysteresis = smallHeap / 4
)

// tuneGC chooses between the two as the heap grows and shrinks, unless GOGC says
// otherwise. It returns how to stop.
func tuneGC() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	debug.SetGCPercent(gcSmallHeap)
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(gcLookAgain)
		defer tick.Stop()
		for percent := gcSmallHeap; ; {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			if next := gcPercent(percent, liveHeap()); next != percent {
				percent = next
				debug.SetGCPercent(percent)
			}
		}
	}()
	return func() { close(done) }
}

// gcPercent is what to set with so many bytes live; it stays as it is around the
// limit.
func gcPercent(now int, live uint64) int {
	switch {
	case live > smallHeap+gcHysteresis:
		return gcLargeHeap
	case live < smallHeap-gcHysteresis:
		return gcSmallHeap
	}
	return now
}

// liveHeap is what the last collection left, in bytes.
func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}
