package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLongestTimeWithoutASignature(t *testing.T) {
	ms := func(at ...int) (out []time.Duration) {
		for _, m := range at {
			out = append(out, time.Duration(m)*time.Millisecond)
		}
		return out
	}
	for name, c := range map[string]struct {
		at   []time.Duration
		end  int
		want float64
	}{
		"none":         {nil, 700, 700},
		"between":      {ms(100, 900, 1000), 1100, 800},
		"to the first": {ms(500, 600), 700, 500},
		"to the end":   {ms(100, 200), 900, 700},
	} {
		if got := longest(c.at, ms(c.end)[0]); got != c.want {
			t.Errorf("%s: %g ms, want %g", name, got, c.want)
		}
	}
}

func TestAimsOfFigures(t *testing.T) {
	for name, c := range map[string]struct {
		f       figure
		aim     string
		verdict string
	}{
		"none":           {figure{Value: spread{9, 9, 9}}, "", ""},
		"at most":        {figure{Value: spread{5, 1, 9}, Aim: 5}, "≤ 5", "ok"},
		"more":           {figure{Value: spread{6, 1, 9}, Aim: 5}, "≤ 5", "OVER"},
		"all at most":    {figure{Value: spread{3, 1, 5}, Aim: 5, Worst: true}, "all ≤ 5", "ok"},
		"one is more":    {figure{Value: spread{3, 1, 6}, Aim: 5, Worst: true}, "all ≤ 5", "OVER"},
		"at least":       {figure{Value: spread{0.9, 0.1, 1}, Least: 0.9}, "≥ 0.9", "ok"},
		"less than that": {figure{Value: spread{0.89, 0.1, 1}, Least: 0.9}, "≥ 0.9", "UNDER"},
	} {
		c.f.OK = c.f.reached()
		if c.f.aim() != c.aim || c.f.verdict() != c.verdict {
			t.Errorf("%s: %q %q, want %q %q", name, c.f.aim(), c.f.verdict(), c.aim, c.verdict)
		}
	}
}

func TestClusterStandsForItsRows(t *testing.T) {
	c, err := parseFlags([]string{"-signet", "x", "-floor", "y", "-part", "idle,cluster"}, io.Discard)
	if want := append([]string{"idle"}, clusterRowNames()...); err != nil || !slices.Equal(c.only, want) {
		t.Errorf("%v, %v", c.only, err)
	}
}

func TestFreeAddresses(t *testing.T) {
	a, err := freeAddresses(3)
	if err != nil || len(a) != 3 {
		t.Fatalf("%v, %v", a, err)
	}
	for _, one := range a {
		l, err := net.Listen("tcp", one)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }() // so that equal ones fail
	}
}

// Every row runs over real nodes, and leaves nothing behind.
func TestRowsOfAClusterOverRealNodes(t *testing.T) {
	signet, floor := binaries(t)
	t.Setenv("TMPDIR", t.TempDir())
	c, err := parseFlags([]string{
		"-signet", signet, "-floor", floor, "-pairs", "1", "-seconds", "0.1", "-conns", "6", "-restarts", "1", "-keys", "3", "-kills", "1", "-disables", "2",
		"-part", "cluster",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), c, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout.String(), stderr.String())
	}
	for _, want := range []string{
		"\n" + clusterTitle + "\n", "\ncluster-sign: signatures a CPU second", "\nidle: CPU of a follower", "\nfailover: kill -9 of the leader", "\nbarrier: disabling a key at a follower",
		"\ncluster-rotate: 64 writers at the leader of three", "\nunseal: the last share to the first signature with 3 keys, a follower of three",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, stdout.String())
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
