package lease

import (
	"fmt"
	"slices"
	"strings"
)

// names gives the ids of a set of nodes.
func names(set uint64) []string {
	var list []string
	for i, id := range ids(5) {
		if set&(1<<i) != 0 {
			list = append(list, id)
		}
	}
	return list
}

// deliver hands one message to whom it is for.
func (w *world) deliver(m msg) {
	to := &w.nodes[m.to]
	switch m.kind {
	case msgAsk:
		if to.leads {
			w.arrive(int(m.to), m)
		}
	case msgRound:
		w.send(msg{kind: msgEcho, from: m.to, to: m.from, round: m.round, term: to.term})
	case msgEcho:
		if to.leads {
			w.echo(int(m.to), int(m.from), Echo{m.round, m.term})
		}
	case msgGrant:
		if w.lowerTerms {
			to.holder.term = 0
		}
		g := Grant{ids(w.scope.nodes)[m.to], m.nonce, m.term, m.index}
		_ = to.holder.Grant(g, to.clock) // what it refuses is refused
	case msgReport:
		if to.leads {
			w.hear(to, m)
		}
	}
}

func (w *world) hear(to *node, m msg) {
	from := ids(w.scope.nodes)[m.from]
	to.grantor.Report(from, Report{m.nonce.Life, m.index})
	if w.anyLife {
		for n := range w.nodes[m.from].lives + 1 {
			to.grantor.Report(from, Report{life0(int(m.from), n), m.index})
		}
	}
}

func (w *world) arrive(i int, m msg) {
	n := &w.nodes[i]
	g := &n.grantor
	r := Request{Nonce: m.nonce, Index: m.index}
	if g.Arrive(ids(w.scope.nodes)[m.from], r, n.clock, 0) != nil {
		return
	}
	switch {
	case w.noRound && g.open:
		g.round.serves, g.waiting = g.waiting, nil
		w.granted(i, g.grant(n.clock))
	case w.joinRound && g.running():
		for _, a := range g.waiting {
			g.round.serves = slices.DeleteFunc(g.round.serves, func(s arrival) bool { return s.holder == a.holder })
		}
		g.round.serves, g.waiting = append(g.round.serves, g.waiting...), nil
	}
}

func (w *world) begin(i int) {
	n := &w.nodes[i]
	g := &n.grantor
	voters := last(n.log).voters
	if w.oldVoters {
		voters = n.voters
	}
	r, ok := g.Begin(names(voters), n.clock)
	if !ok {
		return
	}
	for _, v := range r.Ask {
		if w.selfEcho && number(v) == i {
			w.echo(i, i, Echo{r.Nonce, g.lead.Term})
			continue
		}
		w.send(msg{kind: msgRound, from: int8(i), to: int8(number(v)), round: r.Nonce})
	}
}

func (w *world) echo(i, from int, e Echo) {
	g := &w.nodes[i].grantor
	if w.anyEcho {
		e.Round = g.round.nonce
	}
	grants, _ := g.Echo(ids(w.scope.nodes)[from], e, w.nodes[i].clock)
	w.granted(i, grants)
}

func (w *world) granted(i int, grants []Grant) {
	if w.noSlack {
		for _, l := range w.nodes[i].grantor.booked {
			for j := range l.leases {
				if len(grants) > 0 && j == len(l.leases)-1 && l.holder == grants[0].Holder {
					l.leases[j].until -= Instant(Booking - Duration)
				}
			}
		}
	}
	for _, g := range grants {
		w.send(msg{kind: msgGrant, from: int8(i), to: int8(number(g.Holder)), nonce: g.Nonce, term: g.Term, index: g.MinIndex})
	}
}

// describe says what a step does, for a trace.
func (w *world) describe(a action) string {
	all := ids(w.scope.nodes)
	name := func(i int8) string { return all[i] }
	switch a.kind {
	case doAsk:
		return fmt.Sprintf("%s, at index %d, asks %s for a lease", name(a.a), w.nodes[a.a].applied, name(a.b))
	case doReport:
		return fmt.Sprintf("%s reports index %d to %s", name(a.a), w.nodes[a.a].applied, name(a.b))
	case doDeliver:
		return w.msgs[a.a].String(w)
	case doRepeat:
		return w.msgs[a.a].String(w) + ", and will once more"
	case doBegin:
		return fmt.Sprintf("%s begins a round", name(a.a))
	case doCommand:
		return fmt.Sprintf("%s appends command %d", name(a.a), len(w.nodes[a.a].log)+1)
	case doChange:
		voters := last(w.nodes[a.a].log).voters ^ 1<<a.b
		return fmt.Sprintf("%s appends command %d: the voters are %s", name(a.a), len(w.nodes[a.a].log)+1, strings.Join(names(voters), ""))
	case doReplicate:
		return fmt.Sprintf("%s replicates to %s, which knows %d to be committed", name(a.a), name(a.b), max(w.nodes[a.a].commit, w.nodes[a.b].commit))
	case doCommit:
		return fmt.Sprintf("%s sees index %d committed", name(a.a), w.quorum(&w.nodes[a.a]))
	case doApply:
		return fmt.Sprintf("%s applies up to index %d", name(a.a), w.nodes[a.a].commit)
	case doElect:
		return fmt.Sprintf("%s is elected by %s", name(a.a), strings.Join(names(uint64(a.b)), ""))
	case doCrash:
		return fmt.Sprintf("%s is killed and starts again at index %d", name(a.a), a.b)
	case doTake:
		return fmt.Sprintf("%s begins a client's request at index %d", name(a.a), w.nodes[a.a].applied)
	case doAnswer:
		return fmt.Sprintf("%s answers the client's request of index %d", name(a.a), w.nodes[a.a].slot)
	case doDrop:
		return fmt.Sprintf("%s drops its lease", name(a.a))
	}
	tenths := 0
	if a.a < 0 {
		tenths = w.nextEnd(w.rates[a.b])
	} else {
		tenths = w.steps[a.a]
	}
	return fmt.Sprintf("%d.%d s pass, clocks run at %v tenths", tenths/10, tenths%10, w.rates[a.b])
}

func (m msg) String(w *world) string {
	all := ids(w.scope.nodes)
	from, to := all[m.from], all[m.to]
	switch m.kind {
	case msgAsk:
		return fmt.Sprintf("%s receives request %d of %s (index %d)", to, m.nonce.Seq, from, m.index)
	case msgRound:
		return fmt.Sprintf("%s reads its term %d for round %d of %s", to, w.nodes[m.to].term, m.round.Seq, from)
	case msgEcho:
		return fmt.Sprintf("%s receives the echo of %s to round %d, term %d", to, from, m.round.Seq, m.term)
	case msgGrant:
		return fmt.Sprintf("%s receives the grant for its request %d: term %d, from index %d", to, m.nonce.Seq, m.term, m.index)
	}
	return fmt.Sprintf("%s receives a report of %s, life %d: index %d", to, from, m.nonce.Life, m.index)
}
