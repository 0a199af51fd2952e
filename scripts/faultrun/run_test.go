package faultrun

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// run is one row under way.
type run struct {
	t    testing.TB
	name string
	seed uint64
	rand *rand.Rand // of the row's own goroutine
	c    *apitest.Cluster
	net  *apitest.Network // nil: loopback
	root string
	h    *history

	disks string // see mounts

	makes   func(*run, []apitest.Option) *apitest.Cluster // the cluster; nil for three new nodes
	revived *backup                                       // see reviveCluster

	issuer, signer string

	writes, signatures gaps
	ended              atomic.Bool
	restoring          atomic.Int64 // restores that began and that ended; odd while one is under way
	wg                 sync.WaitGroup

	mu       sync.Mutex
	order    []string         // keys that were acknowledged
	versions map[string]int64 // key → newest version that an answer showed
	since    map[string]int64 // key → when its creation was acknowledged
	revoked  []revoked
	gone     map[*apitest.Node]bool // members no more
	skewed   map[*apitest.Node]bool // their clocks are wrong

	res result
}

// result is a line of the table.
type result struct {
	fault               string
	seed                uint64
	operations          int
	acked, unknown      int
	lost, violations    int
	recovery, gap       time.Duration // to the first write; without a signature on a survivor
	settled             time.Duration
	linearizable, notes string
	failures            []string
}

func (r *run) over() bool { return r.ended.Load() }

func (r *run) count() {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.h.tried++
}

func (r *run) keysNow() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order[:len(r.order):len(r.order)]
}

// seen notes a version that an answer showed.
func (r *run) seen(key string, version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.versions[key]; !known {
		r.order = append(r.order, key)
		r.since[key] = r.h.now()
	}
	r.versions[key] = max(1, version, r.versions[key])
}

func (r *run) versionOf(key string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(1, r.versions[key])
}

func (r *run) acknowledgedKey(key string, before int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, known := r.since[key]
	return known && since < before
}

func (r *run) keepRevoked(v revoked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revoked = append(r.revoked, v)
}

// clients are the nodes that clients know: members, whether they run or not.
func (r *run) clients() []*apitest.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*apitest.Node
	for _, n := range r.c.Nodes {
		if !r.gone[n] {
			out = append(out, n)
		}
	}
	return out
}

// begin starts a cluster and clients on it.
func begin(t testing.TB, name string, seed uint64, net *apitest.Network, prepare ...func(*run) []apitest.Option) *run {
	t.Helper()
	var opts []apitest.Option
	if net != nil {
		opts = append(opts, apitest.In(net))
	}
	r := &run{
		t: t, name: name, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), net: net, issuer: "acme", signer: "signer",
		versions: map[string]int64{}, since: map[string]int64{}, gone: map[*apitest.Node]bool{}, skewed: map[*apitest.Node]bool{},
	}
	for _, p := range prepare {
		opts = append(opts, p(r)...)
	}
	r.h = &history{began: time.Now()}
	if r.makes != nil {
		r.c = r.makes(r, opts)
		r.h = &history{began: time.Now()} // what went before is no part of it
	} else {
		r.c = apitest.NewCluster(t, 3, opts...)
	}
	first := r.c.Nodes[0]
	r.root = first.Root()
	first.Must("jwt/issuers/acme", object{"issuer": "https://acme.example", "alg": "ES256"})
	first.Must("jwt/issuers/acme/profiles/access", object{"max_ttl": "2h"})
	first.Must("transit/keys/signer", object{"type": "ecdsa-p256"})
	r.work()
	return r
}

// work starts the clients.
func (r *run) work() {
	for i := range 6 {
		c := &client{r: r, id: i, rand: rand.New(rand.NewPCG(r.seed, uint64(100+i)))}
		switch {
		case i < 3:
			r.wg.Go(c.registers)
		case i < 5:
			r.wg.Go(c.revokes)
		default:
			r.wg.Go(c.signs)
		}
	}
	for _, n := range r.c.Nodes {
		r.wg.Go(func() { r.probe(n, &r.signatures, time.Second, "transit/sign/signer", object{"input": "aGk="}) })
		r.wg.Go(func() {
			r.probe(n, &r.writes, 2*time.Second, "auth/token/create", object{"policies": "default", "ttl": "1m"})
		})
	}
	time.Sleep(time.Second)
}

// leader is the node that leads now; it never waits long for one that is silent.
func (r *run) leader() *apitest.Node {
	r.t.Helper()
	var leader *apitest.Node
	r.eventually("somebody leads", func() bool {
		for _, n := range r.clients() {
			if n.Running() && r.look(n, "sys/health").Status == 200 {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

func (r *run) look(n *apitest.Node, path string) apitest.Reply {
	c := client{r: r}
	answer, _ := c.ask(n, "GET", path, r.root, nil)
	return answer
}

func (r *run) eventually(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("never: %s\n%s", what, r.how())
		}
	}
}

func (r *run) how() string {
	var b strings.Builder
	for _, n := range r.clients() {
		if n.Running() {
			fmt.Fprintf(&b, "%s: %s\n", n.ID(), r.look(n, "sys/health"))
		}
	}
	return b.String()
}

// others are the members but n.
func (r *run) others(n *apitest.Node) []*apitest.Node {
	var out []*apitest.Node
	for _, o := range r.clients() {
		if o != n {
			out = append(out, o)
		}
	}
	return out
}

// revive starts a node that was killed and unseals it.
func (r *run) revive(n *apitest.Node) {
	r.t.Helper()
	n.Start()
	r.c.Unseal(n)
}

// struck measures what a fault at a moment did: until a write succeeded, and how long
// the survivors could not sign. It waits for the first.
func (r *run) struck(at time.Time, survivors []*apitest.Node) {
	r.t.Helper()
	r.eventually("a write succeeds", func() bool { _, ok := r.writes.firstAfter(at); return ok })
	d, _ := r.writes.firstAfter(at)
	r.res.recovery = max(r.res.recovery, d)
	end := time.Now()
	for _, n := range survivors {
		r.res.gap = max(r.res.gap, r.signatures.longest(n.ID(), at, end))
	}
}

// settle waits until every member that runs serves.
func (r *run) settle() {
	r.t.Helper()
	begun := time.Now()
	r.eventually("every node serves", func() bool {
		for _, n := range r.clients() {
			if !n.Running() || r.look(n, "sys/health?standbyok=true").Status != 200 {
				return false
			}
		}
		return true
	})
	r.res.settled = max(r.res.settled, time.Since(begun))
}

func (r *run) stop(n *apitest.Node)   { n.Signal(syscall.SIGSTOP) }
func (r *run) resume(n *apitest.Node) { n.Signal(syscall.SIGCONT) }
