package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A node that follows may not have yet what another one acknowledged a moment ago,
// and so may a leader that was deposed and does not know. What it has it may use,
// under its lease; that something is not there it says only when the leader, whom a
// majority confirmed after the request came, has nothing newer. So a refusal for want
// of something is a doubt at first: the request leaves no trace, and is decided again
// on a state that is new enough. See Demand.Latest.

// doubt is a refusal of a node that may be behind the cluster. Nothing is recorded of
// it yet: whoever gets one decides the request again.
type doubt struct{ error }

func (d *doubt) Unwrap() error { return d.error }

// Doubted says whether a verb's refusal comes from a node that may be behind the
// cluster. No record was written: the request is to be begun again with Demand.Latest,
// once.
func Doubted(err error) bool { return err != nil && errors.As(err, new(*doubt)) }

// absences are the refusals for want of something that a newer state may have. What
// only barrier-class commands bring needs no place here: no node serves from before
// them.
var absences = []*Error{
	ErrInvalidToken, ErrInvalidCredentials, ErrTokenNotFound, ErrNotFound, ErrNoMount, ErrKeyNotFound, ErrKeyDeleted, ErrVersionTooNew,
	ErrIssuerNotFound, ErrProfileNotFound, ErrNoSigningKey,
}

func absent(err error) bool {
	return err != nil && slices.ContainsFunc(absences, func(e *Error) bool { return errors.Is(err, e) })
}

// misses notes that the answer says, of an item or in a verdict, that something is
// not there.
func (c *Call) misses() { c.missed = true }

// doubts says whether a call that ends with err, or with an answer that says that
// something is not there, has to be decided again.
func (s *Service) doubts(c *Call, err error) bool {
	return !c.fenced && (absent(err) || err == nil && c.missed) && s.MayDoubt()
}

// MayDoubt says whether verbs may return what is Doubted.
func (s *Service) MayDoubt() bool {
	roster := s.store.Roster()
	return roster != nil && len(roster.Members) > 1
}

// Demand is how new the state has to be on which a request is decided.
type Demand struct {
	Index  uint64 // of the state, at least; 0 for any that the lease allows
	Latest bool   // what any node acknowledged before this call must be in it
	Late   bool   // the request works even while the audit log cannot be written: see BeginUnaudited
	After  *Call  // the same request, which is decided again; nil for none
}

// BeginAt is Begin on a state that is as new as is asked for. It waits a second for
// it at most. Errors: ErrNoLease where this node's state is too old, or the leader
// does not say how new it has to be; ErrIndexUnknown where the log of the leader is not
// as long; those of Begin.
func (s *Service) BeginAt(ctx context.Context, o Origin, d Demand) (*Call, error) {
	latest := d.Latest && s.MayDoubt()
	if s.view.Load() != nil && (latest || d.Index > s.stateIndex()) {
		if err := s.newEnough(ctx, d.Index, latest); err != nil {
			return nil, err
		}
	}
	begin := s.Begin
	if d.Late {
		begin = s.BeginUnaudited
	}
	c, err := begin(o)
	if err != nil {
		return nil, err
	}
	c.fenced = d.Latest
	if d.After != nil {
		c.limited = d.After.limited
	}
	return c, nil
}

// demandTime bounds how long a request waits for a state that is new enough.
const demandTime = time.Second

func (s *Service) newEnough(ctx context.Context, index uint64, latest bool) error {
	ctx, cancel := context.WithTimeout(ctx, demandTime)
	defer cancel()
	if latest {
		leaders, err := s.fenceIndex(ctx)
		if err != nil {
			return s.cannotFence(err)
		}
		index = max(index, leaders)
	} else {
		soon, cancel := context.WithTimeout(ctx, behindFor) // the most of it: no need to ask anybody
		defer cancel()
		if s.reach(soon, index) == nil {
			return nil
		}
	}
	if !s.known(ctx, index) {
		return ErrIndexUnknown
	}
	if err := s.reach(ctx, index); err != nil {
		if errors.Is(err, ErrSealed) {
			return err
		}
		return saying(ErrNoLease, "this node's state is at %d, and %d is asked for; try again shortly, or ask another node", s.stateIndex(), index)
	}
	return nil
}

// known says whether the cluster may have been at index. It was not if the leader, which
// a majority confirmed after the call, has a shorter log: whatever was acknowledged
// anywhere stands in it, applied there or not yet.
func (s *Service) known(ctx context.Context, index uint64) bool {
	for {
		leaders, err := s.fenceIndex(ctx)
		if err != nil || leaders >= index {
			return true // or nobody says else
		}
		if last, said := s.leadersLog(ctx); said && last < index {
			return false
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// leadersLog is the index of the last entry in the log of the leader, and whether it
// said so.
func (s *Service) leadersLog(ctx context.Context) (last uint64, said bool) {
	leader, _ := s.store.Leader()
	if leader == "" {
		return 0, false
	}
	status := s.statusOf(ctx, leader, false)
	if status == nil {
		return 0, false
	}
	return status.LastIndex, true
}

// fenceIndex asks the leader until it says where it is, or ctx ends.
func (s *Service) fenceIndex(ctx context.Context) (uint64, error) {
	for {
		index, err := s.store.Leases().Fence(ctx)
		if err == nil || ctx.Err() != nil || s.view.Load() == nil {
			return index, err
		}
		pause(ctx, 20*time.Millisecond) // there may be another leader soon
	}
}

func (s *Service) cannotFence(err error) error {
	if s.view.Load() == nil {
		return ErrSealed
	}
	return fmt.Errorf("%w: the leader does not say how far the cluster is: %w", ErrNoLease, err)
}

// StateIndex is the index of the state that a call was decided on: of its write, if
// it made one. A later request is decided on no earlier one, on any node, if it asks
// for that index: see Demand.
func (c *Call) StateIndex() uint64 { return c.view.Index }

// moveTo has a call go on from a state that one of its own commands left, which is
// newer than all that was acknowledged before the call.
func (s *Service) moveTo(c *Call, done applied) {
	if v := s.view.Load(); v != nil && done.state != nil && v.Index >= done.state.Index {
		c.view, c.fenced = v, true
	}
}
