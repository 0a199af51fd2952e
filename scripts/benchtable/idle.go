package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	idleStarts  = 9
	readyLimit  = 300 // ms
	memoryLimit = 50  // MiB
	matchLimit  = 3   // µs
)

// idlePart measures a development node: how long it takes to start, and what it
// holds when nothing happens.
func (b *bench) idlePart(ctx context.Context) error {
	dev := func(name string) (*process, error) {
		return start(ctx, b.dir+"/"+name, b.signet, "server", "--dev", "--listen", "127.0.0.1:0", "--data-dir", "data")
	}
	b.progress("a development node, %d times", idleStarts)
	var ready []float64
	for i := range idleStarts {
		p, err := dev(fmt.Sprintf("dev%d", i))
		if err != nil {
			return err
		}
		ready = append(ready, micros(p.ready)/1000)
		if err := p.stop(); err != nil {
			return err
		}
	}
	b.figure("development node, start to ready", "ms", spreadOf(ready), readyLimit)
	p, err := dev("idle")
	if err != nil {
		return err
	}
	defer func() { _ = p.kill() }()
	if err := sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	mib, err := resident(p.pid())
	if err != nil {
		return err
	}
	b.figure("development node, resident after 5 s", "MiB", spread{mib, mib, mib}, memoryLimit)
	return p.stop()
}

// matchPart has Go's benchmark of the router run.
func (b *bench) matchPart(ctx context.Context) error {
	b.progress("finding the route of a sign request")
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkMatchSign$", "-benchtime", "300ms", "-count", "5", "./api")
	cmd.Dir = b.source
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go test -bench: %w: %.1000s", err, out.String())
	}
	times, err := parseBenchmark(out.String())
	if err != nil {
		return err
	}
	b.figure("finding the route of a sign request", "µs", spreadOf(times), matchLimit)
	return nil
}

// parseBenchmark reads the times of what go test -bench prints, in µs
// ("BenchmarkX-2  100  12.5 ns/op", golang.org/design/14313-benchmark-format).
func parseBenchmark(text string) ([]float64, error) {
	var times []float64
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") || f[3] != "ns/op" {
			continue
		}
		ns, err := strconv.ParseFloat(f[2], 64)
		if err != nil || !(ns > 0 && ns < 1e12) {
			return nil, fmt.Errorf("a benchmark that took %q ns", f[2])
		}
		times = append(times, ns/1000)
	}
	if len(times) == 0 {
		return nil, errors.New("go test -bench ran no benchmark")
	}
	return times, nil
}
