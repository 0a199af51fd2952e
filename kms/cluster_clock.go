package kms

import (
	"context"
	"errors"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/raftstore"
)

// maxClockOffset is how far a leader's clock may be from the median of its voters'
// clocks. Its clock is what tokens expire by, in all the cluster.
const maxClockOffset = raftstore.MaxClockOffset

// clockWrong says why this leader must not stamp anything; nil on others, and while
// its clock is right as far as it knows. With two voters nobody can say whose clock
// is wrong: then neither leads while they differ by twice the bound.
func (s *Service) clockWrong() error {
	off := s.clockOffset()
	switch {
	case off > maxClockOffset:
		return saying(ErrNoLeader, "the clock of this node, which leads, is %v behind those of the others, so it writes nothing and hands over: put its clock right", off.Round(time.Second))
	case off < -maxClockOffset:
		return saying(ErrNoLeader, "the clock of this node, which leads, is %v ahead of those of the others, so it writes nothing and hands over: put its clock right", -off.Round(time.Second))
	}
	return nil
}

// lookAtClock returns the time, unix nanoseconds, and notices a clock that jumped. What
// a leader knows of the clocks of others goes by its own, and is worth nothing then.
func (s *Service) lookAtClock() int64 {
	now := wall.Now()
	if jump := s.clock.look(now); jump != 0 {
		s.clockSet.Store(true)
		s.store.Leases().ForgetClocks()
		s.log.Warn("the clock of this node jumped; nothing is destroyed for a while, and tokens may expire early or late: put it right", "by", jump)
	}
	return now.UnixNano()
}

// clockUnsure refuses to stamp anything on a leader whose clock was set a moment ago,
// until it can tell again whose is right: within a renewal of the leases, mostly. One
// command with a time far ahead would expire tokens in all the cluster, for good.
func (s *Service) clockUnsure() error {
	if !s.clockSet.Load() {
		return nil
	}
	if s.hasPeers() && !s.store.Leases().KnowsClocks() {
		return saying(ErrNoLeader, "the clock of this node, which leads, was set a moment ago, and is not compared with those of the others yet; try again in a second")
	}
	s.clockSet.Store(false)
	return s.clockWrong()
}

// unfit says why this node must not lead, whatever its clock says; nil if it may.
func (s *Service) unfit() error {
	if !s.unsealed() {
		return ErrSealed
	}
	if err := s.audit.Err(); err != nil {
		return translate(err)
	}
	if s.store.Full() {
		return ErrStorageFull
	}
	return nil
}

// mayLead says whether this node could take writes if it led: its audit log can be
// written, and its disk has room.
func (s *Service) mayLead() bool { return s.audit.Err() == nil && !s.store.Full() }

// takeLead begins to grant leases and to number commands, for the leader of a term whose
// epoch command stands at index, and who led in that term before it proposed it. A leader
// with peers numbers none before it has heard their clocks.
func (s *Service) takeLead(ctx context.Context, term, epoch, index uint64) error {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	if s.numbering.bar == nil || !s.leadsIn(term) {
		return ErrNoLeader
	}
	alone, period := !s.hasPeers(), s.numbering.periods
	if err := s.store.Leases().Grant(term, index, alone); err != nil {
		return err
	}
	if !alone {
		s.numbering.Unlock()
		err := s.hearClocks(ctx)
		s.numbering.Lock()
		if err != nil {
			return err
		}
		if s.numbering.bar == nil || s.numbering.periods != period || !s.leadsIn(term) {
			return ErrNoLeader
		}
	}
	s.numbering.epoch, s.numbering.seq, s.numbering.term = epoch, 0, term
	return nil
}

// leadsIn says whether this node leads in a term now.
func (s *Service) leadsIn(term uint64) bool {
	now, leads := s.store.LeadingTerm()
	return leads && now == term
}

// clocksTime is how long a new leader waits until it can tell whose clock is right: they
// come with requests for leases, which holders make as soon as they see a new
// leader. Sealed voters make none, so it does not insist.
const clocksTime = 600 * time.Millisecond

// hearClocks waits until this new leader can tell whether its clock is right.
func (s *Service) hearClocks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clocksTime)
	defer cancel()
	for ctx.Err() == nil && s.store.Leading() && !s.store.Leases().KnowsClocks() {
		pause(ctx, 2*time.Millisecond)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return nil
}

func (s *Service) unsealed() bool {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	return s.numbering.bar != nil
}

// leading says whether this node leads and numbers commands.
func (s *Service) leading() bool {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	return s.leadingLocked()
}

// leadingLocked is leading for who holds numbering. The epoch that was opened in an
// earlier term is over, even where nobody took notice yet that the lead was lost and
// gained again: the leader in between has opened a higher one.
func (s *Service) leadingLocked() bool {
	return s.numbering.epoch != 0 && s.leadsIn(s.numbering.term)
}
