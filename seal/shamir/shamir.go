package shamir

import (
	"errors"
	"fmt"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"
)

const (
	// Size is the length in bytes of a secret and of a value: a scalar of
	// Ristretto255, little endian and below the group order (RFC 9496, section 4.4).
	Size = 32
	// MaxShares is the largest number of shares; indexes run from 1 to it.
	MaxShares = 255
)

var (
	// ErrParams: n and k do not make a sharing; the text says why.
	ErrParams = errors.New("shamir: impossible number of shares or threshold")
	// ErrTooFew: fewer than k values, or not one index for each value.
	ErrTooFew = errors.New("shamir: fewer shares than the threshold")
	// ErrIndex: an index outside 1..255.
	ErrIndex = errors.New("shamir: share index is not within 1 to 255")
	// ErrRepeated: one index twice.
	ErrRepeated = errors.New("shamir: the same share twice")
	// ErrValue: a value that is not 32 bytes, or not the canonical form of a scalar.
	ErrValue = errors.New("shamir: share value is not a canonical 32-byte scalar")
	// ErrZero: the shares give the zero secret, which Split never makes.
	ErrZero = errors.New("shamir: the shares give an empty secret")
)

// Check says whether n shares with threshold k are possible: 1 ≤ k ≤ n ≤ 255,
// and k above 1 unless there is one share, because a secret that every holder
// has alone is not shared. Errors: ErrParams with the reason.
func Check(n, k int) error {
	switch {
	case n < 1 || n > MaxShares:
		return fmt.Errorf("%w: %d shares, choose 1 to %d", ErrParams, n, MaxShares)
	case k < 1:
		return fmt.Errorf("%w: threshold %d, choose at least 1", ErrParams, k)
	case k > n:
		return fmt.Errorf("%w: threshold %d is above the number of shares %d", ErrParams, k, n)
	case k == 1 && n > 1:
		return fmt.Errorf("%w: threshold 1 with %d shares lets every holder unseal alone, choose at least 2", ErrParams, n)
	}
	return nil
}

// Split makes a random non-zero secret and n values of which any k give it back;
// values[i] belongs to index i+1. The caller overwrites all of them after use.
// Errors: ErrParams.
func Split(n, k int) (secret []byte, values [][]byte, err error) {
	if err := Check(n, k); err != nil {
		return nil, nil, err
	}
	// Both readers are nil because this group ignores them and draws from
	// crypto/rand; a test would see a predictable source.
	s := group.Ristretto255.RandomNonZeroScalar(nil)
	defer s.SetUint64(0)
	if secret, err = s.MarshalBinary(); err != nil {
		return nil, nil, err
	}
	// The library counts the shares that learn nothing: threshold − 1.
	for _, share := range secretsharing.New(nil, uint(k-1), s).Share(uint(n)) {
		v, err := share.Value.MarshalBinary()
		if err != nil {
			return nil, nil, err
		}
		share.Value.SetUint64(0)
		values = append(values, v)
	}
	return secret, values, nil
}

// Recover gives the secret back from at least k values and their indexes, which
// are parallel slices in any order. It uses the first k; all are checked.
// Errors: ErrParams, ErrTooFew, ErrIndex, ErrRepeated, ErrValue, ErrZero.
func Recover(k int, indexes []int, values [][]byte) ([]byte, error) {
	if k < 1 || k > MaxShares {
		return nil, fmt.Errorf("%w: threshold %d", ErrParams, k)
	}
	if len(values) < k || len(indexes) != len(values) {
		return nil, ErrTooFew
	}
	var seen [MaxShares + 1]bool
	shares := make([]secretsharing.Share, 0, len(values))
	defer func() {
		for _, s := range shares {
			s.Value.SetUint64(0)
		}
	}()
	for i, index := range indexes {
		if index < 1 || index > MaxShares {
			return nil, ErrIndex
		}
		if seen[index] { // the library panics on this one
			return nil, ErrRepeated
		}
		seen[index] = true
		v := group.Ristretto255.NewScalar()
		if err := v.UnmarshalBinary(values[i]); err != nil {
			return nil, ErrValue
		}
		id := group.Ristretto255.NewScalar().SetUint64(uint64(index))
		shares = append(shares, secretsharing.Share{ID: id, Value: v})
	}
	s, err := secretsharing.Recover(uint(k-1), shares)
	if err != nil {
		return nil, fmt.Errorf("shamir: %w", err)
	}
	defer s.SetUint64(0)
	if s.IsZero() {
		return nil, ErrZero
	}
	return s.MarshalBinary()
}
