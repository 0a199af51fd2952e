package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Bounds of an Explanation, however many rules there are.
const (
	maxOthers = 32
	maxHints  = 8
)

// Rule is one rule of an Explanation.
type Rule struct {
	// Policy names the policy that holds the rule, or, where several share the
	// pattern, all of them, separated by commas; see Decision.Policy.
	Policy string
	// Pattern is the path of the rule as it was written, without a leading slash.
	Pattern string
	// Capabilities is what the rule gives. Deny stands alone.
	Capabilities Capability
}

// Other is a rule that matches a path and does not decide it.
type Other struct {
	Rule
	Why string // why it does not count, in the words of the order at ACL
}

// Explanation says what was decided about a path, which rule did, and why that
// one. Its texts hold the path and the patterns as they are; whoever shows them
// elsewhere answers for that.
type Explanation struct {
	Path string
	// Need is what was asked for. Nothing asks what may be done at all.
	Need Capability
	// Allowed is what ACL.Allow answers. If nothing was asked for, it says
	// whether anything may be done.
	Allowed bool
	// Capabilities is what the deciding rule gives; see ACL.Capabilities.
	Capabilities Capability
	// Rule decided. It is the zero value where none matches, and for root only
	// its Policy and Capabilities are set.
	Rule Rule
	// Reason is the decision as a sentence.
	Reason string
	// Others are the further rules that match, best first, at most 32, a rule of
	// each policy by itself. More counts those that are left out.
	Others []Other
	More   int
	// Hints are near misses: rules that would match if path or rule were written
	// otherwise. At most 8.
	Hints []string
}

// ExplainRoot is the Explanation for a caller of the root policy.
func ExplainRoot(path string, need Capability) Explanation {
	return Explanation{
		Path: path, Need: need, Allowed: need == 0 || rootAll.Has(need), Capabilities: rootAll,
		Rule:   Rule{Policy: RootName, Capabilities: rootAll},
		Reason: "the root policy allows everything, and no rule restricts it",
	}
}

// Explain decides path as the ACL of ps does and says why. If need holds List,
// path is decided as for listing, and so is a path with a trailing slash if need
// is empty, like ACL.Capabilities. Nil policies are skipped.
//
// The decision is the compiled ACL's own. What is said around it comes from a
// search through all rules, whose work grows with their number.
func Explain(ps []*Policy, path string, need Capability) Explanation {
	x := &explainer{
		Explanation: Explanation{Path: path, Need: need},
		acl:         Compile(ps...), rules: rulesOf(ps), spellings: []string{path},
	}
	decided := x.acl.Decide(path)
	if need&List != 0 || need == 0 && strings.HasSuffix(path, "/") {
		bare := strings.TrimSuffix(path, "/")
		x.spellings = []string{bare + "/", bare}
		decided = x.acl.DecideList(path)
	}
	x.Rule = Rule{decided.Policy, decided.Pattern, decided.Capabilities}
	x.Capabilities = decided.Capabilities
	x.Allowed = x.acl.Allow(path, need)
	if need == 0 {
		x.Allowed = x.helps(decided.Capabilities)
	}
	runnerUp := x.findOthers()
	x.Reason = x.reason(runnerUp)
	x.findHints()
	return x.Explanation
}

// explainer makes one Explanation.
type explainer struct {
	Explanation
	acl       *ACL
	rules     []*grant // of every policy by itself
	spellings []string // of the path; two for listing, the one with the slash first
}

// rulesOf lists the rules of each policy, taken apart and not merged.
func rulesOf(ps []*Policy) []*grant {
	var out []*grant
	for i, p := range ps {
		if p == nil || slices.Contains(ps[:i], p) {
			continue
		}
		for _, r := range p.rules {
			out = append(out, &grant{caps: r.caps, pattern: r.pattern, policy: p.name, wild: newWildcard(r.pattern)})
		}
	}
	return out
}

// helps says whether caps would do for what was asked.
func (x *explainer) helps(caps Capability) bool {
	if x.Need == 0 {
		return caps&Deny == 0 && caps&grantable != 0
	}
	return caps.Has(x.Need)
}

// matchesAll says whether the rule matches path as a whole, exact or not.
func (g *grant) matchesAll(path string) bool {
	if g.wild.exact() {
		return g.pattern == path
	}
	rest, ok := strings.CutPrefix(path, g.wild.head)
	return ok && g.wild.matches(rest)
}

// findOthers lists the rules that match and did not decide. It returns the best
// of another pattern, or nil if the deciding one is alone.
func (x *explainer) findOthers() (runnerUp *grant) {
	if x.Rule.Pattern == "" {
		return nil
	}
	var losers []*grant
	for _, g := range x.rules {
		// A rule of the deciding pattern is part of the decision, unless another
		// policy's deny cancelled it.
		cancelled := x.Rule.Capabilities&Deny != 0 && g.caps&Deny == 0
		if (g.pattern != x.Rule.Pattern || cancelled) && slices.ContainsFunc(x.spellings, g.matchesAll) {
			losers = append(losers, g)
		}
	}
	winner := &grant{pattern: x.Rule.Pattern, wild: newWildcard(x.Rule.Pattern)}
	slices.SortFunc(losers, func(a, b *grant) int {
		order, _ := compare(a, b)
		return cmp.Or(order, strings.Compare(a.policy, b.policy))
	})
	for _, g := range losers {
		if runnerUp == nil && g.pattern != winner.pattern {
			runnerUp = g
		}
		if len(x.Others) == maxOthers {
			x.More++
			continue
		}
		_, by := compare(winner, g)
		x.Others = append(x.Others, Other{Rule{g.policy, g.pattern, g.caps}, criteria[by].lost})
	}
	return runnerUp
}

// criterion is what puts one of two rules that match before the other.
type criterion int

const (
	samePattern criterion = iota
	noWildcard
	withSlash
	laterWildcard
	noStar
	fewerPlus
	longer
	lastInBytes
)

// criteria holds the words of the order at ACL, as the loser and as the winner
// has them. The winner's go before the loser's pattern.
var criteria = [...]struct{ lost, won string }{
	samePattern:   {"the same path, and the deny of another policy cancels it", ""},
	noWildcard:    {"less specific: it has a wildcard, and a rule without one is this path", "it has no wildcard, unlike"},
	withSlash:     {"for listing, the rule that ends in a slash comes first", "it ends in a slash, which comes first for listing, unlike"},
	laterWildcard: {"less specific: its first wildcard comes earlier", "its first wildcard comes later than that of"},
	noStar:        {"less specific: it ends in '*'", "it does not end in '*', unlike"},
	fewerPlus:     {"less specific: it has more '+' segments", "it has fewer '+' segments than"},
	longer:        {"less specific: it is shorter", "it is longer than"},
	lastInBytes:   {"as specific, but earlier in the order of bytes", "it is as specific, but later in the order of bytes, than"},
}

// compare orders two rules that match one path, or one listing, the better one
// first, and says by what. It is the order at ACL, rule by rule.
func compare(a, b *grant) (int, criterion) {
	aExact, bExact := a.wild.exact(), b.wild.exact()
	switch {
	case a.pattern == b.pattern:
		return 0, samePattern
	case aExact && bExact: // the two spellings of a listing
		return cmp.Compare(len(b.pattern), len(a.pattern)), withSlash
	case aExact:
		return -1, noWildcard
	case bExact:
		return 1, noWildcard
	case len(a.wild.head) != len(b.wild.head):
		return cmp.Compare(len(b.wild.head), len(a.wild.head)), laterWildcard
	}
	order := better(a, b)
	switch {
	case a.wild.glob != b.wild.glob:
		return order, noStar
	case len(a.wild.literals) != len(b.wild.literals):
		return order, fewerPlus
	case len(a.pattern) != len(b.pattern):
		return order, longer
	}
	return order, lastInBytes
}
