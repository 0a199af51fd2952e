package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// How far the heap may grow before it is collected, in percent of what is live.
// A fresh node has a few megabytes live, and to collect those hundreds of times a
// minute costs signatures. With a hundred thousand tokens it has a hundred
// megabytes, and four times that is memory that others could use.
//
// Many writes make some 30 KiB of garbage each, hundreds of megabytes a second, and a
// collection costs what is live and not what it frees. So a busy node may have gcBusyRoom
// of garbage, as much as a quiet one of 50 MiB live may, until that is less than what a
// quiet one with as much live may have. When it is quiet again, that goes back.
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
	done, collected := make(chan struct{}), make(chan struct{}, 1)
	watched := watchCollections(collected)
	go func() {
		tick := time.NewTicker(gcLookAgain)
		defer tick.Stop()
		last := time.Now()
		for percent, before := gcSmallHeap, uint64(0); ; {
			ticked := false
			select {
			case <-tick.C:
				ticked = true
			case <-collected:
			case <-done:
				watched.Store(false)
				return
			}
			live, cycles := heap()
			count := cycles - before
			if ticked {
				before = cycles
			} else {
				// Who begins to write much would pay for many collections until the next tick.
				soon := time.Since(last) < gcLookAgain/gcBusy
				if last = time.Now(); !soon {
					continue
				}
				count = max(count, gcBusy)
			}
			if next := gcPercent(percent, live, count); next != percent {
				percent = next
				debug.SetGCPercent(percent)
			}
		}
	}()
	return func() { close(done) }
}

// watchCollections tells of each collection, in a channel with room for one, until
// watched is false.
func watchCollections(collected chan<- struct{}) (watched *atomic.Bool) {
	watched = new(atomic.Bool)
	watched.Store(true)
	type canary struct{ _ [16]byte } // not so small that it shares its memory with others
	var again func(*canary)
	again = func(c *canary) {
		if !watched.Load() {
			return
		}
		select {
		case collected <- struct{}{}:
		default:
		}
		runtime.SetFinalizer(c, again) // by the next one it is unreachable again
	}
	runtime.SetFinalizer(new(canary), again)
	return watched
}

// gcPercent is what to set with so many bytes live and so many collections since it was
// last asked; it stays as it is around a limit.
func gcPercent(now int, live, cycles uint64) int {
	quiet := gcSmallHeap
	if live > smallHeap+gcHysteresis || live >= smallHeap-gcHysteresis && now <= gcLargeHeap {
		quiet = gcLargeHeap
	}
	busy := int(min(gcBusyHeap, 100*gcBusyRoom/max(live, 1)))
	switch {
	case cycles*uint64(now) < gcBusy*uint64(quiet) || busy <= quiet: // so few that quiet would give fewer than gcBusy
		return quiet
	case now > quiet && max(now-busy, busy-now) < gcStep:
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
