package lease

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Without faults the last report ends the barrier, in no time.
func TestBarrierEndsWithTheLastReport(t *testing.T) {
	g, voters := leading(3)
	for _, h := range voters {
		_ = g.Arrive(h, request(1), at(0), 0)
	}
	if len(granted(t, &g, voters, at(0))) != 3 {
		t.Fatal("not all were granted")
	}
	for i, h := range voters {
		w, err := g.Barrier(Command{3, 11}, at(1))
		if err != nil || w.Done || w.Until != at(Booking) || !slices.Equal(w.Poke, voters[i:]) {
			t.Fatalf("before the report of %s: %+v, %v", h, w, err)
		}
		g.Report(h, Report{7, 10}) // not far enough
		g.Report(h, Report{8, 11}) // of another life
		g.Report("x", Report{7, 11})
		g.Report(h, Report{7, 11})
	}
	if w, _ := g.Barrier(Command{3, 11}, at(1)); !w.Done {
		t.Errorf("after all reports: %+v", w)
	}
	if g.MinIndex() != 11 {
		t.Errorf("grants carry %d", g.MinIndex())
	}
	if g.Raise(5); g.MinIndex() != 11 {
		t.Error("the index fell")
	}
}

func TestNewLeaderWaits(t *testing.T) {
	for _, c := range []struct {
		name  string
		open  bool
		alone bool
		now   Instant
		done  bool
	}{
		{"at once", true, false, at(0), false},
		{"just before the end", true, false, at(Booking - 1), false},
		{"at the end", true, false, at(Booking), true},
		{"alone", true, true, at(0), true},
		{"before the epoch command", false, false, at(0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGrantor(Leadership{"a", 3, at(0)})
			g.SetMembers([]string{"a"})
			if c.open {
				g.Open(10, c.alone)
			}
			w, err := g.Barrier(Command{2, 9}, c.now)
			if err != nil || w.Done != c.done || !w.Done && w.Until != at(Booking) {
				t.Errorf("%+v, %v", w, err)
			}
		})
	}
}

func TestBarrierOfALaterLeader(t *testing.T) {
	g, _ := leading(1)
	if w, err := g.Barrier(Command{4, 11}, at(0)); !errors.Is(err, ErrLaterTerm) || w.Done {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestALateRoundGrantsNothing(t *testing.T) {
	g, voters := leading(1)
	_ = g.Arrive("a", request(1), at(0), 0)
	if grants := granted(t, &g, voters, at(Booking)); len(grants) != 0 {
		t.Errorf("granted %v when the booking would have ended", grants)
	}
}

// A node that starts again and again waits for its earlier lives.
func TestManyLives(t *testing.T) {
	g, voters := leading(1)
	for i := range maxLives + 1 {
		_ = g.Arrive("a", Request{Nonce: Nonce{Life(i + 1), 1}}, at(0), 0)
		if grants := granted(t, &g, voters, at(0)); (len(grants) == 1) != (i < maxLives) {
			t.Errorf("life %d got %v", i+1, grants)
		}
	}
	_ = g.Arrive("a", Request{Nonce: Nonce{9, 1}}, at(Booking), 0)
	if grants := granted(t, &g, voters, at(Booking)); len(grants) != 1 {
		t.Error("no lease after the earlier lives expired")
	}
}

// TestBookProperty sends a grantor whatever comes to mind, keeps every grant it
// gave in a book without bounds, and compares what that says of barriers. The
// grantor may wait longer, never less, and never grows.
func TestBookProperty(t *testing.T) {
	type full struct {
		holder string
		life   Life
		min    uint64
		until  Instant
	}
	rapid.Check(t, func(t *rapid.T) {
		g, members := leading(3)
		now := at(0)
		var book []full
		var arrived = map[string]Instant{} // holder → receipt of what waits
		reported := map[full]uint64{}      // {holder, life} → index since it was first booked
		var seq uint64
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			now += Instant(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "passed"))
			who := rapid.SampledFrom([]string{"a", "b", "c", "x", ""}).Draw(t, "who")
			lf := Life(rapid.IntRange(1, 6).Draw(t, "life"))
			index := rapid.Uint64Range(0, 60).Draw(t, "index")
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				seq++
				if g.Arrive(who, Request{Nonce{lf, seq}, index, 0}, now, 0) != nil {
					break
				}
				arrived[who] = now
				reported[full{holder: who, life: lf}] = max(reported[full{holder: who, life: lf}], index)
				if rapid.Bool().Draw(t, "wait") {
					break
				}
				if _, ok := g.Begin(members, now); !ok {
					break
				}
				r, _ := g.Running()
				_, _ = g.Echo("a", Echo{r.Nonce, 3}, now)
				grants, _ := g.Echo("b", Echo{r.Nonce, 3}, now)
				for _, gr := range grants {
					book = append(book, full{gr.Holder, gr.Nonce.Life, gr.MinIndex, arrived[gr.Holder] + Instant(Booking)})
				}
			case 2:
				g.Report(who, Report{lf, index})
				reported[full{holder: who, life: lf}] = max(reported[full{holder: who, life: lf}], index)
			case 3:
				g.Raise(index)
			case 4:
				w, err := g.Barrier(Command{3, index}, now)
				want := slices.ContainsFunc(book, func(f full) bool {
					return f.min < index && now < f.until && reported[full{holder: f.holder, life: f.life}] < index
				})
				if err != nil || w.Done && want {
					t.Fatalf("the barrier of %d is done too early: %v", index, err)
				}
				if !w.Done && (w.Until <= now || w.Until > now+Instant(Booking) || len(w.Poke) == 0) {
					t.Fatalf("the barrier of %d at %d: %+v", index, now, w)
				}
			}
			leases := 0
			for _, l := range g.booked {
				leases += len(l.leases)
			}
			if len(g.waiting) > 3 || len(g.round.serves) > 3 || len(g.booked) > 3*maxLives || leases > 3*maxLives*maxLeases || len(g.offsets) > 3 {
				t.Fatalf("it grows: %+v", g)
			}
		}
	})
}

// Many indexes within one booking are merged so that no barrier ends earlier.
func TestMergedBookings(t *testing.T) {
	g, voters := leading(1)
	for i := range uint64(3 * maxLeases) {
		g.Raise(20 + i)
		now := at(time.Duration(i) * time.Millisecond)
		_ = g.Arrive("a", request(i+1), now, 0)
		if len(granted(t, &g, voters, now)) != 1 {
			t.Fatal("no grant")
		}
	}
	if n := len(g.booked[0].leases); n > maxLeases {
		t.Errorf("%d bookings of one life", n)
	}
	for i := range uint64(3 * maxLeases) {
		end := at(time.Duration(i)*time.Millisecond + Booking) // of the lease from 20+i
		if w, _ := g.Barrier(Command{3, 21 + i}, end-1); w.Done {
			t.Errorf("the barrier of %d is done before the lease from %d ended", 21+i, 20+i)
		}
	}
}
