package seal

import (
	"fmt"

	"github.com/signet-kms/signet/seal/barrier"
	"github.com/signet-kms/signet/seal/shamir"
)

// Params say what Create makes.
type Params struct {
	ClusterID string // letters, digits, dot, hyphen, underscore; up to 128; random, never used again
	Shares    int    // n, 1 to 255
	Threshold int    // k, 2 to n, or 1 of 1
	Now       int64  // unix nanoseconds
}

// CheckShares says whether a seal of n shares, k of which open it, can be made.
// Errors: ErrParams with the reason.
func CheckShares(n, k int) error {
	if err := shamir.Check(n, k); err != nil {
		return fmt.Errorf("%w: %w", ErrParams, err)
	}
	return nil
}

// Create makes a cluster's first seal: a random root, a term store wrapped by
// it, and the shares. Before it returns it recovers the root from the texts of
// the shares and opens the record with it; the Opened is the one that came out.
// The caller hands each share to its holder once and wipes it, and wipes the
// Opened.
// Errors: ErrParams, ErrReadBack.
func Create(p Params) (*Record, []Share, *Opened, error) {
	if err := shamir.Check(p.Shares, p.Threshold); err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrParams, err)
	}
	if !validClusterID(p.ClusterID) {
		return nil, nil, nil, fmt.Errorf("%w: a cluster id is 1 to %d letters, digits, dots, hyphens or underscores", ErrParams, maxClusterID)
	}
	ts, err := barrier.NewTermStore(p.Now)
	if err != nil {
		return nil, nil, nil, err
	}
	defer ts.Wipe()
	r, shares, err := forge(p, ts)
	if err != nil {
		return nil, nil, nil, err
	}
	opened, err := readBack(r, shares, ts)
	if err != nil {
		for _, s := range shares {
			s.Wipe()
		}
		return nil, nil, nil, fmt.Errorf("%w (%w)", ErrReadBack, err)
	}
	return r, shares, opened, nil
}

func forge(p Params, ts *barrier.TermStore) (*Record, []Share, error) {
	secret, values, err := shamir.Split(p.Shares, p.Threshold)
	if err != nil {
		return nil, nil, err
	}
	defer clear(secret)
	r := &Record{
		Format: recordFormat, Type: TypeShamir, ClusterID: p.ClusterID, Generation: firstGeneration,
		Shares: p.Shares, Threshold: p.Threshold, Created: p.Now,
	}
	shares := make([]Share, 0, len(values))
	for i, v := range values {
		shares = append(shares, makeShare(r.ClusterID, r.Generation, i+1, v))
		r.Commitments = append(r.Commitments, commitment(r.ClusterID, r.Generation, i+1, v))
		clear(v)
	}
	root, err := rootKey(secret, r.ClusterID)
	if err != nil {
		return nil, nil, err
	}
	defer clear(root)
	binding, err := r.binding()
	if err != nil {
		return nil, nil, err
	}
	if r.Wrapped, err = ts.Wrap(root, binding); err != nil {
		return nil, nil, err
	}
	return r, shares, nil
}

// readBack walks the way of a later unseal, from bytes and texts alone: every
// share in both forms, then the first k and, with them proved, the last k. ts is
// the store that must come out.
func readBack(r *Record, shares []Share, ts *barrier.TermStore) (*Opened, error) {
	stored, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	read, err := ParseRecord(stored)
	if err != nil {
		return nil, err
	}
	made, err := barrier.New(r.ClusterID, ts)
	if err != nil {
		return nil, err
	}
	defer made.Wipe()
	mac, err := r.MAC(made)
	if err != nil {
		return nil, err
	}
	for _, s := range shares {
		for _, text := range []string{s.Hex(), s.Base64()} {
			info, err := read.Check(text)
			if err != nil {
				return nil, err
			}
			if info.Index != s.Index() {
				return nil, fmt.Errorf("share %d reads back as share %d", s.Index(), info.Index)
			}
		}
	}
	var last *Opened
	for _, some := range [][]Share{shares[:r.Threshold], shares[len(shares)-r.Threshold:]} {
		last.Wipe()
		if last, err = unsealWith(read, some); err != nil {
			return nil, err
		}
		if err := read.VerifyMAC(last.Barrier(), mac); err != nil {
			last.Wipe()
			return nil, err
		}
	}
	return last, nil
}

func unsealWith(r *Record, shares []Share) (*Opened, error) {
	u := NewUnsealing(r)
	defer u.Reset()
	for _, s := range shares {
		_, opened, err := u.Submit(s.Hex())
		if err != nil || opened != nil {
			return opened, err
		}
	}
	return nil, fmt.Errorf("%d shares do not reach the threshold", len(shares))
}
