package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/signet-kms/signet/seal/barrier"
	"github.com/signet-kms/signet/seal/shamir"
)

const (
	infoRoot = "signet root v1"
	rootSize = 32 // bytes
)

// rootKey derives the root key from the shared secret: HKDF-SHA256 (RFC 5869)
// with the cluster id as salt. A secret that is short or zero is refused here,
// whatever made it. The caller overwrites the result.
func rootKey(secret []byte, clusterID string) ([]byte, error) {
	if len(secret) != shamir.Size || [shamir.Size]byte(secret) == [shamir.Size]byte{} {
		return nil, shamir.ErrZero
	}
	return hkdf.Key(sha256.New, secret, []byte(clusterID), infoRoot, rootSize)
}

// open turns k verified shares, index → value, into an Opened. Whatever fails
// here is the record's fault, since each share matched its commitment.
// Errors: ErrRecordDamaged.
func (r *Record) open(values map[int]*shareBytes) (*Opened, error) {
	indexes := make([]int, 0, len(values))
	scalars := make([][]byte, 0, len(values))
	for index, raw := range values {
		indexes = append(indexes, index)
		scalars = append(scalars, raw[offValue:offSum])
	}
	secret, err := shamir.Recover(r.Threshold, indexes, scalars)
	if err != nil {
		return nil, damaged(err)
	}
	defer clear(secret)
	root, err := rootKey(secret, r.ClusterID)
	if err != nil {
		return nil, damaged(err)
	}
	out, err := openRecord(r, root)
	if err != nil {
		clear(root)
	}
	return out, err
}

// unwrap opens the term store under the root key; the caller wipes it. An empty
// root is one that was wiped. Errors: ErrRecordDamaged, barrier.ErrWiped.
func (r *Record) unwrap(root []byte) (*barrier.TermStore, error) {
	if len(root) == 0 {
		return nil, barrier.ErrWiped
	}
	binding, err := r.binding()
	if err != nil {
		return nil, damaged(err)
	}
	ts, err := barrier.UnwrapTermStore(root, binding, r.Wrapped)
	if err != nil {
		return nil, damaged(err)
	}
	return ts, nil
}

func damaged(err error) error { return fmt.Errorf("%w (%w)", ErrRecordDamaged, err) }
