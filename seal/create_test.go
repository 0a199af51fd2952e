package seal

import (
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/seal/barrier"
	"github.com/signet-kms/signet/seal/shamir"
)

func TestCreateRefuses(t *testing.T) {
	for _, c := range []struct {
		cluster string
		n, k    int
		says    string
	}{
		{testCluster, 0, 0, "0 shares"},
		{testCluster, 0, 1, "0 shares"},
		{testCluster, -1, 1, "-1 shares"},
		{testCluster, 256, 3, "256 shares"},
		{testCluster, 5, 0, "threshold 0"},
		{testCluster, 5, -2, "threshold -2"},
		{testCluster, 5, 6, "above the number of shares 5"},
		{testCluster, 5, 1, "every holder unseal alone"},
		{"", 5, 3, "cluster id"},
		{"a b", 5, 3, "cluster id"},
		{"a\"b", 5, 3, "cluster id"},
		{"é", 5, 3, "cluster id"},
		{strings.Repeat("x", 129), 5, 3, "cluster id"},
	} {
		r, shares, b, err := Create(Params{ClusterID: c.cluster, Shares: c.n, Threshold: c.k})
		if !errors.Is(err, ErrParams) || r != nil || shares != nil || b != nil {
			t.Errorf("%d of %d in %q: %v", c.k, c.n, c.cluster, err)
			continue
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d of %d in %q does not say %q: %v", c.k, c.n, c.cluster, c.says, err)
		}
	}
}

func TestCreateEveryShape(t *testing.T) {
	for _, c := range []struct{ n, k int }{{1, 1}, {2, 2}, {5, 3}, {255, 2}} {
		r, shares, b := create(t, c.n, c.k)
		if r.Shares != c.n || r.Threshold != c.k || len(shares) != c.n || r.Generation != 1 || r.Type != TypeShamir {
			t.Errorf("%d of %d: %+v", c.k, c.n, r)
		}
		u := NewUnsealing(r)
		var opened *barrier.Barrier
		for _, s := range shares[c.n-c.k:] {
			_, opened = submit(t, u, s)
		}
		if opened == nil || !same(t, b, opened) {
			t.Errorf("%d of %d: another barrier", c.k, c.n)
		}
		for i, s := range shares {
			if s.Index() != i+1 {
				t.Errorf("share %d has index %d", i+1, s.Index())
			}
		}
	}
}

func TestCreateIsFresh(t *testing.T) {
	r1, s1, b1 := create(t, 2, 2)
	r2, s2, b2 := create(t, 2, 2)
	if same(t, b1, b2) || s1[0].Hex() == s2[0].Hex() || s1[0].Hex() == s1[1].Hex() || string(r1.Wrapped) == string(r2.Wrapped) {
		t.Error("two seals have something secret in common")
	}
	// An abandoned init of the same cluster id: right in all but the value.
	if _, err := r2.Check(s1[0].Hex()); !errors.Is(err, ErrShareWrong) {
		t.Errorf("share of an abandoned init: %v", err)
	}
}

// TestReadBackFindsWhatIsBroken gives readBack each kind of thing that memory
// or a bug could have broken between making and returning.
func TestReadBackFindsWhatIsBroken(t *testing.T) {
	p := Params{ClusterID: testCluster, Shares: 5, Threshold: 2, Now: 1}
	ts, err := barrier.NewTermStore(1)
	if err != nil {
		t.Fatal(err)
	}
	other, err := barrier.NewTermStore(1)
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(*Record, []Share) *barrier.TermStore{
		"a share's value":        func(_ *Record, s []Share) *barrier.TermStore { s[1].raw()[offValue] ^= 1; return ts },
		"a share in the middle":  func(_ *Record, s []Share) *barrier.TermStore { s[2].raw()[offSum] ^= 1; return ts },
		"two shares swapped":     func(_ *Record, s []Share) *barrier.TermStore { s[0], s[1] = s[1], s[0]; s[0] = s[1]; return ts },
		"a share off the line":   func(r *Record, s []Share) *barrier.TermStore { bend(t, r, s, ts); return ts },
		"the wrapped terms":      func(r *Record, _ []Share) *barrier.TermStore { r.Wrapped[30] ^= 1; return ts },
		"a commitment":           func(r *Record, _ []Share) *barrier.TermStore { r.Commitments[3][0] ^= 1; return ts },
		"the threshold":          func(r *Record, _ []Share) *barrier.TermStore { r.Threshold = 3; return ts },
		"another store came out": func(*Record, []Share) *barrier.TermStore { return other },
		"a record that is none":  func(r *Record, _ []Share) *barrier.TermStore { r.Type = ""; return ts },
	} {
		r, shares, err := forge(p, ts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readBack(r, shares, ts); err != nil {
			t.Fatal(err)
		}
		want := spoil(r, shares)
		if b, err := readBack(r, shares, want); err == nil || b != nil {
			t.Errorf("%s went unseen", what)
		}
	}
}

// bend gives the last holder a share that is right by its commitment and useless
// for unsealing, and wraps the terms for the record with that commitment.
func bend(t *testing.T, r *Record, shares []Share, ts *barrier.TermStore) {
	t.Helper()
	secret, err := shamir.Recover(r.Threshold, []int{1, 2}, [][]byte{shares[0].raw()[offValue:offSum], shares[1].raw()[offValue:offSum]})
	if err != nil {
		t.Fatal(err)
	}
	last := len(shares) - 1
	shares[last] = rewrite(shares[last], func(raw *shareBytes) { raw[offValue] ^= 1 })
	r.Commitments[last] = commitment(r.ClusterID, r.Generation, last+1, shares[last].raw()[offValue:offSum])
	root, err := rootKey(secret, r.ClusterID)
	if err != nil {
		t.Fatal(err)
	}
	binding, err := r.binding()
	if err != nil {
		t.Fatal(err)
	}
	if r.Wrapped, err = ts.Wrap(root, binding); err != nil {
		t.Fatal(err)
	}
	u := NewUnsealing(r)
	submit(t, u, shares[0])
	if _, b := submit(t, u, shares[1]); b == nil {
		t.Fatal("the bent seal does not open with its good shares")
	}
}

func TestEmptyRootIsRefused(t *testing.T) {
	for _, secret := range [][]byte{nil, {}, make([]byte, 31), make([]byte, 32), make([]byte, 33)} {
		if k, err := rootKey(secret, testCluster); err == nil || k != nil {
			t.Errorf("a secret of %d bytes gives a root key", len(secret))
		}
	}
	// A record whose shares give the zero secret, commitments and all.
	r, _, _ := create(t, 2, 2)
	u := NewUnsealing(r)
	for i := range 2 {
		zero := make([]byte, shamir.Size)
		u.hidden().record.Commitments[i] = commitment(r.ClusterID, r.Generation, i+1, zero)
		_, b, err := u.Submit(makeShare(r.ClusterID, r.Generation, i+1, zero).Hex())
		if i == 1 && (!errors.Is(err, ErrRecordDamaged) || !errors.Is(err, shamir.ErrZero) || b != nil) {
			t.Errorf("the zero secret: %v", err)
		}
	}
}
