package raftstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signet-kms/signet/raftstore/lease"
)

// granting is what a leader keeps of the leases of all, for one leadership.
type granting struct {
	leases *Leases
	self   string
	term   uint64 // of the leadership

	mu      sync.Mutex // guards what follows; taken after Leases.mu where both are
	grantor lease.Grantor
	waiters map[lease.Nonce]chan lease.Grant
	pokes   map[string]*poke // by holder; there while it is asked
	waits   []*barrierWait   // by index, lowest first
	listens lease.Instant    // since when it listens for the wall clocks of others
}

// barrierWait is one who waits for a barrier.
type barrierWait struct {
	index uint64
	over  chan struct{} // closed once it is done, or err is set
	err   error
}

// Grant begins to grant leases, for the leader of a term whose first command stands at
// epoch and is applied. The term is the one that LeadingTerm gave before that command
// was proposed: where the lead was lost and gained again since, others may have
// committed what comes after the epoch. alone says that no other node was a member at any time before
// that command: then this node needs no lease for itself until another one is a
// member, since no other could have changed anything. Error: ErrNotLeader.
func (l *Leases) Grant(term, epoch uint64, alone bool) error {
	gained := bootTime() // later than the election, which is safe
	if now, leads := l.store.LeadingTerm(); !leads || now != term {
		return ErrNotLeader
	}
	g := &granting{
		leases: l, self: l.store.identity.NodeID, term: term, waiters: map[lease.Nonce]chan lease.Grant{},
		pokes: map[string]*poke{}, listens: gained,
		grantor: lease.NewGrantor(lease.Leadership{Self: l.store.identity.NodeID, Term: term, Gained: gained}),
	}
	members, _, err := g.members()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life == 0 {
		return ErrNoLease
	}
	l.holder.Drop() // what another leader granted
	l.publish()
	g.grantor.SetMembers(members)
	g.grantor.Open(epoch, alone)
	l.lead = g
	l.sole.Store(alone && len(members) == 1)
	l.nudge()
	return nil
}

// Cease grants nothing more. Barriers under way end as they would.
func (l *Leases) Cease() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lead = nil
	l.sole.Store(false)
}

func (l *Leases) leading() *granting {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lead
}

// Raise makes every later lease demand a state at index or later: that of a
// barrier-class command which was just applied.
func (l *Leases) Raise(index uint64) {
	if g := l.leading(); g != nil {
		g.mu.Lock()
		g.grantor.Raise(index)
		g.mu.Unlock()
	}
}

// MembersChanged makes a leader look at its members again.
func (l *Leases) MembersChanged() {
	if g := l.leading(); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		// Under the lock, or an older list could come after a newer one.
		if members, _, err := g.members(); err == nil {
			g.grantor.SetMembers(members)
		}
	}
}

// members is who may hold a lease, and who of them votes, by raft's latest
// configuration.
func (g *granting) members() (all, voters []string, err error) {
	servers, err := g.leases.store.Servers()
	for _, s := range servers {
		all = append(all, s.NodeID)
		if s.Voter {
			voters = append(voters, s.NodeID)
		}
	}
	return all, voters, err
}

// arrive is a request for a lease at the leader, from a holder that its connection
// names. It waits for the round that confirms the leadership.
func (l *Leases) arrive(ctx context.Context, from string, r lease.Request) (granted, error) {
	g := l.leading()
	if term, leads := l.store.LeadingTerm(); g == nil || !leads || term != g.term {
		return granted{}, &PeerError{"not_leader", "this node does not lead, or does not serve yet"}
	}
	index := l.index()
	answer := make(chan lease.Grant, 1)
	g.mu.Lock()
	err := g.grantor.Arrive(from, r, bootTime(), l.store.opts.Now().UnixNano())
	off := time.Duration(0)
	if err == nil {
		off = g.clockOff(from)
	}
	if err == nil && off == 0 {
		g.waiters[r.Nonce] = answer
	}
	g.mu.Unlock()
	switch {
	case err != nil:
		return granted{}, &PeerError{"no_lease", err.Error()}
	case off > 0:
		return granted{}, &PeerError{codeClock, fmt.Sprintf("the clock of this node is %v ahead of the others'", off.Round(time.Second))}
	case off < 0:
		return granted{}, &PeerError{codeClock, fmt.Sprintf("the clock of this node is %v behind the others'", -off.Round(time.Second))}
	}
	defer func() {
		g.mu.Lock()
		delete(g.waiters, r.Nonce)
		g.mu.Unlock()
	}()
	g.begin()
	select {
	case grant := <-answer:
		return granted{grant, index}, nil
	case <-ctx.Done():
		return granted{}, &PeerError{"no_lease", "no majority of the voters answered in time"}
	}
}

// begin begins a round if one is due, and asks the voters.
func (g *granting) begin() {
	g.mu.Lock()
	// Under the lock, so that the voters are those of after the last request.
	_, voters, err := g.members()
	if err != nil {
		g.mu.Unlock()
		return
	}
	round, began := g.grantor.Begin(voters, bootTime())
	g.mu.Unlock()
	if !began {
		return
	}
	for _, voter := range round.Ask {
		if voter == g.self {
			g.echoed(voter, lease.Echo{Round: round.Nonce, Term: g.leases.store.Term()})
			continue
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), lease.Patience)
			defer cancel()
			var echo lease.Echo
			if g.leases.ask(ctx, voter, opEcho, round.Nonce, &echo) == nil {
				g.echoed(voter, echo)
			}
		}()
	}
}

// echoed takes an echo, and hands out what its round grants.
func (g *granting) echoed(voter string, e lease.Echo) {
	g.mu.Lock()
	grants, err := g.grantor.Echo(voter, e, bootTime())
	for _, grant := range grants {
		if waiter := g.waiters[grant.Nonce]; waiter != nil {
			waiter <- grant // has room: each nonce is granted once
			delete(g.waiters, grant.Nonce)
		}
	}
	again := len(grants) > 0 && g.grantor.Waiting()
	g.mu.Unlock()
	if err == nil && again {
		g.begin()
	}
}

// errNotLeading is told to who waits for a barrier on a node that never granted.
var errNotLeading = errors.New("this node does not lead, so it cannot say when a change is in force everywhere")

// Barrier waits until no node serves from before a barrier-class command that this
// leader, or one before it, proposed and this node applied at index. It says how long
// that took. Errors: that of ctx, when the change may not be in force everywhere yet;
// and one for a node that does not lead any more, which knows nothing of the leases of
// the next leader.
func (l *Leases) Barrier(ctx context.Context, index uint64) (time.Duration, error) {
	g := l.leading()
	if g == nil {
		return 0, errNotLeading
	}
	// What stood in this node's log when it led in this term, another leader of a
	// later one did not put there.
	if term, leads := l.store.LeadingTerm(); !leads || term != g.term {
		return 0, errNotLeading
	}
	began := time.Now()
	w := &barrierWait{index: index, over: make(chan struct{})}
	l.mu.Lock()
	own := lease.Report{}
	if l.life != 0 {
		own = l.holder.Report(lease.At{Index: l.index()})
		l.publish()
	}
	l.mu.Unlock()
	g.mu.Lock()
	g.grantor.Report(g.self, own)
	g.grantor.Raise(index)
	g.waits = append(g.waits, w)
	slices.SortStableFunc(g.waits, func(a, b *barrierWait) int { return cmp.Compare(a.index, b.index) })
	wait := g.settle()
	g.mu.Unlock()
	select {
	case <-w.over: // at once, as on a node that is alone
		return time.Since(began), w.err
	default:
	}
	defer g.leave(w)
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-w.over:
			return time.Since(began), w.err
		case <-t.C:
			g.mu.Lock()
			wait := g.settle()
			g.mu.Unlock()
			t.Reset(wait)
		case <-ctx.Done():
			return time.Since(began), ctx.Err()
		}
	}
}

// settle ends the barriers that are done, and has the holders asked whom the others
// wait for. A barrier is done no later than one of a later command, so it looks at
// the first that is not, and no further: many may wait at once. It returns when to
// look again at the latest. mu is held.
func (g *granting) settle() time.Duration {
	now := bootTime()
	for len(g.waits) > 0 {
		w := g.waits[0]
		wait, err := g.grantor.Barrier(lease.Command{Term: g.grantor.Term(), Index: w.index}, now)
		if err == nil && !wait.Done {
			for _, holder := range wait.Poke {
				g.poke(holder, g.waits[len(g.waits)-1].index) // one report for all of them
			}
			return time.Duration(wait.Until-now) + time.Millisecond
		}
		w.err = err
		close(w.over)
		g.waits = g.waits[1:]
	}
	return lease.Booking // for whoever did not notice yet that its own is over
}

// leave forgets one who waits no longer.
func (g *granting) leave(w *barrierWait) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waits = slices.DeleteFunc(g.waits, func(other *barrierWait) bool { return other == w })
}
