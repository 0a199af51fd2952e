package api

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// router finds the routes of a path. Patterns are asked in the order of the table.
// mux does the matching, with a regular expression for each pattern; the patterns
// that have other words, or another number of segments, are passed over without
// it, which would make a route cost what all before it cost.
type router []pattern

// pattern is one path with the routes on it.
type pattern struct {
	segments []string // of the whole path; "" for a variable
	mux      *mux.Route
	methods  *methodTable
}

func newPattern(r *mux.Router, path string, methods *methodTable) pattern {
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = ""
		}
	}
	return pattern{segments, r.Path(path), methods}
}

// find returns the routes of a request's path and what its variables hold; nil if
// there are none.
func (t router) find(r *http.Request) (*methodTable, map[string]string) {
	path := r.URL.Path
	segments := strings.Count(path, "/")
	for i := range t {
		if len(t[i].segments) != segments || !t[i].resembles(path) {
			continue
		}
		var match mux.RouteMatch
		if t[i].mux.Match(r, &match) {
			return t[i].methods, match.Vars
		}
	}
	return nil, nil
}

// resembles says whether path has the pattern's segments, and its words where the
// pattern has words. What the pattern matches always does.
func (p *pattern) resembles(path string) bool {
	for _, word := range p.segments {
		if path == "" || path[0] != '/' {
			return false
		}
		path = path[1:]
		end := strings.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		if word != "" && path[:end] != word {
			return false
		}
		path = path[end:]
	}
	return path == ""
}
