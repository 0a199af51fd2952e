package lease

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(d time.Duration) Instant { return Instant(100*time.Second + d) }

// leased gives a holder of life 7 that asked at second 100 and was granted a
// lease of term 3 from index 10.
func leased(t *testing.T) Holder {
	t.Helper()
	h := NewHolder(7)
	r := h.Request(At{12, 10}, at(0), 0)
	if err := h.Grant(Grant{"a", r.Nonce, 3, 10}, at(time.Second)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLeaseCountsFromTheRequest(t *testing.T) {
	h := leased(t)
	l := h.Lease()
	for _, c := range []struct {
		now   Instant
		index uint64
		want  error
	}{
		{at(0), 10, nil},
		{at(time.Second), 10, nil},
		{at(Duration - 1), 12, nil},
		{at(Duration), 12, ErrNoLease},
		{at(time.Hour), 12, ErrNoLease},
		{at(-1), 12, ErrNoLease}, // the clock went back
		{at(time.Second), 9, ErrBehind},
		{at(Duration), 9, ErrNoLease},
	} {
		if err := l.Valid(c.now, c.index); err != c.want {
			t.Errorf("at %d, index %d: %v, want %v", c.now-at(0), c.index, err, c.want)
		}
	}
	if l.Term() != 3 || l.MinIndex() != 10 || l.Until() != at(Duration) || h.Term() != 3 {
		t.Errorf("term %d, from %d, until %d", l.Term(), l.MinIndex(), l.Until())
	}
}

func TestNoLeaseAtFirst(t *testing.T) {
	var none *Lease
	var zero Lease
	var cell Cell
	for _, now := range []Instant{-1, 0, 1, at(0)} {
		if none.Valid(now, 1) != ErrNoLease || zero.Valid(now, 1) != ErrNoLease {
			t.Errorf("a lease out of nothing at %d", now)
		}
	}
	if cell.Valid(func() Instant { return 0 }, 1) != ErrNoLease || cell.Load().Term() != 0 {
		t.Error("an empty cell shows a lease")
	}
}

// A goroutine that reads the clock first and pauses would hold the lease that
// it finds later against a time that is long past.
func TestCellReadsTheClockAfterTheLease(t *testing.T) {
	h := leased(t)
	var cell Cell
	cell.Publish(h.Lease())
	err := cell.Valid(func() Instant {
		cell.Publish(Lease{})
		return at(0)
	}, 12)
	if err != nil {
		t.Errorf("the lease was loaded after the clock was read: %v", err)
	}
	if err := cell.Valid(func() Instant { return at(0) }, 12); err != ErrNoLease {
		t.Errorf("the published lease does not show: %v", err)
	}
}

func TestGrantsThatDoNotCount(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
		do   func(h *Holder, first, second Request) error
	}{
		{"another life", ErrUnknownNonce, func(h *Holder, first, _ Request) error {
			return h.Grant(Grant{"a", Nonce{8, first.Nonce.Seq}, 3, 1}, at(0))
		}},
		{"never asked", ErrUnknownNonce, func(h *Holder, _, second Request) error {
			return h.Grant(Grant{"a", Nonce{7, second.Nonce.Seq + 1}, 3, 1}, at(0))
		}},
		{"the zero grant", ErrUnknownNonce, func(h *Holder, _, _ Request) error { return h.Grant(Grant{}, at(0)) }},
		{"twice", ErrUnknownNonce, func(h *Holder, first, _ Request) error {
			_ = h.Grant(Grant{"a", first.Nonce, 3, 1}, at(0))
			return h.Grant(Grant{"a", first.Nonce, 3, 1}, at(0))
		}},
		{"an older request after a newer", ErrUnknownNonce, func(h *Holder, first, second Request) error {
			_ = h.Grant(Grant{"a", second.Nonce, 3, 1}, at(1))
			return h.Grant(Grant{"a", first.Nonce, 4, 1}, at(1))
		}},
		{"a lower term", ErrLowerTerm, func(h *Holder, first, second Request) error {
			_ = h.Grant(Grant{"a", first.Nonce, 3, 1}, at(0))
			return h.Grant(Grant{"b", second.Nonce, 2, 1}, at(0))
		}},
		{"a lower term after a drop", ErrLowerTerm, func(h *Holder, first, _ Request) error {
			_ = h.Grant(Grant{"a", first.Nonce, 3, 1}, at(0))
			h.Drop()
			r := h.Request(At{}, at(0), 0)
			return h.Grant(Grant{"b", r.Nonce, 2, 1}, at(0))
		}},
		{"asked before a drop", ErrUnknownNonce, func(h *Holder, first, _ Request) error {
			h.Drop()
			return h.Grant(Grant{"a", first.Nonce, 3, 1}, at(0))
		}},
		{"late", ErrLate, func(h *Holder, first, _ Request) error {
			return h.Grant(Grant{"a", first.Nonce, 3, 1}, at(Duration))
		}},
		{"before it was asked for", ErrLate, func(h *Holder, first, _ Request) error {
			return h.Grant(Grant{"a", first.Nonce, 3, 1}, at(-1))
		}},
		{"forgotten among many", ErrUnknownNonce, func(h *Holder, first, _ Request) error {
			for range maxSent {
				h.Request(At{}, at(0), 0)
			}
			return h.Grant(Grant{"a", first.Nonce, 3, 1}, at(0))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := NewHolder(7)
			first := h.Request(At{}, at(0), 0)
			second := h.Request(At{}, at(1), 0)
			before := h
			if err := c.do(&h, first, second); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if h.term < before.term {
				t.Error("the term fell")
			}
		})
	}
}

func TestReportBindsRequestsAlreadyBegun(t *testing.T) {
	h := leased(t)
	before := h.Lease()
	if r := h.Report(At{Index: 20, Barrier: 15}); r != (Report{7, 20}) {
		t.Errorf("report %+v", r)
	}
	after := h.Lease()
	if before.Valid(at(1), 12) != nil {
		t.Error("a published lease changed")
	}
	if after.Valid(at(1), 14) != ErrBehind || after.Valid(at(1), 15) != nil {
		t.Error("a view from before the reported command still passes, or one from after it does not")
	}
	h.Drop()
	r := h.Request(At{20, 15}, at(2), 0)
	if err := h.Grant(Grant{"a", r.Nonce, 3, 10}, at(2)); err != nil {
		t.Fatal(err)
	}
	if again := h.Lease(); again.Valid(at(2), 14) != ErrBehind {
		t.Error("what was reported was forgotten with the lease")
	}
}

// TestHolderProperty lets answers to any request come in any order, and compares
// with what the rules say of the lease that is left.
func TestHolderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHolder(1)
		now := at(0)
		asked := map[uint64]Instant{} // seq → when, all ever asked
		var until Instant
		var term, least uint64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += Instant(rapid.Int64Range(0, int64(time.Second)).Draw(t, "passed"))
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				asked[h.Request(At{}, now, 0).Nonce.Seq] = now
			case 2:
				h.Drop()
				until = 0
			case 3:
				b := rapid.Uint64Range(0, 50).Draw(t, "barrier")
				h.Report(At{b + 1, b})
				least = max(least, b)
			default:
				g := Grant{"a", Nonce{1, rapid.Uint64Range(0, h.seq+1).Draw(t, "seq")},
					rapid.Uint64Range(1, 5).Draw(t, "term"), rapid.Uint64Range(0, 50).Draw(t, "min")}
				if h.Grant(g, now) != nil {
					break
				}
				if g.Term < term {
					t.Fatalf("term %d after %d", g.Term, term)
				}
				if end := asked[g.Nonce.Seq] + Instant(Duration); end < until || now >= end {
					t.Fatalf("lease until %d after one until %d, taken at %d", end, until, now)
				}
				term, until, least = g.Term, asked[g.Nonce.Seq]+Instant(Duration), max(least, g.MinIndex)
			}
			l := h.Lease()
			if ok := l.Valid(now, 100) == nil; ok != (now < until) {
				t.Fatalf("at %d valid is %v, want until %d", now, ok, until)
			}
			if now < until && least > 0 && l.Valid(now, least-1) == nil {
				t.Fatalf("index %d passes, the least is %d", least-1, least)
			}
			if len(h.sent) > maxSent {
				t.Fatalf("%d requests remembered", len(h.sent))
			}
		}
	})
}
