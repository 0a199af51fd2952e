package kms

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// Strangers whose addresses never answer keep nobody from joining: neither one of them
// with all its requests, nor many together, once they hang.
func TestStrangersHoldNoPlaceToJoin(t *testing.T) {
	var r joinRoom
	now := time.Unix(1, 0)
	enter := func(source string) (context.Context, func(), error) {
		t.Helper()
		return r.enter(t.Context(), source, now)
	}
	must := func(source string) (context.Context, func()) {
		t.Helper()
		ctx, leave, err := enter(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		return ctx, leave
	}
	first, _ := must("s0")
	must("s0")
	if _, _, err := enter("s0"); !errors.Is(err, ErrBusy) {
		t.Errorf("one source with three at once: %v", err)
	}
	_, leave := must("operator")
	leave()
	leave()
	for i := 1; len(r.going) < joinsOnce; i++ {
		must(fmt.Sprint("s", i))
	}
	if _, _, err := enter("operator"); !errors.Is(err, ErrBusy) {
		t.Errorf("when all places are taken: %v", err)
	}
	if first.Err() != nil {
		t.Error("one was ended that had just begun")
	}
	now = now.Add(joinStays)
	own, leave := must("operator")
	if first.Err() == nil || len(r.going) != joinsOnce || own.Err() != nil {
		t.Errorf("the oldest goes on: %v, with %d under way", first.Err(), len(r.going))
	}
	leave()
	if own.Err() == nil || len(r.going) != joinsOnce-1 {
		t.Errorf("%d under way", len(r.going))
	}
}
