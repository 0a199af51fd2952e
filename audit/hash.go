package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"sync"
)

// HashPrefix names the function in the text of a keyed hash.
const HashPrefix = "hmac-sha256:"

// hashKey holds the cluster's audit key as ready HMAC states. It is one of the
// files with a clear secret: the key leaves it only as hashes.
type hashKey struct {
	_      [0]func()
	states sync.Pool // of *hashState
}

// hashState is one HMAC with the scratch space that keeps Hash to a single
// allocation, its result.
type hashState struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	text [len(HashPrefix) + 2*sha256.Size]byte
}

// newHashKey copies key. The copy is not wiped at seal, since a Hash under way
// may still be reading it: it goes with the last state that was made from it.
func newHashKey(key []byte) *hashKey {
	key = append([]byte(nil), key...)
	k := new(hashKey)
	k.states.New = func() any {
		s := &hashState{mac: hmac.New(sha256.New, key)}
		copy(s.text[:], HashPrefix)
		return s
	}
	return k
}

func (k *hashKey) hash(b []byte) string {
	s := k.states.Get().(*hashState)
	s.mac.Reset()
	s.mac.Write(b)
	hex.Encode(s.text[len(HashPrefix):], s.mac.Sum(s.sum[:0]))
	out := string(s.text[:])
	k.states.Put(s)
	return out
}

const redactedKey = "audit.hashKey(redacted)"

func (k *hashKey) String() string               { return redactedKey }
func (k *hashKey) GoString() string             { return redactedKey }
func (k *hashKey) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redactedKey) }
func (k *hashKey) LogValue() slog.Value         { return slog.StringValue(redactedKey) }
func (k *hashKey) MarshalJSON() ([]byte, error) { return nil, errNoMarshal }
func (k *hashKey) MarshalText() ([]byte, error) { return nil, errNoMarshal }

var errNoMarshal = errors.New("the audit key cannot be marshalled")

// SetHashKey sets the key of Hash, the same on every node of a cluster; nil (or
// empty) takes it away, at seal. The log keeps a copy.
func (l *Log) SetHashKey(key []byte) {
	if len(key) == 0 {
		l.key.Store(nil)
		return
	}
	l.key.Store(newHashKey(key))
}

// Hash returns "hmac-sha256:" and the HMAC-SHA256 (RFC 2104) of b in lower-case
// hex under the cluster's audit key: the same value always gives the same text,
// so that it can be searched for, and tells nothing without the key. It returns
// "" while no key is set, which leaves the field out of the record.
func (l *Log) Hash(b []byte) string {
	k := l.key.Load()
	if k == nil {
		return ""
	}
	return k.hash(b)
}
