package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is one of the report's tables.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string // below it: what has no figures, and why
}

// tables are what a reader sees of a report; one without rows is left out.
func (r *report) tables() []table {
	all := []table{
		r.operationsTable(),
		comparisonsTable(fmt.Sprintf("A key with %d versions (A) and with %d (B)", fewVersions, r.versions), r.Versions),
		comparisonsTable(fmt.Sprintf("An empty node (A) and one with %d keys and %d tokens (B)", r.keys, r.tokens), r.Loaded),
		figuresTable(clusterTitle, r.Cluster),
		figuresTable("Other figures", r.Figures),
	}
	var out []table
	for _, t := range all {
		if len(t.rows)+len(t.notes) > 0 {
			out = append(out, t)
		}
	}
	return out
}

func (r *report) operationsTable() table {
	t := table{
		title: "Server CPU in µs, of a batch for one item; p50 and p99 in µs for a request",
		head:  []string{"operation", "audit", "node", "floor", "over (min to max)", "ratio (min to max)", "items/s", "p50", "p99", "errors", "aim", ""},
	}
	for _, f := range r.Operations {
		if f.Note != "" {
			t.notes = append(t.notes, f.Name+": "+f.Note)
			continue
		}
		p50 := fmt.Sprintf("%.0f", f.P50)
		if f.P50 == 0 {
			p50 = ""
		}
		t.rows = append(t.rows, []string{
			f.Name, f.Audit, fmt.Sprintf("%.1f", f.Server.Median), fmt.Sprintf("%.1f", f.Floor.Median),
			f.Over.text(1), f.Ratio.text(2), fmt.Sprintf("%.0f", f.Rate), p50, fmt.Sprintf("%.0f", f.P99),
			fmt.Sprint(f.Errors), f.Aim, verdictOf(f.Aim, f.OK),
		})
	}
	return t
}

func comparisonsTable(title string, comparisons []comparison) table {
	t := table{title: title, head: []string{"operation", "p50 A", "p50 B", "B/A (min to max)", "CPU A", "CPU B", "B/A (min to max)", "aim", ""}}
	for _, c := range comparisons {
		if c.Note != "" {
			t.notes = append(t.notes, c.Name+": "+c.Note)
			continue
		}
		row := []string{c.Name}
		for i, two := range [][2]float64{c.P50, c.CPU} {
			row = append(row, fmt.Sprintf("%.0f", two[0]), fmt.Sprintf("%.0f", two[1]), []spread{c.RatioP50, c.RatioCPU}[i].text(2))
		}
		t.rows = append(t.rows, append(row, c.Aim, verdictOf(c.Aim, c.OK)))
	}
	return t
}

// clusterTitle is over what is measured of clusters.
const clusterTitle = "Three nodes that are one cluster, on this machine"

func figuresTable(title string, figures []figure) table {
	t := table{title: title, head: []string{"what", "median (min to max)", "unit", "aim", ""}}
	for _, f := range figures {
		digits := 1
		if f.Unit == "ratio" {
			digits = 2
		}
		t.rows = append(t.rows, []string{f.Name, f.Value.text(digits), f.Unit, f.aim(), f.verdict()})
	}
	return t
}

// text shows a spread; one of equal values is one number.
func (s spread) text(digits int) string {
	if s.Min == s.Max {
		return fmt.Sprintf("%.*f", digits, s.Median)
	}
	return fmt.Sprintf("%.*f (%.*f to %.*f)", digits, s.Median, digits, s.Min, digits, s.Max)
}

func verdictOf(aim string, ok bool) string {
	if aim == "" {
		return ""
	}
	return verdict(ok)
}

// write prints the report: aligned for a terminal, and as Markdown the same with
// bars, so that both can be read as they stand.
func (r *report) write(w io.Writer, markdown bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", r.About, r.How)
	for _, t := range r.tables() {
		if markdown {
			fmt.Fprintf(&b, "\n**%s**\n\n", t.title)
		} else {
			fmt.Fprintf(&b, "\n%s\n", t.title)
		}
		t.write(&b, markdown)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t table) write(b *strings.Builder, markdown bool) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		}
		if markdown {
			b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
			return
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
	}
	line(t.head)
	if markdown {
		rule := make([]string, len(widths))
		for i, n := range widths {
			rule[i] = strings.Repeat("-", n+2)
		}
		b.WriteString("|" + strings.Join(rule, "|") + "|\n")
	}
	for _, row := range t.rows {
		line(row)
	}
	for _, note := range t.notes {
		if markdown {
			note = "\n" + note
		}
		b.WriteString(note + "\n")
	}
}
