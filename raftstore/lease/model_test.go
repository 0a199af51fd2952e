package lease

import "slices"

// This file holds the world that explore_test.go and walk_test.go run: nodes
// with the real Holder and Grantor, a raft that is right by construction, and a
// network that delivers late, twice, in any order or never.

// rules are the rules of the protocol, each true where a test breaks it.
type rules struct {
	noRound    bool // grants at once, without a round of echoes
	joinRound  bool // a round under way serves what arrives meanwhile
	noSlack    bool // books 2 s, as long as the lease
	noWait     bool // a new leader does not wait for older leases
	lowerTerms bool // a holder takes grants of lower terms
	once       bool // no second look at the lease before the answer leaves
	staleMin   bool // grants carry the index of the epoch command only
	selfEcho   bool // the leader counts itself without a look at its term
	anyLife    bool // a report counts for all lives of its sender
	noFloor    bool // a report does not bind requests already begun
	laterTerm  bool // a replaced leader ends barriers of its successor
	noEpoch    bool // grants before the epoch command is applied
	anyEcho    bool // echoes of earlier rounds count
	keepLease  bool // a leader that is alone keeps the lease of its last leadership
	oldVoters  bool // rounds ask the voters of the time when the lead was gained
}

// scope bounds a world: how many nodes, and how often each event may happen.
type scope struct {
	name      string
	voters    int
	nodes     int
	asks      int   // requests for a lease, of each node
	elections int   // after the first
	commands  int   // barrier-class commands, beside each leader's epoch
	changes   int   // a voter more or less
	crashes   int   // kill and start again
	ticks     int   // times that the clocks move
	slots     bool  // requests of clients are steps too
	reports   bool  // direct reports, beside those in requests
	steps     []int // how far true time may move at once, in tenths of a second
	rates     [][]int
	only      []int // nodes that ask, nil: all
	targets   []int // nodes that are asked, nil: all
	elects    []int // nodes that can be elected, nil: all voters
	early     bool  // nodes are asked before they lead, too
	alone     bool  // leaders say that they are alone
	free      bool  // every step may come late, see settle; messages stay without effect
	wide      bool  // too wide to be seen whole in the normal run
}

const (
	slow = 10 // a tenth of a second on the clock in a tenth of a second
	fast = 11 // the fastest clock beside it that the protocol allows
)

type msgKind uint8

const (
	msgAsk msgKind = iota
	msgRound
	msgEcho
	msgGrant
	msgReport
)

// msg is in the network: it may be delivered at any time, or never.
type msg struct {
	kind     msgKind
	from, to int8
	nonce    Nonce
	round    RoundNonce
	term     uint64
	index    uint64
}

type node struct {
	clock   Instant
	term    uint64  // raft's, on disk
	log     []entry // on disk; entry i stands at i+1
	commit  int     // known to be committed
	applied int
	lives   int
	told    int // highest index reported directly
	peak    uint64
	holder  Holder
	leads   bool // its Grantor lives; another may lead as well
	epoch   int
	voters  uint64 // when it gained the lead
	grantor Grantor
	match   []int // what followers hold of its log, for its leadership
	asked   int
	slot    int    // view that a client's request was begun on, -1 none
	views   uint64 // set of the indexes that views of this life stood at
}

// entry is one command in a log, and the voters that raft goes by once it has it.
type entry struct {
	term   uint64
	voters uint64 // set of nodes
}

func last(log []entry) entry { return log[len(log)-1] }

type world struct {
	*scope
	rules
	nodes    []node
	msgs     []msg
	returned int // highest command whose barrier was done
	used     struct{ elections, commands, changes, crashes, ticks int }
	bad      string // the invariant that broke
}

func ids(n int) []string { return []string{"a", "b", "c", "d", "e"}[:n] }

func number(id string) int { return int(id[0] - 'a') }

// newWorld has node a lead since long ago, its epoch command applied by all.
func newWorld(s *scope, r rules) *world {
	w := &world{scope: s, rules: r, returned: 1}
	for i := range s.nodes {
		n := node{clock: 100_000_000_000, term: 1, log: []entry{{1, 1<<s.voters - 1}}, commit: 1, applied: 1, told: 1, slot: -1, views: 1 << 1}
		n.holder = NewHolder(life0(i, 0))
		w.nodes = append(w.nodes, n)
	}
	w.lead(0, 1)
	a := &w.nodes[0]
	a.grantor.lead.Gained = a.clock - Instant(Booking)
	a.grantor.Open(1, s.alone)
	return w
}

func life0(node, lives int) Life { return Life(node*100 + lives + 1) }

// lead makes node i the leader of a term whose epoch command stands last in its log.
func (w *world) lead(i int, term uint64) {
	n := &w.nodes[i]
	n.leads, n.epoch = true, len(n.log)
	n.grantor = NewGrantor(Leadership{Self: ids(w.scope.nodes)[i], Term: term, Gained: n.clock})
	n.grantor.SetMembers(ids(w.scope.nodes))
	n.voters = last(n.log).voters
	n.match = make([]int, w.scope.nodes)
	n.match[i] = len(n.log)
	if w.alone && !w.keepLease {
		n.holder.Drop()
	}
	if w.noWait {
		n.grantor.alone = true
	}
	if w.noEpoch {
		n.grantor.open = true
	}
}

func (w *world) clone() *world {
	c := *w
	c.nodes = slices.Clone(w.nodes)
	c.msgs = slices.Clone(w.msgs)
	for i := range c.nodes {
		n := &c.nodes[i]
		n.holder.sent = slices.Clone(n.holder.sent)
		if !n.leads {
			continue
		}
		n.match = slices.Clone(n.match)
		g := &n.grantor
		g.waiting = slices.Clone(g.waiting)
		g.round.echoed = slices.Clone(g.round.echoed)
		g.round.serves = slices.Clone(g.round.serves)
		g.booked = slices.Clone(g.booked)
		for j := range g.booked {
			g.booked[j].leases = slices.Clone(g.booked[j].leases)
		}
	}
	return &c
}

// tidy removes what can have no effect any more, so that worlds that differ in
// it alone count as one.
func (w *world) tidy() {
	for i := range w.nodes {
		n := &w.nodes[i]
		n.grantor.offsets = nil
		n.holder.sent = slices.DeleteFunc(n.holder.sent, func(s sent) bool { return n.clock >= s.at.after(Duration) })
		if n.leads {
			n.grantor.Forget(n.clock)
		}
	}
	if w.free {
		w.msgs = w.msgs[max(len(w.msgs)-40, 0):] // the oldest are lost
		return
	}
	w.msgs = slices.DeleteFunc(w.msgs, w.dead)
	slices.SortFunc(w.msgs, compareMsg)
	w.msgs = slices.Compact(w.msgs)
}

// dead says that delivering m would change nothing.
func (w *world) dead(m msg) bool {
	to := &w.nodes[m.to]
	switch m.kind {
	case msgAsk:
		return !w.early && !to.leads || to.leads && to.grantor.over || !w.outstanding(int(m.from), m.nonce)
	case msgGrant:
		return !w.outstanding(int(m.to), m.nonce)
	case msgRound:
		from := &w.nodes[m.from]
		return !w.anyEcho && (!from.leads || !from.grantor.running() || from.grantor.round.nonce != m.round)
	case msgEcho:
		return !to.leads || to.grantor.over || !w.anyEcho && (!to.grantor.running() || to.grantor.round.nonce != m.round)
	}
	return !to.leads || to.grantor.over && len(to.grantor.booked) == 0
}

func (w *world) outstanding(i int, n Nonce) bool {
	h := &w.nodes[i].holder
	return n.Life == h.life && slices.ContainsFunc(h.sent, func(s sent) bool { return s.seq == n.Seq })
}

func compareMsg(a, b msg) int {
	x, y := a.key(), b.key()
	return slices.Compare(x[:], y[:])
}

func (m msg) key() [9]uint64 {
	return [9]uint64{uint64(m.kind), uint64(m.from), uint64(m.to), uint64(m.nonce.Life), m.nonce.Seq,
		m.round.Term, m.round.Seq, m.term, m.index}
}
