package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// fieldError is a mistake in one field of the configuration that its syntax does
// not show.
type fieldError struct {
	field string
	text  string
}

func (e *fieldError) Error() string { return e.field + ": " + e.text }

func wrong(field, format string, args ...any) error {
	return &fieldError{field, fmt.Sprintf(format, args...)}
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
	line := 0
	for text := range strings.Lines(c.text) {
		line++
		if begins.MatchString(text) {
			where = fmt.Sprintf("%s:%d", c.file, line)
			break
		}
	}
	return fmt.Errorf("configuration: %s: %w", where, err)
}
