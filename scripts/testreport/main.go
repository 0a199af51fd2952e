package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	noSkips := flag.Bool("no-skips", false, "a test that lacks something fails the run")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | testreport [-no-skips]")
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	ok, err := run(os.Stdin, out, *noSkips)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

// run returns whether everything passed, as the package comment says.
func run(in io.Reader, out *bufio.Writer, noSkips bool) (bool, error) {
	r := &report{out: out, packages: map[string]*pkg{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
		if lines.Buffered() == 0 {
			if err := out.Flush(); err != nil { // a package that has ended is shown at once
				return false, err
			}
		}
	}
	return r.end(noSkips), nil
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail
	Test       string
	Output     string
}

// line handles one line. What is no event comes from the go command itself and
// is passed on.
func (r *report) line(line []byte) {
	var e event
	if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil || e.Action == "" {
		_, _ = r.out.Write(line) // Flush returns the error
		return
	}
	r.event(e)
}
