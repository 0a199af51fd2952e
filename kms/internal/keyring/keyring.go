package keyring

import (
	"bytes"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// Keyring uses keys for those who hold a pass. It begins sealed. It is safe for
// concurrent use and redacts itself everywhere.
type Keyring struct {
	_ [0]func()
	redacted
	// session is nil while sealed. Everything clear hangs on it, so dropping it
	// drops all, without a wait for the operations that still use a part.
	session atomic.Pointer[session]
}

// New makes a sealed Keyring.
func New() *Keyring { return &Keyring{} }

// Unseal lets operations begin. The Keyring keeps b until Seal but never wipes
// it: b belongs to the caller. What an earlier Unseal cached is dropped.
func (k *Keyring) Unseal(b *barrier.Barrier) {
	k.session.Store(&session{b: b, entries: make(map[versionKey]*entry)})
}

// Seal drops the barrier and every clear key. Operations that begin later fail
// with ErrSealed; those under way finish. It takes some milliseconds: crypto/ecdsa
// and crypto/ed25519 keep copies that go only when ours have been collected, so
// it collects, and gives whole free pages back to the system. DESIGN.md says
// what may still be left in memory.
func (k *Keyring) Seal() {
	if k.session.Swap(nil) != nil {
		debug.FreeOSMemory()
	}
}

// Keep drops the clear versions for which alive says no. What Forget missed goes
// so: a version that a request cached from a record of before, or whose
// destruction nobody waited for.
func (k *Keyring) Keep(alive func(mount, name string, number uint32) bool) {
	s := k.session.Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.entries {
		if !alive(id.mount, id.name, id.number) {
			delete(s.entries, id)
		}
	}
}

// Forget drops the clear versions of one key, when it is deleted or destroyed. A
// request that holds its record from before may cache it again until the next
// Keep.
func (k *Keyring) Forget(mount, name string) {
	s := k.session.Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.entries {
		if id.mount == mount && id.name == name {
			delete(s.entries, id)
		}
	}
}

// session is the time between an Unseal and the next Seal.
type session struct {
	_ [0]func()
	redacted
	b *barrier.Barrier

	// mu guards entries and is held for a lookup or an insertion alone, never
	// while a key is made, opened or used.
	mu      sync.RWMutex
	entries map[versionKey]*entry // version → its halves
}

// versionKey is a comparable identity: looking one up joins no strings.
type versionKey struct {
	mount, name string
	number      uint32
}

// entry is one version as its record described it.
type entry struct {
	_ [0]func()
	redacted
	typ    state.KeyType
	spki   []byte     // the record's public half; never written to
	public *publicKey // nil for symmetric keys

	opening sync.Mutex // held while the private half is opened, so that it happens once
	private atomic.Pointer[secret]
}

// describes says whether e is about the very record v: a restored snapshot may
// hold another key under the same identity. Records are immutable, so this
// compares a slice with itself as a rule, which takes no time. e may be nil.
func (e *entry) describes(v *state.KeyVersion) bool {
	return e != nil && e.typ == v.Type && bytes.Equal(e.spki, v.Public)
}

// lookup finds the entry of v or makes one, without opening the private half.
// Error: ErrDamaged.
func (s *session) lookup(v *state.KeyVersion) (*entry, error) {
	id := versionKey{v.Mount, v.Name, v.Number}
	s.mu.RLock()
	e := s.entries[id]
	s.mu.RUnlock()
	if e.describes(v) {
		return e, nil
	}
	public, err := parsePublic(v.Type, v.Public)
	if err != nil {
		return nil, err
	}
	made := &entry{typ: v.Type, spki: v.Public, public: public}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e.describes(v) {
		return e, nil // another request was quicker
	}
	s.entries[id] = made
	return made, nil
}

// secret returns the private half of v, opened the first time.
// Errors: ErrDamaged, those of the barrier.
func (s *session) secret(v *state.KeyVersion) (*secret, error) {
	e, err := s.lookup(v)
	if err != nil {
		return nil, err
	}
	if x := e.private.Load(); x.openedFrom(v) {
		return x, nil
	}
	e.opening.Lock()
	defer e.opening.Unlock()
	if x := e.private.Load(); x.openedFrom(v) {
		return x, nil
	}
	x, err := openSecret(s.b, v)
	if err != nil {
		return nil, err
	}
	if err := x.belongsTo(e); err != nil {
		return nil, err
	}
	e.private.Store(x)
	return x, nil
}
