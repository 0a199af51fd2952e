package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// report is everything that a run has found, and the form of -json.
type report struct {
	About      string       `json:"about"` // machine, commit
	How        string       `json:"how"`
	Took       float64      `json:"took_s"`
	Operations []opFigures  `json:"operations,omitempty"`
	Versions   []comparison `json:"versions,omitempty"`
	Loaded     []comparison `json:"loaded,omitempty"`
	Figures    []figure     `json:"figures,omitempty"`
	Cluster    []figure     `json:"cluster,omitempty"`
	Errors     []string     `json:"errors,omitempty"`

	versions, keys, tokens int
}

// figure is one number with a name.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value spread  `json:"value"`
	Aim   float64 `json:"aim,omitempty"`       // at most; 0: none
	Least float64 `json:"aim_least,omitempty"` // at least; 0: none
	Worst bool    `json:"aim_worst,omitempty"` // the largest value is to reach the aim, not only the median
	OK    bool    `json:"ok"`
}

// reached says whether a figure is as is wanted.
func (f *figure) reached() bool {
	value := f.Value.Median
	if f.Worst {
		value = f.Value.Max
	}
	return (f.Aim == 0 || value <= f.Aim) && (f.Least == 0 || f.Value.Median >= f.Least)
}

// aim is what is wanted of a figure, "" for nothing.
func (f *figure) aim() string {
	switch {
	case f.Least != 0:
		return fmt.Sprintf("≥ %g", f.Least)
	case f.Aim != 0 && f.Worst:
		return fmt.Sprintf("all ≤ %g", f.Aim)
	case f.Aim != 0:
		return fmt.Sprintf("≤ %g", f.Aim)
	}
	return ""
}

func (f *figure) verdict() string {
	if f.Least != 0 && !f.OK {
		return "UNDER"
	}
	return verdictOf(f.aim(), f.OK)
}

func (b *bench) figure(name, unit string, value spread, aim float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := figure{Name: name, Unit: unit, Value: value, Aim: aim}
	f.OK = f.reached()
	b.out.Figures = append(b.out.Figures, f)
}

func (b *bench) seconds(format string, d time.Duration, args ...any) {
	s := d.Seconds()
	b.figure(fmt.Sprintf(format, args...), "s", spread{s, s, s}, 0)
}

func (r *report) save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
