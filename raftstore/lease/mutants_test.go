package lease

import "testing"

// TestBrokenRulesAreCaught breaks one rule at a time and demands that the
// exploration finds a way from there to a broken invariant. With -v it prints
// the shortest one.
func TestBrokenRulesAreCaught(t *testing.T) {
	replica := scope{voters: 1, nodes: 2, asks: 1, commands: 1, ticks: 2, steps: []int{5}, only: []int{1}}
	client := replica
	client.slots, client.reports = true, true
	killed := scope{voters: 1, nodes: 2, asks: 2, elections: 0, commands: 1, crashes: 1, reports: true, only: []int{1}}
	sole := scope{voters: 1, nodes: 2, asks: 1, elections: 1, ticks: 1, only: []int{1}}
	three := scope{voters: 3, nodes: 3, asks: 1, elections: 1, ticks: 2, steps: []int{5}, only: []int{2}}
	again := three
	again.asks, again.targets, again.elects = 2, []int{0}, []int{1}
	echoes := again
	echoes.ticks, echoes.steps = 1, nil
	epoch := three
	epoch.commands = 1
	later := epoch
	later.ticks, later.targets, later.elects = 0, []int{1}, []int{1}
	lower := again
	lower.early, lower.ticks, lower.targets = true, 0, []int{0, 1}
	grows := scope{voters: 1, nodes: 3, asks: 1, elections: 1, changes: 2, ticks: 1, only: []int{2}, targets: []int{0}, elects: []int{1}}
	alone := scope{voters: 1, nodes: 1, asks: 1, elections: 1, alone: true}
	for _, c := range []struct {
		name  string
		rules rules
		scope scope
		rates []int
	}{
		{"a grant without a round", rules{noRound: true}, three, []int{fast, fast, slow}},
		{"a round serves what came after it began", rules{joinRound: true}, again, []int{fast, fast, slow}},
		{"echoes of earlier rounds count", rules{anyEcho: true}, echoes, []int{fast, fast, slow}},
		{"the leader echoes without a look at its term", rules{selfEcho: true}, three, []int{fast, fast, slow}},
		{"bookings without slack", rules{noSlack: true}, replica, []int{fast, slow}},
		{"a new leader does not wait", rules{noWait: true}, three, []int{slow, slow, slow}},
		{"a sole voter with a replica does not wait", rules{noWait: true}, sole, []int{slow, slow}},
		{"grants before the epoch command", rules{noEpoch: true}, epoch, []int{slow, slow, slow}},
		{"rounds ask the voters of long ago", rules{oldVoters: true}, grows, []int{slow, slow, slow}},
		{"a leader that is alone keeps its lease", rules{keepLease: true}, alone, []int{slow}},
		{"lower terms are accepted", rules{lowerTerms: true}, lower, []int{slow, slow, slow}},
		{"the lease is looked at once", rules{once: true}, client, []int{slow, slow}},
		{"reports do not bind requests already begun", rules{noFloor: true}, client, []int{slow, slow}},
		{"grants carry an old index", rules{staleMin: true}, replica, []int{slow, slow}},
		{"a report counts for the next life", rules{anyLife: true}, killed, []int{slow, slow}},
		{"a replaced leader ends its successor's barriers", rules{laterTerm: true}, later, []int{slow, slow, slow}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.scope.rates = [][]int{c.rates}
			r := explore(&c.scope, c.rules, 300_000)
			r.print(t)
			if r.bad == "" {
				t.Error("nothing broke: the rule is not needed, or the exploration does not reach where it is")
			}
		})
	}
}
