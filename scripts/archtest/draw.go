package archtest

import (
	"errors"
	"fmt"
	"strings"
)

// The drawing stands between these lines.
const (
	Begin = "<!-- archtest:begin -->"
	End   = "<!-- archtest:end -->"
)

// ErrNoMarkers says that a text has no place for the drawing.
var ErrNoMarkers = errors.New("no lines " + Begin + " and " + End + " in this order")

// Draw gives the plan as Mermaid, and below it what a drawing cannot say.
func Draw(p *Plan) string {
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart TD\n")
	for _, r := range p.Rooms {
		fmt.Fprintf(&b, "  %s[\"%s\"]%s\n", id(r.Path), r.Path, class(r))
	}
	for _, r := range p.Rooms {
		for _, a := range r.Arrows {
			line := "-->"
			if a.Planned != "" {
				line = "-.->"
			}
			fmt.Fprintf(&b, "  %s %s %s\n", id(r.Path), line, id(a.To))
		}
	}
	b.WriteString("  classDef planned stroke-dasharray: 5 5\n  classDef pure stroke-width: 3px\n```\n\n")
	b.WriteString("An arrow means \"may import\"; dashed is planned, a thick frame is a pure room (no I/O, no clock, no randomness).\n\n")
	b.WriteString("| room | owns | may import |\n|---|---|---|\n")
	for _, r := range p.Rooms {
		fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", r.Path, when(r.Planned), r.Why, arrows(r))
	}
	b.WriteString("\nFiles that a rule lets through:\n\n")
	for _, e := range p.Exceptions {
		fmt.Fprintf(&b, "- `%s` (%s): %s\n", e.Path, e.Rule, e.Why)
	}
	return b.String()
}

func arrows(r Room) string {
	var out []string
	for _, a := range r.Arrows {
		s := "`" + a.To + "`" + when(a.Planned)
		if a.Why != "" {
			s += " (" + a.Why + ")"
		}
		out = append(out, s)
	}
	if out == nil {
		return "nothing of the module"
	}
	text := strings.Join(out, ", ")
	if r.Lane != nil {
		text += "; files other than `" + strings.Join(r.Lane.Wide, "`, `") + "` only `" + strings.Join(r.Lane.Narrow, "`, `") + "`"
	}
	return text
}

func when(planned string) string {
	if planned == "" {
		return ""
	}
	return " (planned: " + planned + ")"
}

func class(r Room) string {
	switch {
	case r.Planned != "":
		return ":::planned"
	case r.Pure:
		return ":::pure"
	}
	return ""
}

// id makes a Mermaid name of a path. None may be called "end", and "style" and
// the like are safe with the prefix.
func id(path string) string { return "r_" + strings.NewReplacer("/", "_", "*", "any").Replace(path) }

// Replace puts a drawing between the markers of a text. It returns ErrNoMarkers
// if they are missing, repeated or in the wrong order.
func Replace(text, drawing string) (string, error) {
	before, rest, ok := strings.Cut(text, Begin+"\n")
	if !ok {
		return "", ErrNoMarkers
	}
	_, after, ok := strings.Cut(rest, End)
	if !ok || strings.Contains(rest, Begin) || strings.Contains(after, End) || strings.Contains(before, End) {
		return "", ErrNoMarkers
	}
	return before + Begin + "\n" + drawing + End + after, nil
}
