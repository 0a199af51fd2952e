package main

import (
	"runtime"
	"testing"
)

func TestGCPercentFollowsTheHeap(t *testing.T) {
	runtime.GC() // before the first one nobody knows
	if live, _ := heap(); live == 0 {
		t.Error("the runtime does not say what is live")
	}
	for _, c := range []struct {
		now          int
		live, cycles uint64
		want         int
	}{
		{gcSmallHeap, 5 << 20, 1, gcSmallHeap}, {gcSmallHeap, 50 << 20, 1, gcSmallHeap}, {gcSmallHeap, 61 << 20, 9, gcLargeHeap},
		{gcLargeHeap, 50 << 20, 9, gcLargeHeap}, {gcLargeHeap, 35 << 20, 1, gcSmallHeap},
		{gcSmallHeap, 5 << 20, 2, gcBusyHeap}, {gcSmallHeap, 20 << 20, 2, 800}, {gcSmallHeap, 0, 2, gcBusyHeap},
		{gcSmallHeap, 53 << 20, 2, 301}, {gcSmallHeap, 54 << 20, 9, gcSmallHeap}, {gcLargeHeap, 20 << 20, 9, 800},
		{800, 20 << 20, 1, 800}, {800, 21 << 20, 1, 800}, {800, 25 << 20, 1, 640}, {800, 20 << 20, 0, gcSmallHeap},
		{500, 32 << 20, 1, gcSmallHeap}, {800, 61 << 20, 9, gcLargeHeap},
	} {
		if got := gcPercent(c.now, c.live, c.cycles); got != c.want {
			t.Errorf("%d MiB live and %d collections after %d %%: %d %%, want %d %%", c.live>>20, c.cycles, c.now, got, c.want)
		}
	}
}
