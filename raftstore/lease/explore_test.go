package lease

import (
	"fmt"
	"hash/maphash"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

func long() bool { return os.Getenv("SIGNET_TEST_LONG") == "1" }

// came says how a world was reached first.
type came struct {
	from uint64
	by   action
}

// result is what an exploration found.
type result struct {
	states int
	depth  int
	whole  bool // every world within the scope was seen
	bad    string
	trace  []string
}

// explore visits every world that can be reached within the scope, nearest
// first, until one breaks an invariant or limit worlds were seen.
func explore(s *scope, r rules, limit int) result {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // nearly everything made here lives on
	seed := maphash.MakeSeed()
	first := newWorld(s, r)
	var buf []byte
	sum := func(w *world) uint64 {
		buf = w.encode(buf[:0])
		return maphash.Bytes(seed, buf)
	}
	seen := map[uint64]came{sum(first): {}}
	frontier := []*world{first}
	keys := []uint64{sum(first)}
	var acts []action
	for depth := 0; len(frontier) > 0; depth++ {
		var next []*world
		var nextKeys []uint64
		for i, w := range frontier {
			acts = w.actions(acts[:0])
			for _, a := range acts {
				c := w.clone()
				c.do(a)
				k := sum(c)
				if c.bad != "" {
					return result{len(seen), depth + 1, false, c.bad, trace(s, r, seen, keys[i], a)}
				}
				if _, ok := seen[k]; ok {
					continue
				}
				seen[k] = came{keys[i], a}
				next, nextKeys = append(next, c), append(nextKeys, k)
			}
			frontier[i] = nil
			if len(seen) >= limit {
				return result{states: len(seen), depth: depth}
			}
		}
		frontier, keys = next, nextKeys
		if len(next) == 0 {
			return result{states: len(seen), depth: depth, whole: true}
		}
	}
	return result{}
}

// trace replays the way to a world, and one step more.
func trace(s *scope, r rules, seen map[uint64]came, at uint64, last action) []string {
	acts := []action{last}
	for c := seen[at]; c != (came{}); c = seen[at] {
		acts = append(acts, c.by)
		at = c.from
	}
	w := newWorld(s, r)
	var lines []string
	for i := len(acts) - 1; i >= 0; i-- {
		line := w.describe(acts[i])
		was := w.returned
		w.do(acts[i])
		if w.returned > was {
			line += fmt.Sprintf("; the barrier of %d is done", w.returned)
		}
		lines = append(lines, line)
	}
	return append(lines, w.bad)
}

func (r result) String() string {
	return fmt.Sprintf("%d worlds, %d steps deep, whole: %v", r.states, r.depth, r.whole)
}

func (r result) print(t *testing.T) {
	t.Helper()
	t.Logf("%v\n    %s", r, strings.Join(r.trace, "\n    "))
}
