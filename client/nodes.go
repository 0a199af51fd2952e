package client

import (
	"net/url"
	"sync"
	"time"
)

// node is one address of the cluster, and what is held against it.
type node struct {
	base *url.URL

	// Guarded by nodes.mu.
	failures int       // windows in a row in which it did not serve; 0: it serves, as far as is known
	until    time.Time // set aside until then
	slow     bool      // it cost a wait for nothing, and not just a round trip
	asking   bool      // one call went there to see whether it serves again
}

// nodes is the order in which the addresses are asked. What it knows comes from the
// calls themselves: it starts no goroutine and sends nothing of its own.
type nodes struct {
	all  []*node // in the order of the configuration; the slice never changes
	home int     // index of the one that is preferred
	now  func() time.Time

	mu      sync.Mutex // held for a few comparisons, never while anything waits
	current int        // index of the one that calls go to
}

func newNodes(addresses []*url.URL, anyOrder bool) *nodes {
	ns := &nodes{now: time.Now}
	for _, a := range addresses {
		ns.all = append(ns.all, &node{base: a})
	}
	if anyOrder {
		ns.home = anyOf(len(ns.all))
	}
	ns.current = ns.home
	return ns
}

// How long a node is set aside: doubled with each time that it was tried again in
// vain. One that answered, or refused the connection, is soon worth a round trip;
// one that let a call wait is not.
var (
	asideQuick = Retry{MinWait: 500 * time.Millisecond, MaxWait: 30 * time.Second}
	asideSlow  = Retry{MinWait: 10 * time.Second, MaxWait: 2 * time.Minute}
)

// Ranks of a node, the best first.
const (
	rankHome    = iota // its time is over and it is preferred: the way back
	rankCurrent        // serves, and calls go to it
	rankServing        // serves, as far as is known
	rankOver           // its time is over
	rankAside          // set aside, and asking costs a round trip
	rankSlow           // set aside, and asking costs a wait
	rankNone
)

// pick returns the index of the best node that was not asked yet, and -1 when each
// was. effect: the call changes something, and does not go to a node to see whether
// it serves again.
//
// A node that is slow and set aside is picked only as the first of a round, when
// there is no other, so that one which is dead costs its time-out once and not with
// each round.
func (ns *nodes) pick(asked []bool, effect, first bool) int {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	now := ns.now()
	best, rank := -1, rankNone
	for step := range ns.all {
		i := (ns.current + step) % len(ns.all)
		if asked[i] {
			continue
		}
		r := ns.rank(i, now, effect)
		if r < rank || r == rank && r >= rankOver && ns.all[i].until.Before(ns.all[best].until) {
			best, rank = i, r
		}
	}
	if rank == rankSlow && !first {
		return -1
	}
	if rank == rankHome {
		// Only this call looks; the others go on as before until it knows.
		ns.all[best].until, ns.all[best].asking = now.Add(asideQuick.MinWait), true
	}
	return best
}

func (ns *nodes) rank(i int, now time.Time, effect bool) int {
	n := ns.all[i]
	over := !now.Before(n.until)
	switch {
	case n.failures == 0 && i == ns.current:
		return rankCurrent
	case n.failures == 0:
		return rankServing
	case over && i == ns.home && !n.slow && !effect:
		return rankHome
	case over:
		return rankOver
	case !n.slow:
		return rankAside
	}
	return rankSlow
}

// good notes that a node served a call.
func (ns *nodes) good(i int) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	n := ns.all[i]
	n.failures, n.until, n.slow, n.asking = 0, time.Time{}, false, false
	if i == ns.home || ns.all[ns.current].failures > 0 {
		ns.current = i
	}
}

// bad sets a node aside. Many calls that fail together are one failure.
func (ns *nodes) bad(i int, slow bool) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	n, now := ns.all[i], ns.now()
	if n.failures > 0 && now.Before(n.until) && !n.asking && (n.slow || !slow) {
		return
	}
	n.slow, n.asking = slow, false
	pause := asideQuick
	if slow {
		pause = asideSlow
	}
	n.until = now.Add(backOff(pause, n.failures))
	n.failures++
}
