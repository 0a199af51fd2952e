package barrier

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
)

const (
	termsFormat = 1
	termsHeader = 1 + 8 + 4           // format, active term, count
	termSize    = 8 + 8 + keySize     // number, created, key
	maxTerms    = 1 << 16             // far above any life of a cluster; bounds the parser
	termsLimit  = maxTerms * termSize // bytes
)

// TermStore holds the numbered terms of one cluster and says which is active.
// It redacts itself everywhere; Wrap is the only way out. It is not safe for
// concurrent use; one goroutine makes it, wraps it, gives it to New, wipes it.
type TermStore struct {
	_ [0]func()
	redacted
	hidden func() *terms // nil: wiped
}

// terms returns nil after Wipe, and for a zero TermStore.
func (ts *TermStore) terms() *terms {
	if ts == nil || ts.hidden == nil {
		return nil
	}
	return ts.hidden()
}

type terms struct {
	active uint64
	list   []term // ascending by number, never empty in use
}

type term struct {
	number  uint64 // from 1
	created int64  // unix nanoseconds
	key     key
}

// NewTermStore makes a store with one random term, number 1, active.
// now is in unix nanoseconds.
func NewTermStore(now int64) (*TermStore, error) {
	ts := &TermStore{hidden: hide(&terms{})}
	if err := ts.AddTerm(now); err != nil {
		return nil, err
	}
	return ts, nil
}

// AddTerm makes the next random term and makes it the active one. Older terms
// stay, for what was sealed under them. A Barrier made before sees it with Extend.
// now is in unix nanoseconds. ErrWiped, or ErrTerms when there is no room.
func (ts *TermStore) AddTerm(now int64) error {
	s := ts.terms()
	if s == nil {
		return ErrWiped
	}
	if len(s.list) >= maxTerms {
		return ErrTerms
	}
	t := term{number: s.active + 1, created: now}
	_, _ = rand.Read(t.key[:]) // does not fail: crypto/rand ends the process instead
	grown := make([]term, 0, len(s.list)+1)
	grown = append(append(grown, s.list...), t)
	clear(t.key[:])
	clear(s.list) // the old array would stay behind with its keys
	s.list, s.active = grown, t.number
	return nil
}

// Active returns the number of the active term, 0 after Wipe.
func (ts *TermStore) Active() uint64 {
	if s := ts.terms(); s != nil {
		return s.active
	}
	return 0
}

// Follows says whether ts is what AddTerm makes of prev: the same terms, number,
// time and key, and exactly one more, with the next number. Errors: ErrExtension,
// ErrWiped.
func (ts *TermStore) Follows(prev *TermStore) error {
	a, b := prev.terms(), ts.terms()
	if a == nil || b == nil {
		return ErrWiped
	}
	if len(b.list) != len(a.list)+1 || b.active != a.active+1 {
		return ErrExtension
	}
	return b.begins(a)
}

// Same says whether ts holds the terms of o, number, time and key, and no others.
// Errors: ErrExtension, ErrWiped.
func (ts *TermStore) Same(o *TermStore) error {
	a, b := o.terms(), ts.terms()
	if a == nil || b == nil {
		return ErrWiped
	}
	if len(b.list) != len(a.list) || b.active != a.active {
		return ErrExtension
	}
	return b.begins(a)
}

// begins says whether the terms of a stand at the beginning of b's, which has at
// least as many.
func (b *terms) begins(a *terms) error {
	for i := range a.list {
		if x, y := &a.list[i], &b.list[i]; x.number != y.number || x.created != y.created || !sameKey(&x.key, &y.key) {
			return ErrExtension
		}
	}
	return nil
}

func sameKey(a, b *key) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// Wipe overwrites the keys; the store is of no use afterwards. A Barrier made
// from it has its own copy and stays usable.
func (ts *TermStore) Wipe() {
	if s := ts.terms(); s != nil {
		clear(s.list)
		ts.hidden = nil
	}
}

// Wrap seals the store under a 32-byte key with the caller's associated data.
// Errors: ErrKeyLength, ErrWiped.
func (ts *TermStore) Wrap(wrapping, ad []byte) ([]byte, error) {
	k, err := wrappingKey(wrapping)
	if err != nil {
		return nil, err
	}
	defer clear(k[:])
	s := ts.terms()
	if s == nil {
		return nil, ErrWiped
	}
	plain := s.marshal()
	defer clear(plain)
	return appendSealed(nil, k, plain, bind(domainTerms).text(string(ad))), nil
}

// UnwrapTermStore opens what Wrap made, with the same key and associated data.
// Errors: ErrKeyLength, ErrOpen, ErrTerms.
func UnwrapTermStore(wrapping, ad, wrapped []byte) (*TermStore, error) {
	k, err := wrappingKey(wrapping)
	if err != nil {
		return nil, err
	}
	defer clear(k[:])
	plain, err := appendOpened(nil, k, wrapped, bind(domainTerms).text(string(ad)))
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	s, err := parseTerms(plain)
	if err != nil {
		return nil, err
	}
	return &TermStore{hidden: hide(s)}, nil
}

func wrappingKey(b []byte) (*key, error) {
	if len(b) != keySize || key(b) == (key{}) {
		return nil, ErrKeyLength
	}
	k := key(b)
	return &k, nil
}

// marshal gives the one canonical form: format byte, active term, count, then
// number, creation time and key of each term, ascending, all big endian.
func (s *terms) marshal() []byte {
	// The exact capacity: growing would leave copies of keys behind.
	out := make([]byte, 0, termsHeader+len(s.list)*termSize)
	out = append(out, termsFormat)
	out = binary.BigEndian.AppendUint64(out, s.active)
	out = binary.BigEndian.AppendUint32(out, uint32(len(s.list)))
	for i := range s.list {
		t := &s.list[i]
		out = binary.BigEndian.AppendUint64(out, t.number)
		out = binary.BigEndian.AppendUint64(out, uint64(t.created))
		out = append(out, t.key[:]...)
	}
	return out
}

// parseTerms accepts canonical form alone: what it returns marshals to b.
func parseTerms(b []byte) (*terms, error) {
	if len(b) < termsHeader || len(b) > termsHeader+termsLimit || b[0] != termsFormat {
		return nil, ErrTerms
	}
	s := &terms{active: binary.BigEndian.Uint64(b[1:])}
	count := int(binary.BigEndian.Uint32(b[9:]))
	b = b[termsHeader:]
	if count == 0 || count > maxTerms || len(b) != count*termSize {
		return nil, ErrTerms
	}
	s.list = make([]term, count)
	last := uint64(0)
	for i := range s.list {
		t := &s.list[i]
		t.number = binary.BigEndian.Uint64(b)
		t.created = int64(binary.BigEndian.Uint64(b[8:]))
		t.key = key(b[16:termSize])
		b = b[termSize:]
		if t.number <= last || t.key == (key{}) {
			clear(s.list)
			return nil, ErrTerms
		}
		last = t.number
	}
	if s.active != last { // the newest term is the active one
		clear(s.list)
		return nil, ErrTerms
	}
	return s, nil
}
