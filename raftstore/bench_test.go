package raftstore

import (
	"context"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	b.ReportAllocs()
	before := processorTime(b)
	defer func() { b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op") }()
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

// processorTime is what this process has used, in nanoseconds.
func processorTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkRoom is what an entry pays for knowing that the disk is not full, beside
// the question itself.
func BenchmarkRoom(b *testing.B) {
	d, err := openDataDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	b.Run("asked", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.free(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		s := space{begun: time.Now()}
		for b.Loop() {
			if room, err := s.hasRoom(reserve, d.free); !room || err != nil {
				b.Fatal(room, err)
			}
		}
	})
}
