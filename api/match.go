package api

import (
	"math"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// router finds the route of a path. Where several patterns match, the one that comes
// first in the table does.
//
// mux says what a pattern matches, with a regular expression for each. A tree of the
// patterns' segments says the same of all of them at once, and is asked first: of a path
// in plain characters its word is enough, any other is matched by mux as well. A test
// holds the two equal over all kinds of paths.
type router struct {
	patterns []pattern
	tree     node
}

// pattern is one path with the routes on it.
type pattern struct {
	segments []string // of the whole path; "" for a variable
	names    []string // of the variables
	mux      *mux.Route
	methods  *methodTable
}

// add appends a pattern, a whole path.
func (t *router) add(r *mux.Router, path string, methods *methodTable) {
	p := pattern{segments: strings.Split(path[1:], "/"), mux: r.Path(path), methods: methods}
	for i, s := range p.segments {
		if name, ok := strings.CutPrefix(s, "{"); ok {
			p.segments[i], p.names = "", append(p.names, strings.TrimSuffix(name, "}"))
		}
	}
	if len(p.names) > maxVars {
		panic("api: more variables than maxVars in " + path)
	}
	t.tree.put(p.segments, len(t.patterns))
	t.patterns = append(t.patterns, p)
}

// find returns the routes of a request's path and what its variables hold; nil if
// there are none.
func (t *router) find(r *http.Request) (*methodTable, vars) {
	path := r.URL.Path
	i := t.tree.find(path, none)
	if i == none {
		return nil, vars{}
	}
	p := &t.patterns[i]
	if !clean(path) {
		if match := (mux.RouteMatch{}); !p.mux.Match(r, &match) {
			return nil, vars{}
		}
	}
	return p.methods, p.vars(path)
}

// vars takes a path that the pattern matches apart.
func (p *pattern) vars(path string) vars {
	v, at := vars{names: p.names}, 0
	for _, word := range p.segments {
		segment, rest := cutSegment(path)
		if word == "" {
			v.values[at] = segment
			at++
		}
		path = rest
	}
	return v
}

// maxVars is how many variables a pattern may have.
const maxVars = 4

// vars is what the variables of a pattern hold, in the order of the path.
type vars struct {
	names  []string
	values [maxVars]string
}

// get returns what a variable holds, "" if the pattern has none of that name.
func (v *vars) get(name string) string {
	for i, n := range v.names {
		if n == name {
			return v.values[i]
		}
	}
	return ""
}

// node is where patterns that begin alike are.
type node struct {
	words    map[string]*node
	variable *node // any segment
	ends     int   // 1 + the index of the pattern that ends here; 0 none does
}

// none is no index of a pattern.
const none = math.MaxInt

func (n *node) put(segments []string, index int) {
	for _, s := range segments {
		next := n.variable
		if s != "" {
			next = n.words[s]
		}
		if next == nil {
			next = &node{}
			switch {
			case s == "":
				n.variable = next
			case n.words == nil:
				n.words = map[string]*node{s: next}
			default:
				n.words[s] = next
			}
		}
		n = next
	}
	if n.ends == 0 { // of two patterns that match the same, the first one counts
		n.ends = index + 1
	}
}

// find returns the first of the patterns below n that match path, or best if that comes
// before it.
func (n *node) find(path string, best int) int {
	if path == "" {
		if n.ends != 0 {
			return min(best, n.ends-1)
		}
		return best
	}
	segment, rest := cutSegment(path)
	if segment == "" {
		return best
	}
	if next := n.words[segment]; next != nil {
		best = next.find(rest, best)
	}
	if n.variable != nil {
		best = n.variable.find(rest, best)
	}
	return best
}

// cutSegment returns the first segment of a path, "" if it has none, and what follows,
// which begins with a slash or is empty.
func cutSegment(path string) (segment, rest string) {
	if path == "" || path[0] != '/' {
		return "", ""
	}
	path = path[1:]
	if end := strings.IndexByte(path, '/'); end >= 0 {
		return path[:end], path[end:]
	}
	return path, ""
}
