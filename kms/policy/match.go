package policy

import (
	"cmp"
	"slices"
	"strings"
)

// wildcard is a pattern taken apart at its wildcards. "a/+/b/+/c*" has the head
// "a/", the literals "/b/" and "/c" that follow its '+' segments, and a glob.
type wildcard struct {
	head     string   // what comes before the first wildcard
	literals []string // what follows each '+', up to the next one
	glob     bool     // ends in '*'
}

func newWildcard(pattern string) wildcard {
	rest, glob := strings.CutSuffix(pattern, "*")
	parts := strings.Split(rest, "+") // '+' is always a whole segment
	return wildcard{head: parts[0], literals: parts[1:], glob: glob}
}

func (w *wildcard) exact() bool { return !w.glob && len(w.literals) == 0 }

// matches says whether rest, which is what follows the head in a path, matches
// what follows the head in the pattern.
func (w *wildcard) matches(rest string) bool {
	for i, lit := range w.literals {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			rest = rest[slash:]
		} else {
			rest = ""
		}
		if i == len(w.literals)-1 && !w.glob {
			return rest == lit
		}
		if !strings.HasPrefix(rest, lit) {
			return false
		}
		rest = rest[len(lit):]
	}
	return w.glob
}

// node is a place in the radix tree of heads. It gathers the rules that have the
// same text before their first wildcard, best first. Of two such places on the
// way along a path, the deeper one's rules are all better, so matching climbs
// from the deepest to the shallower ones and takes the first rule that fits.
type node struct {
	edge     string   // what the place above lacks of this one's text
	rules    []*grant // none at a mere fork
	depth    int      // length of the text down to here
	up       *node    // the nearest place above that has rules
	first    string   // the first byte of each child's edge
	children []*node  // in the order of first
}

// newTree makes the tree of the rules with wildcards. It gives nil for none.
func newTree(rules []*grant) *node {
	if len(rules) == 0 {
		return nil
	}
	slices.SortFunc(rules, func(a, b *grant) int {
		return cmp.Or(strings.Compare(a.wild.head, b.wild.head), better(a, b))
	})
	root := &node{}
	root.fill(rules, nil)
	return root
}

// fill takes the rules whose heads all begin with n's text, sorted, and hangs
// them and the children below n.
func (n *node) fill(rules []*grant, up *node) {
	own := 0
	for own < len(rules) && len(rules[own].wild.head) == n.depth {
		own++
	}
	n.rules, n.up = rules[:own:own], up
	if own > 0 {
		up = n
	}
	for rest := rules[own:]; len(rest) > 0; {
		c := rest[0].wild.head[n.depth]
		same := 1
		for same < len(rest) && rest[same].wild.head[n.depth] == c {
			same++
		}
		// Sorted, so what the first and the last share all of them share.
		depth := commonPrefix(rest[0].wild.head, rest[same-1].wild.head)
		child := &node{edge: rest[0].wild.head[n.depth:depth], depth: depth}
		child.fill(rest[:same], up)
		n.first += string(rune(c)) // ASCII: see inPath
		n.children = append(n.children, child)
		rest = rest[same:]
	}
}

// better orders the rules of one head, best first: see the order at ACL.
func better(a, b *grant) int {
	if a.wild.glob != b.wild.glob {
		if b.wild.glob {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(len(a.wild.literals), len(b.wild.literals)),
		cmp.Compare(len(b.pattern), len(a.pattern)),
		strings.Compare(b.pattern, a.pattern),
	)
}

// findWild finds the best rule with a wildcard that matches path or bare, where
// bare is path or path without its trailing slash.
func (a *ACL) findWild(path, bare string) *grant {
	for n := a.wild.deepest(path); n != nil; n = n.up {
		for _, g := range n.rules {
			if g.wild.matches(path[n.depth:]) ||
				len(bare) < len(path) && n.depth <= len(bare) && g.wild.matches(bare[n.depth:]) {
				return g
			}
		}
	}
	return nil
}

// deepest gives the deepest place with rules on the way along path, or nil.
func (n *node) deepest(path string) *node {
	var found *node
	for n != nil {
		if len(n.rules) > 0 {
			found = n
		}
		if n.depth >= len(path) {
			break
		}
		i := strings.IndexByte(n.first, path[n.depth])
		if i < 0 {
			break
		}
		child := n.children[i]
		if len(child.edge) > 1 && !strings.HasPrefix(path[n.depth:], child.edge) {
			break
		}
		n = child
	}
	return found
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
