package main

import (
	"bufio"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

type report struct {
	out      *bufio.Writer
	packages map[string]*pkg // import path → one that has not ended
	skipped  []skip
	passed   int // tests, not subtests
	ended    int // packages with tests
	failed   []string
	broken   bool // a package did not build
}

// pkg is a package whose tests are running. Packages run side by side, so what
// they print is kept until they end.
type pkg struct {
	tests map[string]*strings.Builder // name → output of a test that has not ended
	text  strings.Builder             // what go test would print
}

type skip struct{ test, reason string }

func (r *report) event(e event) {
	switch {
	case e.Action == "build-output":
		_, _ = r.out.WriteString(e.Output)
	case e.Action == "build-fail":
		r.broken = true
	case e.Package == "":
	case e.Test == "":
		r.packageEvent(e)
	default:
		r.testEvent(e)
	}
}

func (r *report) packageOf(e event) *pkg {
	p := r.packages[e.Package]
	if p == nil {
		p = &pkg{tests: map[string]*strings.Builder{}}
		r.packages[e.Package] = p
	}
	return p
}

func (r *report) packageEvent(e event) {
	p := r.packageOf(e)
	switch e.Action {
	case "output":
		if e.Output != "PASS\n" { // go test shows it with -v alone
			p.text.WriteString(e.Output)
		}
		return
	case "pass":
		r.ended++
	case "fail":
		r.ended++
		r.failed = append(r.failed, e.Package)
		// A test that panicked or ran out of time has no end of its own.
		for _, name := range slices.Sorted(maps.Keys(p.tests)) {
			_, _ = r.out.WriteString(p.tests[name].String())
		}
	case "skip": // it has no tests
	default:
		return
	}
	_, _ = r.out.WriteString(p.text.String())
	delete(r.packages, e.Package)
}

func (r *report) testEvent(e event) {
	p := r.packageOf(e)
	output := p.tests[e.Test]
	if output == nil {
		output = &strings.Builder{}
		p.tests[e.Test] = output
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			output.WriteString(e.Output)
		}
		return
	case "pass":
		if !strings.Contains(e.Test, "/") {
			r.passed++
		}
	case "fail":
		p.text.WriteString(output.String())
	case "skip":
		r.skipped = append(r.skipped, skip{path.Base(e.Package) + "." + e.Test, reasonIn(output.String())})
	default:
		return
	}
	delete(p.tests, e.Test)
}

var logged = regexp.MustCompile(`^\s+\S+\.go:\d+: `)

// reasonIn returns what a test last said before it skipped.
func reasonIn(output string) string {
	var reason []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
			continue
		}
		if where := logged.FindString(line); where != "" {
			reason, line = nil, line[len(where):]
		}
		reason = append(reason, strings.Fields(line)...)
	}
	if len(reason) == 0 {
		return "it does not say why"
	}
	return strings.Join(reason, " ")
}

// end prints the summary and returns whether everything passed.
func (r *report) end(noSkips bool) bool {
	for _, name := range slices.Sorted(maps.Keys(r.packages)) { // go test was killed
		r.failed = append(r.failed, name)
		_, _ = fmt.Fprintf(r.out, "FAIL\t%s [did not end]\n", name)
	}
	_, _ = fmt.Fprintf(r.out, "\ntests passed: %d, skipped: %d, packages: %d\n", r.passed, len(r.skipped), r.ended)
	lacking := 0
	for _, s := range r.skipped {
		_, _ = fmt.Fprintf(r.out, "skipped: %s: %s\n", s.test, s.reason)
		if !strings.Contains(s.reason, "SIGNET_") {
			lacking++
		}
	}
	for _, name := range r.failed {
		_, _ = fmt.Fprintf(r.out, "failed: %s\n", name)
	}
	if noSkips && lacking > 0 {
		_, _ = fmt.Fprintf(r.out, "failed: %d of the skipped tests lack something, and here nothing may\n", lacking)
		return false
	}
	return len(r.failed) == 0 && !r.broken && r.ended > 0
}
