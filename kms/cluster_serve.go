package kms

import (
	"context"
	"sync"
	"time"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// moved tells who waits that the view changed. Nobody waits most of the time.
type moved struct {
	mu sync.Mutex
	ch chan struct{} // nil while nobody waits
}

func (m *moved) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ch != nil {
		close(m.ch)
		m.ch = nil
	}
}

func (m *moved) next() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ch == nil {
		m.ch = make(chan struct{})
	}
	return m.ch
}

// stateIndex is the index of the state that new requests see; 0 while sealed.
func (s *Service) stateIndex() uint64 {
	if v := s.view.Load(); v != nil {
		return v.Index
	}
	return 0
}

// reach waits until new requests see a state at index or later. Errors: ErrSealed,
// that of ctx.
func (s *Service) reach(ctx context.Context, index uint64) error {
	for {
		next := s.moved.next()
		v := s.view.Load()
		if v == nil {
			return ErrSealed
		}
		if v.Index >= index {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// mayServe says whether a request may begin on v.
func (s *Service) mayServe(v *view) error {
	if v == nil {
		return ErrSealed
	}
	return s.store.Leases().Valid(v.Index)
}

// behindFor is how long a request waits for this node's state to get to where the
// lease, or the leader, demands it.
const behindFor = 250 * time.Millisecond

// catchUpWithLease waits until this node's state is as new as its lease demands.
func (s *Service) catchUpWithLease() bool {
	ctx, cancel := context.WithTimeout(context.Background(), behindFor)
	defer cancel()
	return s.reach(ctx, s.store.Leases().MinIndex()) == nil
}

func (s *Service) whyNotServing() error {
	if s.view.Load() == nil || s.sealing.Load() {
		return ErrSealed
	}
	if leader, _ := s.store.Leader(); leader == "" {
		return s.noLeader()
	}
	if why := s.store.Leases().ClockWrong(); why != "" {
		return saying(ErrNoLease, "%s, so it does not answer: put its clock right", why)
	}
	return ErrNoLease
}

// longElection is when an election is none any more: raft holds several a second.
const longElection = 15 * time.Second

// noLeader is ErrNoLeader, which tells after a while what an operator has to see to.
func (s *Service) noLeader() error {
	if s.removed() {
		return errRemoved
	}
	if s.refusedByPeers() {
		return errRefused
	}
	voters := 0
	servers, err := s.store.Servers()
	for _, server := range servers {
		if server.Voter {
			voters++
		}
	}
	since := s.store.Leaderless()
	if err != nil || voters < 2 || since < longElection {
		return ErrNoLeader
	}
	return saying(ErrNoLeader, "the cluster has had no leader for %v, as far as this node knows: %d of its %d voters have to run and to reach one another, sealed or not; if so many are lost for good, go on without them with 'signet operator recover'",
		since.Round(time.Second), voters/2+1, voters)
}

// hasPeers says whether the cluster has, or had, other members than this node.
func (s *Service) hasPeers() bool {
	roster := s.store.Roster()
	if roster != nil && len(roster.Members) > 1 {
		return true
	}
	servers, err := s.store.Servers()
	return err == nil && (len(servers) > 1 || len(servers) == 1 && servers[0].NodeID != s.store.Identity().NodeID) ||
		roster != nil && len(servers) == 0
}

// follows names the leader when that is another node; "" on a leader, and while
// there is none.
func (s *Service) follows() string {
	if s.store.Leading() {
		return ""
	}
	leader, _ := s.store.Leader()
	if leader == s.store.Identity().NodeID {
		return ""
	}
	return leader
}

// fence lets a follower see what the leader has, before it decides anything that it
// asks the leader to write: what was acknowledged anywhere before this call is in
// the call's view afterwards.
func (s *Service) fence(ctx context.Context, c *Call) error {
	if s.follows() == "" || c.fenced {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fenceTime)
	defer cancel()
	index, err := s.fenceIndex(ctx)
	if err == nil {
		err = s.reach(ctx, index)
	}
	v := s.view.Load()
	if err != nil || v == nil {
		return s.cannotFence(err)
	}
	c.view, c.fenced = v, true
	return nil
}

// fenceTime bounds how long a follower waits for the leader's word.
const fenceTime = 4 * time.Second

// noticed is told every command that this node applied.
func (s *Service) noticed(index uint64, n *state.Numbered, done applied, refusal error) {
	if state.BarrierClass(n.Command.Kind()) {
		s.store.Leases().Raise(index)
	}
	if refusal == nil {
		s.noticeBooking(n, done.result)
		s.noticeStep(n.Command.Kind())
	}
	if w, waits := s.waiters.Load(string(n.Proposal)); waits {
		select {
		case w.(chan outcomeHere) <- outcomeHere{done, refusal}:
		default: // it has one: the command came twice
		}
	}
}

// outcomeHere is what came of a command when this node applied it.
type outcomeHere struct {
	done    applied
	refusal error
}

// obeyRoster takes a roster that came into force.
func (s *Service) obeyRoster(r *raftstore.Roster) {
	if err := s.store.SetRoster(r); err != nil {
		s.log.Error("could not keep the roster; this node may not find its peers after a restart", "error", err)
	}
	s.store.Leases().MembersChanged()
}

// earlyMembers keeps the roster that comes while the store is being opened.
type earlyMembers struct {
	mu   sync.Mutex
	last *raftstore.Roster
	to   func(*raftstore.Roster)
}

func (e *earlyMembers) take(r *raftstore.Roster) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.to != nil {
		e.to(r)
		return
	}
	e.last = r
}

func (e *earlyMembers) pass(to func(*raftstore.Roster)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.to = to; e.last != nil {
		to(e.last)
	}
}
