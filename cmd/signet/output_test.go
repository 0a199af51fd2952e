package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/client"
)

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// A signature that was lost must not look like one that was written.
func TestALostResultIsAnError(t *testing.T) {
	for _, format := range []string{"table", "json"} {
		c := &cli{stdout: brokenWriter{}, output: format}
		for name, table := range map[string]func(io.Writer) error{
			"line": line("x"), "lines": lines([]string{"x"}), "columns": columns(row{"a", "b"}),
		} {
			if err := c.emit("x", table); err == nil {
				t.Errorf("%s as %s: no error", name, format)
			}
		}
	}
}

func TestCells(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	for _, c := range []struct {
		cell any
		want string
	}{
		{"", "-"}, {"x", "x"}, {true, "yes"}, {false, "no"}, {7, "7"}, {at, "2026-01-02T02:04:05Z"},
		{[]string{"a", "b"}, "a, b"}, {[]string(nil), "-"}, {"a\x1b[2Jb", `"a\x1b[2Jb"`}, {"a\tb", `"a\tb"`}, {"a\u202eb", `"a\u202eb"`}, {"ü", "ü"},
	} {
		if got := text(c.cell); got != c.want {
			t.Errorf("%#v: got %s, want %s", c.cell, got, c.want)
		}
	}
	if seconds(0, "never") != "never" || seconds(90, "never") != "1m30s" {
		t.Error("seconds")
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitDone}, {errVerdict, exitNegative}, {errSealedShown, exitSealed},
		{usageError("x", ""), exitUsage}, {fmt.Errorf("wrapped: %w", usageError("x", "y")), exitUsage},
		{client.ErrBadName, exitUsage}, {client.ErrBadTLS, exitUsage},
		{&client.Error{Status: 503, Code: "sealed"}, exitSealed}, {&client.Error{Status: 403}, exitRefused},
		{client.ErrNoToken, exitRefused}, {errors.New("x"), exitRefused},
	} {
		var stderr bytes.Buffer
		if got := report(&stderr, c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
		shown := c.err != nil && !errors.Is(c.err, errVerdict) && !errors.Is(c.err, errSealedShown)
		if strings.HasPrefix(stderr.String(), "signet: ") != shown {
			t.Errorf("%v: stderr %q", c.err, stderr.String())
		}
	}
}

// Every command that prints takes -o, every command has words for its help, and
// none offers a flag for a share or a token.
func TestEveryCommand(t *testing.T) {
	root := newRootCommand(&cli{})
	seen := 0
	for _, top := range root.Commands() {
		for _, cmd := range append(top.Commands(), top) {
			seen++
			if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.Short[:1] != strings.ToLower(cmd.Short[:1]) {
				t.Errorf("%s: short help %q", cmd.CommandPath(), cmd.Short)
			}
			if cmd.HasSubCommands() || cmd.Name() == "server" {
				continue
			}
			if cmd.Flags().Lookup("output") == nil {
				t.Errorf("%s has no -o", cmd.CommandPath())
			}
			for _, name := range []string{"token", "share", "key", "secret"} {
				if cmd.Name() == "bench" && name == "key" {
					continue // it is the name of one
				}
				if cmd.Flags().Lookup(name) != nil {
					t.Errorf("%s takes --%s from the command line", cmd.CommandPath(), name)
				}
			}
		}
	}
	if seen < 28 {
		t.Errorf("only %d commands", seen)
	}
}
