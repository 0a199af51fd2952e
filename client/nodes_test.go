package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// both is an answer that Sign and RotateKey take.
var both = data(`{"name":"web","keys":{},"signature":"vault:v1:AA==","key_version":1}`)

// clock is a time that only the test moves.
type clock struct{ t time.Time }

func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }

// connectAt is connect with such a time, by which waits take time as well.
func connectAt(t *testing.T, cfg Config, servers ...*server) (*Client, *clock, *[]time.Duration) {
	t.Helper()
	c, waits := connect(t, cfg, servers...)
	now := &clock{time.Unix(1_700_000_000, 0)}
	c.nodes.now = func() time.Time { return now.t }
	sleep := c.sleep
	c.sleep = func(ctx context.Context, d time.Duration) error { now.pass(d); return sleep(ctx, d) }
	return c, now, waits
}

func counts(servers ...*server) (out []int) {
	for _, s := range servers {
		out = append(out, len(s.requests()))
	}
	return out
}

// What a node answers decides whether the call goes on at the next one, and whether
// the next call begins at this one again.
func TestWhereACallGoes(t *testing.T) {
	type row struct {
		name           string
		step           http.HandlerFunc
		safe, lasting  bool // the call goes on at the second node
		aside          bool // the next call does not begin at the first one
		lastingUnknown bool // when it does not go on
	}
	for _, c := range []row{
		{"sealed", refuse(503, wire.Sealed), true, true, true, false},
		{"not initialized", refuse(503, wire.NotInitialized), true, true, true, false},
		{"no lease", refuse(503, wire.NoLease, "Retry-After", "1"), true, true, true, false},
		{"no leader", refuse(503, wire.NoLeader), true, true, true, false},
		{"audit unavailable", refuse(503, wire.AuditUnavailable), true, true, true, false},
		{"storage full", refuse(503, wire.StorageFull), true, true, false, false},
		{"overloaded", refuse(503, wire.Overloaded), true, true, false, false},
		{"rate limited", refuse(429, wire.RateLimited, "Retry-After", "60"), true, true, false, false},
		{"outcome unknown", refuse(409, wire.OutcomeUnknown), false, true, false, false},
		{"broken connection", hangUp, true, true, true, false},
		{"broken answer", cutOff, true, true, true, false},
		{"a proxy's 502", reply(502, ""), true, true, true, false},
		{"internal", refuse(500, wire.Internal), false, false, false, true},
		{"wrong request", refuse(400, wire.BadRequest), false, false, false, false},
		{"denied", refuse(403, wire.PermissionDenied), false, false, false, false},
		{"missing", refuse(404, wire.NotFound), false, false, false, false},
		{"spent", refuse(409, wire.IdempotencySpent), false, false, false, false},
		{"redirect", reply(307, "", "Location", "/"), false, false, false, true},
	} {
		for kind, do := range map[string]func(*Client) error{"safe": safely, "lasting": lastingly} {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				first, second := serve(t, c.step), serve(t, both)
				client, _, waits := connectAt(t, Config{}, first, second)
				err := do(client)
				goes := c.safe
				if kind == "lasting" {
					goes = c.lasting
				}
				if (err == nil) != goes || len(second.requests()) != map[bool]int{true: 1}[goes] {
					t.Errorf("went on is %v: %v, requests %v", goes, err, counts(first, second))
				}
				if kind == "lasting" && errors.Is(err, ErrOutcomeUnknown) != c.lastingUnknown {
					t.Errorf("got %v", err)
				}
				if slices.ContainsFunc(*waits, func(d time.Duration) bool { return d > 0 }) {
					t.Errorf("waited %v before the second node", *waits)
				}
				before := len(first.requests())
				_ = do(client)
				if again := len(first.requests()) > before; again == (c.aside && goes) {
					t.Errorf("the next call began at the first node: %v", again)
				}
			})
		}
	}
}

// The attempts of a write carry one key, at whatever node, and a write that nobody
// can tell of is said to be unknown.
func TestAWriteGoesOnUnderItsKey(t *testing.T) {
	var mu sync.Mutex
	var keys []string
	keep := func(step http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			keys = append(keys, r.Header.Get(wire.HeaderIdempotencyKey))
			mu.Unlock()
			step(w, r)
		}
	}
	a, b, d := serve(t, keep(hangUp)), serve(t, keep(refuse(409, wire.OutcomeUnknown))), serve(t, keep(both))
	c, _, _ := connectAt(t, Config{}, a, b, d)
	if err := lastingly(c); err != nil {
		t.Fatal(err)
	}
	if len(keys) < 3 || keys[0] == "" || len(slices.Compact(slices.Clone(keys))) != 1 {
		t.Errorf("keys %q", keys)
	}
	for name, last := range map[string]http.HandlerFunc{"no leader": refuse(503, wire.NoLeader), "sealed": refuse(503, wire.Sealed), "denied": refuse(403, wire.PermissionDenied)} {
		c, _, _ := connectAt(t, Config{Retry: Retry{Attempts: 2}}, serve(t, hangUp), serve(t, last))
		if err := lastingly(c); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("broken connection, then %s: %v", name, err)
		}
	}
	// Without a key it does not go on.
	broken, other := serve(t, hangUp), serve(t, reply(204, ""))
	c, _, _ = connectAt(t, Config{}, broken, other)
	if err := c.Raft().StepDown(context.Background(), ""); !errors.Is(err, ErrOutcomeUnknown) || len(other.requests()) != 0 {
		t.Errorf("a call without a key: %v, requests %v", err, counts(broken, other))
	}
}

// A call waits between rounds, not between nodes, and as long as its time allows.
func TestRoundsGoOnUntilANodeServes(t *testing.T) {
	no := refuse(503, wire.NoLeader, "Retry-After", "1")
	sealed, electing := serve(t, refuse(503, wire.Sealed)), serve(t, no, no, no, no, no, no, both)
	c, _, waits := connectAt(t, Config{}, sealed, electing)
	if err := lastingly(c); err != nil {
		t.Fatal(err)
	}
	if got := counts(sealed, electing); got[1] != 7 || got[0] > 7 {
		t.Errorf("requests %v", got)
	}
	rounds := 0
	for _, w := range *waits {
		switch {
		case w >= time.Second:
			rounds++
		case w > 0:
			t.Errorf("waited %v, less than Retry-After", w)
		}
	}
	if rounds != 6 {
		t.Errorf("waits %v", *waits)
	}
}

// One node's Retry-After does not hold up what another may do earlier; where every
// node is over a rate limit, none is asked early.
func TestWaitsOfSeveralNodes(t *testing.T) {
	for name, c := range map[string]struct {
		a, b        http.HandlerFunc
		least, most time.Duration
	}{
		"the shorter one":     {refuse(503, wire.Overloaded, "Retry-After", "4"), refuse(503, wire.Overloaded, "Retry-After", "2"), 2 * time.Second, 2 * time.Second},
		"every rate limit":    {refuse(429, wire.RateLimited, "Retry-After", "2"), refuse(429, wire.RateLimited, "Retry-After", "3"), 3 * time.Second, 3100 * time.Millisecond},
		"one only is limited": {refuse(429, wire.RateLimited, "Retry-After", "60"), refuse(503, wire.Overloaded, "Retry-After", "1"), time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := serve(t, c.a, both), serve(t, c.b, both)
			client, _, waits := connectAt(t, Config{}, a, b)
			if err := safely(client); err != nil {
				t.Fatal(err)
			}
			longest := slices.Max(*waits)
			if longest < c.least || longest > c.most {
				t.Errorf("waits %v", *waits)
			}
			if name == "one only is limited" && len(a.requests()) != 1 {
				t.Errorf("the limited node was asked %d times", len(a.requests()))
			}
		})
	}
}

// The preferred node gets calls back when it serves again. One call at a time looks,
// none that changes something, and the looks get rarer.
func TestTheWayBack(t *testing.T) {
	steps := make([]http.HandlerFunc, 0, 8)
	for range 7 {
		steps = append(steps, refuse(503, wire.Sealed))
	}
	home, other := serve(t, append(steps, both)...), serve(t, both)
	c, now, _ := connectAt(t, Config{}, home, other)
	if err := safely(c); err != nil {
		t.Fatal(err)
	}
	looked := []time.Duration{}
	for at := time.Duration(0); at < 3*time.Minute; at += 100 * time.Millisecond {
		now.pass(100 * time.Millisecond)
		before := len(home.requests())
		if err := lastingly(c); err != nil || len(home.requests()) != before && len(home.requests()) < 8 {
			t.Fatalf("a write went to see whether a node serves: %v", err)
		}
		if err := safely(c); err != nil {
			t.Fatal(err)
		}
		if len(home.requests()) == before+1 && before < 8 {
			looked = append(looked, at)
		}
	}
	if len(looked) != 7 || looked[6]-looked[5] < 10*time.Second {
		t.Fatalf("looked at %v", looked)
	}
	before := len(home.requests())
	if err := lastingly(c); err != nil || len(home.requests()) != before+1 {
		t.Errorf("the preferred node serves and does not get the calls: %v", err)
	}
}

// Many calls that fail together are one failure, and one of many looks.
func TestManyCallsAreOneFailureAndOneLook(t *testing.T) {
	ns := newNodes(mustAddresses(t, "http://127.0.0.1:1", "http://127.0.0.1:2"), false)
	now := &clock{time.Unix(1_700_000_000, 0)}
	ns.now = func() time.Time { return now.t }
	for range 100 {
		ns.bad(0, false)
	}
	if n := ns.all[0]; n.failures != 1 || n.until.Sub(now.t) > asideQuick.MinWait {
		t.Errorf("after 100 failures at once: %+v", n)
	}
	ns.good(1)
	now.pass(asideQuick.MinWait)
	looks := 0
	for range 100 {
		if ns.pick([]bool{false, false}, false, true) == 0 {
			looks++
		}
	}
	if looks != 1 {
		t.Errorf("%d calls went to look", looks)
	}
	ns.bad(0, false) // the look was in vain
	if n := ns.all[0]; n.failures != 2 {
		t.Errorf("after a look in vain: %+v", n)
	}
	// A lost look does not stand for ever.
	now.pass(time.Minute)
	if ns.pick([]bool{false, false}, false, true) != 0 {
		t.Error("nobody looks any more")
	}
	now.pass(time.Minute)
	if ns.pick([]bool{false, false}, false, true) != 0 {
		t.Error("nobody looks any more after a look whose end is not known")
	}
}

func mustAddresses(t *testing.T, texts ...string) []*url.URL {
	t.Helper()
	out, err := parseAddresses(texts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A node whose connections time out costs one time-out, whatever is called.
func TestADeadNodeCostsOneTimeout(t *testing.T) {
	alive := serve(t, append(slices.Repeat([]http.HandlerFunc{refuse(503, wire.NoLeader)}, 4), both)...)
	c, now, _ := connectAt(t, Config{Addresses: []string{"https://dead.example"}}, alive)
	dials := 0
	transport := c.http.Transport.(*http.Transport)
	plain := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "dead.") {
			dials++
			return nil, &net.OpError{Op: "dial", Err: timedOut{}}
		}
		return plain(ctx, network, address)
	}
	transport.Proxy = nil
	for range 20 {
		now.pass(time.Second)
		if err := lastingly(c); err != nil {
			t.Fatal(err)
		}
		if err := safely(c); err != nil {
			t.Fatal(err)
		}
	}
	if dials != 1 {
		t.Errorf("dialed the dead node %d times", dials)
	}
	// It is asked when no other is left.
	now.pass(time.Hour)
	c.nodes.bad(1, false)
	c.retry.Attempts = 4
	alive.Close()
	if err := safely(c); err == nil || dials < 2 {
		t.Errorf("the last node was not asked: %v, %d dials", err, dials)
	}
}

type timedOut struct{}

func (timedOut) Error() string   { return "i/o timeout" }
func (timedOut) Timeout() bool   { return true }
func (timedOut) Temporary() bool { return true }

// A node that takes a request and never answers does not use up the call.
func TestANodeThatHangsIsLeft(t *testing.T) {
	for name, do := range map[string]func(*Client) error{"safe": safely, "lasting": lastingly} {
		hanging, good := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), serve(t, both)
		c, _, _ := connectAt(t, Config{Timeout: 20 * shortest}, hanging, good)
		for range 3 {
			if err := do(c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := counts(hanging, good); got[0] != 1 || got[1] != 3 {
			t.Errorf("%s: requests %v", name, got)
		}
	}
}

// What is about one node is asked of the first address alone, wherever calls go.
func TestCallsAboutOneNode(t *testing.T) {
	ctx := context.Background()
	first, second := serve(t, refuse(503, wire.Sealed)), serve(t, both)
	c, _, _ := connectAt(t, Config{AnyOrder: true, Retry: Retry{Attempts: 2}}, first, second)
	_ = safely(c)
	a, b := len(first.requests()), len(second.requests())
	sys := c.Sys()
	for i, do := range []func() error{
		func() error { _, err := sys.Unseal(ctx, wire.SecretOf("share")); return err },
		func() error { _, err := sys.ResetUnseal(ctx); return err },
		func() error { _, err := sys.SealStatus(ctx); return err },
		func() error { _, err := sys.Health(ctx); return err },
		func() error { _, err := sys.InitStatus(ctx); return err },
		func() error { _, err := sys.Init(ctx, 1, 1); return err },
		func() error { _, err := sys.VerifyShare(ctx, wire.SecretOf("share")); return err },
		func() error { _, err := sys.Metrics(ctx); return err },
		func() error { _, err := sys.Leader(ctx); return err },
		func() error { return sys.Seal(ctx) },
		func() error { return c.Raft().Join(ctx, wire.JoinRequest{}) },
	} {
		if err := do(); err == nil {
			t.Errorf("call %d was answered by another node", i)
		}
		a++
	}
	if got := counts(first, second); got[0] != a || got[1] != b {
		t.Errorf("requests %v, want %d and %d", got, a, b)
	}
}

// An answer about the node itself does not say that it serves.
func TestASealedNodeThatAnswersAboutItselfStaysAside(t *testing.T) {
	first, second := serve(t, refuse(503, wire.Sealed), reply(200, "# metrics")), serve(t, both)
	c, _, _ := connectAt(t, Config{}, first, second)
	_ = safely(c)
	if _, err := c.Sys().Metrics(context.Background()); err != nil {
		t.Fatal(err)
	}
	_ = safely(c)
	if got := counts(first, second); got[0] != 2 || got[1] != 2 {
		t.Errorf("requests %v", got)
	}
}

func TestAnyOrderSpreads(t *testing.T) {
	used := map[int]bool{}
	for range 200 {
		ns := newNodes(mustAddresses(t, "https://a", "https://b", "https://c"), true)
		used[ns.pick(make([]bool, 3), true, true)] = true
	}
	if len(used) != 3 {
		t.Errorf("used %v", used)
	}
}

// Many goroutines, nodes that come and go, and nothing left running.
func TestNoGoroutineStays(t *testing.T) {
	flaky := func(step http.HandlerFunc) []http.HandlerFunc {
		return append(slices.Repeat([]http.HandlerFunc{both, both, step, step}, 100), both)
	}
	a, b, d := serve(t, flaky(hangUp)...), serve(t, flaky(refuse(503, wire.NoLease))...), serve(t, flaky(refuse(503, wire.Sealed))...)
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	c, err := New(Config{Addresses: []string{a.URL, b.URL, d.URL}, Token: StaticToken(wire.SecretOf(canary)), Retry: Retry{MinWait: time.Millisecond, MaxWait: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				if err := []func(*Client) error{safely, lastingly}[i%2](c); err != nil && !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c.Close()
	for _, s := range []*server{a, b, d} {
		s.CloseClientConnections()
	}
	for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+3; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// The highest index that was seen goes with each call, from client to client too.
func TestTheIndexGoesAlong(t *testing.T) {
	var got []string
	answer := func(index string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get(wire.HeaderIndex))
			if index != "" {
				w.Header().Set(wire.HeaderIndex, index)
			}
			both(w, r)
		}
	}
	refusing := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(wire.HeaderIndex, "9")
		got = append(got, r.Header.Get(wire.HeaderIndex))
		refuse(400, wire.BadRequest)(w, r)
	}
	s := serve(t, answer("7"), answer("5"), answer(""), refusing, answer("-1"), answer("99999999999999999999"), answer("x"), answer(""))
	c, _, _ := connectAt(t, Config{}, s)
	for range 8 {
		_ = safely(c)
	}
	if text := strings.Join(got, " "); text != " 7 7 7 9 9 9 9" || c.Index() != 9 {
		t.Errorf("sent %q, has %d", text, c.Index())
	}
	got = nil
	other, _, _ := connectAt(t, Config{}, serve(t, answer("")))
	other.AtLeast(c.Index())
	other.AtLeast(3)
	_ = lastingly(other)
	_, _ = other.Sys().Health(context.Background()) // of one node, sealed maybe
	if strings.Join(got, ",") != "9," {
		t.Errorf("sent %q", got)
	}
	got = nil
	without, _, _ := connectAt(t, Config{NoIndex: true}, serve(t, answer("7")))
	_, _ = safely(without), safely(without)
	if strings.Join(got, "") != "" || without.Index() != 7 {
		t.Errorf("sent %q, has %d", got, without.Index())
	}
}

// An index of a history that is lost is given up: without that each call would be refused
// until the program starts again.
func TestAnIndexThatIsUnknownIsForgotten(t *testing.T) {
	var got []string
	lost := func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get(wire.HeaderIndex))
		if r.Header.Get(wire.HeaderIndex) != "" {
			refuse(412, wire.IndexUnknown)(w, r)
			return
		}
		w.Header().Set(wire.HeaderIndex, "5")
		both(w, r)
	}
	for _, call := range []func(*Client) error{safely, lastingly} {
		got = nil
		c, _, _ := connectAt(t, Config{}, serve(t, lost, lost))
		c.AtLeast(900)
		if err := call(c); err != nil || strings.Join(got, ",") != "900," || c.Index() != 5 {
			t.Errorf("%v; sent %q, has %d", err, got, c.Index())
		}
	}
	// What says so of a request without an index is not believed twice.
	calls := 0
	always := func(w http.ResponseWriter, r *http.Request) { calls++; refuse(412, wire.IndexUnknown)(w, r) }
	c, _, _ := connectAt(t, Config{}, serve(t, always, always, always))
	c.AtLeast(900)
	if err := safely(c); !unknownIndex(err) || calls != 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// The highest wins, however calls end.
func TestTheIndexNeverFalls(t *testing.T) {
	var c Client
	var all sync.WaitGroup
	for i := range uint64(8) {
		all.Go(func() {
			for n := range uint64(1000) {
				c.AtLeast(n*8 + i)
			}
		})
	}
	all.Wait()
	if c.Index() != 7999 {
		t.Errorf("index %d", c.Index())
	}
}
