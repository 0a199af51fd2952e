package policy

import (
	"fmt"
	"strings"
)

// miss is in what a rule differs from a path that it almost matches.
type miss int

const (
	noMiss miss = iota
	missSlash
	missBelow
	missAbove
	missCase
	missKinds
)

// missesOfAKind bounds the hints of one kind, so that a policy with a rule for
// each key does not crowd out the hint that matters.
const missesOfAKind = 2

// nearMiss says in what g, which would help, differs from the path.
func (x *explainer) nearMiss(g *grant) (miss, string) {
	for _, path := range x.spellings {
		if g.matchesAll(path) {
			return noMiss, ""
		}
	}
	path := x.spellings[len(x.spellings)-1]
	bare := strings.TrimSuffix(path, "/")
	switch {
	case path != bare && g.matchesAll(bare):
		return missSlash, "matches without the trailing slash, which only the path of a list has"
	case path == bare && strings.HasSuffix(g.pattern, "/") && g.matchesAll(path+"/"):
		return missSlash, "ends in a slash, so it is for listing alone; write it without"
	case g.wild.glob && g.matchesAll(bare+"/"):
		return missAbove, fmt.Sprintf("is for what lies below; %q itself needs a rule of its own", bare)
	case !g.wild.glob && coversParent(g, bare):
		return missBelow, fmt.Sprintf("is for that path alone; what lies below it needs %q", strings.TrimSuffix(g.pattern, "/")+"/*")
	case !g.wild.glob && childOf(g.pattern, bare):
		return missAbove, "is one segment longer than the path, and a rule does not reach upwards"
	case matchesFolded(g.pattern, path):
		return missCase, "differs in upper and lower case, which count"
	}
	return noMiss, ""
}

// coversParent says whether g matches a path that path lies below.
func coversParent(g *grant, path string) bool {
	segments := strings.Count(strings.TrimSuffix(g.pattern, "/"), "/") + 1
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if segments--; segments == 0 {
			return g.matchesAll(path[:i]) || g.matchesAll(path[:i+1])
		}
	}
	return false
}

// childOf says whether pattern, without its last segment, matches path.
func childOf(pattern, path string) bool {
	i := strings.LastIndexByte(strings.TrimSuffix(pattern, "/"), '/')
	if i < 0 {
		return false
	}
	parent := pattern[:i]
	return (&grant{pattern: parent, wild: newWildcard(parent)}).matchesAll(path)
}

// matchesFolded is matching in lower case. Both are ASCII: see inPath.
func matchesFolded(pattern, path string) bool {
	pattern = strings.ToLower(pattern)
	return (&grant{pattern: pattern, wild: newWildcard(pattern)}).matchesAll(strings.ToLower(path))
}
