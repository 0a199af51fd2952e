package kms

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

const (
	ms  = int64(time.Millisecond)
	sec = int64(time.Second)
)

func quotaOf(name string, rate float64, interval int64) state.Quota {
	return state.Quota{Name: name, Per: state.QuotaPerSource, Rate: rate, Interval: interval}
}

func limiters(quotas ...state.Quota) []*limiter {
	var out []*limiter
	for _, q := range quotas {
		out = append(out, newLimiter(q, maxBuckets))
	}
	return out
}

// retry is when a refusal says that there is room again; 0 for a request that was
// let through.
func retry(t testing.TB, list []*limiter, path, key string, now int64) int64 {
	t.Helper()
	err := admit(path, now, counting{list, key, "from this address"})
	if err == nil {
		return 0
	}
	e := (*Limited)(nil)
	if !errors.As(err, &e) || !errors.Is(err, ErrRateLimited) || e.After <= 0 {
		t.Fatalf("a refusal that says nothing of when: %v", err)
	}
	if e.Seconds() < 1 || time.Duration(e.Seconds())*time.Second < e.After || time.Duration(e.Seconds()-1)*time.Second >= max(e.After, time.Second) {
		t.Fatalf("%v in seconds is %d", e.After, e.Seconds())
	}
	return now + int64(e.After)
}

// The whole contract by a model that remembers every request: in no window does
// more get through than burst plus rate times window, of either of two quotas; a
// refusal is one that the quotas call for; and when it says there is room again,
// there is, and not a nanosecond before.
func TestNoWindowHoldsMoreThanItsQuota(t *testing.T) {
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 1))
		quotas := []state.Quota{
			quotaOf("a", 0.3+20*rng.Float64(), ms*(1+rng.Int64N(3000))),
			quotaOf("b", 1+200*rng.Float64(), ms*(1000+rng.Int64N(60_000))),
		}
		if seed%3 == 0 {
			quotas[rng.IntN(2)].Block = ms * rng.Int64N(5000)
		}
		list := limiters(quotas...)
		var now, through, room int64
		var passed []int64
		for range 1200 {
			switch rng.IntN(5) {
			case 0: // at once again
			case 1:
				now += rng.Int64N(quotas[0].Interval)
			case 2:
				now += rng.Int64N(max(list[1].cost, 1))
			case 3:
				now = max(now, room-1) // not a nanosecond before
			case 4:
				now = max(now, room)
			}
			at := retry(t, list, "x", "k", now)
			if at == 0 {
				if now < room {
					t.Fatalf("seed %d: let through at %d, and room was promised for %d", seed, now, room)
				}
				passed = append(passed, now)
				through++
				continue
			}
			if now >= room && room != 0 && len(passed) > 0 && passed[len(passed)-1] < room {
				t.Fatalf("seed %d: refused at %d although room was promised for %d and nobody came in between", seed, now, room)
			}
			room = at
		}
		for i, q := range quotas {
			holdsInEveryWindow(t, fmt.Sprintf("seed %d, quota %d", seed, i), q, passed)
		}
		if through < 10 {
			t.Errorf("seed %d: only %d came through", seed, through)
		}
	}
}

// holdsInEveryWindow looks at every window that begins and ends with a request:
// others hold no more for their length.
func holdsInEveryWindow(t *testing.T, what string, q state.Quota, passed []int64) {
	t.Helper()
	burst := math.Ceil(q.Rate)
	for i := range passed {
		for j := i; j < len(passed); j++ {
			window := float64(passed[j] - passed[i])
			if n := float64(j - i + 1); n > burst+window*q.Rate/float64(q.Interval)+1e-6 {
				t.Fatalf("%s (%v in %v): %v came through in %v", what, q.Rate, time.Duration(q.Interval), n, time.Duration(window))
			}
		}
	}
}

// Who keeps to what a refusal says is let through; and a caller who asks at the
// allowed pace is never refused.
func TestWhoKeepsToTheLimitIsNeverRefused(t *testing.T) {
	for _, q := range []state.Quota{quotaOf("a", 10, sec), quotaOf("b", 0.5, sec), quotaOf("c", 1, 24*3600*sec), quotaOf("d", 7, 3*ms), quotaOf("e", maxQuotaBurst, ms)} {
		list := limiters(q)
		now := int64(0)
		for range int64(min(math.Ceil(q.Rate), 1000)) {
			if retry(t, list, "x", "k", now) != 0 {
				t.Fatalf("%s: a full bucket holds less than an interval's requests", q.Name)
			}
		}
		for range 1000 {
			if at := retry(t, list, "x", "k", now+list[0].cost-1); q.Rate <= 1000 && at != now+list[0].cost {
				t.Fatalf("%s: a nanosecond too early is let through, or sent away until %d instead of %d", q.Name, at, now+list[0].cost)
			}
			now += list[0].cost
			if retry(t, list, "x", "k", now) != 0 {
				t.Fatalf("%s: refused at the allowed pace", q.Name)
			}
		}
	}
}

// A request that one quota refuses uses up nothing of another.
func TestARefusedRequestCountsNowhere(t *testing.T) {
	list := limiters(quotaOf("narrow", 1, sec), quotaOf("wide", 5, 3600*sec))
	for range 100 {
		_ = retry(t, list, "x", "k", 0) // the first is let through
	}
	for i := int64(1); i < 5; i++ {
		if retry(t, list, "x", "k", i*sec) != 0 {
			t.Fatalf("the wide quota was used up by what the narrow one refused: request %d", i+1)
		}
	}
	err := admit("x", 5*sec, counting{list, "k", "from this address"})
	if err == nil || !strings.Contains(err.Error(), "wide") {
		t.Fatalf("the sixth within an hour: %v", err)
	}
}

// Of several that refuse, the one that does so longest says when to come again.
func TestTheLongestWaitIsSaid(t *testing.T) {
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		list := limiters(quotaOf(names[0], 1, sec), quotaOf(names[1], 1, 3600*sec))
		if names[0] == "b" {
			list[0], list[1] = list[1], list[0]
		}
		_ = retry(t, list, "x", "k", 0)
		if at := retry(t, list, "x", "k", 0); at != 3600*sec {
			t.Errorf("one of 1/s and one of 1/h say %v", time.Duration(at))
		}
		if err := admit("x", 0, counting{list, "k", ""}); !strings.Contains(err.Error(), "the rate limit "+names[1]+" ") {
			t.Errorf("the wrong one is named: %v", err)
		}
	}
}

func TestABlockRefusesEverythingForItsTime(t *testing.T) {
	q := quotaOf("q", 10, sec)
	q.Block = 60 * sec
	list := limiters(q)
	for range 10 {
		if retry(t, list, "x", "k", 0) != 0 {
			t.Fatal("refused below the limit")
		}
	}
	if at := retry(t, list, "x", "k", 0); at != 60*sec {
		t.Fatalf("blocked until %v", time.Duration(at))
	}
	for _, now := range []int64{1, sec, 59 * sec, 60*sec - 1} {
		if at := retry(t, list, "x", "k", now); at != 60*sec {
			t.Fatalf("at %v: until %v; asking must not make it longer", time.Duration(now), time.Duration(at))
		}
	}
	if retry(t, list, "x", "other", sec) != 0 {
		t.Fatal("another source was blocked too")
	}
	if retry(t, list, "x", "k", 60*sec) != 0 {
		t.Fatal("still blocked afterwards")
	}
}

// The number of buckets is bounded. Newcomers take the places of those who have
// not asked lately; while there are none, all of them share one bucket.
func TestBucketsAreBounded(t *testing.T) {
	l := newLimiter(quotaOf("q", 2, sec), 100)
	list := []*limiter{l}
	for i := range 100 {
		if retry(t, list, "x", fmt.Sprint("old", i), 0) != 0 {
			t.Fatal("refused with room")
		}
	}
	through := 0
	for i := range 10_000 {
		if retry(t, list, "x", fmt.Sprint("new", i), 1) == 0 {
			through++
		}
	}
	if through != 2 || len(l.buckets) != 100 {
		t.Fatalf("%d newcomers came through one shared bucket of 2, %d buckets", through, len(l.buckets))
	}
	if retry(t, list, "x", "old7", 1) != 0 {
		t.Fatal("a flood of newcomers used up the bucket of one who was there before")
	}
	// Two seconds later all of them are full again, and are forgotten.
	if retry(t, list, "x", "late", 2*sec) != 0 || len(l.buckets) > 2 {
		t.Fatalf("%d buckets; who has not asked lately makes room", len(l.buckets))
	}
	if len(l.buckets) != 1 {
		t.Fatal("full buckets are kept")
	}
	// A blocked one is never forgotten, however full its bucket is.
	blocking := quotaOf("b", 1, ms)
	blocking.Block = 3600 * sec
	b := newLimiter(blocking, 1)
	_ = retry(t, []*limiter{b}, "x", "bad", 0)
	_ = retry(t, []*limiter{b}, "x", "bad", 0)
	_ = retry(t, []*limiter{b}, "x", "good", 2*sec)
	if retry(t, []*limiter{b}, "x", "bad", 4*sec) != 3600*sec {
		t.Fatal("to come with other addresses ended a block")
	}
}

func TestSourcesAreAddressesAndSlash64(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64",
		"2001:db8:1:3::1": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64", "::ffff:192.0.2.1": "::ffff:192.0.2.1",
		"@": "@", "": "", "no:address": "no:address",
	} {
		if got := sourceOf(remote); got != want {
			t.Errorf("%s counts as %s, want %s", remote, got, want)
		}
	}
}

func TestQuotaPaths(t *testing.T) {
	for _, c := range []struct{ path, covered, not string }{
		{"", " transit/sign/web sys/mounts / a", "-"},
		{"*", " transit/sign/web", "-"},
		{"transit", "transit transit/sign/web transit/keys", " transit2/keys tran sys/mounts"},
		{"transit/", "transit transit/sign/web transit/keys", " transit2/keys tran"},
		{"transit/*", "transit/sign/web", " transit transit2/keys"},
		{"transit/sign/web", "transit/sign/web transit/sign/web/sha2-512", "transit/sign/web2 transit/sign transit/verify/web"},
		{"transit/sign/w*", "transit/sign/w transit/sign/web transit/sign/web/sha2-512", "transit/sign transit/sign/x"},
	} {
		q := newQuotaPath(c.path)
		for p := range strings.SplitSeq(c.covered, " ") {
			if !q.covers(p) {
				t.Errorf("%q does not cover %q", c.path, p)
			}
		}
		for p := range strings.SplitSeq(c.not, " ") {
			if c.not != "-" && q.covers(p) {
				t.Errorf("%q covers %q", c.path, p)
			}
		}
	}
}

// A path that is taken covers itself: a quota never limits nothing unnoticed.
func FuzzQuotaPath(f *testing.F) {
	for _, s := range []string{"", "*", "transit", "transit/", "transit/sign/*", "/transit", "v1/transit", "a/+/b", "a/../b", "a//b", "a*b", "sys/unseal/", "a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		err := checkQuotaPath(path)
		if err != nil {
			if !errors.Is(err, ErrBadRequest) {
				t.Fatalf("%q: %v", path, err)
			}
			return
		}
		q := newQuotaPath(path)
		sample := strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
		if !q.covers(sample) && !q.covers(sample+"/x") || !q.covers(sample+"/x") && !strings.HasSuffix(path, "*") {
			t.Fatalf("%q covers neither itself nor what is below", path)
		}
		if strings.HasPrefix(path, "/") || strings.HasPrefix(path, "v1/") {
			t.Fatalf("%q can cover no request", path)
		}
	})
}

// Many at once, on a clock that stands still: exactly the burst comes through.
func TestLimiterUnderRace(t *testing.T) {
	list := limiters(quotaOf("a", 50, sec), quotaOf("b", 70, sec))
	var wg sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if admit("x", 0, counting{list, "k", "from this address"}) == nil {
					mu.Lock()
					through++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if through != 50 || list[0].buckets["k"].fullAt != 50*list[0].cost || list[1].buckets["k"].fullAt != 50*list[1].cost {
		t.Fatalf("%d came through, want 50 counted at both", through)
	}
}

// stateWith is a state with quotas, as the log makes one.
func stateWith(tb testing.TB, quotas ...state.Quota) *state.State {
	tb.Helper()
	key := state.Secret(make([]byte, 32))
	commands := []state.Command{&state.Genesis{
		Cluster: state.Cluster{ID: newUUID(), Name: "test", Created: 1, TokenKey: key, AuditKey: key},
		Mount:   state.Mount{UUID: newUUID(), Path: "transit/", Type: "transit"},
		Default: state.Policy{Name: "default", Text: "# none"},
		Root:    state.Token{Hash: make([]byte, 32), Accessor: "a", Policies: []string{"root"}},
	}}
	for _, q := range quotas {
		commands = append(commands, &state.PutQuota{Quota: q})
	}
	st := state.New()
	for i, cmd := range commands {
		var err error
		numbered := &state.Numbered{Epoch: 1, Seq: uint64(i + 1), At: 1, Proposal: newProposal(), Command: cmd}
		if st, _, err = state.Apply(st, uint64(i+1), numbered); err != nil {
			tb.Fatal(err)
		}
	}
	return st
}

// BenchmarkQuotas is what a request pays before it is authenticated. Of 20 quotas
// 10 cover its path.
func BenchmarkQuotas(b *testing.B) {
	for _, n := range []int{0, 2, 20} {
		var quotas []state.Quota
		for i := range n {
			q := quotaOf(fmt.Sprint("q", i), maxQuotaBurst, ms)
			q.Path = []string{"transit", "transit/sign/web", "transit/sign/other", "auth"}[i%4]
			quotas = append(quotas, q)
		}
		s := &Service{started: time.Now()}
		s.publish(stateWith(b, quotas...))
		o := Origin{Path: "transit/sign/web", Remote: "192.0.2.1"}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.LimitSource(o); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint(n, "/parallel"), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.LimitSource(o); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
