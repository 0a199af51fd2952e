package api

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// BenchmarkMatchSign is the cost of finding a sign route.
func BenchmarkMatchSign(b *testing.B) { benchMatch(b, "/v1/transit/sign/web") }

// BenchmarkMatchRotate is that of a route that stands far down in the table.
func BenchmarkMatchRotate(b *testing.B) { benchMatch(b, "/v1/transit/keys/web/rotate") }

func benchMatch(b *testing.B, path string) {
	s := newServer(b)
	r := httptest.NewRequest("POST", path, nil)
	b.ReportAllocs()
	for b.Loop() {
		if methods, _ := s.router.find(r); methods == nil || methods.find("POST") == nil {
			b.Fatal("no match")
		}
	}
}

// muxFinds is what mux alone finds, pattern by pattern in the order of the table.
func muxFinds(t *router, path string) (*methodTable, map[string]string) {
	r := &http.Request{Method: "POST", URL: &url.URL{Path: path}}
	for _, p := range t.patterns {
		var match mux.RouteMatch
		if p.mux.Match(r, &match) {
			return p.methods, match.Vars
		}
	}
	return nil, nil
}

// compareMatch holds the router, and its tree alone, to mux. It says whether there is
// a route.
func compareMatch(t *testing.T, table *router, path string) bool {
	t.Helper()
	want, vars := muxFinds(table, path)
	got, has := table.find(&http.Request{Method: "POST", URL: &url.URL{Path: path}})
	all := map[string]string{}
	for _, name := range has.names {
		all[name] = has.get(name)
	}
	if got != want || !maps.Equal(all, vars) || len(all) != len(has.names) {
		t.Errorf("%q: %v %v, and mux finds %v %v", path, got, all, want, vars)
	}
	if i := table.tree.find(path, none); (i == none) != (want == nil) || i != none && table.patterns[i].methods != want {
		t.Errorf("%q: the tree finds pattern %d, and mux %v", path, i, want)
	}
	return want != nil
}

// everyPath is a path for each pattern, and some that are nearly one.
func everyPath(table *router) []string {
	paths := []string{"", "*", "/", "/metrics", "/metrics/", "//metrics", "metrics", "/issuers/i/jwks.json", "/v1", "/v1/", "/v1/sys/health/"}
	for _, p := range table.patterns {
		path := ""
		for _, w := range p.segments {
			path += "/" + cmp.Or(w, "web")
		}
		paths = append(paths, path, path+"/", path+"/x", path[:len(path)-1], path[1:], "x"+path[1:], strings.Replace(path, "/web", "/", 1), "/"+path,
			strings.Replace(path, "web", "\xff", 1), strings.ReplaceAll(path, "web", "a\nb c%2F\u00e9\x00"), path+"\n", "\n"+path, strings.ToUpper(path))
	}
	return paths
}

// What mux alone would find is found, and nothing else.
func TestTheRouterFindsWhatMuxFinds(t *testing.T) {
	s := newServer(t)
	words := []string{"", "a.b", "{name}", "\xff\xfe", "%2F", "\n"}
	seen := map[string]bool{}
	for _, p := range s.router.patterns {
		for _, w := range p.segments {
			if !seen[w] {
				seen[w] = true
				words = append(words, w)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	paths := everyPath(&s.router)
	for range 20000 { // parts of two patterns
		segments := strings.Split(paths[random.IntN(len(paths))], "/")
		others := strings.Split(paths[random.IntN(len(paths))], "/")
		cut := random.IntN(min(len(segments), len(others)))
		segments = append(segments[:cut], others[cut:]...)
		if random.IntN(2) == 0 {
			segments[random.IntN(len(segments))] = words[random.IntN(len(words))]
		}
		paths = append(paths, strings.Join(segments, "/"))
	}
	found := 0
	for _, path := range paths {
		if compareMatch(t, &s.router, path) {
			found++
		}
	}
	if found < 1500 {
		t.Errorf("only %d paths were found", found)
	}
}

// FuzzRouter compares the router with mux over any path.
func FuzzRouter(f *testing.F) {
	s := newServer(f)
	for _, path := range everyPath(&s.router) {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) { compareMatch(t, &s.router, path) })
}

// Of patterns that match one path the first one counts, wherever they have words.
func TestTheFirstPatternCounts(t *testing.T) {
	var n node
	for i, p := range []string{"a//c", "/b/c", "a/b/c", "a/b", "/b", "//d", "/b"} {
		n.put(strings.Split(p, "/"), i)
	}
	for path, want := range map[string]int{
		"/a/b/c": 0, "/a/x/c": 0, "/x/b/c": 1, "/a/b": 3, "/x/b": 4, "/a/b/d": 5, "/a": none, "/a/b/c/": none, "/a//c": none, "/x/y/z": none,
	} {
		if got := n.find(path, none); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
