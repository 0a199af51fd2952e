package barrier

import (
	"bytes"
	"testing"
)

const testCluster = "7d9e7c1e-5a52-4c1b-9a3e-0c6f3f6f8a11"

// fixedStore has terms 1..n with known keys, so that golden bytes open.
func fixedStore(n int) *TermStore {
	s := &terms{active: uint64(n)}
	for i := 1; i <= n; i++ {
		t := term{number: uint64(i), created: int64(i) * 1000}
		copy(t.key[:], bytes.Repeat([]byte{byte(0x40 + i)}, keySize))
		s.list = append(s.list, t)
	}
	return &TermStore{hidden: hide(s)}
}

func newBarrier(t testing.TB, cluster string, ts *TermStore) *Barrier {
	t.Helper()
	b, err := New(cluster, ts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func randomBarrier(t testing.TB) *Barrier {
	t.Helper()
	ts, err := NewTermStore(1)
	if err != nil {
		t.Fatal(err)
	}
	return newBarrier(t, testCluster, ts)
}

func seal(t testing.TB, b *Barrier, n Name, plain []byte) []byte {
	t.Helper()
	out, err := b.Seal(n, plain)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
