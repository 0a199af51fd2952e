package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// signet is the library name of the daemon's own verification, the only one that
// can judge what is signed with a secret.
const signet = "Signet"

// column is one library and its verdicts.
type column struct {
	language, library, version string
	verdicts                   map[string]map[string]verdict // algorithm → kind → verdict
}

// readVerdicts reads a verdict a line. Libraries stay in the order they come in.
func readVerdicts(r io.Reader, columns []*column) ([]*column, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	for {
		var v verdict
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return columns, nil
		} else if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(columns, func(c *column) bool { return c.language == v.Language && c.library == v.Library })
		if i < 0 {
			i = len(columns)
			columns = append(columns, &column{v.Language, v.Library, v.Version, map[string]map[string]verdict{}})
		}
		of := columns[i].verdicts
		if of[v.Alg] == nil {
			of[v.Alg] = map[string]verdict{}
		}
		if _, twice := of[v.Alg][v.Kind]; twice {
			return nil, fmt.Errorf("%s has two verdicts on %s %s", v.Library, v.Alg, v.Kind)
		}
		of[v.Alg][v.Kind] = v
	}
}

// cell is what the table says of an algorithm, and false if that is not as it has
// to be: the good token accepted and each other one refused for its own reason, or
// the algorithm lacking as a whole.
func (c *column) cell(alg string) (string, bool) {
	of, kept := c.verdicts[alg], strings.HasPrefix(alg, "HS")
	if kept && c.library != signet {
		return "kept inside", len(of) == 0
	}
	if len(of) != len(kinds()) {
		return fmt.Sprintf("%d verdicts of %d", len(of), len(kinds())), false
	}
	if of[good].Verdict == lacking {
		for _, kind := range kinds() {
			if of[kind].Verdict != lacking {
				return fmt.Sprintf("lacking, but %s is %s", kind, of[kind].Verdict), false
			}
		}
		return "no: " + of[good].Reason, of[good].Reason != ""
	}
	for _, kind := range kinds() {
		if why := of[kind].wrong(); why != "" {
			return kind + ": " + why, false
		}
	}
	return "ok", true
}

// wrong tells what is wrong with a verdict of a library that has the algorithm.
func (v verdict) wrong() string {
	want := refused
	if v.Kind == good || v.Kind == access {
		want = accepted
	}
	mayLeave := v.Kind == expired || v.Kind == wrongAudience
	switch {
	case v.Verdict == left && mayLeave && v.Reason != "":
		return ""
	case v.Verdict != want:
		return fmt.Sprintf("%s (%s) %s", v.Verdict, v.Reason, v.Error)
	case v.Reason != must(v.Kind):
		return fmt.Sprintf("%s because of %q, want %q: %s", v.Verdict, v.Reason, must(v.Kind), v.Error)
	}
	return ""
}

// refusals is what the second table says of a kind: with how many algorithms, of
// those that the library has, it refused the token for the right reason.
func (c *column) refusals(kind string) string {
	n, all := 0, 0
	for _, of := range c.verdicts {
		v := of[kind]
		switch {
		case v.Verdict == lacking:
			continue
		case v.Verdict == left:
			return "no: " + v.Reason
		case v.wrong() == "":
			n++
		}
		all++
	}
	return fmt.Sprintf("refused, %d of %d", n, all)
}

const head = `# Interoperability

Tokens that a node has issued, ` + "`POST /v1/jwt/sign/:issuer/:profile`" + `, verified by the libraries of
others with the JWKS that the node serves: a plain JWT and an access token of RFC 9068, with
an issuer for each algorithm. ` + "`scripts/interop`" + ` makes this file; what is in it was seen, not
promised.

`

const refusalsHead = `
A verifier that takes everything would pass the table above. So each library was also
given, for every algorithm that it has, tokens that must be refused, and had to give the
right reason: another subject by one flipped bit of the payload, one flipped bit of the
signature, a token that has expired, and one for another audience.

`

const notes = `
*kept inside*: HS256, HS384 and HS512 are secrets that verify and sign alike. Signet never
hands one out, so its JWKS is empty, and these tokens are verified through the API alone.
*Signet* is that API, ` + "`POST /v1/jwt/verify/:issuer`" + `. go-oidc begins with the discovery document.
golang-jwt and jsonwebtoken read no JWKS: the key with the token's kid is found for them by
go-jose and by Node.js.
`

// render writes the file and returns what is not as it must be, a line each.
func render(w *strings.Builder, columns []*column) []string {
	var faults []string
	w.WriteString(head)
	row := func(first string, of func(c *column) string) {
		fmt.Fprintf(w, "| %s |", first)
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", of(c))
		}
		w.WriteString("\n")
	}
	row("alg", func(c *column) string { return c.title() })
	row("---", func(*column) string { return "---" })
	row(versionRow, func(c *column) string { return c.version })
	for _, alg := range algs() {
		row(alg, func(c *column) string {
			text, ok := c.cell(alg)
			if !ok {
				faults = append(faults, fmt.Sprintf("%s with %s: %s", c.title(), alg, text))
			}
			return text
		})
	}
	w.WriteString(refusalsHead)
	w.WriteString("| library | another subject | flipped signature bit | expired | another audience |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range columns {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", c.title(), c.refusals(forged), c.refusals(flipped), c.refusals(expired), c.refusals(wrongAudience))
	}
	w.WriteString(notes)
	return faults
}

// versionRow begins the one line that may differ between machines.
const versionRow = "version"

func (c *column) title() string {
	if c.library == signet {
		return signet
	}
	return fmt.Sprintf("%s (%s)", c.library, c.language)
}

// sameTable compares two files but for the versions.
func sameTable(a, b string) bool {
	unversioned := func(text string) string {
		var out strings.Builder
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "| "+versionRow+" |") {
				out.WriteString(line)
			}
		}
		return out.String()
	}
	return unversioned(a) == unversioned(b)
}
