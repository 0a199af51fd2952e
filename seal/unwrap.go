package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// What a wrapper is given is laid out as a share is, and can be mistaken for
// none: its first byte is no version of a share, and its checksum has another
// domain. It holds the root key, not the secret that the shares give: whoever
// migrates a seal needs no shares then, and nothing stays in memory for it that
// was not there before.
//
//	byte  0       version: 0x81
//	bytes 1..6    cluster tag
//	bytes 7..10   generation, big endian
//	byte  11      zero
//	bytes 12..43  root key
//	bytes 44..47  checksum of all before
const wrappedVersion = 0x81

const (
	domainWrapped = "signet wrapped root key v1\x00"
	domainBinding = "signet wrapped root key of "
)

// wrappable is the text that a wrapper is given, 64 characters of base64.
func (r *Record) wrappable(root []byte) []byte {
	raw := new(shareBytes)
	defer clear(raw[:])
	raw[0] = wrappedVersion
	copy(raw[offTag:], clusterTag(r.ClusterID))
	binary.BigEndian.PutUint32(raw[offGeneration:], r.Generation)
	copy(raw[offValue:offSum], root)
	copy(raw[offSum:], wrappedSum(raw))
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64Length), raw[:])
}

// wrapBinding names what a wrapped root key is of, for those who authenticate
// associated data. Both fields are fixed until a rekey, whatever else changes in
// the record.
func (r *Record) wrapBinding() []byte {
	return fmt.Appendf(nil, "%s%s generation %d", domainBinding, r.ClusterID, r.Generation)
}

// wrappedSum finds mistakes and mix-ups; the seal record alone decides.
func wrappedSum(raw *shareBytes) []byte {
	h := sha256.New()
	h.Write([]byte(domainWrapped))
	h.Write(raw[:offSum])
	return h.Sum(nil)[:shareSize-offSum]
}

// root judges what came back from outside in, as verify does with a share, so
// that each mix-up gets its name. The caller overwrites the result. Errors:
// ErrUnwrapDamaged, ErrUnwrapForeign, ErrUnwrapGeneration.
func (r *Record) root(unwrapped []byte) ([]byte, error) {
	raw := new(shareBytes)
	defer clear(raw[:])
	text := bytes.TrimSpace(unwrapped)
	if len(text) != base64Length {
		return nil, ErrUnwrapDamaged
	}
	if n, err := base64.StdEncoding.Strict().Decode(raw[:], text); err != nil || n != shareSize {
		return nil, ErrUnwrapDamaged // without err, which quotes the text
	}
	if raw[0] != wrappedVersion || raw[offIndex] != 0 || subtle.ConstantTimeCompare(wrappedSum(raw), raw[offSum:]) != 1 {
		return nil, ErrUnwrapDamaged
	}
	if want := clusterTag(r.ClusterID); !bytes.Equal(raw[offTag:offGeneration], want) {
		return nil, fmt.Errorf("%w (its cluster tag is %x, this cluster's is %x)", ErrUnwrapForeign, raw[offTag:offGeneration], want)
	}
	if g := binary.BigEndian.Uint32(raw[offGeneration:]); g != r.Generation {
		return nil, fmt.Errorf("%w (it is of generation %d, wanted is %d)", ErrUnwrapGeneration, g, r.Generation)
	}
	return bytes.Clone(raw[offValue:offSum]), nil
}

// Unwrap has w unwrap the root key and opens r with it. The wrapping is taken from
// newest, which is r or a later record with the same shares: a sealed node may
// have seen one that it cannot put in force yet. What w gives back counts only if
// it opens r. Errors: ErrNoWrapping, the ErrUnwrap sentinels, ErrNotSuccessor,
// barrier.ErrWiped, and those of w as they are.
func (r *Record) Unwrap(ctx context.Context, w Wrapper, newest *Record) (*Opened, error) {
	if err := newest.SameShares(r); err != nil {
		return nil, err
	}
	wrapping, ok := newest.WrappedBy(w)
	if !ok {
		return nil, ErrNoWrapping
	}
	unwrapped, err := w.Unwrap(ctx, wrapping, r.wrapBinding())
	if err != nil {
		return nil, err
	}
	defer clear(unwrapped)
	root, err := r.root(unwrapped)
	if err != nil {
		return nil, err
	}
	opened, err := openRecord(r, root)
	if err != nil {
		clear(root)
		if errors.Is(err, ErrRecordDamaged) {
			return nil, ErrUnwrapWrong // without err, which is about shares
		}
		return nil, err
	}
	return opened, nil
}
