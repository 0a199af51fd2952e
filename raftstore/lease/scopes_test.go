package lease

import (
	"fmt"
	"testing"
)

// allRates gives every way in which n clocks can run, slow or fast each.
func allRates(n int) [][]int {
	var all [][]int
	for set := range 1 << n {
		rates := make([]int, n)
		for i := range rates {
			rates[i] = slow
			if set&(1<<i) != 0 {
				rates[i] = fast
			}
		}
		all = append(all, rates)
	}
	return all
}

// scopes are small enough to be seen whole in seconds.
func scopes() []scope {
	half := []int{5}
	return []scope{
		{name: "a replica", voters: 1, nodes: 2, asks: 2, commands: 1, ticks: 2, reports: true, steps: half, only: []int{1}},
		{name: "two holders", voters: 1, nodes: 3, asks: 1, commands: 1, ticks: 2, reports: true, only: []int{1, 2}},
		{name: "a client's request", voters: 1, nodes: 2, asks: 2, commands: 1, ticks: 2, reports: true, slots: true, only: []int{1}},
		{name: "a holder is killed", voters: 1, nodes: 2, asks: 2, commands: 1, crashes: 1, ticks: 1, reports: true, only: []int{1}},
		{name: "a sole voter is killed", voters: 1, nodes: 2, asks: 2, elections: 2, crashes: 1, ticks: 2, only: []int{1}},
		{name: "a leader alone", voters: 1, nodes: 1, asks: 2, elections: 1, commands: 1, crashes: 1, ticks: 2, alone: true},
		{name: "another leader", voters: 3, nodes: 3, asks: 1, elections: 1, ticks: 2, steps: half, only: []int{2}, elects: []int{1}},
		{name: "the next leader's commands", voters: 3, nodes: 3, asks: 1, elections: 1, commands: 1, ticks: 1, only: []int{2}, elects: []int{1}},
		{name: "asked early", voters: 3, nodes: 3, asks: 2, elections: 1, early: true, ticks: 1, only: []int{2}, targets: []int{0, 1}, elects: []int{1}},
		{name: "a voter comes or goes", voters: 2, nodes: 3, asks: 1, elections: 1, changes: 1, ticks: 1, only: []int{2}, targets: []int{0}, elects: []int{1}},
		{name: "voters change", wide: true, voters: 1, nodes: 3, asks: 1, elections: 1, changes: 2, ticks: 1, only: []int{2}, targets: []int{0}, elects: []int{1}},
	}
}

// wider takes a scope further than the normal run has time for, in one direction
// at a time.
func wider(s scope) []scope {
	later, asks, elections, crashes, others := s, s, s, s, s
	later.name, later.ticks = s.name+", later", s.ticks+1
	asks.name, asks.asks = s.name+", more requests", s.asks+1
	elections.name, elections.elections = s.name+", more elections", s.elections+1
	crashes.name, crashes.crashes = s.name+", more kills", s.crashes+1
	others.name, others.only, others.targets, others.elects, others.reports = s.name+", all nodes", nil, nil, nil, true
	return []scope{later, asks, elections, crashes, others}
}

// TestExplore looks at every world within each scope, or the nearest of them
// where the scope is too wide to be seen whole in the time there is.
func TestExplore(t *testing.T) {
	for _, s := range scopes() {
		t.Run(s.name, func(t *testing.T) {
			limit, rates := 100_000, worst(s.nodes)
			if long() {
				limit, rates = 500_000, allRates(s.nodes)
			} else if raced { // which finds nothing in one goroutine
				limit = 10_000
			}
			for _, r := range rates {
				t.Run(fmt.Sprint(r), func(t *testing.T) {
					s.rates = [][]int{r}
					r := explore(&s, rules{}, limit)
					r.print(t)
					if r.bad != "" {
						t.Error(r.bad)
					}
					if !r.whole && !s.wide && !raced {
						t.Errorf("more than %d worlds: this scope is to be seen whole", limit)
					}
				})
			}
		})
	}
}

// TestExploreFurther looks at the nearest worlds within wider scopes.
func TestExploreFurther(t *testing.T) {
	if !long() {
		t.Skip("takes minutes; SIGNET_TEST_LONG=1 runs it")
	}
	for _, narrow := range scopes() {
		for _, s := range wider(narrow) {
			t.Run(s.name, func(t *testing.T) {
				s.rates = worst(s.nodes)
				r := explore(&s, rules{}, 400_000)
				r.print(t)
				if r.bad != "" {
					t.Error(r.bad)
				}
			})
		}
	}
}

// worst has the clocks of leaders run fast and that of the last node, which
// asks for leases, slow.
func worst(n int) [][]int {
	rates := make([]int, n)
	for i := range rates {
		rates[i] = fast
	}
	rates[n-1] = slow
	return [][]int{rates}
}
