package lease

// maxSent is how many requests without an answer a holder remembers: as many as
// it sends within the time of one lease, and some that were sent early.
const maxSent = 8

// Holder is the side of a node that serves. Its owner's lock guards it.
type Holder struct {
	life  Life
	seq   uint64 // of the last request
	term  uint64 // highest that granted; never falls
	floor uint64 // no view before it is served from, as leases asked and reports promised; never falls
	lease Lease
	sent  []sent // requests without an answer, oldest first
}

type sent struct {
	seq uint64
	at  Instant // noted before the request left
}

// NewHolder gives a holder without a lease, for one life of a node.
func NewHolder(life Life) Holder { return Holder{life: life} }

// Request gives the next request to send to whoever seems to lead. The lease
// that it may bring counts from now, so now is read before the call. The view
// that at is of must be the one that is served from by then. It promises what
// Report promises; wall is the node's wall clock in nanoseconds since 1970.
func (h *Holder) Request(at At, now Instant, wall int64) Request {
	if len(h.sent) == maxSent {
		h.sent = h.sent[1:]
	}
	h.seq++
	h.sent = append(h.sent[:len(h.sent):len(h.sent)], sent{h.seq, now})
	r := h.Report(at)
	return Request{Nonce: Nonce{h.life, h.seq}, Index: r.Index, Wall: wall}
}

// Report gives what to tell the leader once the state has got to at. From then
// on requests that were begun on a view before at.Barrier do not pass Valid any
// more: the leader may take their absence for granted when it ends a barrier.
func (h *Holder) Report(at At) Report {
	h.floor = max(h.floor, min(at.Barrier, at.Index))
	return Report{Life: h.life, Index: at.Index}
}

// Grant takes a lease from an answer. It counts from the instant noted with the
// request that the answer names. Errors: ErrUnknownNonce, ErrLowerTerm, ErrLate.
func (h *Holder) Grant(g Grant, now Instant) error {
	if g.Nonce.Life != h.life {
		return ErrUnknownNonce
	}
	i := 0
	for i < len(h.sent) && h.sent[i].seq != g.Nonce.Seq {
		i++
	}
	if i == len(h.sent) {
		return ErrUnknownNonce
	}
	if g.Term < h.term {
		return ErrLowerTerm
	}
	from := h.sent[i].at
	if now < from || now >= from.after(Duration) {
		return ErrLate
	}
	// Answers to older requests could only shorten the lease.
	h.sent = h.sent[i+1:]
	h.term, h.floor = g.Term, max(h.floor, g.MinIndex)
	h.lease = Lease{term: g.Term, from: from, until: from.after(Duration)}
	return nil
}

// Drop gives the lease up and forgets what was asked, so that no answer under
// way brings it back. Lower terms and older views stay refused.
func (h *Holder) Drop() {
	h.lease, h.sent = Lease{}, nil
}

// Lease gives the lease to publish.
func (h *Holder) Lease() Lease {
	l := h.lease
	l.min = h.floor
	return l
}

// Term is the highest term that ever granted a lease in this life.
func (h *Holder) Term() uint64 { return h.term }
