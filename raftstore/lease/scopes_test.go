package lease

import "testing"

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

func scopes() []scope {
	return []scope{
		{name: "one leader and a replica", voters: 1, nodes: 2, asks: 2, commands: 1, ticks: 2, reports: true,
			steps: []int{5}, only: []int{1}},
		{name: "a client's request", voters: 1, nodes: 2, asks: 1, commands: 1, ticks: 2, reports: true, slots: true,
			steps: []int{5}},
		{name: "a sole voter is killed", voters: 1, nodes: 2, asks: 1, elections: 1, commands: 1, crashes: 1, ticks: 2, reports: true,
			steps: []int{5}, only: []int{1}},
		{name: "another leader", voters: 3, nodes: 3, asks: 1, elections: 1, ticks: 2, only: []int{2},
			steps: []int{5}},
	}
}

func TestExplore(t *testing.T) {
	for _, s := range scopes() {
		t.Run(s.name, func(t *testing.T) {
			for _, rates := range allRates(s.nodes)[1:2] {
				s.rates = [][]int{rates}
				r := explore(&s, rules{}, 200_000)
				r.print(t)
				if r.bad != "" {
					t.Error(r.bad)
				}
			}
		})
	}
}
