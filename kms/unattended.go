package kms

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/seal"
)

// waiting is why a node that could unseal by itself has not done so yet.
type waiting struct {
	why      atomic.Pointer[string] // for people; nil when there is nothing to wait for
	failures atomic.Uint64          // of other sides, since the start
	held     atomic.Bool            // an operator sealed the node: it stays sealed until people unseal it
}

func (w *waiting) text() string {
	if why := w.why.Load(); why != nil {
		return *why
	}
	return ""
}

func (w *waiting) say(why string) { w.why.Store(&why) }

// How long the unattended unseal waits after it failed: twice as long each time.
const (
	firstUnwrapWait = 250 * time.Millisecond
	maxUnwrapWait   = 30 * time.Second
	unwrapPatience  = 2 * time.Minute // each wrapper has a shorter time of its own
	sealPoll        = 100 * time.Millisecond
)

// UnsealUnattended unseals this node with what the configured seals unwrap, and
// returns when it is unsealed, by that or by shares, or ctx ends. While another
// side is away it tries again and again, and SealStatus and Health say why. A node
// that an operator sealed stays so. It runs once, after Open.
func (s *Service) UnsealUnattended(ctx context.Context) {
	if len(s.cfg.Seals) == 0 {
		return
	}
	wait, tried := firstUnwrapWait, 0
	said := ""
	for ctx.Err() == nil && s.view.Load() == nil && !s.waiting.held.Load() {
		newest := s.machine.newestRecord()
		if newest == nil {
			pause(ctx, sealPoll) // not made yet, or the log is not replayed yet
			continue
		}
		err := s.unsealByItself(ctx)
		if err == nil || ctx.Err() != nil {
			break
		}
		why := err.Error()
		s.waiting.say(why)
		if tried++; why != said || tried&(tried-1) == 0 {
			said = why
			s.logUnsealFailure(err, wait)
			s.recordUnattended(nil, err)
		}
		s.awaitRecord(ctx, newest, wait)
		wait = min(2*wait, maxUnwrapWait)
	}
	if s.view.Load() != nil {
		s.waiting.why.Store(nil)
	}
}

func (s *Service) logUnsealFailure(err error, wait time.Duration) {
	args := []any{"error", err, "again_in", wait}
	var detailed interface{ Detail() string }
	if errors.As(err, &detailed) && detailed.Detail() != "" {
		args = append(args, "said", detailed.Detail())
	}
	s.log.Warn("this node cannot unseal by itself yet; shares unseal it meanwhile", args...)
}

// awaitRecord waits for a while, and less when the log brings another seal record
// or somebody unseals the node.
func (s *Service) awaitRecord(ctx context.Context, record *seal.Record, wait time.Duration) {
	for end := time.Now().Add(wait); time.Now().Before(end) && ctx.Err() == nil; {
		if s.machine.newestRecord() != record || s.view.Load() != nil || s.waiting.held.Load() {
			return
		}
		pause(ctx, min(sealPoll, time.Until(end)))
	}
}

// unsealByItself asks each configured seal in turn.
func (s *Service) unsealByItself(ctx context.Context) error {
	base, newest := s.machine.sealRecord(), s.machine.newestRecord()
	if !newest.Unattended() {
		return saying(ErrSealUnavailable, "as far as the log of this node goes, nobody but the shareholders can unseal this cluster: unseal with shares, then run 'signet operator migrate-seal'")
	}
	var why []error
	for _, w := range s.cfg.Seals {
		opened, err := s.unwrap(ctx, w, base, newest)
		if err != nil {
			why = append(why, sealUnavailable(w, err))
			continue
		}
		return s.openUnattended(ctx, w, opened)
	}
	if len(why) == 1 {
		return why[0]
	}
	texts := make([]string, 0, len(why))
	for _, err := range why {
		texts = append(texts, err.Error())
	}
	return &unavailable{rephrased{ErrSealUnavailable, strings.Join(texts, "; ")}, errors.Join(why...)}
}

// unwrap asks w for the root key. A sealed node cannot tell whether the newest
// record of its log is in force; both that and the one it will begin with hold the
// root key of the same seal.
func (s *Service) unwrap(ctx context.Context, w seal.Wrapper, base, newest *seal.Record) (*seal.Opened, error) {
	ctx, cancel := context.WithTimeout(ctx, unwrapPatience)
	defer cancel()
	opened, err := base.Unwrap(ctx, w, newest)
	if err == nil {
		return opened, nil
	}
	if _, older := base.WrappedBy(w); older && base != newest {
		if opened, olderErr := base.Unwrap(ctx, w, base); olderErr == nil {
			return opened, nil
		}
	}
	if !errors.Is(err, seal.ErrNoWrapping) && ctx.Err() == nil {
		s.waiting.failures.Add(1)
	}
	return nil, err
}

// openUnattended unseals the node, unless somebody did it, or sealed it, meanwhile.
func (s *Service) openUnattended(ctx context.Context, w seal.Wrapper, opened *seal.Opened) error {
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if s.view.Load() != nil || s.waiting.held.Load() || s.closing.Load() {
		opened.Wipe()
		return nil
	}
	err := s.open(ctx, opened)
	if s.view.Load() == nil {
		s.log.Error("the root key was unwrapped, and the node does not unseal with it", "error", err)
		return err
	}
	// It is unsealed, whether it leads yet or not; shares given so far are of no use.
	if s.ceremony.unsealing != nil {
		s.ceremony.unsealing.Reset()
		s.ceremony.unsealing = nil
		s.progress.Store(nil)
	}
	s.waiting.why.Store(nil)
	s.recordUnattended(w, nil)
	s.log.Info("unsealed", "seal", w.Type(), "name", w.Name())
	if record := s.machine.sealRecord(); s.migrationDue(record) {
		s.log.Warn("the root key is not wrapped by the seals of the configuration: run 'signet operator migrate-seal'")
	}
	return nil
}

// recordUnattended records that a seal unsealed the node, or that none did.
func (s *Service) recordUnattended(w seal.Wrapper, err error) {
	rec := s.nodeRecord(Origin{RequestID: newUUID(), Path: "sys/unseal", Remote: "local"}, "sys/unseal")
	rec.Outcome, rec.Code = outcome(err), Code(err)
	rec.DisplayName = "unattended"
	if w != nil {
		rec.Fields = map[string]string{"seal": w.Type(), "name": w.Name()}
	}
	s.audit.AppendLate(rec)
}

// migrationDue says whether the record is wrapped by others than the configured
// seals.
func (s *Service) migrationDue(r *seal.Record) bool {
	if r == nil {
		return false
	}
	for _, w := range s.cfg.Seals {
		if _, ok := r.WrappedBy(w); !ok {
			return true
		}
	}
	return len(r.Wrappings) != len(s.cfg.Seals)
}

// sealType is the type of the seal: of the record if the cluster exists, otherwise
// of the configuration.
func (s *Service) sealType() string {
	switch record := s.machine.newestRecord(); {
	case record != nil:
		return record.Type
	case len(s.cfg.Seals) > 0:
		return s.cfg.Seals[0].Type()
	}
	return seal.TypeShamir
}
