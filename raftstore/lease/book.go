package lease

import "slices"

// Bounds of the book. A node that starts more often within Booking waits for a
// lease until the bookings of its earlier lives have expired.
const (
	maxLives  = 4 // of one holder
	maxLeases = 8 // of one life with different indexes; more are merged
)

// life is what is booked for one life of a holder.
type life struct {
	holder   string
	life     Life
	reported uint64    // the highest index it reported
	leases   []booking // with rising min
}

// booking is a lease that a holder may have, until an instant of the leader's
// clock.
type booking struct {
	min   uint64
	until Instant
}

// book notes a lease before its grant is sent. It reports whether there was
// room.
func (g *Grantor) book(a arrival, b booking) bool {
	i := slices.IndexFunc(g.booked, func(l life) bool { return l.holder == a.holder && l.life == a.request.Nonce.Life })
	if i < 0 {
		lives := 0
		for _, l := range g.booked {
			if l.holder == a.holder {
				lives++
			}
		}
		if lives >= maxLives {
			return false
		}
		g.booked = append(g.booked, life{holder: a.holder, life: a.request.Nonce.Life})
		i = len(g.booked) - 1
	}
	l := &g.booked[i]
	l.reported = max(l.reported, a.request.Index)
	last := len(l.leases) - 1
	switch {
	case last >= 0 && l.leases[last].min == b.min:
		l.leases[last].until = max(l.leases[last].until, b.until)
	case len(l.leases) == maxLeases:
		// One booking with the lower index and the later end covers both.
		l.leases[1] = booking{l.leases[0].min, max(l.leases[0].until, l.leases[1].until)}
		l.leases = append(l.leases[1:], b)
	default:
		l.leases = append(l.leases, b)
	}
	return true
}

// Report notes how far a holder's state has got. What a life reported says
// nothing of the holder's next life, which may start from an older state.
func (g *Grantor) Report(holder string, r Report) {
	for i := range g.booked {
		if l := &g.booked[i]; l.holder == holder && l.life == r.Life {
			l.reported = max(l.reported, r.Index)
		}
	}
}

// Forget removes the bookings that have expired. Grants and barriers do it too.
func (g *Grantor) Forget(now Instant) {
	for i := range g.booked {
		l := &g.booked[i]
		l.leases = slices.DeleteFunc(l.leases, func(b booking) bool { return now >= b.until })
	}
	g.booked = slices.DeleteFunc(g.booked, func(l life) bool { return len(l.leases) == 0 })
}

// Wait says how a barrier stands.
type Wait struct {
	Done  bool     // no node can serve from before the command any more
	Until Instant  // else: when it is done at the latest
	Poke  []string // else: whose reports would end it sooner, if the leadership is old enough
}

// Barrier says whether any node can still serve from a view that lacks command
// b, which this leadership or an earlier one committed and this node's machine
// has applied. It also raises the index of later grants to b's, so that no
// lease is added to those it waits for. The caller asks again after reports and
// at Until. It stays right after the leadership has ended. Errors: ErrLaterTerm.
func (g *Grantor) Barrier(b Command, now Instant) (Wait, error) {
	if b.Term > g.lead.Term {
		return Wait{}, ErrLaterTerm
	}
	g.Raise(b.Index)
	g.Forget(now)
	w := Wait{Done: true, Until: now}
	if inherited := g.lead.Gained.after(Booking); now < inherited && !g.alone {
		w = Wait{Until: inherited}
	}
	for _, l := range g.booked {
		if l.reported >= b.Index || l.leases[0].min >= b.Index {
			continue
		}
		for _, lease := range l.leases {
			if lease.min < b.Index {
				w.Done, w.Until = false, max(w.Until, lease.until)
			}
		}
		if !slices.Contains(w.Poke, l.holder) {
			w.Poke = append(w.Poke, l.holder)
		}
	}
	return w, nil
}
