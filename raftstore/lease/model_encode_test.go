package lease

import "encoding/binary"

// encoder writes everything that decides what can still happen in a world.
// Instants are written as distances from their clock's present, so worlds that
// differ in the time of day alone count as one.
type encoder struct {
	b   []byte
	now Instant
}

func (e *encoder) put(vs ...uint64) {
	for _, v := range vs {
		e.b = binary.AppendUvarint(e.b, v)
	}
}

func (e *encoder) flag(v bool) {
	if v {
		e.put(1)
		return
	}
	e.put(0)
}

func (e *encoder) instant(t Instant) { e.put(uint64(max(t-e.now+Instant(10*Booking), 0))) }

func (w *world) encode(b []byte) []byte {
	e := &encoder{b: b}
	e.put(uint64(w.returned), uint64(w.used.elections), uint64(w.used.commands), uint64(w.used.changes), uint64(w.used.crashes), uint64(w.used.ticks))
	for i := range w.nodes {
		n := &w.nodes[i]
		e.now = n.clock
		e.node(n)
		e.flag(n.leads)
		if n.leads {
			e.put(uint64(n.epoch), n.voters)
			for _, m := range n.match {
				e.put(uint64(m))
			}
			e.grantor(&n.grantor)
		}
	}
	e.put(uint64(len(w.msgs)))
	for _, m := range w.msgs {
		k := m.key()
		e.put(k[:]...)
	}
	return e.b
}

func (e *encoder) node(n *node) {
	e.put(n.term, uint64(len(n.log)))
	for _, c := range n.log {
		e.put(c.term, c.voters)
	}
	e.put(uint64(n.commit), uint64(n.applied), uint64(n.lives), uint64(n.told), n.peak, uint64(n.asked), uint64(n.slot+1), n.views)
	h := &n.holder
	e.put(h.seq, h.term, h.floor, uint64(len(h.sent)))
	if h.lease.until > n.clock {
		e.put(h.lease.term)
		e.instant(h.lease.until)
	} else {
		e.put(0)
	}
	for _, s := range h.sent {
		e.put(s.seq)
		e.instant(s.at)
	}
}

func (e *encoder) grantor(g *Grantor) {
	e.put(g.lead.Term, g.min, g.round.nonce.Seq)
	e.instant(max(g.lead.Gained, e.now-Instant(Booking)))
	e.flag(g.open)
	e.flag(g.over)
	e.arrivals(g.waiting)
	e.arrivals(g.round.serves)
	e.put(uint64(len(g.round.voters)))
	if g.running() {
		e.instant(max(g.round.began, e.now-Instant(Patience)))
	}
	for i, v := range g.round.voters {
		e.put(uint64(v[0]))
		e.flag(g.round.echoed[i])
	}
	e.put(uint64(len(g.booked)))
	for _, l := range g.booked {
		e.put(uint64(l.holder[0]), uint64(l.life), l.reported, uint64(len(l.leases)))
		for _, b := range l.leases {
			e.put(b.min)
			e.instant(b.until)
		}
	}
}

func (e *encoder) arrivals(as []arrival) {
	e.put(uint64(len(as)))
	for _, a := range as {
		e.put(uint64(a.holder[0]), uint64(a.request.Nonce.Life), a.request.Nonce.Seq, a.request.Index)
		e.instant(a.at)
	}
}
