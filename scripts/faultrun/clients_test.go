package faultrun

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client/wire"
)

type object = map[string]any

// client is one client of the cluster, which knows all nodes.
type client struct {
	r    *run
	id   int
	rand *rand.Rand
	seq  int
}

// How long a client waits for one answer, and for a write until it calls its end
// unknown.
const (
	answerTime = 5 * time.Second
	writeTime  = 40 * time.Second
)

func (c *client) any() *apitest.Node {
	nodes := c.r.clients()
	return nodes[c.rand.IntN(len(nodes))]
}

// ask sends one request to one node.
func (c *client) ask(n *apitest.Node, method, path, token string, body any, headers ...string) (apitest.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	c.r.count()
	return n.SendContext(ctx, method, path, token, body, headers...)
}

// errUnknown is the end of a write that nobody tells of.
var errUnknown = errors.New("nobody says how the write ended")

// write makes one write, with one Idempotency-Key, through one node after the other
// until one says how it ended. once says that it was sent once.
func (c *client) write(path string, body any) (answer apitest.Reply, by *apitest.Node, once bool, err error) {
	c.seq++
	key := fmt.Sprintf("%d-%d-%d", c.r.h.began.UnixNano(), c.id, c.seq)
	maybe := false
	for end := time.Now().Add(writeTime); time.Now().Before(end); {
		n := c.any()
		answer, err = c.ask(n, "POST", path, c.r.root, body, "Idempotency-Key", key)
		code := wire.Code(answer.Code())
		switch {
		case err == nil && answer.Status < 300:
			c.r.h.acknowledged(n, answer, path)
			return answer, n, !maybe, nil
		case err == nil && code == wire.TokenNotFound && c.r.restoring.Load() > 0: // a restore revoked it
			return answer, n, !maybe, nil
		case err != nil && !errors.Is(err, context.DeadlineExceeded) && !n.Running(): // never sent, or broken
			maybe = true
		case err != nil || code == wire.OutcomeUnknown || answer.Status >= 500 && !code.NothingHappened():
			maybe = true
		case !code.NothingHappened() && answer.Status != 409:
			c.r.h.violated("POST %s at %s: %s", path, n.ID(), answer)
			return answer, n, false, errUnknown
		}
		c.pause(30)
	}
	c.r.h.lostSight()
	return answer, nil, false, errUnknown
}

func (h *history) acknowledged(n *apitest.Node, r apitest.Reply, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked = append(h.acked, ack{n, r.RequestID(), what})
}

func (h *history) lostSight() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unknown++
}

func (c *client) pause(ms int) { time.Sleep(time.Duration(5+c.rand.IntN(ms)) * time.Millisecond) }

func number(r apitest.Reply, names ...string) int64 {
	n, _ := r.At(names...).(json.Number)
	i, _ := n.Int64()
	return i
}

// change is one write of a key in the history.
func (c *client) change(key, kind string, arg int64) {
	path, body := "transit/keys/"+key, object(nil)
	switch kind {
	case "create":
		body = object{"type": "ed25519"}
	case "rotate":
		path += "/rotate"
	case "config":
		path, body = path+"/config", object{"min_decryption_version": arg}
	}
	o := op{client: c.id, key: key, kind: kind, arg: arg, call: c.r.h.now(), ret: never}
	r, by, once, err := c.write(path, body)
	if err == nil {
		o.ret, o.node = c.r.h.now(), by.ID()
		o.version, o.min = number(r, "data", "latest_version"), number(r, "data", "min_decryption_version")
		o.shown = once && o.version > 0 // a repeated answer shows the key of now
		c.r.seen(key, o.version)
	}
	c.r.h.add(o)
}

// registers changes and reads keys that all such clients share.
func (c *client) registers() {
	for i := 0; !c.r.over(); i++ {
		keys := c.r.keysNow()
		if len(keys) == 0 || c.id == 0 && i%40 == 0 {
			key := fmt.Sprintf("k%d-%d", c.id, i)
			c.change(key, "create", 0)
			continue
		}
		key := keys[max(0, len(keys)-1-c.rand.IntN(3))]
		switch c.rand.IntN(10) {
		case 0, 1:
			c.change(key, "rotate", 0)
		case 2:
			c.change(key, "config", 1+c.rand.Int64N(c.r.versionOf(key)))
		default:
			c.read(key, c.any())
		}
		c.pause(20)
	}
}

func (c *client) read(key string, n *apitest.Node) bool {
	o := op{client: c.id, key: key, kind: "read", call: c.r.h.now(), node: n.ID()}
	r, err := c.ask(n, "GET", "transit/keys/"+key, c.r.root, nil)
	switch {
	case err != nil || r.Status == 503 || r.Status == 429:
		return false
	case r.Status != 200:
		if c.r.acknowledgedKey(key, o.call) {
			c.r.h.violated("a read of %s at %s: %s", key, n.ID(), r)
		}
		return false
	}
	o.ret, o.version, o.min = c.r.h.now(), number(r, "data", "latest_version"), number(r, "data", "min_decryption_version")
	c.r.h.add(o)
	return true
}

// revokes makes tokens and signed tokens, uses them on all nodes, revokes them, and
// uses them on all nodes at once.
func (c *client) revokes() {
	for i := 0; !c.r.over(); i++ {
		path, body, use := "", object(nil), (func(*apitest.Node) (alive, known bool, r apitest.Reply))(nil)
		by := c.any()
		dated, restores := c.r.right(by), c.r.restoring.Load()
		if i%2 == 0 {
			r, err := c.ask(by, "POST", "auth/token/create", c.r.root, object{"policies": "default", "ttl": "1h"})
			if err != nil || r.Status != 200 {
				c.pause(50)
				continue
			}
			token := r.Text("auth", "client_token")
			path, body = "auth/token/revoke", object{"token": token}
			use = func(n *apitest.Node) (bool, bool, apitest.Reply) {
				r, err := c.ask(n, "GET", "auth/token/lookup-self", token, nil)
				return r.Status == 200, err == nil && (r.Status == 200 || r.Status == 403), r
			}
		} else {
			r, err := c.ask(by, "POST", "jwt/sign/"+c.r.issuer+"/access", c.r.root, object{"sub": "user:1", "aud": "api://faults"})
			if err != nil || r.Status != 200 {
				c.pause(50)
				continue
			}
			token := r.Text("data", "token")
			path, body = "jwt/revoke/"+c.r.issuer, object{"token": token}
			use = func(n *apitest.Node) (bool, bool, apitest.Reply) {
				r, err := c.ask(n, "POST", "jwt/verify/"+c.r.issuer, c.r.root, object{"token": token})
				return r.At("data", "active") == true, err == nil && r.Status == 200, r
			}
		}
		if n := c.any(); dated && c.r.right(by) && c.r.right(n) {
			// A restore takes every token that was made since the backup.
			if alive, known, r := use(n); known && !alive && c.r.right(n) && restores%2 == 0 && restores == c.r.restoring.Load() {
				c.r.h.violated("%s refuses what is alive (%s): %s", n.ID(), path, r)
			}
		}
		if _, _, _, err := c.write(path, body); err != nil {
			continue
		}
		c.r.keepRevoked(revoked{path, use})
		c.everywhere(revoked{path, use})
		c.pause(20)
	}
}

// revoked is something that nobody may accept any more.
type revoked struct {
	what string
	use  func(*apitest.Node) (alive, known bool, r apitest.Reply)
}

// everywhere uses what is revoked on all nodes at the same time.
func (c *client) everywhere(v revoked) {
	var wg sync.WaitGroup
	for _, n := range c.r.clients() {
		wg.Go(func() {
			if alive, _, r := v.use(n); alive {
				c.r.h.violated("I7: %s accepts what was revoked (%s): %s", n.ID(), v.what, r)
			}
		})
	}
	wg.Wait()
}

// signs signs on one node and verifies on another.
func (c *client) signs() {
	for !c.r.over() {
		input := base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(c.rand.Int64())))
		a, b := c.any(), c.any()
		r, err := c.ask(a, "POST", "transit/sign/"+c.r.signer, c.r.root, object{"input": input})
		if err == nil && r.Status == 200 {
			v, err := c.ask(b, "POST", "transit/verify/"+c.r.signer, c.r.root, object{"input": input, "signature": r.Text("data", "signature")})
			if err == nil && v.At("data", "valid") != true && v.Status != 503 && v.Status != 429 {
				c.r.h.violated("%s does not verify what %s signed: %s", b.ID(), a.ID(), v)
			}
		} else if err == nil && r.Status != 503 && r.Status != 429 {
			c.r.h.violated("%s does not sign: %s", a.ID(), r)
		}
		if c.rand.IntN(40) == 0 {
			_, _, _, _ = c.write("transit/keys/"+c.r.signer+"/rotate", nil)
		}
		c.pause(20)
	}
}

// gaps are times at which something worked.
type gaps struct {
	mu sync.Mutex
	at map[string][]success // by node
}

// success is a request that was answered; when it began and ended.
type success struct{ begun, ended time.Time }

func (g *gaps) add(node string, s success) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at == nil {
		g.at = map[string][]success{}
	}
	g.at[node] = append(g.at[node], s)
}

// firstAfter is the time from t to the end of the first success that began after it.
func (g *gaps) firstAfter(t time.Time) (time.Duration, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	best, found := time.Duration(0), false
	for _, all := range g.at {
		for _, s := range all {
			if d := s.ended.Sub(t); s.begun.After(t) && (!found || d < best) {
				best, found = d, true
			}
		}
	}
	return best, found
}

// longest is the longest time without a success at a node between two moments.
func (g *gaps) longest(node string, from, to time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := slices.Clone(g.at[node])
	slices.SortFunc(all, func(a, b success) int { return a.ended.Compare(b.ended) })
	last, longest := from, time.Duration(0)
	for _, s := range all {
		if s.ended.Before(from) {
			continue
		}
		if s.ended.After(to) {
			break
		}
		longest, last = max(longest, s.ended.Sub(last)), s.ended
	}
	return max(longest, to.Sub(last))
}

// probe asks one node for the same thing all the time.
func (r *run) probe(n *apitest.Node, g *gaps, patience time.Duration, path string, body object) {
	for !r.over() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		begun := time.Now()
		answer, err := n.SendContext(ctx, "POST", path, r.root, body)
		cancel()
		if err == nil && answer.Status == 200 {
			g.add(n.ID(), success{begun, time.Now()})
		}
		time.Sleep(25 * time.Millisecond)
	}
}
