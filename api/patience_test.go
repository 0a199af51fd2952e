package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

type patienceKey struct{}

// Whoever waits and whoever only looks are told the same.
func TestPatienceEnds(t *testing.T) {
	waits := func(p *patience) error { <-p.Done(); return p.Err() }
	looks := func(p *patience) error {
		for p.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		err := p.Err()
		<-p.Done() // who waits from now on does so no longer than who looked
		if p.Err() != err {
			t.Errorf("%v, and after waiting %v", err, p.Err())
		}
		return err
	}
	child := func(p *patience) error {
		ctx, cancel := context.WithCancel(p)
		defer cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	for name, see := range map[string]func(*patience) error{"waits": waits, "looks": looks, "child": child} {
		parent, hangUp := context.WithCancel(context.Background())
		if err := see(newPatience(parent, time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, time over: %v", name, err)
		}
		p := newPatience(parent, time.Hour)
		time.AfterFunc(time.Millisecond, hangUp)
		if err := see(p); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, hung up: %v", name, err)
		}
		sooner, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		if err := see(newPatience(sooner, time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, the parent's time over: %v", name, err)
		}
		cancel()
	}
}

func TestPatienceHandsOn(t *testing.T) {
	parent, cancel := context.WithCancel(context.WithValue(context.Background(), patienceKey{}, "v"))
	defer cancel()
	p := newPatience(parent, time.Hour)
	at, ok := p.Deadline()
	if !ok || time.Until(at) > time.Hour || time.Until(at) < 59*time.Minute {
		t.Errorf("deadline %v %v", at, ok)
	}
	if p.Value(patienceKey{}) != "v" || p.Err() != nil {
		t.Error("the parent's value")
	}
	free := context.WithoutCancel(p)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(p, time.Hour)
			defer cancel()
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.Canceled) || p.Err() == nil || p.Value(patienceKey{}) != "v" {
				t.Error(ctx.Err(), p.Err())
			}
		})
	}
	for p.Value(patienceKey{}); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		waited := p.timed != nil
		p.mu.Unlock()
		if waited {
			break
		}
	}
	p.end()
	all.Wait()
	if free.Err() != nil || free.Done() != nil {
		t.Error("what is detached ended")
	}
	newPatience(parent, time.Hour).end() // nobody waited
}

func BenchmarkPatience(b *testing.B) {
	parent, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("a context of its own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, end := context.WithTimeout(parent, time.Minute)
			_, _ = ctx.Deadline()
			end()
		}
	})
	b.Run("patience", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p := newPatience(parent, time.Minute)
			var ctx context.Context = p
			_, _ = ctx.Deadline()
			p.end()
		}
	})
}
