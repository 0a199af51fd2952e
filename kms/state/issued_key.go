package state

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
)

// IssuedKey makes the ids of one issuer's entries.
type IssuedKey struct {
	_   [0]func()
	key [32]byte
}

// IssuedKey returns the key of an issuer's entries. It belongs to the issuer's
// UUID: a later issuer of the same name starts without any. Nobody outside knows
// it, so nobody can tell from an id whose it is, or choose one.
func (s *State) IssuedKey(uuid string) IssuedKey {
	h := sha256.New()
	h.Write([]byte("signet issued v1\x00"))
	h.Write(s.Cluster.AuditKey)
	h.Write([]byte(uuid))
	return IssuedKey{key: [32]byte(h.Sum(nil))}
}

func (IssuedKey) String() string               { return redacted }
func (IssuedKey) GoString() string             { return redacted }
func (IssuedKey) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (IssuedKey) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (IssuedKey) MarshalJSON() ([]byte, error) { return nil, errSecret }

// id has one block of SHA-256 for values of up to 22 bytes, as our jti are.
func (k *IssuedKey) id(about issuedKind, kind byte, value string) IssuedID {
	var buf [256]byte
	b := append(append(append(buf[:0], k.key[:]...), kind), value...)
	sum := sha256.Sum256(b)
	return IssuedID(sum[:16]).as(about)
}

// Token is the id of the entry about a token.
func (k *IssuedKey) Token(jti string) IssuedID { return k.id(aboutToken, 'j', jti) }

// Payload is the id of the entry about a token without a jti, by a hash of what it
// says.
func (k *IssuedKey) Payload(payload []byte) IssuedID {
	sum := sha256.Sum256(payload)
	return k.id(aboutToken, 'p', string(sum[:]))
}

// Subject is the id of a subject's cut-off.
func (k *IssuedKey) Subject(sub string) IssuedID { return k.id(aboutSubject, 's', sub) }

// Application is the id of an application's cut-off.
func (k *IssuedKey) Application(clientID string) IssuedID {
	return k.id(aboutApplication, 'c', clientID)
}
