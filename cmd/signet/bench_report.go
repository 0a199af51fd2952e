package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/signet-kms/signet/client"
)

// benchReport is the result of signet bench.
type benchReport struct {
	Operation   string            `json:"operation"`
	Address     string            `json:"address"`
	Mount       string            `json:"mount,omitzero"`
	Key         string            `json:"key,omitzero"`
	Issuer      string            `json:"issuer,omitzero"`
	Profile     string            `json:"profile,omitzero"`
	Concurrency int               `json:"concurrency"`
	Batch       int               `json:"batch,omitzero"` // items an operation; 0: no batch
	Size        int               `json:"size,omitzero"`  // bytes an input
	Rate        float64           `json:"rate,omitzero"`  // operations a second at most
	Seconds     float64           `json:"seconds"`
	Interrupted bool              `json:"interrupted"`
	Operations  uint64            `json:"operations"` // that succeeded
	PerSecond   float64           `json:"operations_per_second"`
	Items       uint64            `json:"items"`
	ItemsPerSec float64           `json:"items_per_second"`
	LatencyUS   benchLatency      `json:"latency_us"`
	ErrorCount  uint64            `json:"error_count"`
	Errors      map[string]uint64 `json:"errors"` // code → count
}

// benchLatency is in microseconds, of what succeeded.
type benchLatency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// measured adds what a run that has ended counted.
func (b *benchReport) measured(r *benchRun) {
	b.Seconds = r.elapsed.Seconds()
	b.Operations = r.latency.count()
	b.Items = b.Operations * uint64(max(b.Batch, 1))
	if b.Seconds > 0 {
		b.PerSecond = float64(b.Operations) / b.Seconds
		b.ItemsPerSec = float64(b.Items) / b.Seconds
	}
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	h := &r.latency
	b.LatencyUS = benchLatency{
		us(h.mean()), us(h.percentile(0.5)), us(h.percentile(0.9)), us(h.percentile(0.99)), us(h.percentile(0.999)), us(h.max()),
	}
	b.ErrorCount, b.Errors = r.failed.Load(), r.errors
}

func (b *benchReport) table() func(io.Writer) error {
	micros := func(us float64) string {
		return time.Duration(us * float64(time.Microsecond)).Round(time.Microsecond).String()
	}
	rows := []row{
		{"operation", b.Operation},
		{"time", time.Duration(b.Seconds * float64(time.Second)).Round(time.Millisecond).String()},
		{"operations", b.Operations},
		{"operations/s", fmt.Sprintf("%.1f", b.PerSecond)},
	}
	if b.Batch > 0 {
		rows = append(rows, row{"items/s", fmt.Sprintf("%.1f", b.ItemsPerSec)})
	}
	l := b.LatencyUS
	rows = append(rows,
		row{"latency mean", micros(l.Mean)}, row{"latency p50", micros(l.P50)}, row{"latency p90", micros(l.P90)},
		row{"latency p99", micros(l.P99)}, row{"latency p99.9", micros(l.P999)}, row{"latency max", micros(l.Max)},
		row{"errors", b.ErrorCount})
	for _, code := range slices.Sorted(maps.Keys(b.Errors)) {
		rows = append(rows, row{"  " + code, b.Errors[code]})
	}
	return columns(rows...)
}

// errorCode returns the code of the server, or a word for what else went wrong.
func errorCode(err error) string {
	answered := (*client.Error)(nil)
	failed := (*itemFailed)(nil)
	switch {
	case errors.As(err, &failed) && failed.Code != "":
		return string(failed.Code)
	case errors.As(err, &failed):
		return "item_failed"
	case errors.As(err, &answered) && answered.Code != "":
		return string(answered.Code)
	case errors.As(err, &answered):
		return fmt.Sprintf("status_%d", answered.Status)
	case errors.Is(err, client.ErrBadAnswer):
		return "bad_answer"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	}
	return "network"
}

// progressTo returns a function that writes how far r is: in place on a
// terminal, otherwise a line. wipe takes the last one off a terminal.
func progressTo(w io.Writer, r *benchRun) (progress, wipe func()) {
	f, _ := w.(*os.File)
	inPlace := f != nil && term.IsTerminal(int(f.Fd()))
	before, last := uint64(0), time.Time{}
	progress = func() {
		now, n := time.Now(), r.latency.count()
		if last.IsZero() {
			last = r.begun
		}
		text := fmt.Sprintf("%4.0fs  %d operations  %.0f/s  %d errors",
			now.Sub(r.begun).Seconds(), n, float64(n-before)/now.Sub(last).Seconds(), r.failed.Load())
		before, last = n, now
		if inPlace {
			_, _ = io.WriteString(w, "\r\x1b[K"+text)
		} else {
			_, _ = io.WriteString(w, text+"\n")
		}
	}
	wipe = func() {
		if inPlace && !last.IsZero() {
			_, _ = io.WriteString(w, "\r\x1b[K")
		}
	}
	return progress, wipe
}
