package kms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// wrongShares slows down whoever tries shares: after ten wrong ones within a
// minute further wrong ones are neither named nor recorded singly. A right share
// is taken all the same, or any stranger could keep the node sealed.
type wrongShares struct {
	since time.Time
	count int
}

// maxWrongShares is how many wrong shares a minute are named.
const maxWrongShares = 10

func (w *wrongShares) add(now time.Time) error {
	if now.Sub(w.since) >= time.Minute {
		w.since, w.count = now, 0
	}
	if w.count++; w.count > maxWrongShares {
		e := &Limited{After: time.Minute - now.Sub(w.since)}
		e.text = fmt.Sprintf("more than %d wrong shares within a minute: wait %d seconds", maxWrongShares, e.Seconds())
		return e
	}
	return nil
}

// Unseal takes one share. With the last one needed it opens everything, waits
// until this node serves, and only then answers. A bad share is named, recorded
// and not counted.
//
// Errors: ErrNotInitialized, ErrRateLimited, ErrShare…, ErrNoLeader when it is
// unsealed and cannot serve yet.
func (s *Service) Unseal(ctx context.Context, o Origin, share string) (SealStatus, error) {
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if err := s.exists(); err != nil {
		s.Reject(o, nil, err)
		return SealStatus{}, err
	}
	record := s.machine.sealRecord()
	if s.view.Load() != nil {
		s.Count("sys/unseal")
		return s.SealStatus(), nil // as Vault: a share for an unsealed node is no error
	}
	if s.ceremony.unsealing == nil {
		s.ceremony.unsealing = seal.NewUnsealing(record)
	}
	progress, opened, err := s.ceremony.unsealing.Submit(share)
	s.progress.Store(&progress)
	if err = translate(err); err != nil {
		if limited := s.ceremony.wrong.add(time.Now()); limited != nil {
			s.Reject(o, nil, limited)
			return SealStatus{}, limited
		}
	}
	if opened != nil {
		s.ceremony.unsealing = nil
		s.progress.Store(nil)
		if err = s.open(ctx, opened); s.view.Load() != nil {
			s.waiting.why.Store(nil)
		}
	}
	rec := s.nodeRecord(o, "sys/unseal")
	rec.Outcome, rec.Code = outcome(err), Code(err)
	rec.Fields = map[string]string{"progress": fmt.Sprintf("%d/%d", progress.Submitted, progress.Threshold)}
	if info, infoErr := record.Check(share); infoErr == nil {
		rec.Fields["share"] = fmt.Sprint(info.Index)
	}
	// Unseal answers even while the log cannot be written; the record follows.
	s.audit.AppendLate(rec)
	if err != nil {
		return SealStatus{}, err
	}
	return s.SealStatus(), nil
}

// open applies everything that was kept sealed and waits until the node serves.
func (s *Service) open(ctx context.Context, opened *seal.Opened) error {
	if err := s.machine.unseal(opened); err != nil {
		opened.Wipe()
		if fatal := (*raftstore.Fatal)(nil); errors.As(err, &fatal) {
			s.fail(err)
		}
		return err
	}
	cluster := s.view.Load().Cluster
	s.audit.SetHashKey(cluster.AuditKey)
	s.recordRevival(s.view.Load().State)
	bar := opened.Barrier()
	s.keys.Unseal(bar)
	s.clock.begin(wall.Now(), time.Unix(0, s.view.Load().Time), time.Unix(0, s.view.Load().Leapt))
	s.epochErr.Store(nil) // of an earlier unseal
	s.numbering.Lock()
	s.numbering.bar = bar
	s.numbering.periods++
	s.serving.Store(s.numbering.periods)
	s.numbering.Unlock()
	s.store.Leases().Serve(s.stateIndex, s.reach)
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	for s.mayServe(s.view.Load()) != nil {
		if ctx.Err() != nil {
			if why := s.epochErr.Load(); why != nil {
				return saying(ErrNoLeader, "the node is unsealed, but it cannot serve yet: %s", *why)
			}
			return saying(ErrNoLeader, "the node is unsealed, but there is no leader yet from whom it has a lease; it serves when there is one")
		}
		pause(ctx, time.Millisecond)
	}
	return nil
}

// ResetUnseal drops the shares given so far.
func (s *Service) ResetUnseal(o Origin) (SealStatus, error) {
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if err := s.exists(); err != nil {
		s.Reject(o, nil, err)
		return SealStatus{}, err
	}
	if s.ceremony.unsealing == nil || s.ceremony.unsealing.Progress().Submitted == 0 {
		// Nothing was dropped: strangers may ask for that as often as they
		// like, so it is only counted.
		s.Count("sys/unseal-reset")
		return s.SealStatus(), nil
	}
	s.ceremony.unsealing.Reset() // overwrites the shares
	s.ceremony.unsealing = nil
	s.progress.Store(nil)
	rec := s.nodeRecord(o, "sys/unseal-reset")
	rec.Outcome = audit.OutcomeOK
	s.audit.AppendLate(rec)
	return s.SealStatus(), nil
}

// VerifyShare says which share a text is, without unsealing anything. Errors:
// ErrNotInitialized, ErrRateLimited, ErrShare….
func (s *Service) VerifyShare(o Origin, share string) (seal.ShareInfo, error) {
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if err := s.exists(); err != nil {
		s.Reject(o, nil, err)
		return seal.ShareInfo{}, err
	}
	record := s.machine.sealRecord()
	info, err := record.Check(share)
	if err = translate(err); err != nil {
		if limited := s.ceremony.wrong.add(time.Now()); limited != nil {
			s.Reject(o, nil, limited)
			return seal.ShareInfo{}, limited
		}
	}
	rec := s.nodeRecord(o, "sys/verify-share")
	rec.Outcome, rec.Code = outcome(err), Code(err)
	if err == nil {
		rec.Fields = map[string]string{"share": fmt.Sprint(info.Index)}
	}
	s.audit.AppendLate(rec)
	return info, err
}

// Seal drops every key and stops serving. It needs update and sudo on sys/seal.
// Requests under way finish or are withheld.
func (s *Service) Seal(c *Call) error {
	a, err := s.admit(c, verb{operation: "sys/seal", need: policy.Update | policy.Sudo, late: true})
	if err != nil {
		return err
	}
	// A sealed node can lead and cannot write: somebody else leads first.
	ctx, cancel := context.WithTimeout(context.Background(), sealPatience)
	s.StepDown(ctx)
	cancel()
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if len(s.cfg.Seals) > 0 {
		s.waiting.held.Store(true) // also against an unattended unseal that is under way
		s.waiting.say("an operator sealed this node: unseal it with shares, or start it again")
	}
	err = s.sealNow()
	return firstError(err, s.close(a, err))
}

// sealNow seals an unsealed node. The caller holds the ceremony's lock.
func (s *Service) sealNow() error {
	s.sealing.Store(true) // whoever waits for a number gives up
	defer s.sealing.Store(false)
	s.numbering.Lock()
	bar := s.numbering.bar
	s.numbering.bar, s.numbering.epoch = nil, 0
	s.serving.Store(0)
	s.numbering.Unlock()
	s.store.Leases().Rest()
	if bar == nil {
		return nil
	}
	s.keys.Seal()
	// Writes that are in raft's hands already are applied first, so that their
	// outcome is known. A raft that stands still does not hold up the seal:
	// then they are applied at the next unseal.
	ctx, cancel := context.WithTimeout(context.Background(), sealPatience)
	defer cancel()
	_ = s.store.Barrier(ctx)
	// What is left of the reservations is given up: after a restart they would
	// be gone as well.
	s.budgets.Clear()
	opened, err := s.machine.seal()
	opened.Wipe()
	s.audit.SetHashKey(nil)
	if err != nil {
		s.fail(err)
	}
	return err
}

// sealPatience is how long a seal waits for writes that are under way.
const sealPatience = 2 * time.Second

// fail stops the node: its state is not to be trusted any more.
func (s *Service) fail(err error) {
	select {
	case s.fatal <- err:
	default: // one is enough
	}
}
