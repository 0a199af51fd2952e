package lease

import "slices"

// Leadership is one gain of the lead by one node.
type Leadership struct {
	Self   string
	Term   uint64
	Gained Instant // read after the election was won; later is safe, earlier is not
}

// Grantor is the side of a leader, for one leadership: whoever gains the lead,
// again or in a new process, starts with a new one. Its owner's lock guards it.
// What it keeps is bounded by the number of members, whatever is sent to it.
type Grantor struct {
	lead    Leadership
	open    bool     // the epoch command is applied
	over    bool     // a voter showed a later term
	alone   bool     // nobody else can hold a lease of an earlier leadership
	min     uint64   // what grants carry; never falls
	members []string // who may hold a lease, sorted
	waiting []arrival
	round   round
	booked  []life
	offsets []offset
}

// arrival is a request that waits for a round, at most one a holder in each of
// waiting and round.serves.
type arrival struct {
	holder  string
	request Request
	at      Instant
}

// round is the running round; nobody to ask means that none runs.
type round struct {
	nonce  RoundNonce
	began  Instant
	voters []string // sorted
	echoed []bool   // beside voters
	serves []arrival
}

// NewGrantor gives the grantor of a leadership. It grants nothing before Open.
func NewGrantor(l Leadership) Grantor { return Grantor{lead: l} }

// Open lets grants begin, once the machine has applied this leadership's first
// command, which stands at index epoch. Every command that an earlier leader
// committed comes before it, so no grant of this leadership lets a node serve
// without one of them.
//
// Alone says that no other node was a member of this cluster, voter or replica,
// at any time up to that command, and that this node's own holder dropped its
// lease after the lead was gained. Then no lease of an earlier leadership is
// left, and barriers need not wait for one.
func (g *Grantor) Open(epoch uint64, alone bool) {
	g.open, g.alone = true, alone
	g.Raise(epoch)
}

// SetMembers says who may hold a lease: voters and replicas, the leader too. A
// holder that left gets no grant any more; what is booked for it stays until it
// expires.
func (g *Grantor) SetMembers(members []string) {
	g.members = sorted(members)
	g.waiting = slices.DeleteFunc(g.waiting, func(a arrival) bool { return !g.member(a.holder) })
	g.offsets = slices.DeleteFunc(g.offsets, func(o offset) bool { return !g.member(o.node) })
}

func (g *Grantor) member(id string) bool {
	_, ok := slices.BinarySearch(g.members, id)
	return ok
}

// Raise makes every later grant carry at least index. It is called when a
// barrier-class command is applied; an index below the present one changes
// nothing.
func (g *Grantor) Raise(index uint64) { g.min = max(g.min, index) }

// MinIndex is what the next grant carries.
func (g *Grantor) MinIndex() uint64 { return g.min }

// Term is that of the leadership.
func (g *Grantor) Term() uint64 { return g.lead.Term }

// Arrive takes a request of a holder, whose identity the caller knows from its
// certificate, not from the request. Now is read after the request was received
// and wall is the leader's wall clock. A later request of the same holder takes
// the place of one that waits. Errors: ErrStranger, ErrDeposed.
func (g *Grantor) Arrive(holder string, r Request, now Instant, wall int64) error {
	if !g.member(holder) {
		return ErrStranger
	}
	g.Report(holder, Report{r.Nonce.Life, r.Index})
	g.noteOffset(holder, r.Wall, now, wall)
	if g.over {
		return ErrDeposed
	}
	a := arrival{holder, r, now}
	if i := slices.IndexFunc(g.waiting, func(w arrival) bool { return w.holder == holder }); i >= 0 {
		g.waiting[i] = a
	} else {
		g.waiting = append(g.waiting, a)
	}
	return nil
}

// Begin begins a round that serves every request that has arrived, and says
// whom to ask. Voters is raft's latest configuration, committed or not, read
// after the last Arrive: hold the lock from the reading to this call.
//
// It begins none before Open, after the leadership ended, if no request waits,
// or if a round with the same voters runs and is younger than Patience. An
// older round, or one with other voters, is given up and its requests are
// served by the new one.
func (g *Grantor) Begin(voters []string, now Instant) (Round, bool) {
	voters = sorted(voters)
	if !g.open || g.over || len(voters) == 0 {
		return Round{}, false
	}
	if g.running() && now < g.round.began.after(Patience) && slices.Equal(voters, g.round.voters) {
		return Round{}, false
	}
	for _, a := range g.round.serves {
		if !slices.ContainsFunc(g.waiting, func(w arrival) bool { return w.holder == a.holder }) {
			g.waiting = append(g.waiting, a)
		}
	}
	seq := g.round.nonce.Seq
	g.round = round{nonce: RoundNonce{g.lead.Term, seq}}
	if len(g.waiting) == 0 {
		return Round{}, false
	}
	g.round = round{RoundNonce{g.lead.Term, seq + 1}, now, voters, make([]bool, len(voters)), g.waiting}
	g.waiting = nil
	return g.Running()
}

// Running gives the running round and whom it has not heard yet. Asking a voter
// twice does no harm.
func (g *Grantor) Running() (Round, bool) {
	if !g.running() {
		return Round{}, false
	}
	r := Round{Nonce: g.round.nonce}
	for i, v := range g.round.voters {
		if !g.round.echoed[i] {
			r.Ask = append(r.Ask, v)
		}
	}
	return r, true
}

func (g *Grantor) running() bool { return len(g.round.voters) > 0 }

// Waiting says whether a request waits for a round to begin.
func (g *Grantor) Waiting() bool { return len(g.waiting) > 0 }

// Echo takes a voter's answer to the running round. The leader's own echo comes
// this way too, with the term that its raft shows after the round began: it may
// have voted for another by then. With the majority it returns the grants to
// send, which are booked. Errors: ErrStaleEcho, ErrDeposed.
func (g *Grantor) Echo(voter string, e Echo, now Instant) ([]Grant, error) {
	i, ok := slices.BinarySearch(g.round.voters, voter)
	if !ok || e.Round != g.round.nonce {
		return nil, ErrStaleEcho
	}
	if e.Term > g.lead.Term {
		g.over, g.waiting, g.round = true, nil, round{}
		return nil, ErrDeposed
	}
	if e.Term < g.lead.Term {
		return nil, ErrStaleEcho
	}
	g.round.echoed[i] = true
	heard := 0
	for _, echoed := range g.round.echoed {
		if echoed {
			heard++
		}
	}
	if 2*heard <= len(g.round.voters) {
		return nil, nil
	}
	return g.grant(now), nil
}

// grant ends the running round with a grant for each request that it serves.
func (g *Grantor) grant(now Instant) []Grant {
	g.Forget(now)
	var grants []Grant
	for _, a := range g.round.serves {
		until := a.at.after(Booking)
		if now >= until || !g.member(a.holder) || !g.book(a, booking{g.min, until}) {
			continue
		}
		grants = append(grants, Grant{a.holder, a.request.Nonce, g.lead.Term, g.min})
	}
	g.round = round{nonce: g.round.nonce}
	return grants
}

// sorted gives a sorted copy without repeats.
func sorted(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}
