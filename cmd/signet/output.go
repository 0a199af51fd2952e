package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client"
)

// format returns "table" or "json".
func (c *cli) format() (string, error) {
	format, from := c.output, "--output"
	if format == "" {
		format, from = os.Getenv("SIGNET_FORMAT"), "SIGNET_FORMAT"
	}
	switch format {
	case "":
		return "table", nil
	case "table", "json":
		return format, nil
	}
	return "", fmt.Errorf("%s is table or json, not %q", from, format)
}

// emit writes a result: value as JSON, or what table writes.
func (c *cli) emit(value any, table func(io.Writer) error) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	if format == "json" {
		// The wire encoder, because a result may be a token or a share.
		out, err := json.Marshal(value, json.Deterministic(true), jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		_, err = c.stdout.Write(append(out, '\n'))
		return written(err)
	}
	return written(table(c.stdout))
}

// emitVerdict is emit of a verdict. Error: errVerdict if it is negative.
func (c *cli) emitVerdict(value any, positive bool, table func(io.Writer) error) error {
	if err := c.emit(value, table); err != nil || positive {
		return err
	}
	return errVerdict
}

// emitGone says that name is gone. The server answers a delete of nothing like any
// other, so was is what a read before it had: that there is none is then no error,
// and is said, since a name with a slip looks like it. Whoever may delete need not be
// allowed to read.
func (c *cli) emitGone(name, what string, was error) error {
	if errors.Is(was, client.ErrNotFound) {
		return c.emit(map[string]string{"missing": name}, line("there was no "+what+" named "+printable(name)))
	}
	return c.emit(map[string]string{"deleted": name}, line("deleted: "+printable(name)))
}

// written says what failed if a result could not be written, since a result
// that is lost must not look like one.
func written(err error) error {
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// line returns a table that is one line.
func line(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text+"\n")
		return err
	}
}

// lines returns a table of one name a line.
func lines(names []string) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, name := range names {
			if _, err := io.WriteString(w, printable(name)+"\n"); err != nil {
				return err
			}
		}
		return nil
	}
}

// row is a line of a table, a name and its value or the cells of columns.
type row []any

// columns returns a table of aligned columns.
func columns(rows ...row) func(io.Writer) error {
	return func(w io.Writer) error {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, r := range rows {
			cells := make([]string, len(r))
			for i, cell := range r {
				cells[i] = text(cell)
			}
			if _, err := io.WriteString(tw, strings.Join(cells, "\t")+"\n"); err != nil {
				return err
			}
		}
		return tw.Flush()
	}
}

// text returns a cell as people read it.
func text(cell any) string {
	switch v := cell.(type) {
	case string:
		if v == "" {
			return "-"
		}
		return printable(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case []string:
		return text(strings.Join(v, ", "))
	default:
		return printable(fmt.Sprint(v))
	}
}

// seconds returns a lifetime; none is said as word.
func seconds(n int64, none string) string {
	if n == 0 {
		return none
	}
	return (time.Duration(n) * time.Second).String()
}

// printable returns text that a terminal only shows and does not obey: what
// came from elsewhere is quoted if it holds anything but graphic characters.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}
