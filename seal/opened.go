package seal

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/signet-kms/signet/seal/barrier"
)

// Opened is an unsealed seal: the root key, the record that is in force, and the
// Barrier that its terms make. It is the one place where a root key stays in
// memory, for as long as the node is unsealed: without it every new term would
// need the shares again. It is safe for concurrent use and redacts itself
// everywhere.
type Opened struct {
	_ [0]func()
	redacted
	hidden func() *opened
}

type opened struct {
	bar *barrier.Barrier // never changes; Wipe wipes it

	mu     sync.Mutex // guards what follows, held while a term store is open
	root   []byte     // nil once wiped
	record *Record    // in force; replaced, never edited
}

func (o *Opened) opened() *opened {
	if o == nil || o.hidden == nil {
		return &opened{bar: new(barrier.Barrier)}
	}
	return o.hidden()
}

// openRecord opens r under root, which becomes the Opened's own on success.
// Errors: those of Record.unwrap and barrier.New.
func openRecord(r *Record, root []byte) (*Opened, error) {
	ts, err := r.unwrap(root)
	if err != nil {
		return nil, err
	}
	defer ts.Wipe()
	b, err := barrier.New(r.ClusterID, ts)
	if err != nil {
		return nil, err
	}
	return &Opened{hidden: hide(&opened{bar: b, root: root, record: r.clone()})}, nil
}

// Barrier returns the barrier, always the same one: a later term extends it.
func (o *Opened) Barrier() *barrier.Barrier { return o.opened().bar }

// NextTerm makes the record that continues the one in force by one random term.
// All of it but Wrapped is what it was, so the shares stay the same. It was read
// back before it is returned, and it takes effect with Adopt alone.
// now is in unix nanoseconds. Errors: barrier.ErrWiped, ErrReadBack, and
// barrier.ErrTerms when there is no room for another term.
func (o *Opened) NextTerm(now int64) (*Record, error) {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	ts, err := s.record.unwrap(s.root)
	if err != nil {
		return nil, err
	}
	defer ts.Wipe()
	if err := ts.AddTerm(now); err != nil {
		return nil, err
	}
	next := s.record.clone()
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
	back, err := s.check(read)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrReadBack, err)
	}
	back.Wipe()
	return next, nil
}

// Adopt puts in force a record that continues the present one by exactly one
// term, and extends the Barrier by it. Errors: ErrNotSuccessor with what differs,
// ErrRecordDamaged, barrier.ErrWiped; the Opened is then what it was.
func (o *Opened) Adopt(r *Record) error {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	ts, err := s.check(r)
	if err != nil {
		return err
	}
	defer ts.Wipe()
	if err := s.bar.Extend(ts); err != nil {
		return err
	}
	s.record = r.clone()
	return nil
}

// check opens what may be a successor. The caller holds mu and wipes the result.
func (s *opened) check(r *Record) (*barrier.TermStore, error) {
	if s.root == nil {
		return nil, barrier.ErrWiped
	}
	if err := r.SameSeal(s.record); err != nil {
		return nil, err
	}
	if bytes.Equal(r.Wrapped, s.record.Wrapped) {
		return nil, fmt.Errorf("%w: it is the same record", ErrNotSuccessor)
	}
	have, err := s.record.unwrap(s.root)
	if err != nil {
		return nil, err
	}
	defer have.Wipe()
	next, err := r.unwrap(s.root)
	if err != nil {
		return nil, err
	}
	if err := next.Follows(have); err != nil {
		next.Wipe()
		return nil, fmt.Errorf("%w: %w", ErrNotSuccessor, err)
	}
	return next, nil
}

// Beside opens another record with the same shares under the same root key, with a
// Barrier of its own. Errors: ErrNotSuccessor, ErrRecordDamaged,
// barrier.ErrWiped.
func (o *Opened) Beside(r *Record) (*Opened, error) {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return nil, barrier.ErrWiped
	}
	if err := r.continues(s.record); err != nil {
		return nil, err
	}
	root := append([]byte(nil), s.root...)
	out, err := openRecord(r, root)
	if err != nil {
		clear(root)
	}
	return out, err
}

// Reach puts in force the record that stands any number of terms and changes of
// the wrappings after this one, or is the same: a snapshot may skip what lies
// between. Errors: ErrNotSuccessor
// with what differs, ErrRecordDamaged, barrier.ErrWiped; it is then what it was.
func (o *Opened) Reach(r *Record) error {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return barrier.ErrWiped
	}
	if err := r.continues(s.record); err != nil {
		return err
	}
	ts, err := r.unwrap(s.root)
	if err != nil {
		return err
	}
	defer ts.Wipe()
	if err := s.bar.Extend(ts); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSuccessor, err)
	}
	s.record = r.clone()
	return nil
}

// Wipe overwrites the root key and wipes the Barrier; it waits for operations
// under way. It may be called more than once.
func (o *Opened) Wipe() {
	s := o.opened()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.root)
	s.root = nil
	s.bar.Wipe()
}
