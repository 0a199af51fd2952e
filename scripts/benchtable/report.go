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
	Errors     []string     `json:"errors,omitempty"`

	versions, keys, tokens int
}

// figure is one number with a name.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value spread  `json:"value"`
	Aim   float64 `json:"aim,omitempty"` // at most; 0: none
	OK    bool    `json:"ok"`
}

func (b *bench) figure(name, unit string, value spread, aim float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out.Figures = append(b.out.Figures, figure{Name: name, Unit: unit, Value: value, Aim: aim, OK: aim == 0 || value.Median <= aim})
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
