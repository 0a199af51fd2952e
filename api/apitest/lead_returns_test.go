package apitest_test

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// leads hands the lead to a node. It returns as soon as that one leads.
func leads(t *testing.T, c *apitest.Cluster, through, n *apitest.Node) {
	t.Helper()
	c.Eventually(n.ID()+" leads", func() bool {
		r, err := through.Send(http.MethodPut, "sys/step-down", c.Nodes[0].Root(), asked(n.ID()))
		return err == nil && (r.Status == 204 || r.Status == 400) // 400: it leads already
	})
}

// servesOn writes through a node, and then finds every node serving for longer than
// leases of before last.
func servesOn(t *testing.T, c *apitest.Cluster, n *apitest.Node, key string) {
	t.Helper()
	alive := func() {
		for _, n := range c.Nodes {
			if n.Ended() {
				t.Fatalf("%s has stopped\n%s", n.ID(), n.Log())
			}
		}
	}
	c.Eventually("a write through the leader that came back", func() bool {
		alive()
		r, err := n.Send(http.MethodPost, "transit/keys/"+key, c.Nodes[0].Root(), object{"type": "ed25519"})
		return err == nil && r.Status == 200
	})
	time.Sleep(2500 * time.Millisecond)
	alive()
	c.Settle()
}

// A node that loses the lead and has it again before it looked, and nobody else did
// anything with it, leads anew: it grants leases under its own term.
func TestTheLeadComesBackAtOnce(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	home, away := c.Leader(), c.Followers()[0]
	for i := range 2 {
		leads(t, c, home, away)
		leads(t, c, away, home)
		servesOn(t, c, home, fmt.Sprintf("k%d", i))
	}
}

// A leader that was stopped, lost the lead, and has it again as soon as it runs, leads
// anew: it numbers its commands above those that the other leader made, or every node
// would stop at them, now and at each start.
func TestTheLeadComesBackToOneThatWasStopped(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	for i := range 2 {
		stopAndLead(t, c, i)
	}
}

func stopAndLead(t *testing.T, c *apitest.Cluster, i int) {
	t.Helper()
	root, home, others := c.Nodes[0].Root(), c.Leader(), c.Followers()
	home.Signal(syscall.SIGSTOP)
	defer home.Signal(syscall.SIGCONT)
	c.Eventually("another node leads, and writes", func() bool {
		r, err := others[0].Send(http.MethodPost, fmt.Sprintf("transit/keys/away%d", i), root, object{"type": "ed25519"})
		return err == nil && r.Status == 200
	})
	given := make(chan bool, 1)
	go func() { // asks until the node that was stopped answers
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			r, err := others[1].Send(http.MethodPut, "sys/step-down", root, asked(home.ID()))
			if err == nil && r.Status == 204 {
				given <- true
				return
			}
		}
		given <- false
	}()
	time.Sleep(100 * time.Millisecond)
	home.Signal(syscall.SIGCONT)
	at := time.Now()
	if !<-given {
		t.Fatal("the lead was not handed over")
	}
	t.Log("handed over after", time.Since(at))
	servesOn(t, c, home, fmt.Sprintf("home%d", i))
}
