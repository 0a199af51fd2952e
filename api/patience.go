package api

import (
	"context"
	"sync"
	"time"
)

// patience is the context of a verb: it ends when the client hangs up or the route's
// time is over. Most verbs read its deadline and never wait for it, so the context with
// the timer is made when somebody does.
type patience struct {
	parent context.Context // net/http ends it when the request has been answered
	until  time.Time

	mu     sync.Mutex
	timed  context.Context // nil: nobody waits
	cancel context.CancelFunc
}

func newPatience(parent context.Context, d time.Duration) *patience {
	until := time.Now().Add(d)
	if sooner, ok := parent.Deadline(); ok && sooner.Before(until) {
		until = sooner
	}
	return &patience{parent: parent, until: until}
}

// end lets go of the timer, if there is one, and ends what waits.
func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
}

func (p *patience) withTimer() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.cancel = context.WithDeadline(p.parent, p.until)
	}
	return p.timed
}

func (p *patience) Deadline() (time.Time, bool) { return p.until, true }

func (p *patience) Done() <-chan struct{} { return p.withTimer().Done() }

func (p *patience) Err() error {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed != nil {
		return timed.Err()
	}
	if err := p.parent.Err(); err != nil {
		return err
	}
	if !time.Now().Before(p.until) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value asks the context with the timer, if there is one: package context looks there
// for what it may hang children on.
func (p *patience) Value(key any) any {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return p.parent.Value(key)
}
