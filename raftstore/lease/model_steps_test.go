package lease

import (
	"fmt"
	"math/bits"
	"slices"
)

type kind uint8

const (
	doAsk       kind = iota // node a asks leader b for a lease
	doDeliver               // message number a arrives
	doBegin                 // leader a begins a round
	doCommand               // leader a appends a barrier-class command
	doChange                // leader a makes node b a voter, or no voter any more
	doReplicate             // leader a brings node b's log up to its own
	doCommit                // leader a learns what a majority holds
	doApply                 // node a applies what it knows to be committed
	doElect                 // node a wins an election with the votes of the set b
	doCrash                 // node a is killed and starts again from a snapshot at index b
	doReport                // node a reports to leader b
	doTake                  // a client's request on node a: lease and view taken
	doAnswer                // the same: lease looked at again, answer given
	doTick                  // clocks move by steps[a] with rates[b]; a == -1: to the next end of something
	doDrop                  // node a gives up its lease (walks only)
	doRepeat                // message number a arrives and stays in the network (walks only)
)

// action is one step of a world.
type action struct {
	kind kind
	a, b int8
}

// actions lists every step that is possible and within the scope.
func (w *world) actions(out []action) []action {
	add := func(k kind, a, b int) { out = append(out, action{k, int8(a), int8(b)}) }
	for i := range w.msgs {
		add(doDeliver, i, 0)
	}
	for i := range w.nodes {
		n := &w.nodes[i]
		if n.applied < n.commit {
			add(doApply, i, 0)
		}
		if w.used.crashes < w.crashes {
			add(doCrash, i, 1)
		}
		if w.slots && n.slot < 0 && n.holder.lease.until > n.clock {
			add(doTake, i, 0)
		}
		if n.slot >= 0 {
			add(doAnswer, i, 0)
		}
		for j := range w.nodes {
			leads := w.nodes[j].leads
			may := allowed(w.only, i) && allowed(w.targets, j) && (leads || w.early) && !(leads && w.nodes[j].grantor.over)
			if n.asked < w.asks && may {
				add(doAsk, i, j)
			}
			if !leads {
				continue
			}
			if w.reports && n.applied > n.told {
				add(doReport, i, j)
			}
		}
		if n.leads {
			out = w.leaderActions(i, out)
		}
		if w.used.elections < w.elections && allowed(w.elects, i) {
			for votes := range 1 << w.scope.nodes {
				if w.canWin(i, uint64(votes)) {
					add(doElect, i, votes)
				}
			}
		}
	}
	if w.used.ticks < w.ticks {
		for r := range w.rates {
			if w.nextEnd(w.rates[r]) > 0 {
				add(doTick, -1, r)
			}
			for s := range w.steps {
				add(doTick, s, r)
			}
		}
	}
	return out
}

func allowed(list []int, i int) bool { return list == nil || slices.Contains(list, i) }

func (w *world) leaderActions(i int, out []action) []action {
	n := &w.nodes[i]
	if g := &n.grantor; g.open && !g.over && (w.free && g.Waiting() || g.running() && w.replaces(n)) {
		out = append(out, action{doBegin, int8(i), 0})
	}
	if n.term != n.grantor.lead.Term {
		return out // raft follows another already; the Grantor was not told
	}
	if w.used.commands < w.commands && n.applied >= n.epoch {
		out = append(out, action{doCommand, int8(i), 0})
	}
	if w.used.changes < w.changes && n.commit >= n.epoch && n.log[n.commit-1].voters == last(n.log).voters {
		for v := range w.nodes {
			if last(n.log).voters != 1<<v {
				out = append(out, action{doChange, int8(i), int8(v)})
			}
		}
	}
	if w.free && w.quorum(n) > n.commit {
		out = append(out, action{doCommit, int8(i), 0})
	}
	for j := range w.nodes {
		v := &w.nodes[j]
		if j != i && v.term <= n.term && (len(v.log) < len(n.log) || v.term < n.term || v.commit < n.commit) {
			out = append(out, action{doReplicate, int8(i), int8(j)})
		}
	}
	return out
}

// replaces says whether a round that began now would take the place of the one
// that runs.
func (w *world) replaces(n *node) bool {
	r := n.grantor.round
	return n.clock >= r.began.after(Patience) || !slices.Equal(r.voters, names(last(n.log).voters))
}

// quorum is the highest index that a majority holds, if it is of the leader's term.
func (w *world) quorum(n *node) int {
	for i := len(n.log); i >= n.epoch; i-- {
		held := 0
		for v, m := range n.match {
			if last(n.log).voters&(1<<v) != 0 && m >= i {
				held++
			}
		}
		if 2*held > bits.OnesCount64(last(n.log).voters) {
			return i
		}
	}
	return 0
}

// canWin says whether exactly these voters, a bare majority, can elect i.
func (w *world) canWin(i int, votes uint64) bool {
	log := w.nodes[i].log
	voters := last(log).voters
	if votes&^voters != 0 || votes&(1<<i) == 0 || bits.OnesCount64(votes) != bits.OnesCount64(voters)/2+1 {
		return false
	}
	for v := range w.nodes {
		if votes&(1<<v) != 0 && !upToDate(log, w.nodes[v].log) {
			return false
		}
	}
	return true
}

// upToDate is raft's rule for votes: log a is at least as far as b.
func upToDate(a, b []entry) bool {
	x, y := last(a).term, last(b).term
	return x > y || x == y && len(a) >= len(b)
}

// do takes one step. The votes of an election are cast and counted in the same
// moment: a vote cast earlier only ends a voter's echoes earlier.
func (w *world) do(a action) {
	i := int(a.a)
	switch a.kind {
	case doAsk:
		w.ask(i, a.b)
	case doReport:
		w.report(i, a.b)
	case doDeliver:
		m := w.msgs[i]
		w.msgs = slices.Delete(w.msgs, i, i+1)
		w.deliver(m)
	case doRepeat:
		w.deliver(w.msgs[i])
	case doBegin:
		w.begin(i)
	case doCommand:
		w.used.commands++
		w.append(i, last(w.nodes[i].log).voters)
	case doChange:
		w.used.changes++
		w.append(i, last(w.nodes[i].log).voters^1<<a.b)
	case doReplicate:
		w.replicate(i, int(a.b))
	case doCommit:
		w.nodes[i].commit = w.quorum(&w.nodes[i])
	case doApply:
		n := &w.nodes[i]
		n.applied = n.commit
		n.views |= 1 << n.applied
		if n.leads && n.applied >= n.epoch && n.log[n.epoch-1].term == n.grantor.lead.Term {
			n.grantor.Open(uint64(n.epoch), w.alone || w.noWait)
		}
	case doElect:
		w.elect(i, uint64(a.b))
	case doCrash:
		w.crash(i, int(a.b))
	case doTake:
		w.take(i)
	case doAnswer:
		w.answer(i)
	case doTick:
		w.tick(i, w.rates[a.b])
	case doDrop:
		w.nodes[i].holder.Drop()
	}
	if !w.free {
		w.settle()
	}
	w.barriers()
	w.check()
	w.tidy()
}

// settle takes at once the steps that gain nothing by coming later, which saves
// an exploration most of its worlds. A round that begins with the arrival, with
// the voters of then, lets them read their terms as early as ever; terms only
// grow, so the earliest reading that shows the leader's term is the one that
// counts longest, and an echo of a later term only ends a leadership. A leader
// that learns of a commit later only ends barriers later. That a round takes the
// place of another stays a step of its own.
func (w *world) settle() {
	for i := range w.nodes {
		n := &w.nodes[i]
		if !n.leads {
			continue
		}
		if n.term == n.grantor.lead.Term {
			n.commit = max(n.commit, w.quorum(n))
		}
		if !n.grantor.running() {
			w.begin(i)
		}
	}
	for again := true; again; {
		again = false
		for i, m := range w.msgs {
			if m.kind != msgRound || w.nodes[m.to].term < m.round.Term {
				continue
			}
			again = true
			w.msgs = slices.Delete(w.msgs, i, i+1)
			switch {
			case w.nodes[m.to].term > m.round.Term:
			case m.from == m.to:
				w.echo(int(m.to), int(m.from), Echo{m.round, w.nodes[m.to].term})
			default:
				w.deliver(m)
			}
			break
		}
	}
}

func (w *world) ask(i int, leader int8) {
	n := &w.nodes[i]
	n.asked++
	floor := n.holder.floor
	r := n.holder.Request(w.at(n), n.clock, 0)
	w.unfloor(n, floor)
	w.send(msg{kind: msgAsk, from: int8(i), to: leader, nonce: r.Nonce, index: r.Index})
}

func (w *world) report(i int, leader int8) {
	n := &w.nodes[i]
	n.told = n.applied
	floor := n.holder.floor
	r := n.holder.Report(w.at(n))
	w.unfloor(n, floor)
	w.send(msg{kind: msgReport, from: int8(i), to: leader, nonce: Nonce{Life: r.Life}, index: r.Index})
}

func (w *world) replicate(leader, to int) {
	n, v := &w.nodes[leader], &w.nodes[to]
	v.term, v.log = n.term, n.log
	v.commit = max(v.commit, n.commit)
	n.match[to] = len(n.log)
}

// take begins a client's request on the view of now, answer ends it.
func (w *world) take(i int) {
	n := &w.nodes[i]
	if l := n.holder.Lease(); l.Valid(n.clock, uint64(n.applied)) == nil {
		n.slot = n.applied
	}
}

func (w *world) answer(i int) {
	n := &w.nodes[i]
	l := n.holder.Lease()
	if (w.once || l.Valid(n.clock, uint64(n.slot)) == nil) && n.slot < w.returned {
		w.bad = fmt.Sprintf("node %s answers from index %d after the barrier of %d was done", ids(w.scope.nodes)[i], n.slot, w.returned)
	}
	n.slot = -1
}

// at takes every command as barrier-class, as all of them are here.
func (w *world) at(n *node) At { return At{uint64(n.applied), uint64(n.applied)} }

func (w *world) unfloor(n *node, floor uint64) {
	if w.noFloor {
		n.holder.floor = floor
	}
}

func (w *world) send(m msg) { w.msgs = append(w.msgs, m) }

func (w *world) append(i int, voters uint64) {
	n := &w.nodes[i]
	n.log = append(slices.Clone(n.log), entry{n.term, voters})
	n.match[i] = len(n.log)
}

func (w *world) elect(i int, votes uint64) {
	w.used.elections++
	term := uint64(0)
	for v := range w.nodes {
		term = max(term, w.nodes[v].term)
	}
	for v := range w.nodes {
		if votes&(1<<v) != 0 {
			w.nodes[v].term = term + 1
		}
	}
	n := &w.nodes[i]
	n.log = append(slices.Clone(n.log), entry{term + 1, last(n.log).voters})
	w.lead(i, term+1)
}

// crash loses all but what raft has on disk; the state starts from a snapshot.
func (w *world) crash(i, snapshot int) {
	w.used.crashes++
	n := &w.nodes[i]
	n.lives++
	*n = node{clock: n.clock, term: n.term, log: n.log, commit: snapshot, applied: snapshot, told: snapshot, lives: n.lives,
		asked: n.asked, slot: -1, views: 1 << snapshot, holder: NewHolder(life0(i, n.lives))}
}

// tick moves true time by steps[s], or to the next end of a lease, a booking or
// a wait, and each clock at its rate.
func (w *world) tick(s int, rates []int) {
	w.used.ticks++
	tenths := 0
	if s < 0 {
		tenths = w.nextEnd(rates)
	} else {
		tenths = w.steps[s]
	}
	for i := range w.nodes {
		w.nodes[i].clock += Instant(tenths * rates[i] * 10_000_000)
	}
}

// nextEnd is how many tenths of a second it takes, with these rates, until a
// lease, a booking or a new leader's wait ends; 0 if there is none.
func (w *world) nextEnd(rates []int) int {
	next := 0
	see := func(i int, t Instant) {
		if left := t - w.nodes[i].clock; left > 0 {
			unit := Instant(rates[i] * 10_000_000)
			if d := int((left + unit - 1) / unit); next == 0 || d < next {
				next = d
			}
		}
	}
	for i := range w.nodes {
		n := &w.nodes[i]
		see(i, n.holder.lease.until)
		if !n.leads {
			continue
		}
		see(i, n.grantor.lead.Gained.after(Booking))
		for _, l := range n.grantor.booked {
			for _, b := range l.leases {
				see(i, b.until)
			}
		}
	}
	return next
}

// barriers ends each barrier at the first moment it can end: whoever looks later
// promises less.
func (w *world) barriers() {
	for i := range w.nodes {
		n := &w.nodes[i]
		if !n.leads {
			continue
		}
		for b := w.returned + 1; b <= n.applied; b++ {
			c := Command{n.log[b-1].term, uint64(b)}
			if w.laterTerm {
				c.Term = min(c.Term, n.grantor.lead.Term)
			}
			if done, err := n.grantor.Barrier(c, n.clock); err == nil && done.Done {
				w.returned = b
			}
		}
		if w.staleMin {
			n.grantor.min = uint64(n.epoch)
		}
	}
}

// check holds the invariants. A view that lacks a command whose barrier was done
// must not pass: neither one taken now nor one of this life that a request may
// have been begun on.
func (w *world) check() {
	for i := range w.nodes {
		n := &w.nodes[i]
		l := n.holder.Lease()
		old := n.views & (1<<w.returned - 1)
		if view := bits.Len64(old) - 1; old != 0 && l.Valid(n.clock, uint64(view)) == nil {
			w.bad = fmt.Sprintf("node %s may serve from index %d after the barrier of %d was done", ids(w.scope.nodes)[i], view, w.returned)
		}
		if l.term < n.peak && l.until > n.clock {
			w.bad = fmt.Sprintf("node %s went back from term %d to a lease of term %d", ids(w.scope.nodes)[i], n.peak, l.term)
		}
		n.peak = max(n.peak, l.term)
	}
}
