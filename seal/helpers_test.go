package seal

import (
	"errors"
	"slices"
	"testing"

	"github.com/signet-kms/signet/seal/barrier"
)

const testCluster = "7d9e7c1e-5a52-4c1b-9a3e-0c6f3f6f8a11"

var shareErrors = []error{
	ErrShareEncoding, ErrShareLength, ErrShareDamaged, ErrShareVersion, ErrShareForeign,
	ErrShareGeneration, ErrShareIndex, ErrShareWrong, ErrShareRepeated,
}

// named says whether err is exactly one of the share sentinels.
func named(err error) bool {
	n := 0
	for _, s := range shareErrors {
		if errors.Is(err, s) {
			n++
		}
	}
	return n == 1
}

func create(t testing.TB, n, k int) (*Record, []Share, *barrier.Barrier) {
	t.Helper()
	r, shares, opened, err := Create(Params{ClusterID: testCluster, Shares: n, Threshold: k, Now: 1_700_000_000_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return r, shares, opened.Barrier()
}

// submit expects a right share.
func submit(t testing.TB, u *Unsealing, s Share) (Progress, *barrier.Barrier) {
	t.Helper()
	p, opened, err := u.Submit(s.Hex())
	if err != nil {
		t.Fatal(err)
	}
	if opened == nil {
		return p, nil
	}
	return p, opened.Barrier()
}

// rewrite changes a share and mends its checksum, as a forger would.
func rewrite(s Share, change func(raw *shareBytes)) Share {
	raw := *s.raw()
	change(&raw)
	copy(raw[offSum:], checksum(&raw))
	return Share{hidden: hide(&raw)}
}

// same says whether two barriers have the same keys.
func same(t testing.TB, a, b *barrier.Barrier) bool {
	t.Helper()
	x, err := a.Derive("test")
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Derive("test")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Equal(x, y)
}
