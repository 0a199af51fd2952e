package main

import (
	"runtime"
	"testing"
)

func TestGCPercentFollowsTheHeap(t *testing.T) {
	runtime.GC() // before the first one nobody knows
	if liveHeap() == 0 {
		t.Error("the runtime does not say what is live")
	}
	for _, c := range []struct {
		now  int
		live uint64
		want int
	}{
		{gcSmallHeap, 5 << 20, gcSmallHeap}, {gcSmallHeap, 50 << 20, gcSmallHeap}, {gcSmallHeap, 61 << 20, gcLargeHeap},
		{gcLargeHeap, 50 << 20, gcLargeHeap}, {gcLargeHeap, 35 << 20, gcSmallHeap},
	} {
		if got := gcPercent(c.now, c.live); got != c.want {
			t.Errorf("%d MiB live after %d %%: %d %%, want %d %%", c.live>>20, c.now, got, c.want)
		}
	}
}
