package lease

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// walker takes random steps in a world in which nothing is tidied up: messages
// come late, twice and after they lost their meaning, and the rates of the
// clocks change all the time.
type walker struct {
	pick  func(n int) int // below n
	lines []string
	done  int // barriers
	taken int // leases
}

func (k *walker) walk(r rules, steps int) string {
	voters := 1 + k.pick(3)
	nodes := voters + k.pick(5-voters)
	s := scope{voters: voters, nodes: nodes, asks: 1000, elections: 6, commands: 12, changes: 6, crashes: 4, ticks: 1000,
		slots: true, reports: true, early: true, free: true, steps: []int{1, 5, 16}, rates: allRates(nodes)}
	w := newWorld(&s, r)
	for range steps {
		a := k.next(w)
		line := w.describe(a)
		was := w.returned
		leases := make([]Instant, nodes)
		for i := range leases {
			leases[i] = w.nodes[i].holder.lease.until
		}
		w.do(a)
		k.lines = append(k.lines, line)
		k.done += w.returned - was
		for i, until := range leases {
			if w.nodes[i].holder.lease.until > until {
				k.taken++
			}
		}
		if w.bad != "" {
			k.lines = append(k.lines, w.bad)
			return w.bad
		}
	}
	return ""
}

// next picks a kind of step first, so that none drowns in the others; messages
// more often, and mostly a young one; kills and elections seldom.
func (k *walker) next(w *world) action {
	kinds := map[kind][]action{}
	var order []kind
	for _, a := range w.actions(nil) {
		if len(kinds[a.kind]) == 0 {
			order = append(order, a.kind)
			if a.kind == doDeliver {
				order = append(order, a.kind, a.kind, a.kind, a.kind, a.kind)
			}
		}
		kinds[a.kind] = append(kinds[a.kind], a)
	}
	for {
		of := kinds[order[k.pick(len(order))]]
		a := of[k.pick(len(of))]
		switch a.kind {
		case doDeliver:
			if k.pick(4) > 0 {
				a.a = int8(len(of) - 1 - k.pick(min(len(of), 4)))
			}
			if k.pick(4) == 0 {
				a.kind = doRepeat
			}
		case doCrash:
			if k.pick(10) > 0 {
				continue
			}
			a.b = int8(k.pick(w.nodes[a.a].applied + 1))
			if k.pick(3) == 0 {
				a.kind = doDrop
			}
		case doElect, doChange:
			if k.pick(8) > 0 {
				continue
			}
		case doTick:
			if k.pick(3) > 0 {
				a.a = 0
			}
		}
		return a
	}
}

func TestWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := walker{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") }}
		if bad := k.walk(rules{}, 150); bad != "" {
			rt.Fatal(strings.Join(k.lines, "\n"))
		}
	})
}

// walks takes many walks, the same ones each time, until an invariant breaks.
func walks(r rules, count int) (k walker, bad string) {
	for seed := range count {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		k.pick, k.lines = random.IntN, nil
		if bad = k.walk(r, 300); bad != "" {
			return k, bad
		}
	}
	return k, ""
}

func TestManyWalks(t *testing.T) {
	count := 300
	if long() {
		count = 20_000
	} else if raced {
		count = 50
	}
	k, bad := walks(rules{}, count)
	if bad != "" {
		t.Fatal(strings.Join(k.lines, "\n"))
	}
	t.Logf("%d walks: %d leases taken, %d commands in force everywhere", count, k.taken, k.done)
	if k.taken < count || k.done < count {
		t.Error("the walks hardly get anywhere")
	}
}

// TestWalksSeeBrokenRules holds that random walks reach the places where broken
// rules show, those aside that need too many steps in one order.
func TestWalksSeeBrokenRules(t *testing.T) {
	for name, r := range map[string]rules{
		"no round":    {noRound: true},
		"no wait":     {noWait: true},
		"stale index": {staleMin: true},
		"once":        {once: true},
		"no floor":    {noFloor: true},
	} {
		k, bad := walks(r, 2000)
		if bad == "" {
			t.Errorf("%s: not seen", name)
		}
		t.Logf("%s: %s, after %d steps", name, bad, len(k.lines))
	}
}
