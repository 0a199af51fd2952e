package apitest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// I2: clients repeat what they have no answer to, under one key, through one
// kill -9 after the other. Everything they asked for happens exactly once.
func TestRetriesThroughKillsHaveOneEffect(t *testing.T) {
	t.Parallel()
	rounds := 5
	if long() {
		rounds = 50
	}
	n := apitest.New(t)
	var acknowledged atomic.Int64
	var stop atomic.Bool
	clients := make([]*retrier, 6)
	var wg sync.WaitGroup
	for i := range clients {
		c := &retrier{n: n, name: fmt.Sprintf("key-%d", i), acknowledged: &acknowledged}
		n.Must("transit/keys/"+c.name, object{"type": "ed25519"})
		clients[i] = c
		wg.Go(func() {
			for i := 0; !stop.Load() && c.err == nil; i++ {
				c.rotate(i)
				c.token(i)
			}
		})
	}
	for range rounds {
		from := acknowledged.Load()
		eventually(t, "the clients are at work", func() bool { return acknowledged.Load() > from+60 })
		n.Kill()
		n.Start()
		n.Unseal()
	}
	stop.Store(true)
	wg.Wait() // each has an answer to all that it sent
	repeated := 0
	for _, c := range clients {
		if c.err != nil {
			t.Fatalf("%s: %v", c.name, c.err)
		}
		repeated += c.repeated
		latest := number(t, n.Get("transit/keys/"+c.name, n.Root()), "data", "latest_version")
		if want := int64(len(c.versions)) + 1; latest != want {
			t.Errorf("%s has version %d after %d rotations that were each acknowledged", c.name, latest, len(c.versions))
		}
		if !slices.IsSorted(c.versions) || len(slices.Compact(slices.Clone(c.versions))) != len(c.versions) {
			t.Errorf("%s: two rotations have the same answer: %v", c.name, c.versions)
		}
		for name, accessor := range c.accessors {
			r := n.Post("auth/token/lookup-accessor", n.Root(), object{"accessor": accessor})
			if r.Status != 200 || r.Text("data", "display_name") != "token-"+name {
				t.Errorf("the token %s: %s", name, r)
			}
		}
	}
	t.Logf("%d requests acknowledged in %d rounds, %d of them after they had been sent before", acknowledged.Load(), rounds, repeated)
	if repeated == 0 {
		t.Error("nothing was ever repeated: the test shows nothing")
	}
}

// retrier is a client that repeats a request until it is answered.
type retrier struct {
	n            *apitest.Node
	name         string
	acknowledged *atomic.Int64
	err          error
	repeated     int
	versions     []int64           // latest_version of each answer
	accessors    map[string]string // display name → accessor
}

// until sends one request under one key until its outcome is known.
func (c *retrier) until(key, path string, body any) apitest.Reply {
	for try := 0; ; try++ {
		r, err := c.n.Send("POST", path, c.n.Root(), body, onceHeader, key)
		if err == nil && r.Status != 503 && r.Code() != "outcome_unknown" {
			if try > 0 {
				c.repeated++
			}
			c.acknowledged.Add(1)
			return r
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (c *retrier) rotate(i int) {
	r := c.until(fmt.Sprintf("%s rotation %d", c.name, i), "transit/keys/"+c.name+"/rotate", nil)
	v, _ := r.At("data", "latest_version").(json.Number)
	latest, err := v.Int64()
	if err != nil {
		c.err = fmt.Errorf("rotation %d: %s", i, r)
		return
	}
	c.versions = append(c.versions, latest)
}

func (c *retrier) token(i int) {
	name := fmt.Sprintf("%s-%d", c.name, i)
	r := c.until(name, "auth/token/create", object{"policies": "default", "display_name": name})
	accessor := r.Text("auth", "accessor")
	if r.Code() == "idempotency_spent" {
		accessor = r.Text("accessor")
	}
	if accessor == "" {
		c.err = fmt.Errorf("token %d: %s", i, r)
		return
	}
	if c.accessors == nil {
		c.accessors = map[string]string{}
	}
	c.accessors[name] = accessor
}
