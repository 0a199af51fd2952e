package policy

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The reference is the order documented at ACL, written the slow way: every
// pattern is tried on every path, and all that match are sorted.

func refMatch(pattern, path string) bool {
	glob := strings.HasSuffix(pattern, "*")
	want := strings.Split(strings.TrimSuffix(pattern, "*"), "/")
	have := strings.Split(path, "/")
	if len(have) < len(want) || !glob && len(have) != len(want) {
		return false
	}
	for i, w := range want {
		switch {
		case w == "+":
		case glob && i == len(want)-1:
			return strings.HasPrefix(strings.Join(have[i:], "/"), w)
		case w != have[i]:
			return false
		}
	}
	return true
}

func refCompare(a, b string) int { // greater is better
	place := func(p string) int { return strings.IndexAny(p, "+*") }
	star := func(p string) int { return strings.Count(p, "*") }
	plus := func(p string) int { return strings.Count(p, "+") }
	return cmp.Or(
		cmp.Compare(place(a), place(b)),
		cmp.Compare(star(b), star(a)),
		cmp.Compare(plus(b), plus(a)),
		cmp.Compare(len(a), len(b)),
		strings.Compare(a, b),
	)
}

func refDecide(patterns []string, spellings ...string) string {
	for _, s := range spellings {
		if slices.Contains(patterns, s) && !strings.ContainsAny(s, "+*") {
			return s
		}
	}
	var matching []string
	for _, p := range patterns {
		if strings.ContainsAny(p, "+*") && slices.ContainsFunc(spellings, func(s string) bool { return refMatch(p, s) }) {
			matching = append(matching, p)
		}
	}
	if len(matching) == 0 {
		return ""
	}
	return slices.MaxFunc(matching, refCompare)
}

func refRules(ps []*Policy) (patterns []string, caps map[string]Capability) {
	caps = map[string]Capability{}
	for _, p := range ps {
		for _, r := range p.rules {
			caps[r.pattern] |= r.caps
		}
	}
	for p, c := range caps {
		if c&Deny != 0 {
			caps[p] = Deny
		}
		patterns = append(patterns, p)
	}
	return patterns, caps
}

// checkAgainstReference compares every answer for one path.
func checkAgainstReference(tb interface{ Fatalf(string, ...any) }, ps []*Policy, path string) {
	a := Compile(ps...)
	patterns, caps := refRules(ps)
	want := refDecide(patterns, path)
	if got := a.Decide(path); got.Pattern != want || got.Capabilities != caps[want] {
		tb.Fatalf("%v: %s decided by %+v, want %q %v", patterns, path, got, want, caps[want])
	}
	slashed := strings.TrimSuffix(path, "/") + "/"
	wantList := refDecide(patterns, slashed, strings.TrimSuffix(path, "/"))
	if got := a.DecideList(path); got.Pattern != wantList || got.Capabilities != caps[wantList] {
		tb.Fatalf("%v: list %s decided by %+v, want %q %v", patterns, path, got, wantList, caps[wantList])
	}
	for _, need := range []Capability{Create, Read, Update, Patch, Delete, Sudo, Read | Update} {
		if got := a.Allow(path, need); got != (caps[want]&Deny == 0 && caps[want]&need == need) {
			tb.Fatalf("%v: %s allows %v: %v", patterns, path, need, got)
		}
	}
	if got := a.Allow(path, List); got != (caps[wantList]&List != 0) {
		tb.Fatalf("%v: %s allows list: %v", patterns, path, got)
	}
}

func segment() *rapid.Generator[string] { return rapid.SampledFrom([]string{"a", "b", "ab", "abc"}) }

func genPattern() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(segment(), rapid.Just("+")), 0, 4).Draw(t, "parts")
		p := strings.Join(parts, "/")
		plus := strings.HasSuffix(p, "+")
		switch end := rapid.SampledFrom([]string{"", "/", "*", "/*"}).Draw(t, "end"); {
		case p == "":
			return "*"
		case plus && end == "*":
			return p + "/*"
		default:
			return p + end
		}
	})
}

func genPath() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(segment(), 1, 5).Draw(t, "parts"), "/") + rapid.SampledFrom([]string{"", "/"}).Draw(t, "end")
	})
}

func genPolicy(name string) *rapid.Generator[*Policy] {
	return rapid.Custom(func(t *rapid.T) *Policy {
		var rules []rule
		for _, p := range rapid.SliceOfN(genPattern(), 0, 12).Draw(t, "patterns") {
			caps := Capability(rapid.Uint16Range(0, uint16(grantable)).Draw(t, "caps"))
			if rapid.IntRange(0, 5).Draw(t, "deny") == 0 {
				caps = Deny
			}
			rules = append(rules, rule{p, caps})
		}
		return &Policy{name: name, rules: mergeRules(rules)}
	})
}

// genMatching gives patterns that match path, so that many rules compete for it.
func genMatching(path string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := strings.Split(path, "/")
		for i := range parts {
			if rapid.Bool().Draw(t, "plus") {
				parts[i] = "+"
			}
		}
		if !rapid.Bool().Draw(t, "glob") {
			return strings.Join(parts, "/")
		}
		n := rapid.IntRange(0, len(parts)-1).Draw(t, "keep")
		if parts[n] == "+" {
			parts[n] = ""
		}
		cut := rapid.IntRange(0, len(parts[n])).Draw(t, "cut")
		return strings.Join(append(parts[:n:n], parts[n][:cut]+"*"), "/")
	})
}

func TestMatchesTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := []*Policy{genPolicy("p").Draw(t, "p"), genPolicy("q").Draw(t, "q")}
		path := strings.TrimSuffix(genPath().Draw(t, "path"), "/")
		r := &Policy{name: "r"}
		for _, p := range rapid.SliceOfN(genMatching(path), 1, 6).Draw(t, "matching") {
			if canonical, err := canonicalPattern(p); err != nil || canonical != p {
				t.Fatalf("%q: %v", p, err)
			}
			r.rules = append(r.rules, rule{p, Capability(rapid.Uint16Range(0, uint16(grantable)).Draw(t, "caps"))})
		}
		r.rules = mergeRules(r.rules)
		checkAgainstReference(t, []*Policy{r}, path)
		ps = append(ps, r)
		checkAgainstReference(t, ps, path)
		for _, path := range rapid.SliceOfN(genPath(), 1, 8).Draw(t, "paths") {
			checkAgainstReference(t, ps, path)
		}
	})
}

// What a policy says survives printing and parsing, in both syntaxes.
func TestPrintedPoliciesParseToThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPolicy("p").Draw(t, "p")
		again, err := Parse("p", p.String())
		if err != nil || !slices.Equal(again.rules, p.rules) {
			t.Fatalf("%v: %v, %v", p.rules, again, err)
		}
		again, err = Parse("p", jsonText(p))
		if err != nil || !slices.Equal(again.rules, p.rules) {
			t.Fatalf("%s: %v, %v", jsonText(p), again, err)
		}
	})
}

func jsonText(p *Policy) string {
	var paths []string
	for _, r := range p.rules {
		words := ""
		if l := r.caps.list(); len(l) > 0 {
			words = `"` + strings.Join(l, `","`) + `"`
		}
		paths = append(paths, `"`+r.pattern+`":{"capabilities":[`+words+`]}`)
	}
	return `{"path":{` + strings.Join(paths, ",") + `}}`
}

// Joining policies in another order, or twice, changes no answer.
func TestCompileIsASetOperation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := genPolicy("p").Draw(t, "p"), genPolicy("q").Draw(t, "q")
		path := genPath().Draw(t, "path")
		a, b := Compile(p, q).Capabilities(path), Compile(q, p, nil, q).Capabilities(path)
		if a != b {
			t.Fatalf("%v against %v", a, b)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", DefaultPolicy, `path "a/+/b*" { capabilities = ["read", "deny"] }`, `path "a" { policy = "write" }`,
		`{"path": {"a/*": {"capabilities": ["list"]}}}`, `{"path": {"a": {"policy": "sudo"}}, "path": {}}`,
		`path "${a}" { capabilities = ["%{if true}"] }`, "path \"a\" {\r\n capabilities = [for x in y : x]\r\n}",
		"\ufeffpath \"a\" { capabilities = [1e999999999] }", "path \"a\" {\n policy = <<EOT\nread\nEOT\n}", "path \"a\x00\" {}",
		`path "\u0061$${" { min_wrapping_ttl = f(60) }`, "#\u202e", `path path { policy = "read" }`, `{{`, "path \"a\"\\\n{}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("fuzz", text)
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) || se.Line < 1 || se.Column < 1 || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Fatalf("%q", err)
			}
			return
		}
		if len(p.rules) > MaxRules {
			t.Fatalf("%d rules", len(p.rules))
		}
		for i, r := range p.rules {
			if c, err := canonicalPattern(r.pattern); err != nil || c != r.pattern || i > 0 && p.rules[i-1].pattern >= r.pattern {
				t.Fatalf("rule %q: %v", r.pattern, err)
			}
			if r.caps&^(grantable|Deny) != 0 || r.caps&Deny != 0 && r.caps != Deny {
				t.Fatalf("rule %q has %b", r.pattern, r.caps)
			}
		}
		again, err := Parse("fuzz", p.String())
		if err != nil || !slices.Equal(again.rules, p.rules) {
			t.Fatalf("%v printed as %s: %v, %v", p.rules, p, again, err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("a/+/b* a/* *", "a/x/bc")
	f.Add("+ +/+ a/ a", "a/")
	f.Add("a/b a/b/ a/b/* a/+/*", "a/b")
	f.Add("", "..")
	f.Fuzz(func(t *testing.T, patterns, path string) {
		p := &Policy{name: "fuzz"}
		for i, s := range strings.Fields(patterns) {
			if c, err := canonicalPattern(s); err == nil && i < 64 {
				p.rules = append(p.rules, rule{c, 1 << (i % 8)})
			}
		}
		p.rules = mergeRules(p.rules)
		if !canonicalPath(path) {
			if a := Compile(p); a.Decide(path) != (Decision{}) || a.DecideList(path) != (Decision{}) {
				t.Fatalf("%q was decided", path)
			}
			return
		}
		checkAgainstReference(t, []*Policy{p}, path)
	})
}
