package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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
