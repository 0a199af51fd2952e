package kms

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// BenchmarkRotate is a rotation of the default type without HTTP, by 64 writers at
// once with keys of their own: what the whole of a write costs. cpu-ns/op is the
// processor time of all goroutines, raft's and the log's among them, and of the kernel.
func BenchmarkRotate(b *testing.B) {
	const writers, each = 64, 16
	n := newNode(b)
	refs := make([]KeyRef, writers*each)
	for i := range refs {
		refs[i] = n.key(fmt.Sprintf("web-%d", i), "aes256-gcm96")
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime(b)
	for w := range writers {
		group.Go(func() {
			for i := 0; left.Add(-1) >= 0; i++ {
				ref := refs[w*each+i%each]
				if _, err := n.RotateKey(b.Context(), n.rootCall("transit/keys/"+ref.Name+"/rotate"), ref); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// processorTime is what this process has used, in nanoseconds.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
