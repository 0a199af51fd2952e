package kms

import (
	"context"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// waits is when this process first saw a step that time brings, and how long was
// left then. Both are kept by the monotonic clock: a wall clock that is set ahead
// brings no activation forward, and no removal. It is used by tick alone.
type waits map[waitID]wait

type waitID struct {
	step   state.Step
	key    string // identity
	number uint32
	at     int64
}

type wait struct {
	seen time.Time
	left time.Duration
}

// slowestCommit is how long after its time a command is committed at the most, where
// this process cannot tell since it did not see it then.
const slowestCommit = time.Minute

// over says whether d has come; see left.
func (w waits) over(d *state.Due, now time.Time, known int64) bool {
	return w.left(d, now, known) <= 0
}

// left is how long it is until d, by the wall clock now and by what has passed here. A
// command's time is from before it was committed, on a slow disk long before, and a node
// that is cut off hears of it when its lease has run out: so what d waits for is counted
// from when this process saw the command too, which is after the commit. Where it saw it
// late, as after a start, the command's own time and slowestCommit do.
//
// known is the replicated time of the state that d is from, which has come: where the
// clock of this node is behind it when d is first seen, d is not longer ahead than from
// then. A clock that is put right later would leave the node waiting for what it was
// wrong by.
func (w waits) left(d *state.Due, now time.Time, known int64) time.Duration {
	id := waitID{d.Step, d.Key.ID(), d.Number, d.At}
	seen, noted := w[id]
	if !noted {
		seen = wait{now, time.Duration(d.At - max(known, now.UnixNano()))}
		w[id] = seen
	}
	passed := now.Sub(seen.seen)
	left := max(time.Duration(d.At-now.UnixNano()), seen.left-passed)
	if d.Since == 0 {
		return left
	}
	return max(left, min(heard(d)-passed, time.Duration(d.Since-now.UnixNano())+slowestCommit+heard(d)))
}

// heard is how long after the commit of what announced d the last thing has ended that
// a node did which had not heard of it.
func heard(d *state.Due) time.Duration { return raftstore.LongestLease + time.Duration(d.Lasts) }

// watch notes what is ahead, and returns when the first of it comes, unix nanoseconds; 0
// never. Every node does, since the next leader may be any.
func (w waits) watch(v *view) (next int64) {
	now := wall.Now()
	v.Dues(func(d state.Due) {
		if at := now.Add(w.left(&d, now, v.Time)).UnixNano(); next == 0 || at < next {
			next = at
		}
	})
	return next
}

// forget drops what is not ahead any more.
func (w waits) forget(ahead []state.Due) {
	keep := make(map[waitID]bool, len(ahead))
	for i := range ahead {
		keep[waitID{ahead[i].Step, ahead[i].Key.ID(), ahead[i].Number, ahead[i].At}] = true
	}
	for id := range w {
		if !keep[id] {
			delete(w, id)
		}
	}
}

// stepsDue does what time brings in the lives of key versions, each step as a
// command with its records. None is early: what would be is taken back by nobody.
// It returns when the next one comes, unix nanoseconds; 0 never. A node that does not
// lead only watches.
func (s *Service) stepsDue(ctx context.Context, w waits) (next int64) {
	v := s.view.Load()
	if v == nil {
		return 0
	}
	var ahead []state.Due
	v.Dues(func(d state.Due) { ahead = append(ahead, d) })
	w.forget(ahead)
	if !s.leading() {
		w.watch(v)
		return 0
	}
	// Keys are made last: that takes its time, and nobody waits for them.
	for _, step := range []state.Step{state.StepActivate, state.StepUnpublish, state.StepRotate} {
		for i := range ahead {
			if d := &ahead[i]; d.Step == step && ctx.Err() == nil {
				s.stepDue(ctx, v, w, d)
			}
		}
	}
	if v = s.view.Load(); v == nil {
		return 0
	}
	return w.watch(v)
}

func (s *Service) stepDue(ctx context.Context, v *view, w waits, d *state.Due) {
	if !w.over(d, wall.Now(), v.Time) || d.Step != state.StepRotate && !s.clock.steady() {
		return
	}
	var err error
	switch d.Step {
	case state.StepRotate:
		var c *Call
		if c, err = s.asNode("auto-rotate", "POST", "jwt/rotate/"+d.Issuer.Name); err == nil {
			_, err = s.rotateIssuer(ctx, c, d.Issuer.Name, d.Number, nil)
		}
	case state.StepActivate:
		err = s.activate(ctx, v, d)
	case state.StepUnpublish:
		err = s.byNode(ctx, "auto-unpublish", "jwt/rotation/"+d.Issuer.Name, "jwt/unpublish", d, &state.UnpublishVersion{Issuer: d.Issuer.Name, Number: d.Number})
		s.forgetGone()
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("could not do what is due to a key's version, trying again", "step", d.Step, "key", d.Key.Name, "version", d.Number, "error", err)
	}
}

func (s *Service) activate(ctx context.Context, v *view, d *state.Due) error {
	if d.Issuer != nil {
		return s.byNode(ctx, "auto-activate", "jwt/rotation/"+d.Issuer.Name, "jwt/activate", d, &state.ActivateIssuer{Issuer: d.Issuer.Name, Number: d.Number})
	}
	return s.byNode(ctx, "auto-activate", mountOf(v, d.Key)+"/keys/"+d.Key.Name, "transit/keys/activate", d, &state.ActivateVersion{Mount: d.Key.Mount, Name: d.Key.Name, Number: d.Number})
}

// byNode writes cmd as the node itself, under a name that stands in its records.
func (s *Service) byNode(ctx context.Context, name, path, operation string, d *state.Due, cmd state.Command) error {
	c, err := s.asNode(name, "POST", path)
	if err != nil {
		return err
	}
	_, err = s.write(ctx, c, verb{operation: operation, need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key, a.Record.KeyVersion = d.Key.Name, d.Number
		if k := c.view.Version(d.Key.Mount, d.Key.Name, d.Number); k != nil {
			a.Record.KID = k.KID
		}
		return cmd, nil
	})
	return err
}

// noticeStep has tick look at what a command announced, on every node: whoever leads
// when it comes has to know since when it was known.
func (s *Service) noticeStep(k state.Kind) {
	switch k {
	case state.KindRotateIssuer, state.KindActivateIssuer, state.KindConfigIssuer, state.KindCompromiseVersion:
		s.nudge()
	}
}
