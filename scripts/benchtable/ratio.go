package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
)

// independent has a program that is not part of this repository measure the same
// as es256-sign, with its own load and its own bare handler.
func (b *bench) independent(ctx context.Context, n *node, durability string) (opFigures, error) {
	seconds := max(1, int(b.load.length.Seconds()))
	cmd := exec.CommandContext(ctx, b.ratio, "http://"+n.addr, fmt.Sprint(n.pid()), fmt.Sprint(b.pairs), fmt.Sprint(seconds), fmt.Sprint(b.load.conns))
	cmd.Env = append(cmd.Environ(), "VAULT_TOKEN="+n.token, "TMPDIR="+b.dir)
	// Its own traps end what it has started.
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGTERM) }, stopLimit
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return opFigures{}, fmt.Errorf("%s: %w: %.300s", b.ratio, err, stderr.String())
	}
	o := operations()[0]
	f, err := parseRatio(stdout.Bytes(), durability, o.aimWith(durability))
	if f.Errors > 0 {
		b.errors = append(b.errors, fmt.Sprintf("%s: %d requests failed", f.Name, f.Errors))
	}
	return f, err
}

// parseRatio reads the line that such a program prints.
func parseRatio(text []byte, durability string, a aim) (opFigures, error) {
	var r struct {
		Ratio  float64 `json:"ratio"`
		Min    float64 `json:"min"`
		Max    float64 `json:"max"`
		Server float64 `json:"server_us"`
		Floor  float64 `json:"floor_us"`
		Rate   float64 `json:"server_ops"`
		P99    float64 `json:"server_p99_us"`
		Errors int64   `json:"errors"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return opFigures{}, fmt.Errorf("the other measure: %w", err)
	}
	if r.Ratio <= 0 || r.Server <= 0 || r.Floor <= 0 || r.Errors < 0 {
		return opFigures{}, errors.New("the other measure printed no figures")
	}
	one := func(v float64) spread { return spread{v, v, v} }
	f := opFigures{
		Name: "es256-sign (independent)", Audit: durability, Items: 1,
		Server: one(r.Server), Floor: one(r.Floor), Over: one(r.Server - r.Floor),
		Ratio: spread{r.Ratio, r.Min, r.Max}, Rate: r.Rate, P99: r.P99, Errors: r.Errors,
	}
	f.Aim, f.OK = a.judge([]pair{{Server: r.Ratio, Floor: 1}})
	return f, nil
}
