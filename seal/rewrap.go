package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/signet-kms/signet/seal/barrier"
)

// Wrap has each of wrappers wrap the root key, and unwrap it again: what does not
// come back as it went is no wrapping. It takes as long as the other sides take,
// and holds nothing up meanwhile. Errors: ErrWrapping, barrier.ErrWiped, and those
// of the wrappers as they are.
func (o *Opened) Wrap(ctx context.Context, wrappers []Wrapper) ([]Wrapping, error) {
	s := o.opened()
	s.mu.Lock()
	if s.root == nil {
		s.mu.Unlock()
		return nil, barrier.ErrWiped
	}
	secret, binding := s.record.wrappable(s.root), s.record.wrapBinding()
	s.mu.Unlock()
	defer clear(secret)
	var out []Wrapping
	for _, w := range wrappers {
		wrapping, err := wrapOne(ctx, w, secret, binding)
		if err != nil {
			return nil, err
		}
		out = append(out, wrapping)
	}
	return out, nil
}

func wrapOne(ctx context.Context, w Wrapper, secret, binding []byte) (Wrapping, error) {
	given := bytes.Clone(secret) // whatever a wrapper does to it
	defer clear(given)
	out, err := w.Wrap(ctx, given, binding)
	if err != nil {
		return Wrapping{}, err
	}
	out.Type, out.Name = w.Type(), w.Name()
	if len(out.Blob) == 0 || len(out.Blob) > maxBlob {
		return Wrapping{}, fmt.Errorf("%w: the %s seal %s gave %d bytes, wanted are 1 to %d", ErrWrapping, out.Type, out.Name, len(out.Blob), maxBlob)
	}
	if inClear(out.Blob, secret) {
		return Wrapping{}, fmt.Errorf("%w: the %s seal %s gave the root key back in clear instead of wrapping it", ErrWrapping, out.Type, out.Name)
	}
	back, err := w.Unwrap(ctx, out, binding)
	if err != nil {
		return Wrapping{}, fmt.Errorf("%w: what the %s seal %s wrapped it does not unwrap again: %w", ErrWrapping, out.Type, out.Name, err)
	}
	defer clear(back)
	if !bytes.Equal(bytes.TrimSpace(back), secret) {
		return Wrapping{}, fmt.Errorf("%w: the %s seal %s unwraps something else than it was given to wrap", ErrWrapping, out.Type, out.Name)
	}
	return out, nil
}

// inClear finds the mistake of a command that wraps nothing: the text as it was
// given, or the bytes that it stands for.
func inClear(blob, secret []byte) bool {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(secret)))
	defer clear(raw)
	n, err := base64.StdEncoding.Decode(raw, secret)
	return err != nil || bytes.Contains(blob, secret) || bytes.Contains(blob, raw[offValue:min(n, offSum)])
}

// FirstSeal puts the seal that Create has just made under wrappings, at least
// one, before it is stored anywhere. The shares stay what they are. Errors:
// ErrReadBack, ErrRecord, barrier.ErrWiped.
func (o *Opened) FirstSeal(wrappings []Wrapping) (*Record, error) {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.under(wrappings, 0)
	if err == nil {
		s.record = next.clone()
	}
	return next, err
}

// NextSeal makes the record that continues the one in force with other wrappings;
// none make it the shareholders' alone again. Shares and terms stay what they are.
// It was read back before it is returned, and takes effect with AdoptSeal alone.
// Errors: ErrReadBack, ErrRecord, barrier.ErrWiped.
func (o *Opened) NextSeal(wrappings []Wrapping) (*Record, error) {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return nil, barrier.ErrWiped
	}
	return s.under(wrappings, s.record.Revision+1)
}

// under makes the record with wrappings at a revision. The caller holds mu.
func (s *opened) under(wrappings []Wrapping, revision uint64) (*Record, error) {
	if s.root == nil {
		return nil, barrier.ErrWiped
	}
	ts, err := s.record.unwrap(s.root)
	if err != nil {
		return nil, err
	}
	defer ts.Wipe()
	next := s.record.clone()
	next.Format, next.Type, next.Revision, next.Wrappings = recordFormat, TypeShamir, revision, nil
	if len(wrappings) > 0 {
		next.Wrappings, next.Type = slices.Clone(wrappings), wrappings[0].Type
	}
	if revision > 0 || len(wrappings) > 0 {
		next.Format = recordFormat2
	}
	binding, err := next.binding()
	if err != nil {
		return nil, err
	}
	if next.Wrapped, err = ts.Wrap(s.root, binding); err != nil {
		return nil, err
	}
	stored, err := next.Marshal()
	if err != nil {
		return nil, err
	}
	read, err := ParseRecord(stored)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrReadBack, err)
	}
	back, err := read.unwrap(s.root)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrReadBack, err)
	}
	defer back.Wipe()
	if err := back.Same(ts); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrReadBack, err)
	}
	return read, nil
}

// AdoptSeal puts in force a record that NextSeal made of the present one: the same
// shares and the same terms, the next revision. Errors: ErrNotSuccessor with what
// differs, ErrRecordDamaged, barrier.ErrWiped; the Opened is then what it was.
func (o *Opened) AdoptSeal(r *Record) error {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return barrier.ErrWiped
	}
	if err := r.SameShares(s.record); err != nil {
		return err
	}
	if r.Revision != s.record.Revision+1 {
		return fmt.Errorf("%w: its wrappings are of revision %d, wanted is %d", ErrNotSuccessor, r.Revision, s.record.Revision+1)
	}
	have, err := s.record.unwrap(s.root)
	if err != nil {
		return err
	}
	defer have.Wipe()
	next, err := r.unwrap(s.root)
	if err != nil {
		return err
	}
	defer next.Wipe()
	if err := next.Same(have); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSuccessor, err)
	}
	s.record = r.clone()
	return nil
}
