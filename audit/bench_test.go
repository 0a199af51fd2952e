package audit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// signRecord is what one signature leaves behind.
func signRecord(l *Log) Record {
	return Record{
		Type: TypeRequest, RequestID: "01JC9T3YQ5W8ZK4V7M2N6P0R1S", Operation: "transit/sign",
		Method: "POST", Path: "transit/sign/payments/sha2-256", Accessor: "acc_Zk93hfLQ82mvNwTqRb4YxA",
		DisplayName: "token-ci", Application: "billing", Policies: []string{"default", "sign-payments"},
		Remote: "10.1.2.3:51234", Key: "payments", KID: "payments-3", KeyVersion: 3, Alg: "ES256",
		Outcome: OutcomeOK, Duration: 87 * time.Microsecond,
		Input: l.Hash([]byte("input")), Output: l.Hash([]byte("output")),
	}
}

func openBench(b *testing.B, d Durability) *Log {
	l, err := Open(Options{Dir: b.TempDir(), Durability: d, Node: "node-1"})
	if err != nil {
		b.Fatal(err)
	}
	l.SetHashKey(make([]byte, 32))
	b.Cleanup(func() { l.Close() })
	return l
}

func BenchmarkEncode(b *testing.B) {
	l := openBench(b, DurabilityOS)
	r := signRecord(l)
	var s stamper
	var buf []byte
	now := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		buf = appendBody(s.append(buf[:0], uint64(i), now), &r, "node-1")
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParse(b *testing.B) {
	l := openBench(b, DurabilityOS)
	r := signRecord(l)
	var s stamper
	line := appendBody(s.append(nil, 7, time.Now()), &r, "node-1")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, why := parse(line[:len(line)-1]); why != "" {
			b.Fatal(why)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	l := openBench(b, DurabilityOS)
	in := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		l.Hash(in)
	}
}

func BenchmarkAppendOS(b *testing.B) {
	l := openBench(b, DurabilityOS)
	b.ReportAllocs()
	for b.Loop() {
		r := signRecord(l)
		if err := l.Append(&r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendSync appends from 16 goroutines that sign between appends, as
// the server does, and reports what auditing adds to the CPU time of the process
// for each record.
func BenchmarkAppendSync(b *testing.B) { benchLoad(b, DurabilitySync) }

// BenchmarkAppendOSLoad is the same without waiting for the disk.
func BenchmarkAppendOSLoad(b *testing.B) { benchLoad(b, DurabilityOS) }

func benchLoad(b *testing.B, d Durability) {
	l := openBench(b, d)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("payload"))
	round := func(n int, each func()) float64 {
		var wg sync.WaitGroup
		begin := cpuTime()
		for w := range 16 {
			wg.Go(func() {
				for range (n + w) / 16 {
					for range 3 { // about the CPU time of a whole request
						ecdsa.SignASN1(rand.Reader, key, digest[:])
					}
					each()
				}
			})
		}
		wg.Wait()
		return float64(cpuTime()-begin) / float64(n) / 1e3
	}
	// Interleaved rounds and their median, against a machine that is not ours
	// alone.
	const n = 1600
	var added []float64
	for left := b.N; left > 0; left -= n {
		floor := round(n, func() {})
		added = append(added, round(n, func() {
			r := signRecord(l)
			if err := l.Append(&r); err != nil {
				b.Error(err)
			}
		})-floor)
	}
	slices.Sort(added)
	s := l.Stats()
	b.ReportMetric(added[len(added)/2], "audit-cpu-µs/op")
	b.ReportMetric(float64(s.Records)/float64(s.Groups), "records/group")
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
