package kms

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/state"
)

// Encryptions with random 96-bit nonces (state.KeyType.ShortNonce) are counted over the whole cluster and
// all its life (NIST SP 800-38D, section 8.3). A node books them in blocks with a
// command and then makes them without asking: a crash over-counts, never
// under-counts, and without a booking nothing is encrypted.
const (
	firstBlock = 1 << 12
	maxBlock   = 1 << 20
)

type versionID struct {
	mount, name string
	number      uint32
}

// budget is what is booked and not used yet of one key version.
type budget struct {
	left atomic.Int64

	booking sync.Mutex // held while a block is booked, so that one booking serves all who wait
	block   uint64     // size of the last block; grows with use
}

func (b *budget) take() bool {
	for {
		left := b.left.Load()
		if left <= 0 {
			return false
		}
		if b.left.CompareAndSwap(left, left-1) {
			return true
		}
	}
}

// bookEncryption allows one encryption under v. Errors: ErrEncryptionsSpent, and
// those of a write: where nothing can be booked nothing is encrypted.
func (s *Service) bookEncryption(c *Call, v *state.KeyVersion) error {
	if !v.Type.ShortNonce() {
		return nil // random nonces of 192 bits may be as many as anybody makes
	}
	id := versionID{v.Mount, v.Name, v.Number}
	found, ok := s.budgets.Load(id)
	if !ok {
		found, _ = s.budgets.LoadOrStore(id, &budget{block: firstBlock / 2})
	}
	b := found.(*budget)
	if b.take() {
		return nil
	}
	b.booking.Lock()
	defer b.booking.Unlock()
	if b.take() {
		return nil // somebody else booked meanwhile
	}
	b.block = min(2*b.block, maxBlock)
	if err := s.bookBlock(c, v, b.block); err != nil {
		return err
	}
	b.left.Add(int64(b.block) - 1) // one of them is the caller's
	return nil
}

func (s *Service) bookBlock(c *Call, v *state.KeyVersion, count uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	id := newProposal()
	rec := audit.Record{
		Type: audit.TypeIntent, RequestID: c.RequestID, Operation: "transit/reserve-encryptions", Key: gate.Scrub(v.Name),
		KeyVersion: v.Number, KID: v.KID, Proposal: proposalText(id), Fields: map[string]string{"count": fmt.Sprint(count)},
	}
	if err := s.audit.Append(&rec); err != nil {
		return err
	}
	_, err := s.propose(ctx, id, &state.ReserveEncryptions{Mount: v.Mount, Name: v.Name, Number: v.Number, Count: count})
	rec.Type, rec.Outcome, rec.Code = audit.TypeOutcome, outcome(err), Code(err)
	s.audit.AppendLate(&rec)
	return err
}

// noticeBooking has the leader rotate a key whose version is half used up, whichever
// node booked. The machine calls it, so it waits for nothing.
func (s *Service) noticeBooking(n *state.Numbered, result any) {
	if n.Command.Kind() != state.KindReserveEncryptions || s.closing.Load() {
		return
	}
	if booked, ok := result.(*state.KeyVersion); ok && booked.Encryptions >= state.RotateEncryptions {
		s.done.Go(func() {
			if s.leading() {
				s.rotateFull(booked)
			}
		})
	}
}

// forget drops what this node keeps of a key that was deleted, destroyed or
// trimmed: its clear versions, and what is booked for them.
func (s *Service) forget(mount, name string) {
	s.keys.Forget(mount, name)
	s.budgets.Range(func(id, _ any) bool {
		if id := id.(versionID); id.mount == mount && id.name == name {
			s.budgets.Delete(id)
		}
		return true
	})
}

// rotateFull gives a key whose latest version is half used up the next one, in
// the background: the request that noticed it goes on.
func (s *Service) rotateFull(full *state.KeyVersion) {
	v := s.view.Load()
	if v == nil {
		return
	}
	k := v.Key(full.Mount, full.Name)
	if k == nil || k.SignerNumber() != full.Number || mayRotate(k) != nil || s.closing.Load() {
		return
	}
	if latest := v.Version(k.Mount, k.Name, k.Latest); latest == nil || latest.State != state.Pending {
		s.done.Go(func() { s.rotateByItself(context.Background(), v, k) })
	}
}
