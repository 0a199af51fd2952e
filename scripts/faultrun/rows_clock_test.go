package faultrun

import (
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// clocked gives the nodes clocks that a row sets.
func clocked(*run) []apitest.Option { return []apitest.Option{apitest.Clocked()} }

// clocks sets the clock of a node an hour ahead, and then an hour back, each for a
// while. Nothing that lives for half an hour ends for that anywhere. What the node
// itself says about times meanwhile is its own.
func clocks(r *run, leads bool) {
	canary := r.leader().Must("auth/token/create", object{"policies": "default", "ttl": "30m"}).Text("auth", "client_token")
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		leader := r.leader()
		n := leader
		if !leads {
			n = r.others(leader)[0]
		}
		at := time.Now()
		r.skew(n, ahead)
		r.struck(at, r.others(n))
		if !leads { // so that it may be the one that leads next
			c := client{r: r}
			_, _ = c.ask(leader, "PUT", "sys/step-down", r.root, nil)
			r.struck(time.Now(), r.others(n))
		}
		time.Sleep(time.Until(at.Add(6 * time.Second)))
		r.straighten(n)
		r.settle()
	}
	for _, n := range r.clients() {
		c := client{r: r}
		r.eventually(n.ID()+" tells about the token that lives for half an hour", func() bool {
			answer, err := c.ask(n, "GET", "auth/token/lookup-self", canary, nil)
			if err == nil && answer.Status == 403 {
				r.h.violated("%s let a token of half an hour expire: %s", n.ID(), answer)
				return true
			}
			return err == nil && answer.Status == 200
		})
	}
}

func (r *run) skew(n *apitest.Node, ahead time.Duration) {
	r.mu.Lock()
	r.skewed[n] = true
	r.mu.Unlock()
	n.SetClock(ahead)
}

func (r *run) straighten(n *apitest.Node) {
	n.SetClock(0)
	time.Sleep(100 * time.Millisecond) // requests that it answered by the other one
	r.mu.Lock()
	delete(r.skewed, n)
	r.mu.Unlock()
}

// right says whether a node's clock is the machine's.
func (r *run) right(n *apitest.Node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.skewed[n]
}
