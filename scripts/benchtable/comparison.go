package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// comparison is the same operation under two conditions, the second of which
// should cost no more.
type comparison struct {
	Name     string     `json:"operation"`
	P50      [2]float64 `json:"p50_us"`
	CPU      [2]float64 `json:"cpu_us"`
	RatioP50 spread     `json:"ratio_p50"`
	RatioCPU spread     `json:"ratio_cpu"`
	Aim      string     `json:"aim,omitempty"`
	OK       bool       `json:"ok"`
	Note     string     `json:"note,omitempty"`
}

// turn is a measure of both conditions, one after the other.
type turn [2]result

// compare takes the medians of turns. Both ratios are to be at most limit.
func compare(name string, turns []turn, limit float64) comparison {
	c := comparison{Name: name}
	for i := range c.P50 {
		c.P50[i] = over(turns, func(t turn) float64 { return t[i].P50 }).Median
		c.CPU[i] = over(turns, func(t turn) float64 { return t[i].CPU }).Median
	}
	c.RatioP50 = over(turns, func(t turn) float64 { return quotient(t[1].P50, t[0].P50) })
	c.RatioCPU = over(turns, func(t turn) float64 { return quotient(t[1].CPU, t[0].CPU) })
	c.Aim, c.OK = fmt.Sprintf("both ≤ %g", limit), c.RatioP50.Median <= limit && c.RatioCPU.Median <= limit
	return c
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// once sends each request once, on one connection, for what cannot be repeated.
func once(ctx context.Context, t target, exchanges []exchange) (result, error) {
	w, err := load{conns: 1, length: time.Minute}.connect(ctx, t, exchanges[:1], 0)
	if w != nil {
		defer w.conn.close()
	}
	if err != nil {
		return result{}, err
	}
	var r result
	var took []time.Duration
	from, err := cpuTime(t.pid)
	if err != nil {
		return r, err
	}
	for _, e := range exchanges[1:] {
		begin := time.Now()
		status, body, err := w.conn.do(e.request)
		took = append(took, time.Since(begin))
		if err == nil && status != 200 {
			err = &statusError{status: status, text: textOf(body)}
		}
		if err == nil {
			err = e.check(body)
		}
		if err != nil {
			return r, err
		}
		if err := ctx.Err(); err != nil {
			return r, err
		}
	}
	until, err := cpuTime(t.pid)
	if err != nil {
		return r, err
	}
	slices.Sort(took)
	r.Ops = int64(len(took))
	r.CPU = micros(until-from) / float64(len(took))
	r.P50, r.P99 = quantile(took, 0.5), quantile(took, 0.99)
	return r, nil
}
