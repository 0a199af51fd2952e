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
//
// Many writes make some 30 KiB of garbage each, hundreds of megabytes a second, and a
// collection costs what is live and not what it frees. So a busy node with a small heap
// may have gcBusyRoom of garbage: no more than a quiet one of 50 MiB live may. When it
// is quiet again, that goes back.
const (
	smallHeap    = 48 << 20 // bytes live
	gcSmallHeap  = 300
	gcLargeHeap  = 150
	gcLookAgain  = 2 * time.Second
	gcHysteresis = smallHeap / 4

	gcBusy     = 2         // collections in gcLookAgain, or more
	gcBusyRoom = 160 << 20 // bytes
	gcBusyHeap = 1000      // percent, at most
	gcStep     = 50        // percent; a change of less is none
)

// tuneGC sets it as the heap grows and shrinks, unless GOGC says otherwise. It returns
// how to stop.
func tuneGC() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	debug.SetGCPercent(gcSmallHeap)
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(gcLookAgain)
		defer tick.Stop()
		for percent, before := gcSmallHeap, uint64(0); ; {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			live, cycles := heap()
			if next := gcPercent(percent, live, cycles-before); next != percent {
				percent = next
				debug.SetGCPercent(percent)
			}
			before = cycles
		}
	}()
	return func() { close(done) }
}

// gcPercent is what to set with so many bytes live and so many collections since it was
// last asked; it stays as it is around a limit.
func gcPercent(now int, live, cycles uint64) int {
	switch {
	case live > smallHeap+gcHysteresis:
		return gcLargeHeap
	case live >= smallHeap-gcHysteresis && now == gcLargeHeap:
		return now
	}
	busy := int(min(gcBusyHeap, 100*gcBusyRoom/max(live, 1)))
	switch {
	case cycles*uint64(now) < gcBusy*gcSmallHeap || busy <= gcSmallHeap: // so few that gcSmallHeap would give fewer than gcBusy
		return gcSmallHeap
	case now > gcSmallHeap && max(now-busy, busy-now) < gcStep:
		return now
	}
	return busy
}

// heap is what the last collection left, in bytes, and how many there were, those
// apart that somebody asked for.
func heap() (live, cycles uint64) {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/automatic:gc-cycles"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 || s[1].Value.Kind() != metrics.KindUint64 {
		return 0, 0
	}
	return s[0].Value.Uint64(), s[1].Value.Uint64()
}
