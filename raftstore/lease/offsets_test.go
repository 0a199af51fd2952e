package lease

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	const top, bottom = time.Duration(math.MaxInt64), time.Duration(math.MinInt64)
	for _, c := range []struct {
		in   []time.Duration
		want time.Duration
	}{
		{nil, 0},
		{[]time.Duration{5}, 5},
		{[]time.Duration{7, -3}, 2},
		{[]time.Duration{3, 4}, 3},
		{[]time.Duration{-3, -4}, -3},
		{[]time.Duration{9, 1, 5}, 5},
		{[]time.Duration{9, 1, 5, 6}, 5},
		{[]time.Duration{top, top}, top},
		{[]time.Duration{bottom, bottom}, bottom},
		{[]time.Duration{top, bottom, 0}, 0},
	} {
		in := slices.Clone(c.in)
		if got := Median(in); got != c.want {
			t.Errorf("%v: %d, want %d", c.in, got, c.want)
		}
		if !slices.Equal(in, c.in) {
			t.Errorf("%v was reordered", c.in)
		}
	}
}

func TestOffsets(t *testing.T) {
	g, voters := leading(3)
	arrive := func(node string, wall int64, now Instant) {
		_ = g.Arrive(node, Request{Wall: wall}, now, 1000)
	}
	arrive("a", 1000, at(0))
	arrive("b", 400, at(time.Second))
	arrive("c", math.MinInt64, at(time.Second))
	arrive("b", 1500, at(2*time.Second))
	arrive("x", 9999, at(2*time.Second))
	if got := g.Offsets(voters, at(2*time.Second)); !slices.Equal(got, []time.Duration{0, 500, math.MinInt64}) {
		t.Errorf("offsets %v", got)
	}
	if got := g.Offsets([]string{"a", "b"}, at(5*time.Second)); !slices.Equal(got, []time.Duration{500}) {
		t.Errorf("a's is too old and c is no voter: %v", got)
	}
	g.SetMembers([]string{"a"})
	if got := g.Offsets(voters, at(2*time.Second)); len(got) != 1 {
		t.Errorf("those who left are remembered: %v", got)
	}
}

func TestAgree(t *testing.T) {
	const top, bottom = time.Duration(math.MaxInt64), time.Duration(math.MinInt64)
	for _, c := range []struct {
		in     []time.Duration
		voters int
		want   bool
	}{
		{nil, 1, false}, {[]time.Duration{0}, 1, true}, {[]time.Duration{0}, 2, false},
		{[]time.Duration{10, 0}, 3, true}, {[]time.Duration{11, 0}, 3, false}, {[]time.Duration{11, 50, 1}, 3, true},
		{[]time.Duration{0, 1, 50, 51}, 5, false}, {[]time.Duration{0, 50, 60, 55}, 5, true},
		{[]time.Duration{bottom, top}, 2, false}, {[]time.Duration{top, top}, 2, true}, {[]time.Duration{bottom, 0}, 2, false},
	} {
		in := slices.Clone(c.in)
		if got := Agree(in, c.voters, 10); got != c.want {
			t.Errorf("%v of %d: %v", c.in, c.voters, got)
		}
		if !slices.Equal(in, c.in) {
			t.Errorf("%v was reordered", c.in)
		}
	}
}

func TestDifference(t *testing.T) {
	for _, c := range [][3]int64{
		{3, 5, -2}, {math.MaxInt64, -1, math.MaxInt64}, {math.MinInt64, 1, math.MinInt64},
		{0, math.MinInt64, math.MaxInt64}, {-1, math.MinInt64, math.MaxInt64}, {math.MinInt64, math.MinInt64, 0},
	} {
		if got := difference(c[0], c[1]); int64(got) != c[2] {
			t.Errorf("%d-%d: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestInstantsDoNotOverflow(t *testing.T) {
	if i := Instant(math.MaxInt64 - 5).after(time.Second); i != math.MaxInt64 {
		t.Errorf("%d", i)
	}
}
