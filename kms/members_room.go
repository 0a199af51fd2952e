package kms

import (
	"context"
	"slices"
	"sync"
	"time"
)

// How many requests to be admitted a node without data has under way at once, in all and
// for one source, and how long each of them may hang when there is no room for another.
const (
	joinsOnce      = 8
	joinsPerSource = 2
	joinStays      = time.Second
)

// joinRoom bounds the requests to be admitted that a node has under way. Strangers may
// ask a node without data to join something that never answers: they hold no place for
// longer than joinStays against somebody else who wants it. The zero value is ready.
type joinRoom struct {
	mu    sync.Mutex
	going []*joinGoing // the oldest first
}

type joinGoing struct {
	source string
	since  time.Time
	end    context.CancelFunc
}

var errJoinsFull = saying(ErrBusy, "this node asks clusters to admit it already, as often at once as it may; try again when that is done")

// enter takes a place at now for who came from source; its context ends when somebody
// else needs the place. leave gives it back. Error: ErrBusy.
func (r *joinRoom) enter(ctx context.Context, source string, now time.Time) (_ context.Context, leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(g *joinGoing) bool { return g.source == source }
	all := func(*joinGoing) bool { return true }
	if !r.room(joinsPerSource, same, now) || !r.room(joinsOnce, all, now) {
		return nil, nil, errJoinsFull
	}
	ctx, end := context.WithCancel(ctx)
	g := &joinGoing{source, now, end}
	r.going = append(r.going, g)
	return ctx, func() {
		end()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.going = slices.DeleteFunc(r.going, func(o *joinGoing) bool { return o == g })
	}, nil
}

// room says whether there are fewer than most of those that count. If not, the oldest of
// them makes room, unless it is new itself.
func (r *joinRoom) room(most int, counts func(*joinGoing) bool, now time.Time) bool {
	n := 0
	for _, g := range r.going {
		if counts(g) {
			n++
		}
	}
	if n < most {
		return true
	}
	oldest := slices.IndexFunc(r.going, counts)
	if now.Sub(r.going[oldest].since) < joinStays {
		return false
	}
	r.going[oldest].end()
	r.going = slices.Delete(r.going, oldest, oldest+1)
	return true
}
