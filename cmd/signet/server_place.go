package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// fieldError is a mistake in one field of the configuration that its syntax does
// not show.
type fieldError struct {
	field string
	err   error
	block [2]string // type and label of the block it stands in; empty for the first field of that name
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

func wrong(field, format string, args ...any) error {
	return &fieldError{field: field, err: fmt.Errorf(format, args...)}
}

// wrongIn is wrong for a field whose name other blocks have too.
func wrongIn(block, label, field, format string, args ...any) error {
	return &fieldError{field: field, err: fmt.Errorf(format, args...), block: [2]string{block, label}}
}

// syntaxError returns the mistake that stands first in the file, with file and
// line: those after it often follow from it. The decoder orders them by chance.
func syntaxError(err error) error {
	var all hcl.Diagnostics
	if !errors.As(err, &all) || slices.ContainsFunc(all, func(d *hcl.Diagnostic) bool { return d.Subject == nil }) {
		return fmt.Errorf("configuration: %w", err)
	}
	at := slices.MinFunc(all, func(a, b *hcl.Diagnostic) int { return a.Subject.Start.Byte - b.Subject.Start.Byte })
	text := strings.TrimSuffix(strings.ReplaceAll(at.Detail, "\n", " "), ".")
	return fmt.Errorf("configuration: %s:%d: %s; %s", at.Subject.Filename, at.Subject.Start.Line, strings.ToLower(at.Summary), text)
}

// place adds the file and the line to a mistake in a field. A field that is not
// in the file, since its default is at fault or it is missing, has no line.
func (c *serverConfig) place(err error) error {
	var wrong *fieldError
	if c.file == "" || !errors.As(err, &wrong) {
		return err
	}
	where := c.file
	begins := regexp.MustCompile(`^\s*` + regexp.QuoteMeta(wrong.field) + `\s*[="{]`)
	inside := regexp.MustCompile(`^\s*` + wrong.block[0] + `\s+"?` + regexp.QuoteMeta(wrong.block[1]) + `\b`)
	line, there := 0, wrong.block[0] == ""
	for text := range strings.Lines(c.text) {
		line++
		if there = there || inside.MatchString(text); there && begins.MatchString(text) {
			where = fmt.Sprintf("%s:%d", c.file, line)
			break
		}
	}
	return fmt.Errorf("configuration: %s: %w", where, err)
}
