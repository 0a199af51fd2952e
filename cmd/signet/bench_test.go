package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// newRun returns a run that lasts until its work cancels ctx.
func newRun(workers int, work benchWork) *benchRun {
	return &benchRun{work: work, duration: time.Hour, concurrency: workers, warn: func(string) {}}
}

func TestBenchCountsErrorsByCodeAndGoesOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := &client.Error{Status: 429, Code: wire.RateLimited}
	proxy := &client.Error{Status: 502}
	item := &itemFailed{wire.ItemError{Error: "no", Code: wire.BadCiphertext}}
	var n atomic.Int64
	r := newRun(1, benchWork{do: func(context.Context) ([]string, error) {
		switch n.Add(1) {
		case 2, 3:
			return nil, refused
		case 4:
			return nil, proxy
		case 5:
			return nil, item
		case 8: // 1 was the warm-up; 6 and 7 are counted
			cancel()
			return nil, ctx.Err()
		}
		return nil, nil
	}})
	if err := r.run(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
	if r.latency.count() != 2 || r.failed.Load() != 4 || !errors.Is(r.first, refused) {
		t.Errorf("%d operations, %d errors, the first %v", r.latency.count(), r.failed.Load(), r.first)
	}
	for code, want := range map[string]uint64{"rate_limited": 2, "status_502": 1, "bad_ciphertext": 1} {
		if r.errors[code] != want {
			t.Errorf("%d of %s, want %d", r.errors[code], code, want)
		}
	}
}

// A worker whose warm-up fails is checked at its first success, which is not counted.
func TestBenchChecksTheFirstAnswerOfEachWorker(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done, checks atomic.Int64
	r := newRun(3, benchWork{
		do: func(context.Context) ([]string, error) {
			switch n := done.Add(1); {
			case n == 1:
				return nil, errors.New("late")
			case n > 100:
				cancel()
				return nil, ctx.Err()
			}
			return []string{"answer"}, nil
		},
		check: func(_ context.Context, answer []string) error {
			if answer[0] != "answer" {
				t.Errorf("checked %q", answer)
			}
			checks.Add(1)
			return nil
		},
	})
	if err := r.run(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
	if checks.Load() < 2 || checks.Load() > 3 || r.latency.count()+uint64(checks.Load()) != 99 {
		t.Errorf("%d checks and %d counted of 99 answers", checks.Load(), r.latency.count())
	}
}

func TestBenchEndsOnAWrongAnswer(t *testing.T) {
	for name, work := range map[string]benchWork{
		"of an operation": {do: func(context.Context) ([]string, error) { return nil, errWrongAnswer }},
		"found by the check": {
			do:    func(context.Context) ([]string, error) { return nil, nil },
			check: func(context.Context, []string) error { return errWrongAnswer },
		},
	} {
		if err := newRun(4, work).run(t.Context(), func() {}); !errors.Is(err, errWrongAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var n atomic.Int64 // after the warm-up too
	r := newRun(2, benchWork{do: func(context.Context) ([]string, error) {
		if n.Add(1) > 10 {
			return nil, errWrongAnswer
		}
		return nil, nil
	}})
	if err := r.run(t.Context(), func() {}); !errors.Is(err, errWrongAnswer) {
		t.Errorf("later: %v", err)
	}
}

func TestBenchEndsIfNothingSucceedsAtFirst(t *testing.T) {
	sealed := &client.Error{Status: 503, Code: wire.Sealed}
	r := newRun(4, benchWork{do: func(context.Context) ([]string, error) { return nil, sealed }})
	if err := r.run(t.Context(), func() {}); !errors.Is(err, client.ErrSealed) {
		t.Error(err)
	}
}

func TestBenchSaysOnceThatItMayNotCheck(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n, warnings atomic.Int64
	r := newRun(4, benchWork{
		do: func(context.Context) ([]string, error) {
			if n.Add(1) > 20 {
				cancel()
			}
			return nil, nil
		},
		check: func(context.Context, []string) error { return &client.Error{Status: 403} },
	})
	r.warn = func(string) { warnings.Add(1) }
	if err := r.run(ctx, func() {}); err != nil || warnings.Load() != 1 || r.failed.Load() != 0 {
		t.Errorf("%v, %d warnings, %d errors", err, warnings.Load(), r.failed.Load())
	}
}

// An operation that had to wait for a stalled one counts from when it was due.
func TestBenchAtARateCountsTheWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	r := newRun(1, benchWork{do: func(context.Context) ([]string, error) {
		switch n.Add(1) { // 1 is the warm-up
		case 2:
			time.Sleep(300 * time.Millisecond)
		case 4:
			cancel()
		}
		return nil, nil
	}})
	r.interval = 50 * time.Millisecond
	if err := r.run(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
	// Those due at 50 and 100 ms began after 300.
	if r.latency.count() != 3 || r.latency.percentile(0) < 200*time.Millisecond {
		t.Errorf("%d operations, the shortest %v", r.latency.count(), r.latency.percentile(0))
	}
}

// Ctrl-C ends a run early; what was measured is printed.
func TestBenchIsInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a daemon")
	}
	dir := t.TempDir()
	address, stop, err := startDaemon(dir, "--dev", "--dev-root-token", "root", "--listen", "127.0.0.1:0")
	defer stop()
	if err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("signet")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "bench", "token-lookup", "--duration", "1h", "-o", "json")
	cmd.Env = append(os.Environ(), "HOME="+dir, "NO_PROXY=*", "SIGNET_ADDR="+address, "SIGNET_TOKEN=root")
	cmd.SysProcAttr = outlivesNobody(syscall.SIGKILL)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), " errors") { // it is measuring
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var got benchReport
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Interrupted || got.Operations == 0 || got.ErrorCount != 0 || got.Seconds > 600 {
		t.Errorf("%+v", got)
	}
}
