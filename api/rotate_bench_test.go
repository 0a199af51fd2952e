package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signet-kms/signet/client/wire"
)

// BenchmarkRotate is whole rotations without the network, of as many writers as
// there are goroutines. Keys are many, so that each has a handful of versions.
func BenchmarkRotate(b *testing.B) {
	const keys = 1024
	s := newServer(b)
	for i := range keys {
		if w := do(s, "POST", fmt.Sprintf("/v1/transit/keys/rotated-%d", i), rootToken, `{}`); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	var turn atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	before := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		w := &nobody{header: http.Header{}}
		for pb.Next() {
			path := fmt.Sprintf("/v1/transit/keys/rotated-%d/rotate", turn.Add(1)%keys)
			r := httptest.NewRequest("POST", path, nil)
			r.RemoteAddr, r.ContentLength = "127.0.0.1:1234", 2
			r.Header.Set(wire.HeaderToken, rootToken)
			r.Body = io.NopCloser(strings.NewReader("{}"))
			w.status = 200
			if s.ServeHTTP(w, r); w.status != 200 {
				b.Error(w.status)
			}
		}
	})
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e3, "cpu-µs/op")
}

// BenchmarkReadKeys is reading many keys in turn, whose versions lie all over memory,
// as they do on a node that was running for a while.
func BenchmarkReadKeys(b *testing.B) {
	const keys, versions = 1024, 16
	s := newServer(b)
	var turn atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := turn.Add(1); i <= keys*versions; i = turn.Add(1) {
				path := fmt.Sprintf("/v1/transit/keys/read-%d", i%keys)
				if i > keys {
					path += "/rotate"
				}
				if w := do(s, "POST", path, rootToken, `{}`); w.Code != 200 {
					b.Error(w.Body)
				}
			}
		})
	}
	all.Wait()
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "127.0.0.1:1234"
	r.Header.Set(wire.HeaderToken, rootToken)
	w := &nobody{header: http.Header{}}
	paths := make([]string, keys)
	for i := range paths {
		paths[i] = fmt.Sprintf("/v1/transit/keys/read-%d", i)
	}
	b.ReportAllocs()
	before, n := cpuTime(b), 0
	for b.Loop() {
		w.status, r.URL.Path = 200, paths[n%keys]
		n++
		if s.ServeHTTP(w, r); w.status != 200 {
			b.Fatal(w.status)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(n)/1e3, "cpu-µs/op")
}
