package main

import (
	"runtime"
	"testing"
	"time"
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
		{gcSmallHeap, 5 << 20, 1, gcSmallHeap}, {gcSmallHeap, 50 << 20, 1, gcSmallHeap}, {gcSmallHeap, 61 << 20, 0, gcLargeHeap}, {gcSmallHeap, 70 << 20, 9, 228},
		{gcLargeHeap, 50 << 20, 1, gcLargeHeap}, {gcLargeHeap, 50 << 20, 9, 320}, {gcLargeHeap, 35 << 20, 1, gcSmallHeap},
		{gcLargeHeap, 106 << 20, 9, 150}, {gcLargeHeap, 200 << 20, 99, gcLargeHeap}, {262, 100 << 20, 0, gcLargeHeap},
		{gcSmallHeap, 5 << 20, 2, gcBusyHeap}, {gcSmallHeap, 20 << 20, 2, 800}, {gcSmallHeap, 0, 2, gcBusyHeap},
		{gcSmallHeap, 53 << 20, 2, 301}, {gcSmallHeap, 54 << 20, 9, gcSmallHeap}, {gcLargeHeap, 20 << 20, 9, 800},
		{800, 20 << 20, 1, 800}, {800, 21 << 20, 1, 800}, {800, 25 << 20, 1, 640}, {800, 20 << 20, 0, gcSmallHeap},
		{500, 32 << 20, 1, gcSmallHeap}, {800, 61 << 20, 9, 262}, {262, 61 << 20, 2, 262}, {262, 61 << 20, 1, gcLargeHeap},
	} {
		if got := gcPercent(c.now, c.live, c.cycles); got != c.want {
			t.Errorf("%d MiB live and %d collections after %d %%: %d %%, want %d %%", c.live>>20, c.cycles, c.now, got, c.want)
		}
	}
}

func TestEachCollectionIsTold(t *testing.T) {
	collected := make(chan struct{}, 1)
	watched := watchCollections(collected)
	for i := range 3 {
		runtime.GC()
		select {
		case <-collected:
		case <-time.After(10 * time.Second):
			t.Fatalf("collection %d is not told", i+1)
		}
	}
	watched.Store(false)
}
