package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signet-kms/signet/client/wire"
)

// durationFlag is a flag that reads what the server reads: seconds, Go
// durations and days.
type durationFlag struct{ to *wire.Duration }

func (f durationFlag) String() string {
	if f.to == nil || !f.to.Set {
		return ""
	}
	return f.to.Value.String()
}

func (f durationFlag) Set(text string) error {
	d, err := wire.ParseDuration(text)
	if err == nil {
		*f.to = wire.DurationOf(d)
	}
	return err
}

func (f durationFlag) Type() string { return "duration" }

// choiceFlag is a flag that takes one of a few words.
type choiceFlag struct {
	to      *string
	choices []string
}

func (f choiceFlag) String() string {
	if f.to == nil {
		return ""
	}
	return *f.to
}

func (f choiceFlag) Set(text string) error {
	if !slices.Contains(f.choices, text) {
		return fmt.Errorf("want one of %s", strings.Join(f.choices, ", "))
	}
	*f.to = text
	return nil
}

func (f choiceFlag) Type() string { return "name" }
