package apitest_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// Whoever has a wrong clock, nothing ends early for that, and what was revoked through
// that node is refused by the others.
func TestNodesWithWrongClocks(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3, apitest.Clocked())
	leader, f, root := c.Leader(), c.Followers(), c.Nodes[0].Root()
	mintable(leader, "clocks", "ES256", object{"audience": []string{"api://a"}, "max_ttl": "30m", "ttl": "30m"})
	canary := leader.Must("auth/token/create", object{"policies": "default", "ttl": "30m"}).Text("auth", "client_token")

	// By the clock of this follower both are over; the others accept them still.
	token := leader.Must("auth/token/create", object{"policies": "default", "ttl": "30m"}).Text("auth", "client_token")
	signed := leader.Must("jwt/sign/clocks/access", object{"sub": "u", "aud": "api://a"}).Text("data", "token")
	// It has its lease for a moment yet: it may say that it revoked them if it did.
	f[0].SetClock(2 * time.Hour)
	a, b := f[0].Post("auth/token/revoke", root, object{"token": token}), f[0].Post("jwt/revoke/clocks", root, object{"token": signed})
	f[0].SetClock(0)
	if a.Status == 503 {
		wantStatus(t, leader.Post("auth/token/revoke", root, object{"token": token}), 204)
	} else {
		wantStatus(t, a, 204)
	}
	if b.Status == 503 {
		wantStatus(t, leader.Post("jwt/revoke/clocks", root, object{"token": signed}), 200)
	} else {
		wantStatus(t, b, 200)
	}
	for _, n := range []*apitest.Node{leader, f[1]} {
		wantError(t, n.Get("auth/token/lookup-self", token), 403, "invalid_token")
		if v := wantStatus(t, n.Post("jwt/verify/clocks", root, object{"token": signed, "audience": "api://a"}), 200); v.At("data", "active") != false || v.Text("data", "reason") != "revoked" {
			t.Errorf("%s on a token that was revoked through a node whose clock is ahead: %s", n.ID(), v)
		}
	}

	// Then it gets none, since it would accept and refuse by a time of its own.
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		f[0].SetClock(off)
		c.Eventually("it does not answer by a wrong clock", func() bool {
			h := f[0].Get("sys/health?standbyok=true", "")
			return h.Status == 503 && strings.Contains(string(h.Body), "put its clock right")
		})
		wantText(t, wantError(t, f[0].Post("jwt/sign/clocks/access", root, object{"sub": "u", "aud": "api://a"}), 503, "no_lease"), "put its clock right")
		f[0].SetClock(0)
		c.Eventually("it serves again", func() bool { return f[0].Get("sys/health?standbyok=true", "").Status == 200 })
	}

	// While everybody writes, the leader's clock is set.
	var writers sync.WaitGroup
	end := time.Now().Add(3 * time.Second)
	for _, n := range c.Nodes {
		for range 4 {
			writers.Go(func() {
				for time.Now().Before(end) {
					_, _ = n.Send("POST", "auth/token/create", root, object{"policies": "default", "ttl": "24h"})
				}
			})
		}
	}
	time.Sleep(500 * time.Millisecond)
	leader.SetClock(time.Hour)
	writers.Wait()
	leader.SetClock(0)
	c.Settle()
	for _, n := range c.Nodes {
		wantStatus(t, n.Get("auth/token/lookup-self", canary), 200)
	}
}

// A leader whose clock is wrong hears one other only, so it cannot tell whose is wrong; that
// other one hears both, and follows it. It gives the lead away all the same, now and then.
func TestALeaderWithAWrongClockThatHearsOneOther(t *testing.T) {
	t.Parallel()
	w := apitest.NewNetwork(t)
	c := apitest.NewCluster(t, 3, apitest.Clocked(), apitest.In(w))
	root := c.Nodes[0].Root()
	leader, f := c.Leader(), c.Followers()
	w.Isolate(leader, f[1])
	time.Sleep(6 * time.Second) // clocks are remembered for five
	leader.SetClock(time.Hour)
	c.Eventually("somebody leads whose clock is right", func() bool {
		a, err := f[0].Send("POST", "auth/token/create", root, object{"policies": "default", "ttl": "24h"})
		return err == nil && a.Status == 200
	})
	leader.SetClock(0)
	w.Heal(c.Nodes...)
	c.Settle()
}
