package raftstore

import (
	"context"
	"sync"
	"testing"
)

// BenchmarkPropose has 64 callers that hand over their entries under one lock,
// as callers do who number them.
func BenchmarkPropose(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Dev: true}, newBook())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.Bootstrap(ctx); err != nil {
		b.Fatal(err)
	}
	var order sync.Mutex
	data := make([]byte, 500)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			order.Lock()
			p := s.Enqueue(data)
			order.Unlock()
			if _, err := p.Wait(ctx); err != nil {
				b.Error(err)
			}
		}
	})
}
