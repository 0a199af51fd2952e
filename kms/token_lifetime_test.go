package kms

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

const day = 24 * time.Hour

func TestGrantedLifetimes(t *testing.T) {
	for _, c := range []struct {
		name                         string
		asked, period, explicit, age time.Duration
		want                         time.Duration
		warnings                     int
	}{
		{"as asked", time.Hour, 0, 0, 0, time.Hour, 0},
		{"up to the limit", MaxTTL, 0, 0, 0, MaxTTL, 0},
		{"past the limit", MaxTTL + 1, 0, 0, 0, MaxTTL, 1},
		{"renewed near the limit", time.Hour, 0, 0, MaxTTL - time.Minute, time.Minute, 1},
		{"renewed in the last moment", time.Hour, 0, 0, MaxTTL - 1, 1, 1},
		{"renewed after it", time.Hour, 0, 0, MaxTTL, 0, 1},
		{"explicit end", time.Hour, 0, time.Minute, 0, time.Minute, 1},
		{"explicit end beyond the limit", 40 * day, 0, 90 * day, 0, MaxTTL, 1},
		{"renewed before the explicit end", time.Minute, 0, time.Hour, 59*time.Minute + 30*time.Second, 30 * time.Second, 1},
		{"renewed after the explicit end", time.Minute, 0, time.Hour, 2 * time.Hour, -time.Hour, 1},
		{"period", time.Minute, time.Hour, 0, 0, time.Hour, 0},
		{"period, years later", time.Minute, time.Hour, 0, 4000 * day, time.Hour, 0},
		{"period past the limit", 0, 40 * day, 0, 0, MaxTTL, 1},
		{"period with a lower end", 0, time.Hour, time.Minute, 0, time.Minute, 1},
		{"period with a higher end", 0, time.Hour, 90 * day, 0, time.Hour, 0},
		{"period near its end", 0, time.Hour, 90 * day, 90*day - time.Minute, time.Minute, 1},
		{"period after its end", 0, time.Hour, 90 * day, 90*day + time.Minute, -time.Minute, 1},
	} {
		got, warnings := granted(c.asked, c.period, c.explicit, c.age)
		if got != c.want || len(warnings) != c.warnings {
			t.Errorf("%s: got %s and %q, want %s", c.name, got, warnings, c.want)
		}
	}
}

// Whatever is asked for, and however often it is renewed, a token that is not
// periodic ends by MaxTTL from its creation and every token by its explicit end.
func TestNoLifetimeOutgrowsItsEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(most time.Duration) time.Duration {
		if r.IntN(3) == 0 {
			return 0
		}
		return time.Duration(r.Int64N(int64(most)))
	}
	for range 20_000 {
		period, explicit := some(60*day), some(400*day)
		age := time.Duration(0)
		for range 10 {
			ttl, _ := granted(some(60*day), period, explicit, age)
			if ttl <= 0 {
				break
			}
			if end := age + ttl; explicit > 0 && end > explicit || period == 0 && end > MaxTTL || ttl > MaxTTL {
				t.Fatalf("period %s, explicit end %s: at the age of %s it got %s", period, explicit, age, ttl)
			}
			age += time.Duration(r.Int64N(int64(ttl))) // some time later, before it expires
		}
	}
}

// pushTime moves replicated time ahead of this node's clock.
func (n *node) pushTime(d time.Duration) {
	n.t.Helper()
	n.numbering.Lock()
	n.numbering.seq++
	entry, err := n.sealCommandLocked(&state.Numbered{
		Epoch: n.numbering.epoch, Seq: n.numbering.seq, At: time.Now().Add(d).UnixNano(), Proposal: newProposal(), Command: &state.Tick{},
	})
	if err != nil {
		n.numbering.Unlock()
		n.t.Fatal(err)
	}
	proposal := n.store.Enqueue(entry)
	n.numbering.Unlock()
	if _, err := proposal.Wait(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) token(req TokenRequest) (string, TokenInfo) {
	n.t.Helper()
	tok, info, err := n.CreateToken(n.t.Context(), n.rootCall("auth/token/create"), req)
	if err != nil {
		n.t.Fatal(err)
	}
	return tok.Reveal(), info
}

// authenticates says whether a token is accepted now.
func (n *node) authenticates(token string) bool {
	n.t.Helper()
	c, err := n.Begin(Origin{RequestID: newUUID(), Method: "GET", Path: "auth/token/lookup-self", Remote: "127.0.0.1"})
	if err != nil {
		n.t.Fatal(err)
	}
	if err = n.Authenticate(c, token); err != nil && !errors.Is(err, ErrInvalidToken) {
		n.t.Fatal(err)
	}
	return err == nil
}

// Both ends of a lifetime go by the later of the two clocks: a clock that was set
// back neither wakes a token nor makes one that lives longer than was said.
func TestLifetimesGoByTheLaterClock(t *testing.T) {
	n := newNode(t)
	hour, info := n.token(TokenRequest{Policies: []string{"default"}, TTL: time.Hour})
	week, _ := n.token(TokenRequest{Policies: []string{"default"}, TTL: 7 * day})
	if info.Left != time.Hour || !n.authenticates(hour) {
		t.Fatalf("an hour: %+v", info)
	}
	n.pushTime(2 * time.Hour)
	if n.authenticates(hour) {
		t.Error("a token lives on that the cluster takes for expired")
	}
	if !n.authenticates(week) {
		t.Error("a token is gone before its time")
	}
	renewed, err := n.RenewToken(t.Context(), n.rootCall("auth/token/renew"), TokenRef{Token: TokenFrom(week)}, time.Hour)
	if err != nil || renewed.Left > time.Hour || renewed.Left < time.Hour-time.Minute {
		t.Errorf("renewed by an hour: %s, %v", renewed.Left, err)
	}
	if _, info := n.token(TokenRequest{Policies: []string{"default"}, TTL: time.Hour}); info.Left > time.Hour {
		t.Errorf("a new token of an hour has %s", info.Left)
	}
	looked, err := n.LookupToken(n.rootCall("auth/token/lookup"), TokenRef{Token: TokenFrom(week)})
	if err != nil || looked.Left > time.Hour {
		t.Errorf("looked up: %s left, %v", looked.Left, err)
	}
	if _, err := n.LookupToken(n.rootCall("auth/token/lookup"), TokenRef{Token: TokenFrom(hour)}); !errors.Is(err, ErrTokenNotFound) {
		t.Errorf("looked up after its end: %v", err)
	}
}

// CVE-2021-32923: a lease renewed within a second of its limit became one without
// an end. And no renewal, however late, moves the end past the limit.
func TestExpiringTokensDoNotBecomeImmortal(t *testing.T) {
	n := newNode(t)
	for _, c := range []struct {
		name  string
		req   TokenRequest
		limit time.Duration
	}{
		{"the longest lifetime", TokenRequest{TTL: MaxTTL}, MaxTTL},
		{"explicit end", TokenRequest{TTL: time.Hour, ExplicitMax: 2 * time.Hour}, 2 * time.Hour},
		{"period and explicit end", TokenRequest{Period: time.Hour, ExplicitMax: 3 * time.Hour}, 3 * time.Hour},
	} {
		c.req.Policies = []string{"default"}
		text, _ := n.token(c.req)
		record := n.view.Load().Token(TokenFrom(text).hash())
		end := record.Created + int64(c.limit)
		for _, before := range []time.Duration{time.Second + 1, time.Second, time.Second - 1, time.Millisecond, 1} {
			call := &Call{view: &view{State: &state.State{Time: end - int64(before)}}, token: record}
			cmd, err := call.renewal(record, 1000*time.Hour)
			if err != nil {
				t.Fatalf("%s, %s before: %v", c.name, before, err)
			}
			if got := cmd.(*state.RenewToken).Expire; got != end {
				t.Errorf("%s, %s before its end: renewed to %d, want %d", c.name, before, got, end)
			}
		}
		for _, after := range []time.Duration{0, 1, time.Second, 90 * day} {
			call := &Call{view: &view{State: &state.State{Time: end + int64(after)}}, token: record}
			if cmd, err := call.renewal(record, time.Hour); !errors.Is(err, ErrTokenNotRenewable) {
				t.Errorf("%s, %s after its end: %+v, %v", c.name, after, cmd, err)
			}
		}
	}
}

func TestPeriodicTokensLiveAsLongAsTheyAreRenewed(t *testing.T) {
	n := newNode(t)
	text, info := n.token(TokenRequest{Policies: []string{"default"}, Period: 10 * day, TTL: 10 * time.Minute})
	if info.TTL != 10*day || info.Period != 10*day {
		t.Fatalf("%+v", info)
	}
	at := time.Duration(0)
	for at < 3*MaxTTL {
		at += 9 * day
		n.pushTime(at)
		got, err := n.RenewToken(t.Context(), n.call(text, "POST", "auth/token/renew-self"), TokenRef{Self: true}, time.Minute)
		if err != nil || got.Left != 10*day {
			t.Fatalf("after %s: %s, %v", at, got.Left, err)
		}
	}
	n.pushTime(at + 10*day)
	if n.authenticates(text) {
		t.Error("a periodic token that nobody renewed lives on")
	}
}
