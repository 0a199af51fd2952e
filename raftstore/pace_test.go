package raftstore

import (
	"testing"
	"time"
)

func TestALogIsSlowWhenEveryWriteIs(t *testing.T) {
	type write struct{ at, takes time.Duration }
	const ms, s = time.Millisecond, time.Second
	many := func(n int, takes time.Duration) (out []write) {
		for i := range n {
			out = append(out, write{time.Duration(i) * (takes + ms), takes})
		}
		return out
	}
	for name, c := range map[string]struct {
		writes []write
		at     time.Duration
		slow   bool
	}{
		"none":                        {nil, 5 * s, false},
		"fast ones":                   {many(1000, 4*ms), 4 * s, false},
		"slow ones, not for long":     {many(2, s), 2*s + 10*ms, false},
		"slow ones":                   {many(4, s), 4*s + 10*ms, true},
		"slow ones, long ago":         {many(4, s), 8 * s, false},
		"slow ones with long breaks":  {[]write{{0, s}, {10 * s, s}, {20 * s, s}}, 21*s + ms, false},
		"a fast one among slow ones":  {append(many(2, s), write{3 * s, ms}, write{4 * s, s}), 5 * s, false},
		"one that does not end":       {[]write{{0, 0}, {s, -1}}, 4 * s, true},
		"one that has not ended soon": {[]write{{0, 0}, {s, -1}}, 3 * s, false},
	} {
		p, begun := pace{}, time.Now()
		for _, w := range c.writes {
			p.begin(begun.Add(w.at))
			if w.takes >= 0 {
				p.end(begun.Add(w.at + w.takes))
			}
		}
		if got := p.slow(begun.Add(c.at)); got != c.slow {
			t.Errorf("%s: slow is %t", name, got)
		}
	}
}
