package state

import (
	"fmt"
	"testing"
)

// BenchmarkRotations rotates 1,024 keys in turn, fifteen to a state, as a busy cluster
// does. An op is one rotation. The keys are made anew now and then, so that they have few
// versions.
func BenchmarkRotations(b *testing.B) {
	const keys, together, versions = 1024, 15, 8
	f := newFiller(b)
	var rotations []*RotateKey
	for i := range keys {
		c := createKey(fmt.Sprint("rotated-0-", i), 1)
		c.Version.Sealed = make([]byte, 240)
		f.send(c)
		rotations = append(rotations, &RotateKey{Version: c.Version})
	}
	first := *f
	s := f.a.State()
	b.ReportAllocs()
	b.ResetTimer()
	at := 0
	next := func() *RotateKey {
		r := *rotations[at%keys]
		r.Version.Number = uint32(at/keys + 2)
		at++
		return &r
	}
	for i := 0; b.Loop(); i++ {
		if i%together == 0 {
			f.a = NewApplier(f.a.State())
		}
		if at == keys*versions {
			b.StopTimer()
			*f, at = first, 0
			f.a = NewApplier(s)
			b.StartTimer()
		}
		f.send(next())
	}
}
