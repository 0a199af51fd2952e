package jose

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// Bounds of a regular expression. RE2 needs time proportional to the steps of its
// program times the text, so the steps are bounded too: "(a{1000}){10}" is short.
const (
	maxPattern      = 1024
	maxPatternSteps = 2048
)

// pattern is a regular expression of a profile's author.
type pattern struct {
	*regexp.Regexp
	steps int
}

var (
	errPatternLong  = errors.New("must be a regular expression of at most 1024 bytes")
	errPatternSteps = errors.New("is too large a regular expression: repeat less")
)

// compilePattern compiles a regular expression in Go's syntax, which is RE2's: a
// match is found anywhere in the text, and in linear time.
func compilePattern(expr string) (*pattern, error) {
	if len(expr) > maxPattern {
		return nil, errPatternLong
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, notRegexp(err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, notRegexp(err)
	}
	if len(prog.Inst) > maxPatternSteps {
		return nil, errPatternSteps
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, notRegexp(err)
	}
	return &pattern{re, len(prog.Inst)}, nil
}

// notRegexp says what is wrong without the text around it, which may hold anything.
func notRegexp(err error) error {
	var fault *syntax.Error
	if errors.As(err, &fault) {
		return fmt.Errorf("is no regular expression of RE2: %s", fault.Code)
	}
	return errors.New("is no regular expression of RE2")
}
