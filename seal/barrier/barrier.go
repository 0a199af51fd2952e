package barrier

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// Layout of sealed bytes:
//
//	byte  0       layout: 1
//	bytes 1..8    term, big endian
//	bytes 9..32   nonce, random
//	bytes 33..    ciphertext and 16-byte tag
const (
	layoutValue = 1
	headerSize  = 1 + 8
	// Overhead is how many bytes longer sealed bytes are than their plaintext.
	Overhead = headerSize + overhead
)

// Barrier seals and opens under the terms of one cluster. It is safe for
// concurrent use. It redacts itself everywhere. The zero Barrier is a wiped one.
type Barrier struct {
	_ [0]func()
	redacted
	hidden func() *state
}

func (b *Barrier) state() *state {
	if b == nil || b.hidden == nil {
		return &state{}
	}
	return b.hidden()
}

type state struct {
	clusterID string // never changes

	// mu guards what follows. It is held for reading for as long as a key is in
	// use, so when Wipe returns no operation is still working with one.
	mu     sync.RWMutex
	active uint64               // only grows, with Extend
	terms  map[uint64]*termKeys // term → keys; nil once wiped
}

// termKeys are the two uses of a term, so that no key serves two algorithms.
type termKeys struct {
	base    key // HKDF input for MAC and Derive
	sealing key // XChaCha20-Poly1305
}

// New makes a barrier with its own copy of the keys; the caller may wipe ts.
// Errors: ErrClusterID, ErrWiped.
func New(clusterID string, ts *TermStore) (*Barrier, error) {
	if clusterID == "" {
		return nil, ErrClusterID
	}
	from := ts.terms()
	if from == nil {
		return nil, ErrWiped
	}
	s := &state{clusterID: clusterID, active: from.active, terms: make(map[uint64]*termKeys, len(from.list))}
	for i := range from.list {
		k, err := s.keysOf(&from.list[i])
		if err != nil {
			return nil, err
		}
		s.terms[from.list[i].number] = k
	}
	return &Barrier{hidden: hide(s)}, nil
}

func (s *state) keysOf(t *term) (*termKeys, error) {
	k := &termKeys{base: t.key}
	sealing, err := k.derive(bind(domainSealing).text(s.clusterID).number(t.number))
	if err != nil {
		return nil, err
	}
	k.sealing = key(sealing)
	clear(sealing)
	return k, nil
}

// Seal encrypts plaintext as n under the active term; the layout stands at the
// top of this file. Errors: ErrUnnamed, ErrWiped.
func (b *Barrier) Seal(n Name, plaintext []byte) ([]byte, error) {
	if n.Kind == "" {
		return nil, ErrUnnamed
	}
	s := b.state()
	k, number, err := s.acquireActive()
	if err != nil {
		return nil, err
	}
	defer s.release()
	out := make([]byte, 0, Overhead+len(plaintext))
	out = append(out, layoutValue)
	out = binary.BigEndian.AppendUint64(out, number)
	return appendSealed(out, &k.sealing, plaintext, s.bindValue(number, n)), nil
}

// Open decrypts what Seal made under the same name, on any node of the cluster.
// The result is a fresh slice, never nil on success.
// Errors: ErrFormat, ErrUnknownTerm, ErrOpen, ErrUnnamed, ErrWiped.
func (b *Barrier) Open(n Name, sealed []byte) ([]byte, error) {
	if n.Kind == "" {
		return nil, ErrUnnamed
	}
	if len(sealed) < Overhead || sealed[0] != layoutValue {
		return nil, ErrFormat
	}
	number := binary.BigEndian.Uint64(sealed[1:])
	s := b.state()
	k, err := s.acquire(number)
	if err != nil {
		return nil, err
	}
	defer s.release()
	out := make([]byte, 0, len(sealed)-Overhead)
	return appendOpened(out, &k.sealing, sealed[headerSize:], s.bindValue(number, n))
}

// Term returns the number of the active term, 0 for the zero Barrier. Extend may
// raise it at any moment.
func (b *Barrier) Term() uint64 {
	s := b.state()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.active
}

// Wipe overwrites the keys and waits for operations under way; afterwards every
// call answers ErrWiped. It may be called more than once.
func (b *Barrier) Wipe() {
	s := b.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.terms {
		*k = termKeys{}
	}
	s.terms = nil
}

// acquireActive is acquire for the active term, and says which it is: asked for
// apart, the number and the keys could belong to two terms.
func (s *state) acquireActive() (k *termKeys, number uint64, err error) {
	s.mu.RLock()
	number = s.active
	k, err = s.acquireLocked(number)
	return k, number, err
}

// acquire returns the keys of a term and locks them against Wipe until release. With
// an error there is nothing to release.
func (s *state) acquire(number uint64) (k *termKeys, err error) {
	s.mu.RLock()
	return s.acquireLocked(number)
}

// acquireLocked takes over the caller's read lock.
func (s *state) acquireLocked(number uint64) (k *termKeys, err error) {
	if s.terms == nil {
		s.mu.RUnlock()
		return nil, ErrWiped
	}
	k, ok := s.terms[number]
	if !ok {
		s.mu.RUnlock()
		return nil, ErrUnknownTerm
	}
	return k, nil
}

func (s *state) release() { s.mu.RUnlock() }

func (s *state) bindValue(number uint64, n Name) []byte {
	return bind(domainValue).text(s.clusterID).number(number).name(n)
}

// derive is HKDF-SHA256 (RFC 5869) without salt: the input is a uniform key.
func (k *termKeys) derive(info binding) ([]byte, error) {
	return hkdf.Key(sha256.New, k.base[:], nil, string(info), keySize)
}
