package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is a server that this program has started.
type target struct {
	addr  string // host:port
	pid   int
	token string
}

// exchange is one request and what its answer must be.
type exchange struct {
	request []byte
	form    []byte                  // stands in every good answer
	items   int                     // times that it stands there
	check   func(body []byte) error // verifies an answer in full
}

// load is how a server is measured: so many connections, each with one request
// under way at any time.
type load struct {
	conns  int
	own    int           // each connection repeats so many exchanges of its own; 0: all of them go through all
	warm   time.Duration // answered as well, but not counted
	length time.Duration
}

// result is what one load has shown. An operation is one request.
type result struct {
	Ops    int64   `json:"ops"`
	Rate   float64 `json:"ops_per_s"`
	CPU    float64 `json:"cpu_us"` // of the server, for one operation
	P50    float64 `json:"p50_us"`
	P99    float64 `json:"p99_us"`
	Errors int64   `json:"errors"`
	First  string  `json:"first_error,omitempty"`
}

// maxFailures is how many failures in a row end a worker.
const maxFailures = 20

// run loads t with the exchanges, over and over. It returns an error if nothing
// could be measured; requests that failed are counted in the result.
func (l load) run(ctx context.Context, t target, exchanges []exchange) (result, error) {
	return l.runAll(ctx, []target{t}, [][]exchange{exchanges})
}

// runAll is run for several servers at once, with the exchanges of each. The
// connections are dealt out in turn; CPU is that of all servers together.
func (l load) runAll(ctx context.Context, targets []target, exchanges [][]exchange) (result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers []*worker
	defer func() {
		for _, w := range workers {
			w.conn.close()
		}
	}()
	for i := range l.conns {
		w, err := l.connect(ctx, targets[i%len(targets)], exchanges[i%len(targets)], i/len(targets))
		if w != nil {
			workers = append(workers, w)
		}
		if err != nil {
			return result{}, err
		}
	}
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() { w.run(ctx) })
	}
	if err := sleep(ctx, l.warm); err != nil {
		return result{}, err
	}
	from, cpuFrom, err := mark(workers, targets)
	if err != nil {
		return result{}, err
	}
	begin := time.Now()
	if err := sleep(ctx, l.length); err != nil {
		return result{}, err
	}
	until, cpuUntil, err := mark(workers, targets)
	took := time.Since(begin)
	cancel()
	wg.Wait()
	if err != nil {
		return result{}, err
	}
	return sum(workers, until-from, cpuUntil-cpuFrom, begin, took)
}

// connect opens a connection to a server, the ith, and verifies the first answer on
// it. The worker is there whenever its connection is.
func (l load) connect(ctx context.Context, t target, exchanges []exchange, i int) (*worker, error) {
	c, err := dial(t.addr, time.Now().Add(l.warm+l.length+time.Minute))
	if err != nil {
		return nil, err
	}
	w := &worker{conn: c, exchanges: exchanges, next: i}
	if from := i * l.own; l.own > 0 {
		w.exchanges, w.next = exchanges[from:from+l.own], 0
	}
	e := w.exchange()
	status, body, err := c.do(e.request)
	if err == nil && status != http.StatusOK {
		err = &statusError{status: status, text: textOf(body)}
	}
	if err == nil {
		err = e.check(body)
	}
	if err != nil {
		return w, fmt.Errorf("the first answer on a connection: %w", err)
	}
	return w, ctx.Err()
}

func mark(workers []*worker, targets []target) (ops int64, cpu time.Duration, err error) {
	for _, w := range workers {
		ops += w.done.Load()
	}
	for _, t := range targets {
		used, err := cpuTime(t.pid)
		if err != nil {
			return 0, 0, err
		}
		cpu += used
	}
	return ops, cpu, nil
}

func sum(workers []*worker, ops int64, cpu time.Duration, begin time.Time, took time.Duration) (result, error) {
	r := result{Ops: ops, Rate: float64(ops) / took.Seconds()}
	var latencies []time.Duration
	for _, w := range workers {
		r.Errors += w.errors
		if r.First == "" && w.first != nil {
			r.First = w.first.Error()
		}
		for _, s := range w.samples {
			if !s.begin.Before(begin) {
				latencies = append(latencies, s.took)
			}
		}
	}
	if ops == 0 {
		return r, fmt.Errorf("no request was answered: %s", cmp.Or(r.First, "the time was too short"))
	}
	slices.Sort(latencies)
	r.CPU = micros(cpu) / float64(ops)
	r.P50, r.P99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
	return r, nil
}

// worker is one connection. Done is read while it runs, the rest after it.
type worker struct {
	conn      *httpConn
	exchanges []exchange
	next      int
	done      atomic.Int64
	_         [48]byte // the counters of two workers share no cache line
	samples   []sample
	errors    int64
	first     error
}

type sample struct {
	begin time.Time
	took  time.Duration
}

func (w *worker) exchange() *exchange {
	e := &w.exchanges[w.next%len(w.exchanges)]
	w.next++
	return e
}

func (w *worker) run(ctx context.Context) {
	for inARow := 0; inARow < maxFailures && ctx.Err() == nil; {
		e := w.exchange()
		begin := time.Now()
		status, body, err := w.conn.do(e.request)
		took := time.Since(begin)
		switch {
		case err != nil:
			w.fail(err)
			return // the connection is of no use any more
		case status != http.StatusOK:
			w.fail(&statusError{status: status, text: textOf(body)})
			inARow++
		case bytes.Count(body, e.form) != e.items:
			w.fail(errForm)
			inARow++
		default:
			w.samples = append(w.samples, sample{begin, took})
			w.done.Add(1)
			inARow = 0
		}
	}
}

var errForm = errors.New("an answer lacks what was asked for")

func (w *worker) fail(err error) {
	w.errors++
	if w.first == nil {
		w.first = err
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
