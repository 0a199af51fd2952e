package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// config is the command line.
type config struct {
	signet, floor, ratio string // programs
	source               string // the checkout
	about                string
	ops                  []operation
	only                 []string // parts
	load                 load
	pairs                int
	versions             int
	rotations            int // of a key in one turn; each of another key with two versions
	keys, tokens         int
	restarts             int // of each sort
	kills                int // of a cluster's leader
	disables             int // of a key, at each of two nodes
	jsonFile             string
	markdown             bool
}

func parts() []string {
	return append([]string{"operations", "idle", "match", "versions", "loaded"}, clusterRowNames()...)
}

func (c *config) has(part string) bool { return slices.Contains(c.only, part) }

func parseFlags(args []string, output io.Writer) (config, error) {
	var c config
	var ops, only string
	var seconds float64
	f := flag.NewFlagSet("benchtable", flag.ContinueOnError)
	f.SetOutput(output)
	f.StringVar(&c.signet, "signet", "", "the signet `file` to measure")
	f.StringVar(&c.floor, "floor", "", "the benchfloor `file`")
	f.StringVar(&c.ratio, "ratio", "", "another measure of ES256: a `program` to run beside, if any")
	f.StringVar(&c.source, "source", ".", "the `directory` of the checkout, for go test -bench")
	f.StringVar(&c.about, "about", "", "a `line` about machine and commit")
	f.StringVar(&ops, "op", "", "the `operations` to measure, with commas between them; all if empty")
	f.StringVar(&only, "part", "", "the `parts` to run: "+strings.Join(parts(), ",")+"; cluster: the last five")
	f.IntVar(&c.load.conns, "conns", 16, "connections")
	f.IntVar(&c.pairs, "pairs", 5, "pairs of each comparison")
	f.Float64Var(&seconds, "seconds", 2, "length of each half of a pair")
	f.IntVar(&c.versions, "versions", 10000, "versions of the key with many")
	f.IntVar(&c.rotations, "rotations", 100, "rotations in one turn")
	f.IntVar(&c.restarts, "restarts", 5, "restarts of a loaded node, of each sort")
	f.IntVar(&c.kills, "kills", 20, "kills of a cluster's leader")
	f.IntVar(&c.disables, "disables", 100, "times that a key is disabled, at the leader and at a follower")
	f.IntVar(&c.keys, "keys", 10000, "keys of the loaded node")
	f.IntVar(&c.tokens, "tokens", 100000, "tokens of the loaded node")
	f.StringVar(&c.jsonFile, "json", "", "write everything to this `file` too")
	f.BoolVar(&c.markdown, "markdown", false, "print Markdown")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	c.load.length = time.Duration(seconds * float64(time.Second))
	c.load.warm = min(c.load.length/4, time.Second/2)
	switch {
	case f.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case c.signet == "" || c.floor == "":
		return c, errors.New("-signet and -floor are needed")
	case c.load.conns < 1 || c.load.conns > 256 || c.pairs < 1 || c.pairs > 99 || !(seconds >= 0.1 && seconds <= 30):
		return c, errors.New("-conns is 1 to 256, -pairs 1 to 99, -seconds 0.1 to 30")
	case c.versions <= fewVersions || c.versions > 100000 || c.keys < 1 || c.keys > 1000000 || c.tokens < 1 || c.tokens > 1000000:
		return c, errors.New("-versions is 3 to 100000, -keys and -tokens 1 to 1000000")
	}
	if c.rotations < 2 || c.rotations > 1000 || c.restarts < 1 || c.restarts > 99 || c.kills < 1 || c.kills > 99 || c.disables < 1 || c.disables > 10000 {
		return c, errors.New("-rotations is 2 to 1000, -restarts and -kills 1 to 99, -disables 1 to 10000")
	}
	if err := c.absolute(); err != nil {
		return c, err
	}
	return c, c.choose(ops, only)
}

// absolute makes the programs' names good in every directory.
func (c *config) absolute() error {
	for _, name := range []*string{&c.signet, &c.floor, &c.ratio, &c.source} {
		if *name == "" {
			continue
		}
		full, err := filepath.Abs(*name)
		if err != nil {
			return err
		}
		*name = full
	}
	return nil
}

// choose reads the lists. Operations alone mean that part alone.
func (c *config) choose(ops, only string) error {
	names := list(ops)
	for _, o := range operations() {
		if i := slices.Index(names, o.name); i >= 0 || ops == "" {
			c.ops = append(c.ops, o)
			names = slices.DeleteFunc(names, func(n string) bool { return n == o.name })
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("there is no operation %q: there are %s", names[0], operationNames())
	}
	c.only = allOfCluster(list(only))
	for _, p := range c.only {
		if !slices.Contains(parts(), p) {
			return fmt.Errorf("there is no part %q: there are %s and cluster", p, strings.Join(parts(), ", "))
		}
	}
	switch {
	case len(c.only) > 0:
	case ops != "":
		c.only = []string{"operations"}
	default:
		c.only = parts()
	}
	return nil
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func operationNames() string {
	var names []string
	for _, o := range operations() {
		names = append(names, o.name)
	}
	return strings.Join(names, ", ")
}

// how says what a figure is the median of.
func (c *config) how() string {
	return fmt.Sprintf("medians of %d interleaved pairs of %g s, %d connections, plaintext on loopback; batches of %d; floor: a bare net/http handler with the same crypto",
		c.pairs, c.load.length.Seconds(), c.load.conns, batchSize)
}
