package lease

import "testing"

func BenchmarkValid(b *testing.B) {
	h := NewHolder(1)
	r := h.Request(At{}, at(0), 0)
	if err := h.Grant(Grant{"a", r.Nonce, 1, 5}, at(1)); err != nil {
		b.Fatal(err)
	}
	var cell Cell
	cell.Publish(h.Lease())
	clock := func() Instant { return at(2) }
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if cell.Valid(clock, 9) != nil {
				b.Fatal("no lease")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if cell.Valid(clock, 9) != nil {
					b.Fatal("no lease")
				}
			}
		})
	})
}

func TestValidAllocatesNothing(t *testing.T) {
	h := leased(t)
	var cell Cell
	cell.Publish(h.Lease())
	clock := func() Instant { return at(1) }
	if n := testing.AllocsPerRun(100, func() { _ = cell.Valid(clock, 12) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
