package main

import (
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{3, 1, 2}, spread{2, 1, 3}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
		{[]float64{-1, -5}, spread{-3, -5, -1}},
	} {
		if got := spreadOf(c.in); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.in, got, c.want)
		}
	}
	in := []float64{2, 1}
	if spreadOf(in); in[0] != 2 {
		t.Error("it sorts what it was given")
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i+1) * time.Microsecond
	}
	for _, c := range []struct {
		in   []time.Duration
		q    float64
		want float64
	}{
		{nil, 0.5, 0}, {hundred[:1], 0.99, 1}, {hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 0, 1}, {hundred, 1, 100},
		{hundred[:3], 0.5, 2},
	} {
		if got := quantile(c.in, c.q); got != c.want {
			t.Errorf("%g of %d: %g, want %g", c.q, len(c.in), got, c.want)
		}
	}
}

// What is wanted, with pairs on both sides of the line.
func TestAims(t *testing.T) {
	for name, c := range map[string]struct {
		aim  aim
		pair pair
		ok   bool
		text string
	}{
		"none":           {aim{}, pair{Server: 1000, Floor: 1}, true, ""},
		"ratio reached":  {aim{ratioAim, 1.5}, pair{Server: 150, Floor: 100}, true, "ratio ≤ 1.5"},
		"ratio missed":   {aim{ratioAim, 1.5}, pair{Server: 151, Floor: 100}, false, "ratio ≤ 1.5"},
		"over reached":   {aim{overAim, 45}, pair{Server: 75, Floor: 30}, true, "over ≤ 45 µs"},
		"over missed":    {aim{overAim, 45}, pair{Server: 75.5, Floor: 30}, false, "over ≤ 45 µs"},
		"raw reached":    {aim{rawAim, 12}, pair{Server: 32, Floor: 1, Raw: 20}, true, "≤ raw 20.0 + 12 µs"},
		"raw missed":     {aim{rawAim, 12}, pair{Server: 33, Floor: 99, Raw: 20}, false, "≤ raw 20.0 + 12 µs"},
		"batch reached":  {aim{batchAim, 4}, pair{Server: 16.9, Floor: 10}, true, "≤ 1.3 × floor + 4 µs"},
		"batch missed":   {aim{batchAim, 4}, pair{Server: 17.1, Floor: 10}, false, "≤ 1.3 × floor + 4 µs"},
		"floor of no µs": {aim{ratioAim, 1.5}, pair{Server: 10}, true, "ratio ≤ 1.5"},
	} {
		// The pair in the middle decides.
		pairs := []pair{{Server: 1e6, Floor: 1, Raw: c.pair.Raw}, c.pair, {Server: -1e6, Floor: 1, Raw: c.pair.Raw}}
		if text, ok := c.aim.judge(pairs); text != c.text || ok != c.ok {
			t.Errorf("%s: %q, %v", name, text, ok)
		}
	}
	if text, ok := (aim{overAim, 1}).judge(nil); text != "" || !ok {
		t.Errorf("no pairs: %q, %v", text, ok)
	}
}

func TestCompare(t *testing.T) {
	turns := []turn{
		{{P50: 100, CPU: 10}, {P50: 105, CPU: 30}},
		{{P50: 200, CPU: 20}, {P50: 240, CPU: 22}},
		{{P50: 110, CPU: 10}, {P50: 110, CPU: 10}},
	}
	c := compare("x", turns, 1.1)
	if c.P50 != [2]float64{110, 110} || c.CPU != [2]float64{10, 22} || c.RatioP50 != (spread{1.05, 1, 1.2}) || c.RatioCPU != (spread{1.1, 1, 3}) || !c.OK {
		t.Errorf("%+v", c)
	}
	if c := compare("x", turns, 1.09); c.OK {
		t.Error("a CPU ratio of 1.1 is within 1.09")
	}
	if c := compare("x", turns, 1.04); c.OK {
		t.Error("a latency ratio of 1.05 is within 1.04")
	}
	if got := rawOf(500*time.Millisecond, 20000); got != 25 {
		t.Errorf("raw: %g", got)
	}
}
