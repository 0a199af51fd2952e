package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// opFigures are what a node and the bare handler needed for one operation, in µs
// of CPU for one item.
type opFigures struct {
	Name   string  `json:"operation"`
	Audit  string  `json:"audit"` // durability of the node's audit log
	Items  int     `json:"items"` // of one request
	Server spread  `json:"server_us"`
	Floor  spread  `json:"floor_us"`
	Over   spread  `json:"over_us"`
	Ratio  spread  `json:"ratio"`
	Rate   float64 `json:"server_items_per_s"`
	P50    float64 `json:"server_p50_us"` // of a request
	P99    float64 `json:"server_p99_us"`
	Errors int64   `json:"errors"`
	Aim    string  `json:"aim,omitempty"`
	OK     bool    `json:"ok"`
	Note   string  `json:"note,omitempty"` // why there are no figures
	Pairs  []pair  `json:"pairs,omitempty"`
}

// operationsPart measures the chosen operations, first with durability os, then
// with sync.
func (b *bench) operationsPart(ctx context.Context) error {
	floor, err := start(ctx, b.dir+"/floor", b.floor, "-life", "30m")
	if err != nil {
		return err
	}
	defer func() { _ = floor.kill() }() // it has nothing to lose
	for _, durability := range []string{"os", "sync"} {
		var ops []operation
		for _, o := range b.ops {
			for _, d := range o.audit {
				if d == durability {
					ops = append(ops, o)
				}
			}
		}
		if len(ops) == 0 {
			continue
		}
		if err := b.withDurability(ctx, durability, ops, target{addr: floor.addr, pid: floor.pid(), token: "none"}); err != nil {
			return fmt.Errorf("audit durability %s: %w", durability, err)
		}
	}
	return nil
}

func (b *bench) withDurability(ctx context.Context, durability string, ops []operation, floor target) error {
	n, err := startNode(ctx, b.signet, b.dir+"/"+durability, durability, benchPolicy(operations(), b.ratio != ""))
	if err != nil {
		return err
	}
	defer func() { _ = n.kill() }()
	for _, o := range ops {
		b.progress("%s, audit %s", o.name, durability)
		f, err := b.measure(ctx, n, floor, o, durability)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		b.out.Operations = append(b.out.Operations, f)
	}
	if b.ratio != "" {
		b.progress("es256-sign by %s, audit %s", b.ratio, durability)
		f, err := b.independent(ctx, n, durability)
		if err != nil {
			return err
		}
		b.out.Operations = append(b.out.Operations, f)
	}
	return n.stop()
}

// measure compares a node with the bare handler, by turns.
func (b *bench) measure(ctx context.Context, n *node, floor target, o operation, durability string) (opFigures, error) {
	f := opFigures{Name: o.name, Audit: durability, Items: o.perItem(), OK: true}
	here, err := b.prepared(ctx, n, o)
	if errors.Is(err, errNotOffered) {
		f.Note = err.Error()
		return f, nil
	}
	if err != nil {
		return f, err
	}
	there, err := prepare(ctx, floor, o)
	if err != nil {
		return f, fmt.Errorf("the bare handler: %w", err)
	}
	a, items := o.aimWith(durability), float64(o.perItem())
	var rates, p50, p99 []float64
	for range b.pairs {
		s, err := b.load.run(ctx, n.target(), here)
		if err != nil {
			return f, err
		}
		l, err := b.load.run(ctx, floor, there)
		if err != nil {
			return f, fmt.Errorf("the bare handler: %w", err)
		}
		p := pair{Server: s.CPU / items, Floor: l.CPU / items}
		if a.kind == rawAim {
			if p.Raw, err = b.raw(ctx); err != nil {
				return f, err
			}
		}
		f.Pairs = append(f.Pairs, p)
		f.Errors += s.Errors + l.Errors
		b.failed(o.name, s, l)
		rates, p50, p99 = append(rates, s.Rate*items), append(p50, s.P50), append(p99, s.P99)
	}
	f.Server = over(f.Pairs, func(p pair) float64 { return p.Server })
	f.Floor = over(f.Pairs, func(p pair) float64 { return p.Floor })
	f.Over, f.Ratio = over(f.Pairs, pair.over), over(f.Pairs, pair.ratio)
	f.Rate, f.P50, f.P99 = spreadOf(rates).Median, spreadOf(p50).Median, spreadOf(p99).Median
	f.Aim, f.OK = a.judge(f.Pairs)
	return f, nil
}

// prepared makes the key of an operation and the requests.
func (b *bench) prepared(ctx context.Context, n *node, o operation) ([]exchange, error) {
	var err error
	if o.jwt() {
		err = n.makeIssuer(ctx)
	} else {
		err = n.makeKey(ctx, o.key, o.key)
	}
	if err != nil {
		return nil, notOffered(err)
	}
	return prepare(ctx, n.target(), o)
}

// rawSignatures is how many signatures one raw measure makes: half a second of
// CPU, beside which the start of the program is nothing.
const rawSignatures = 20000

// raw returns the CPU time of one ecdsa.Sign in µs, made on all processors at
// once as a busy server makes them.
func (b *bench) raw(ctx context.Context) (float64, error) {
	cmd := exec.CommandContext(ctx, b.floor, "-raw", fmt.Sprint(rawSignatures))
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("the signature alone: %w", err)
	}
	return rawOf(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), rawSignatures), nil
}

func rawOf(cpu time.Duration, signatures int) float64 { return micros(cpu) / float64(signatures) }

// failed keeps what went wrong first.
func (b *bench) failed(name string, results ...result) {
	for _, r := range results {
		if r.Errors > 0 {
			b.errors = append(b.errors, fmt.Sprintf("%s: %d requests failed, the first: %s", name, r.Errors, strings.TrimSpace(r.First)))
		}
	}
}
