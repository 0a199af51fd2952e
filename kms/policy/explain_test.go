package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// explain asks about path with the policies p0, p1, …
func explain(tb testing.TB, path string, need Capability, texts ...string) Explanation {
	tb.Helper()
	var ps []*Policy
	for i, text := range texts {
		ps = append(ps, mustParse(tb, fmt.Sprint("p", i), text))
	}
	return Explain(ps, path, need)
}

// The sentence of each decision, and the reason each loser lost for.
func TestExplainSaysWhichRuleDecidedAndWhy(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		need    Capability
		texts   []string
		allowed bool
		reason  string
		others  []string // policy pattern: why
	}{
		{"no policy", "a/b", Read, nil, false, "no rule matches this path, and what no rule allows is denied", nil},
		{"alone", "a/b", Read, []string{allow("a/*", "read")}, true, `the rule "a/*" of the policy p0 allows read, and no other rule matches`, nil},
		{"two policies, one rule", "a/b", Read | Update, []string{allow("a/*", "read"), allow("a/*", "update")}, true,
			`the rule "a/*" of the policies p0, p1 allows read, update, and no other rule matches`, nil},
		{"lacks", "a/b", Update | Sudo, []string{allow("a/*", "update")}, false, `the rule "a/*" of the policy p0 does not grant sudo, and no other rule matches`, nil},
		{"grants nothing", "a", Read, []string{`path "a" { capabilities = [] }`}, false, `the rule "a" of the policy p0 grants nothing here, and no other rule matches`, nil},
		{"nothing asked for", "a", 0, []string{allow("a", "read")}, true, `the rule "a" of the policy p0 decides here, and no other rule matches`, nil},
		{"nothing asked for and denied", "a", 0, []string{allow("a", "deny")}, false, `the rule "a" of the policy p0 denies everything here, and no other rule matches`, nil},
		{"deny cancels", "a/b", Read, []string{allow("a/*", "read", "*", "read"), allow("a/*", "deny"), allow("a/*", "deny")}, false,
			`the rule "a/*" of the policies p1, p2 denies everything here; it decides because its first wildcard comes later than that of "*", the next best`,
			[]string{"p0 a/*: the same path, and the deny of another policy cancels it", "p0 *: less specific: its first wildcard comes earlier"}},
		{"deny cancels, alone", "a", Read, []string{allow("a", "read"), allow("a", "deny")}, false,
			`the rule "a" of the policy p1 denies everything here, and cancels what other policies grant at the same path`,
			[]string{"p0 a: the same path, and the deny of another policy cancels it"}},
		{"exact", "a/b", Read, []string{allow("a/b", "read", "a/*", "update")}, true,
			`the rule "a/b" of the policy p0 allows read; it decides because it has no wildcard, unlike "a/*", the next best`,
			[]string{"p0 a/*: less specific: it has a wildcard, and a rule without one is this path"}},
		{"every criterion", "a/b/c/dd", Read, []string{allow("+/b/c/dd", "deny", "a/+/c/d*", "deny", "a/+/+/dd", "deny", "a/+/c/+", "deny", "a/+/c/dd", "read")}, true,
			`the rule "a/+/c/dd" of the policy p0 allows read; it decides because it has fewer '+' segments than "a/+/+/dd", the next best`,
			[]string{
				"p0 a/+/+/dd: less specific: it has more '+' segments", "p0 a/+/c/+: less specific: it has more '+' segments",
				"p0 a/+/c/d*: less specific: it ends in '*'", "p0 +/b/c/dd: less specific: its first wildcard comes earlier",
			}},
		{"longer", "a/b/cde", Read, []string{allow("a/+/c*", "deny", "a/+/cd*", "read")}, true,
			`the rule "a/+/cd*" of the policy p0 allows read; it decides because it is longer than "a/+/c*", the next best`,
			[]string{"p0 a/+/c*: less specific: it is shorter"}},
		{"greater", "a/b/c/d", Read, []string{allow("a/+/c/+", "read", "a/+/+/d", "deny")}, true,
			`the rule "a/+/c/+" of the policy p0 allows read; it decides because it is as specific, but later in the order of bytes, than "a/+/+/d", the next best`,
			[]string{"p0 a/+/+/d: as specific, but earlier in the order of bytes"}},
		{"listing", "a/b", List, []string{allow("a/b", "read", "a/b/", "list", "a/*", "deny")}, true,
			`the rule "a/b/" of the policy p0 allows list; it decides because it ends in a slash, which comes first for listing, unlike "a/b", the next best`,
			[]string{"p0 a/b: for listing, the rule that ends in a slash comes first", "p0 a/*: less specific: it has a wildcard, and a rule without one is this path"}},
		{"listing, cancelled", "a/b", List, []string{allow("a/b", "list", "a/b/", "list"), allow("a/b/", "deny")}, false,
			`the rule "a/b/" of the policy p1 denies everything here; it decides because it ends in a slash, which comes first for listing, unlike "a/b", the next best`,
			[]string{"p0 a/b/: the same path, and the deny of another policy cancels it", "p0 a/b: for listing, the rule that ends in a slash comes first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explain(t, c.path, c.need, c.texts...)
			var others []string
			for _, o := range e.Others {
				others = append(others, o.Policy+" "+o.Pattern+": "+o.Why)
			}
			if e.Allowed != c.allowed || e.Reason != c.reason || !slices.Equal(others, c.others) {
				t.Errorf("allowed %v\nreason %s\nothers %q", e.Allowed, e.Reason, others)
			}
		})
	}
}

func TestExplainRootSaysSo(t *testing.T) {
	e := ExplainRoot("sys/seal", Update|Sudo)
	if !e.Allowed || e.Rule.Policy != RootName || e.Rule.Pattern != "" || !strings.Contains(e.Reason, "root policy allows everything") ||
		!slices.Equal(e.Capabilities.Strings(), []string{"root"}) {
		t.Errorf("%+v", e)
	}
	if ExplainRoot("a", Deny).Allowed {
		t.Error("deny was allowed")
	}
}

// What helps at three in the morning.
func TestExplainHints(t *testing.T) {
	for _, c := range []struct {
		name, path string
		need       Capability
		text       string
		want       string // in exactly one hint; "" for no hint
	}{
		{"allowed", "a/b", Read, allow("a/b", "read", "a/b/", "list", "A/B", "read"), ""},
		{"nothing near", "a/b", Read, allow("x/y", "read"), ""},
		{"another capability near", "a/b", Read, allow("a/b/c", "update"), ""},
		{"a deny near", "a/b", Read, allow("a/b/c", "deny"), ""},
		{"leading slash", "/a/b", Read, allow("a/b", "read"), `without its leading slash: ask about "a/b"`},
		{"v1", "v1/a/b", Read, allow("a/b", "read"), `what follows "v1/": ask about "a/b"`},
		{"v1 with a slash", "/v1/a/b", Read, allow("a/b", "read"), `what follows "v1/": ask about "a/b"`},
		{"v1 that is allowed", "v1/a/b", Read, allow("*", "read"), `what follows "v1/"`},
		{"empty", "", Read, allow("a/b", "read"), "the path is empty"},
		{"only slashes", "//", Read, allow("a/b", "read"), "an empty segment"},
		{"empty segment", "a//b", Read, allow("a/b", "read"), "an empty segment"},
		{"escape", "a/b%20c", Read, allow("*", "read"), "a character that no path of a request has"},
		{"a pattern as the path", "a/*", Read, allow("a/b", "read"), "plain characters in the path"},
		{"rule with a slash", "a/b", Read, allow("a/b/", "read"), `the rule "a/b/" of the policy p0 ends in a slash, so it is for listing alone`},
		{"path with a slash", "a/b/", Read, allow("a/b", "read"), `the rule "a/b" of the policy p0 matches without the trailing slash`},
		{"hash behind the key", "transit/sign/web/sha2-512", Update, allow("transit/sign/web", "update"), `what lies below it needs "transit/sign/web/*"`},
		{"hash behind a plus", "transit/sign/web/sha2-512", Update, allow("transit/sign/+", "update"), `what lies below it needs "transit/sign/+/*"`},
		{"key before the hash", "transit/sign/web", Update, allow("transit/sign/web/sha2-512", "update"), "one segment longer"},
		{"two segments longer", "transit/sign", Update, allow("transit/sign/web/sha2-512", "update"), ""},
		{"what lies below", "a/b", Read, allow("a/b/*", "read"), `is for what lies below; "a/b" itself needs a rule of its own`},
		{"case", "a/Web", Read, allow("a/web", "read"), `the rule "a/web" of the policy p0 differs in upper and lower case`},
		{"case of a prefix", "A/x/web", Read, allow("a/+/w*", "read"), "differs in upper and lower case"},
		{"create alone", "a/b", Update, allow("a/b", "create"), "create is only for what does not exist yet"},
		{"read and list", "a/b", List, allow("a/b", "read"), "read does not include list"},
		{"a wider rule", "a/b", Update, allow("a/b", "read", "a/*", "update"), `the rule "a/*" of the policy p0 would allow it, but does not count`},
		{"listing apart", "a/b", 0, allow("a/b", "read", "a/b/", "list"), `to list it, the rule "a/b/" of the policy p0 decides: list`},
	} {
		t.Run(c.name, func(t *testing.T) {
			hints := explain(t, c.path, c.need, c.text).Hints
			switch {
			case c.want == "" && len(hints) != 0, c.want != "" && (len(hints) != 1 || !strings.Contains(hints[0], c.want)):
				t.Errorf("hints %q, want %q", hints, c.want)
			}
		})
	}
}

// A policy of a thousand rules does not make an answer of a thousand lines, and
// many hints of one kind leave room for the others.
func TestExplainIsBounded(t *testing.T) {
	var stars, below []string
	for i := range 200 {
		stars = append(stars, strings.Repeat("a", i+1)+"*", "read")
		below = append(below, fmt.Sprintf("k/x%03d", i), "read")
	}
	e := explain(t, strings.Repeat("a", 200), Read, allow(stars...))
	if len(e.Others) != maxOthers || e.More != 199-maxOthers || e.Others[0].Pattern != strings.Repeat("a", 199)+"*" {
		t.Errorf("%d others and %d more", len(e.Others), e.More)
	}
	e = explain(t, "k", Read, allow(append(below, "K", "read")...))
	if len(e.Hints) != missesOfAKind+1 || !strings.Contains(e.Hints[0]+e.Hints[1]+e.Hints[2], "upper and lower case") {
		t.Errorf("hints %q", e.Hints)
	}
}

// checkExplanation holds an Explanation to the ACL, to the reference and to
// itself.
func checkExplanation(tb interface{ Fatalf(string, ...any) }, ps []*Policy, path string, need Capability) {
	e, a := Explain(ps, path, need), Compile(ps...)
	listing := need&List != 0 || need == 0 && strings.HasSuffix(path, "/")
	decide, spellings := a.Decide, []string{path}
	if listing {
		decide, spellings = a.DecideList, []string{strings.TrimSuffix(path, "/") + "/", strings.TrimSuffix(path, "/")}
	}
	d := decide(path)
	switch caps := a.Capabilities(path); {
	case need != 0 && e.Allowed != a.Allow(path, need):
		tb.Fatalf("%q needs %v: explained as %v, decided as %v", path, need, e.Allowed, !e.Allowed)
	case need == 0 && (e.Capabilities != caps || e.Allowed != (caps&grantable != 0)):
		tb.Fatalf("%q: explained as %v %v, may %v", path, e.Allowed, e.Capabilities, caps)
	case e.Rule != Rule{d.Policy, d.Pattern, d.Capabilities}:
		tb.Fatalf("%q: explained by %+v, decided by %+v", path, e.Rule, d)
	case len(e.Others) > maxOthers || len(e.Hints) > maxHints || e.More > 0 && len(e.Others) < maxOthers || e.Reason == "":
		tb.Fatalf("%q: %+v", path, e)
	}
	if !canonicalPath(path) {
		if e.Rule.Pattern != "" || len(e.Others) > 0 || len(e.Hints) == 0 {
			tb.Fatalf("%q was decided: %+v", path, e)
		}
		return
	}
	checkOthers(tb, ps, e, spellings)
}

// checkOthers compares the others with a search by the reference: all that
// match, none that does not, the better ones first and none before the winner.
func checkOthers(tb interface{ Fatalf(string, ...any) }, ps []*Policy, e Explanation, spellings []string) {
	want := 0
	for i, p := range ps {
		for _, r := range p.rules {
			cancelled := e.Rule.Capabilities == Deny && r.caps&Deny == 0
			if !slices.Contains(ps[:i], p) && (r.pattern != e.Rule.Pattern || cancelled) && refMatches(r.pattern, spellings) {
				want++
			}
		}
	}
	if got := len(e.Others) + e.More; got != want {
		tb.Fatalf("%q: %d others, the reference finds %d", e.Path, got, want)
	}
	before := e.Rule.Pattern
	for _, o := range e.Others {
		if !refMatches(o.Pattern, spellings) || refWorse(before, o.Pattern, spellings) || o.Why == "" {
			tb.Fatalf("%q: %q stands before %+v", e.Path, before, o)
		}
		before = o.Pattern
	}
}

func refMatches(pattern string, spellings []string) bool {
	if !strings.ContainsAny(pattern, "+*") {
		return slices.Contains(spellings, pattern)
	}
	return slices.ContainsFunc(spellings, func(s string) bool { return refMatch(pattern, s) })
}

// refWorse says whether pattern a should stand behind b.
func refWorse(a, b string, spellings []string) bool {
	exactA, exactB := slices.Index(spellings, a), slices.Index(spellings, b)
	switch {
	case a == b:
		return false
	case exactA >= 0 && !strings.ContainsAny(a, "+*"):
		return exactB >= 0 && !strings.ContainsAny(b, "+*") && exactB < exactA
	case exactB >= 0 && !strings.ContainsAny(b, "+*"):
		return true
	}
	return refCompare(a, b) < 0
}

func TestExplanationsMatchTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ps := []*Policy{genPolicy("p").Draw(t, "p"), genPolicy("q").Draw(t, "q")}
		path := strings.TrimSuffix(genPath().Draw(t, "path"), "/")
		r := &Policy{name: "r"}
		for _, p := range rapid.SliceOfN(genMatching(path), 1, 6).Draw(t, "matching") {
			r.rules = append(r.rules, rule{p, Capability(rapid.Uint16Range(0, uint16(grantable)).Draw(t, "caps"))})
		}
		r.rules = mergeRules(r.rules)
		ps = append(ps, r, r)
		for _, path := range append(rapid.SliceOfN(genPath(), 1, 4).Draw(t, "paths"), path, path+"/") {
			for _, need := range []Capability{0, Read, List, Update | Sudo, Read | List, Deny} {
				checkExplanation(t, ps, path, need)
			}
		}
	})
}

func FuzzExplain(f *testing.F) {
	f.Add("a/+/b* a/* *", "a/x/bc", uint16(Read))
	f.Add("a/b a/b/ A/B a/b/c a/b/*", "a/b", uint16(List))
	f.Add("transit/sign/+ transit/+", "/v1/transit/sign/web/sha2-512", uint16(Update))
	f.Add("+ +/+ a/", "a//", uint16(0))
	f.Add("*", "", uint16(Deny|Root))
	f.Fuzz(func(t *testing.T, patterns, path string, need uint16) {
		ps := []*Policy{{name: "p"}, {name: "q"}, nil}
		for i, s := range strings.Fields(patterns) {
			if c, err := canonicalPattern(s); err == nil && i < 64 {
				p := ps[i%2]
				p.rules = append(p.rules, rule{c, 1 << (i % 8)})
			}
		}
		ps[0].rules, ps[1].rules = mergeRules(ps[0].rules), mergeRules(ps[1].rules)
		checkExplanation(t, ps[:2], path, Capability(need))
		if got, want := Explain(ps, path, Capability(need)), Explain(ps[:2], path, Capability(need)); got.Reason != want.Reason {
			t.Fatalf("%q against %q", got.Reason, want.Reason)
		}
	})
}
