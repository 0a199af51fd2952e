package policy

import (
	"slices"
	"strings"
	"testing"
)

// compile makes an ACL of one policy a text, named p0, p1, …
func compile(tb testing.TB, texts ...string) *ACL {
	tb.Helper()
	var ps []*Policy
	for i, text := range texts {
		ps = append(ps, mustParse(tb, "p"+string(rune('0'+i)), text))
	}
	return Compile(ps...)
}

// allow is the text of a policy that gives each pattern its capability words.
func allow(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("path \"" + pairs[i] + "\" { capabilities = [\"" + strings.ReplaceAll(pairs[i+1], ",", "\",\"") + "\"] }\n")
	}
	return b.String()
}

func TestNobodyIsAllowedNothing(t *testing.T) {
	var nobody Caller
	for _, a := range []*ACL{nil, {}, Compile(), Compile(nil, nil), Compile(mustParse(t, "p", ""), &Policy{})} {
		nobody.ACL = a
		for _, need := range []Capability{0, Read, List, Update | Sudo, Deny, Root} {
			if a.Allow("a/b", need) || nobody.Allow("a/b", need) {
				t.Errorf("%v allowed", need)
			}
		}
		if a.Capabilities("a/") != 0 || nobody.Capabilities("a") != 0 || a.Decide("a") != (Decision{}) || a.DecideList("a") != (Decision{}) {
			t.Error("something was decided")
		}
	}
}

func TestRootIsAllowedEverything(t *testing.T) {
	for _, c := range []Caller{{Root: true}, {ACL: RootACL()}, {Root: true, ACL: compile(t, allow("*", "deny"))}} {
		for _, path := range []string{"a", "a/b/", "", "//", "sys/seal"} {
			if !c.Allow(path, Update|Sudo) || !c.Allow(path, List) {
				t.Errorf("root is refused at %q", path)
			}
			if got := c.Capabilities(path).Strings(); !slices.Equal(got, []string{"root"}) {
				t.Errorf("%q: %v", path, got)
			}
			if c.Allow(path, 0) || c.Allow(path, Deny) {
				t.Errorf("%q: nothing was asked for, and allowed", path)
			}
		}
	}
	if d := RootACL().Decide("a"); d.Policy != RootName {
		t.Errorf("decided by %+v", d)
	}
}

// The order of the rules, step by step: for each path, the pattern that decides.
func TestPriority(t *testing.T) {
	for _, c := range []struct {
		name     string
		patterns string
		path     string
		want     string
	}{
		{"exact beats all", "a/b a/b* a/+ +/b *", "a/b", "a/b"},
		{"exact is case sensitive", "a/B", "a/b", ""},
		{"no rule", "a/b a/c*", "a/d", ""},
		{"longest prefix", "a* a/* a/b* a/bc*", "a/bd", "a/b*"},
		{"prefix matches itself", "a/b*", "a/b", "a/b*"},
		{"prefix with slash needs it", "a/b/*", "a/b", ""},
		{"prefix crosses segments", "a/b*", "a/bc/d/e", "a/b*"},
		{"star matches all", "*", "a", "*"},
		{"later first wildcard", "a/+/c a/b/*", "a/b/c", "a/b/*"},
		{"later first plus", "+/b/c/d a/+/c/d a/b/+/d", "a/b/c/d", "a/b/+/d"},
		{"not ending in star", "a/+/c* a/+/c", "a/b/c", "a/+/c"},
		{"plus before star at the same place", "a/+ a/*", "a/b", "a/+"},
		{"fewer plus", "a/+/+/d a/+/c/d", "a/b/c/d", "a/+/c/d"},
		{"no plus before some", "s/* s/+/+/f/*", "s/x/y/f/g", "s/*"},
		{"longer", "a/+/c* a/+/cd*", "a/b/cde", "a/+/cd*"},
		{"longer, not greater", "a/+/c/+ a/+/+/dd", "a/b/c/dd", "a/+/+/dd"},
		{"greater", "a/+/c/+ a/+/+/d", "a/b/c/d", "a/+/c/+"},
		{"plus is one segment", "a/+", "a/b/c", ""},
		{"plus is not none", "a/+/c", "a/c", ""},
		{"plus at the end may be empty", "a/+", "a/", "a/+"},
		{"plus then star needs the slash", "a/+/*", "a/b", ""},
		{"plus then star", "a/+/*", "a/b/", "a/+/*"},
		{"plus then star goes deep", "a/+/c*", "a/b/cd/e/f", "a/+/c*"},
		{"leading plus", "+/keys/+", "m/keys/k", "+/keys/+"},
		{"only plus", "+", "a", "+"},
		{"only plus is one segment", "+", "a/b", ""},
		{"plus does not glob a literal", "a/+/cd", "a/b/cde", ""},
		{"trailing slash differs", "a/b", "a/b/", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var texts []string
			for p := range strings.FieldsSeq(c.patterns) {
				texts = append(texts, allow(p, "read"))
			}
			for range 2 { // the order of the policies makes no difference
				if got := compile(t, texts...).Decide(c.path).Pattern; got != c.want {
					t.Errorf("%s decided by %q, want %q", c.path, got, c.want)
				}
				slices.Reverse(texts)
			}
		})
	}
}

func TestOnlyTheChosenRuleCounts(t *testing.T) {
	a := compile(t, allow("t/*", "read,update", "t/keys/*", "read", "t/keys/x", "deny", "t/+/y", "deny"))
	for _, c := range []struct {
		path string
		want Capability
	}{
		{"t/sign/a", Read | Update}, {"t/keys/a", Read}, {"t/keys/x", Deny}, {"t/sign/y", Deny},
		{"t/keys/y", Read}, // "t/keys/*" has its wildcard later than "t/+/y"
		{"u", 0},
	} {
		if got := a.Capabilities(c.path); got != c.want {
			t.Errorf("%s: got %v, want %v", c.path, got, c.want)
		}
	}
	if a.Allow("t/keys/x", Read) || a.Allow("t/keys/a", Update) || a.Allow("t/sign/a", Read|Sudo) || !a.Allow("t/sign/a", Read|Update) {
		t.Error("a wider rule helped, or a part was enough")
	}
}

func TestPoliciesAreJoined(t *testing.T) {
	read, update, deny := allow("a/*", "read"), allow("a/*", "update"), allow("a/*", "deny")
	for _, c := range []struct {
		texts []string
		want  Decision
	}{
		{[]string{read}, Decision{Read, "a/*", "p0"}},
		{[]string{read, update}, Decision{Read | Update, "a/*", "p0,p1"}},
		{[]string{read, deny, update}, Decision{Deny, "a/*", "p1"}},
		{[]string{deny, read}, Decision{Deny, "a/*", "p0"}},
		{[]string{read, allow("a/b", "list")}, Decision{List, "a/b", "p1"}},
		{[]string{read, `path "a/b" { capabilities = [] }`}, Decision{0, "a/b", "p1"}},
	} {
		if got := compile(t, c.texts...).Decide("a/b"); got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.texts, got, c.want)
		}
	}
	p := mustParse(t, "same", read)
	if got := Compile(p, p).Decide("a/b").Policy; got != "same" {
		t.Errorf("a policy given twice is named %q", got)
	}
}

func TestList(t *testing.T) {
	for _, c := range []struct {
		name, policy string
		want         string // the pattern that decides to list t/keys
		allowed      bool
	}{
		{"without slash", allow("t/keys", "list"), "t/keys", true},
		{"with slash", allow("t/keys/", "list"), "t/keys/", true},
		{"slash first", allow("t/keys/", "list", "t/keys", "deny"), "t/keys/", true},
		{"slash first, denied", allow("t/keys/", "deny", "t/keys", "list"), "t/keys/", false},
		{"exact beats a glob", allow("t/keys", "list", "t/keys/*", "deny"), "t/keys", true},
		{"glob below", allow("t/keys/*", "list"), "t/keys/*", true},
		{"glob above", allow("t/*", "list"), "t/*", true},
		{"glob on the name", allow("t/keys*", "list"), "t/keys*", true},
		{"denied below, allowed above", allow("t/*", "list", "t/keys/*", "deny"), "t/keys/*", false},
		{"not granted below", allow("t/*", "list", "t/keys/*", "read"), "t/keys/*", false},
		{"denied above, allowed below", allow("t/*", "deny", "t/keys/*", "list"), "t/keys/*", true},
		{"plus without slash", allow("+/keys", "list"), "+/keys", true},
		{"plus with slash", allow("+/keys/", "list"), "+/keys/", true},
		{"plus without slash beside a glob", allow("+/keys", "list", "+/*", "read"), "+/keys", true},
		{"plus below", allow("t/keys/+", "list"), "t/keys/+", true},
		{"plus below denies", allow("t/*", "list", "t/keys/+", "deny"), "t/keys/+", false},
		{"another", allow("t/key", "list", "t/keysx*", "list"), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := compile(t, c.policy)
			for _, path := range []string{"t/keys", "t/keys/"} {
				if got := a.DecideList(path).Pattern; got != c.want {
					t.Errorf("%s decided by %q, want %q", path, got, c.want)
				}
				if got := a.Allow(path, List); got != c.allowed {
					t.Errorf("%s allowed: %v", path, got)
				}
			}
			if got := a.Capabilities("t/keys/").Has(List); got != c.allowed {
				t.Errorf("capabilities of t/keys/ say %v", got)
			}
		})
	}
}

// A path that the API would not let through must not find a rule: under a second
// spelling it would slip past the rule that denies the first.
func TestPathsThatAreNotCanonicalAreDecidedByNothing(t *testing.T) {
	a := compile(t, allow("*", "read,list", "+/+/+", "read,list", "t/keys/x", "deny"))
	for _, path := range []string{
		"", "/", "/t/keys/x", "t//keys/x", "t/./keys/x", "t/../t/keys/x", ".", "..", "t/keys/x/.", "t/keys/x/..", "t/keys//",
		"t/keys/x\x00", "t/keys/%78", "t/keys/x?", "t/keys/x#", "t/keys/x ", "t\\keys", "t/k\u00e9ys", "t/keys/\u200bx",
	} {
		if a.Decide(path) != (Decision{}) || a.DecideList(path) != (Decision{}) || a.Allow(path, Read) || a.Allow(path, List) {
			t.Errorf("%q was decided", path)
		}
	}
	for _, path := range []string{"t/keys/..x", "t/keys/.x", "t/...", "t/keys/x/", "t/keys/X", "t/keys/*", "t/keys/+"} {
		if !a.Allow(path, Read) {
			t.Errorf("%q was refused", path)
		}
	}
}

func TestCapabilityWords(t *testing.T) {
	for _, c := range []struct {
		c    Capability
		want string
	}{
		{0, "deny"}, {Deny, "deny"}, {Deny | Read, "deny"}, {Read, "read"}, {rootAll, "root"}, {Root, "root"}, {Root | Deny, "deny"},
		{grantable, "create,delete,list,patch,read,sudo,update"}, {Update | Create | Read, "create,read,update"},
	} {
		if got := c.c.String(); got != c.want {
			t.Errorf("%b: got %s, want %s", c.c, got, c.want)
		}
	}
	for _, c := range []struct {
		have, need Capability
		want       bool
	}{
		{Read, Read, true}, {Read, Read | List, false}, {Read | Deny, Read, false}, {Deny, Deny, false}, {Read, 0, false}, {0, 0, false},
	} {
		if c.have.Has(c.need) != c.want {
			t.Errorf("%v has %v: want %v", c.have, c.need, c.want)
		}
	}
}

func TestAllowDoesNotAllocate(t *testing.T) {
	a := manyRules(t, 1000)
	for _, c := range []struct {
		path string
		need Capability
	}{
		{"transit/sign/one-0003", Update}, {"transit/sign/app-0003-v1.2", Update},
		{"transit/sign/app-0003-a-longer-name-than-thirty-two-bytes", Update}, {"transit/none", Update}, {"transit/keys/", List},
	} {
		if n := testing.AllocsPerRun(100, func() { a.Allow(c.path, c.need) }); n != 0 {
			t.Errorf("%s: %v allocations", c.path, n)
		}
	}
}
