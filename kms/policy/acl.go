package policy

import (
	"slices"
	"strings"
)

// ACL is what a set of policies allows. It is immutable and safe for concurrent
// use. A nil ACL allows nothing.
//
// A path is decided by one rule:
//
//  1. a rule without wildcards that is the path;
//  2. else, of the rules that match, the one whose first wildcard comes latest;
//  3. of those, one that does not end in '*' before one that does;
//  4. of those, the one with the fewest '+' segments;
//  5. of those, the longest; and then the last in the order of bytes.
//
// This is Vault's order. '*' stands for any rest of the path, the empty one
// included. '+' stands for exactly one segment, which may be empty only where a
// path can have an empty one: at its end, after a trailing slash. Only the chosen
// rule counts: if it denies, nothing else can allow, and if it allows less than
// a wider rule, the wider one does not help.
//
// The same pattern in several policies is one rule with the capabilities of all,
// or nothing if one of them denies.
type ACL struct {
	root  bool
	exact map[string]*grant // path → rule without wildcards
	wild  *node             // the rules with wildcards, nil if there are none
}

// grant is the merged rule of one pattern.
type grant struct {
	caps    Capability
	pattern string
	policy  string // who wrote it; see Decision.Policy
	wild    wildcard
}

// Decision says what may be done at a path and which rule said so. The zero
// value is a path that no rule matches: nothing is allowed.
type Decision struct {
	// Capabilities is what the rule gives.
	Capabilities Capability
	// Pattern is the path of the rule as it was written, without a leading
	// slash. It is empty where no rule matched, and for root.
	Pattern string
	// Policy names the policy of the rule. Where several policies share the
	// pattern they are joined with commas, or only those that deny are named.
	Policy string
}

// rootGrant is what the root policy gives at every path.
func rootGrant() Decision { return Decision{Capabilities: rootAll, Policy: RootName} }

// RootACL gives the ACL of the root policy, which allows everything.
func RootACL() *ACL { return &ACL{root: true} }

// Compile makes the ACL of a token from its policies. The order of the policies
// makes no difference to what is allowed. Nil policies are skipped; without any
// policy nothing is allowed. No set of policies compiles to root.
func Compile(ps ...*Policy) *ACL {
	merged := map[string]*grant{} // pattern → rule
	for _, p := range ps {
		if p == nil {
			continue
		}
		for _, r := range p.rules {
			g, ok := merged[r.pattern]
			if !ok {
				merged[r.pattern] = &grant{caps: r.caps, pattern: r.pattern, policy: p.name}
				continue
			}
			g.mergeFrom(p.name, r.caps)
		}
	}
	a := &ACL{exact: map[string]*grant{}}
	var wild []*grant
	for _, g := range merged {
		if g.wild = newWildcard(g.pattern); g.wild.exact() {
			a.exact[g.pattern] = g
			continue
		}
		wild = append(wild, g)
	}
	a.wild = newTree(wild)
	return a
}

// mergeFrom adds what another policy says of the same pattern.
func (g *grant) mergeFrom(policy string, caps Capability) {
	denied, denies := g.caps&Deny != 0, caps&Deny != 0
	switch {
	case denies && !denied:
		g.policy = policy
	case denied && !denies:
	case !slices.Contains(strings.Split(g.policy, ","), policy):
		g.policy += "," + policy
	}
	g.caps = g.caps.merge(caps)
}

// Decide finds the rule for path, which comes without the leading "/v1/". For
// listing use DecideList. A path that is not canonical (a leading slash, an empty
// segment inside, "." or "..", a byte that no path has) is decided by no rule,
// since a rule for its other spelling might deny it.
func (a *ACL) Decide(path string) Decision {
	if a != nil && a.root {
		return rootGrant()
	}
	return a.find(path).decision()
}

// DecideList finds the rule for listing path, with or without its trailing
// slash. As in Vault, a rule for either spelling applies: a rule without wildcards
// first, the one with the slash before the one without, then the rule that comes
// first in the order above among all that match either spelling. So a rule that
// denies "a/b/*" also denies to list "a/b", whatever "a/*" allows.
func (a *ACL) DecideList(path string) Decision {
	if a != nil && a.root {
		return rootGrant()
	}
	return a.findList(path).decision()
}

// Capabilities gives all that may be done at path: everything for root, nothing
// where no rule matches. A path with a trailing slash is asked about as for
// listing, which is how Vault answers capabilities-self.
func (a *ACL) Capabilities(path string) Capability {
	if strings.HasSuffix(path, "/") {
		return a.DecideList(path).Capabilities
	}
	return a.Decide(path).Capabilities
}

// Allow says whether all of need may be done at path. If need holds List, path is
// decided as for listing. It allocates nothing, unless path is to be listed and
// has no trailing slash.
func (a *ACL) Allow(path string, need Capability) bool {
	if a == nil {
		return false
	}
	if a.root {
		return rootAll.Has(need)
	}
	g := (*grant)(nil)
	if need&List != 0 {
		g = a.findList(path)
	} else {
		g = a.find(path)
	}
	return g != nil && g.caps.Has(need)
}

func (a *ACL) find(path string) *grant {
	if a == nil || !canonicalPath(path) {
		return nil
	}
	if g, ok := a.exact[path]; ok {
		return g
	}
	return a.findWild(path, path)
}

func (a *ACL) findList(path string) *grant {
	if a == nil || !canonicalPath(path) {
		return nil
	}
	slashed := path
	if !strings.HasSuffix(path, "/") {
		slashed += "/"
	}
	if g, ok := a.exact[slashed]; ok {
		return g
	}
	bare := slashed[:len(slashed)-1]
	if g, ok := a.exact[bare]; ok {
		return g
	}
	return a.findWild(slashed, bare)
}

func (g *grant) decision() Decision {
	if g == nil {
		return Decision{}
	}
	return Decision{Capabilities: g.caps, Pattern: g.pattern, Policy: g.policy}
}
