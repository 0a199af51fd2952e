package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the libraries in Go make of the tokens is what INTEROP.md in the checkout
// says of them, with the versions that go.mod pins.
func TestTokensVerifyInLibrariesOfOthers(t *testing.T) {
	node := newDaemon(t)
	made, err := run1(t, node, "", "issue")
	if err != nil {
		t.Fatal(err)
	}
	said, err := run1(t, node, made, "verify")
	if err != nil {
		t.Fatal(err)
	}
	columns, err := readVerdicts(strings.NewReader(said), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) != 1+len(libraries()) {
		t.Fatalf("%d libraries have verdicts", len(columns))
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "api", "apitest", "INTEROP.md"))
	if err != nil {
		t.Fatal(err)
	}
	committed := rows(string(text))
	for _, c := range columns {
		at := slices.Index(committed["alg"], c.title())
		if at < 0 {
			t.Errorf("INTEROP.md does not have %s", c.title())
			continue
		}
		if got := committed[versionRow][at]; got != c.version {
			t.Errorf("INTEROP.md has %s %s, go.mod %s", c.title(), got, c.version)
		}
		for _, alg := range algs() {
			cell, ok := c.cell(alg)
			if !ok || committed[alg][at] != cell {
				t.Errorf("%s with %s: %s; INTEROP.md says %q", c.title(), alg, cell, committed[alg][at])
			}
		}
	}
	judgeTamperedSamples(t, node, made)
}

// rows reads the first cell of each line of a table → the others.
func rows(text string) map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) > 2 {
			first := strings.TrimPrefix(cells[0], "| ")
			cells[len(cells)-1] = strings.TrimSuffix(cells[len(cells)-1], " |")
			if _, taken := out[first]; !taken { // the first table
				out[first] = cells[1:]
			}
		}
	}
	return out
}

// judgeTamperedSamples swaps tokens and keys behind the libraries' back: a harness
// that did not hand over what it was given would miss that.
func judgeTamperedSamples(t *testing.T, node *server, made string) {
	empty := node.addr + "/issuers/hs256/jwks.json"
	for name, change := range map[string]func(of *sample, other sample){
		"the key of another issuer":          func(of *sample, other sample) { of.JWKS, of.JWKSURI = other.JWKS, other.JWKSURI },
		"the name of another issuer":         func(of *sample, other sample) { of.Issuer = other.Issuer },
		"an empty JWKS":                      func(of *sample, _ sample) { of.JWKS, of.JWKSURI = json.RawMessage(`{"keys":[]}`), empty },
		"another issuer's token as its good": func(of *sample, other sample) { of.Tokens[good] = other.Tokens[good] },
		"no token":                           func(of *sample, _ sample) { of.Tokens[good] = "" },
	} {
		s, err := readSamples(strings.NewReader(made))
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Issuers {
			of := &s.Issuers[i]
			if of.Kept {
				continue
			}
			fresh, err := readSamples(strings.NewReader(made))
			if err != nil {
				t.Fatal(err)
			}
			change(of, fresh.Issuers[(i+1)%9]) // the first nine are of ECDSA and RSA
			for _, l := range libraries() {
				if l.discovers && of.Issuer == fresh.Issuers[i].Issuer && of.Tokens[good] == fresh.Issuers[i].Tokens[good] {
					continue // it does not look at the keys that were swapped
				}
				if v := l.judge(t.Context(), s, *of)[0]; v.Verdict == accepted {
					t.Errorf("%s accepts the %s token with %s", l.name, of.Alg, name)
				}
			}
		}
	}
}

// Each kind of tampered token is another token, and exactly one bit of its bytes is
// another.
func TestTamperingChangesOneBit(t *testing.T) {
	token := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOjEifQ.AAECAwQFBgc" // {"sub":"user:1"}
	of := sample{Tokens: map[string]string{good: token}}
	if err := of.spoil("user:1"); err != nil {
		t.Fatal(err)
	}
	if want := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOjAifQ.AAECAwQFBgc"; of.Tokens[forged] != want { // user:0
		t.Errorf("forged: %s", of.Tokens[forged])
	}
	if want := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOjEifQ.AAECAwQFBwc"; of.Tokens[flipped] != want {
		t.Errorf("flipped: %s", of.Tokens[flipped])
	}
	for _, bad := range []string{"", "a.b", "a.b.c.d", "a.!.c", "a.e30.", "e30.e30.AA=="} {
		_, first := forge(bad, "user:1")
		_, second := flipSignature(bad)
		if first == nil || second == nil && bad != "a.e30." && !errors.Is(second, errNotCompact) {
			t.Errorf("%q: %v, %v", bad, first, second)
		}
	}
}

func TestUsage(t *testing.T) {
	noEnv := func(string) string { return "" }
	for _, args := range [][]string{nil, {"mend"}, {"issue", "x"}, {"verify", "x"}, {"table"}, {"table", "--same-as", "x"}, {"table", "-x", "y"}} {
		if err := run(context.Background(), args, noEnv, nil, nil); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := run(t.Context(), []string{"verify"}, noEnv, strings.NewReader(`{"audiences":[]}`), &bytes.Buffer{}); err == nil {
		t.Error("samples of another form are taken")
	}
}
