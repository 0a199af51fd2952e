package pass

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRedeemOnceOnly(t *testing.T) {
	p := Mint(Sign, "m/k")
	if err := p.Redeem(Sign, "m/k"); err != nil {
		t.Fatal(err)
	}
	if err := p.Redeem(Sign, "m/k"); !errors.Is(err, ErrSpent) {
		t.Fatalf("second redeem: %v, want ErrSpent", err)
	}
}

func TestRedeemConcurrentlyOnceOnly(t *testing.T) {
	p := Mint(Sign, "m/k")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if p.Redeem(Sign, "m/k") == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d redeems succeeded, want 1", won.Load())
	}
}

func TestRedeemForAnotherUseSpendsThePass(t *testing.T) {
	for _, c := range []struct {
		name   string
		action Action
		key    string
	}{{"action", Decrypt, "m/k"}, {"key", Sign, "m/other"}, {"mount", Sign, "n/k"}} {
		t.Run(c.name, func(t *testing.T) {
			p := Mint(Sign, "m/k")
			if err := p.Redeem(c.action, c.key); !errors.Is(err, ErrWrongUse) {
				t.Fatalf("got %v, want ErrWrongUse", err)
			}
			if err := p.Redeem(Sign, "m/k"); !errors.Is(err, ErrSpent) {
				t.Fatalf("after misuse: %v, want ErrSpent", err)
			}
		})
	}
}

func TestNilPassIsRefused(t *testing.T) {
	var p *Pass
	if err := p.Redeem(Sign, "m/k"); !errors.Is(err, ErrWrongUse) {
		t.Fatalf("got %v, want ErrWrongUse", err)
	}
}
