package apitest_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// A token of n uses is good for n requests, whatever they ask for, and says how
// many are left.
func TestATokenOfCountedUses(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("maker", `path "auth/token/*" { capabilities = ["update", "sudo"] }`)
	auth := newToken(t, n, n.Root(), object{"policies": "maker", "num_uses": 5})
	token, accessor := auth.Text("auth", "client_token"), auth.Text("auth", "accessor")
	if number(t, auth, "auth", "num_uses") != 5 {
		t.Errorf("auth: %s", auth)
	}
	left := func() int64 {
		return number(t, wantStatus(t, n.Post("auth/token/lookup-accessor", n.Root(), object{"accessor": accessor}), 200), "data", "num_uses")
	}
	if left() != 5 {
		t.Error("a look from outside spends a use")
	}
	r := wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	if number(t, r, "data", "num_uses") != 4 || left() != 4 {
		t.Errorf("after the first: %s", r)
	}
	wantError(t, n.Get("sys/mounts", token), 403, "permission_denied")
	for _, path := range []string{"create", "create-orphan"} { // with the last use, too
		r := wantError(t, n.Post("auth/token/"+path, token, object{"policies": "default"}), 400, "bad_request")
		wantText(t, r, "restricted use token cannot generate child tokens")
	}
	if r := wantStatus(t, n.Get("auth/token/lookup-self", token), 200); number(t, r, "data", "num_uses") != -1 || r.Text("data", "id") != token {
		t.Errorf("the last: %s", r)
	}
	r = wantError(t, n.Get("auth/token/lookup-self", token), 403, "invalid_token")
	wantText(t, r, "permission denied")
	wantError(t, n.Post("auth/token/lookup-accessor", n.Root(), object{"accessor": accessor}), 403, "token_not_found")
	uses := records(t, n, func(rec audit.Parsed) bool { return rec.Operation == "auth/token/use" && rec.Accessor == accessor })
	if len(uses) != 10 { // intent and outcome
		t.Errorf("%d records of 5 uses", len(uses))
	}
	again := newToken(t, n, n.Root(), object{"policies": "default", "num_uses": "2", "ttl": "1h"}).Text("auth", "client_token")
	if r := wantStatus(t, n.Do("PUT", "auth/token/renew-self", again, object{"increment": "30m"}), 200); number(t, r, "auth", "num_uses") != 1 {
		t.Errorf("renewed: %s", r)
	}
	wantStatus(t, n.Do("PUT", "auth/token/revoke-self", again, nil), 204)
}

// However many requests come at once, and wherever the process is killed, no more
// are served than there are uses.
func TestNoKillGivesAUseBack(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Policy("signer", `path "transit/sign/web" { capabilities = ["update"] }`)
	const uses = 120
	token := newToken(t, n, n.Root(), object{"policies": "signer", "num_uses": uses}).Text("auth", "client_token")
	var served, refused atomic.Int64
	stream := func(stop func() bool) *sync.WaitGroup {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for !stop() {
					r, err := n.Send("POST", "transit/sign/web", token, object{"input": "aGk="})
					switch {
					case err == nil && r.Status == 200:
						served.Add(1)
					case err == nil && r.Code() == "invalid_token":
						refused.Add(1)
						return
					}
				}
			})
		}
		return &wg
	}
	for round := range int64(3) {
		var over atomic.Bool
		wg := stream(over.Load)
		eventually(t, "some are served", func() bool { return served.Load() >= 20*(round+1) || refused.Load() != 0 })
		n.Kill()
		over.Store(true)
		wg.Wait()
		n.Start()
		n.Unseal()
	}
	before := served.Load()
	stream(func() bool { return false }).Wait()
	// A use that was spent when the process was killed may have served nobody.
	if got := served.Load(); got > uses || got < uses-3*8 || before == 0 || refused.Load() == 0 {
		t.Errorf("%d requests were served on %d uses, %d of them before the last start", got, uses, before)
	}
	wantError(t, n.Post("transit/sign/web", token, object{"input": "aGk="}), 403, "invalid_token")
}

// Period and explicit end, as Vault's clients see them.
func TestPeriodsAndExplicitEnds(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	const longest = 768 * 3600
	for _, c := range []struct {
		body            object
		lease, warnings int64
		renewed, more   int64 // lease after a renewal by 1,000 hours, and its warnings
	}{
		{object{"ttl": "1h"}, 3600, 0, longest, 1},
		{object{"ttl": "500ms"}, 1, 0, longest, 1},
		{object{"ttl": "768h"}, longest, 0, longest, 1},
		{object{"ttl": "769h"}, longest, 1, longest, 1},
		{object{}, longest, 0, longest, 1},
		{object{"explicit_max_ttl": "2h"}, 7200, 0, 7200, 1},
		{object{"ttl": "1h", "explicit_max_ttl": 7200}, 3600, 0, 7200, 1},
		{object{"ttl": "3h", "explicit_max_ttl": "7200"}, 7200, 1, 7200, 1},
		{object{"ttl": "1h", "explicit_max_ttl": "2000h"}, 3600, 0, longest, 1},
		{object{"period": "1h"}, 3600, 0, 3600, 0},
		{object{"period": "1h", "ttl": "20h"}, 3600, 0, 3600, 0},
		{object{"period": "800h"}, longest, 1, longest, 0},
		{object{"period": "100ms"}, 1, 0, 1, 0},
		{object{"period": "3h", "explicit_max_ttl": "2h"}, 7200, 1, 7200, 2},
		{object{"period": "1h", "explicit_max_ttl": "2000h"}, 3600, 0, 3600, 0},
		{object{"policies": "root", "period": "1h"}, 3600, 0, 3600, 0},
		{object{"policies": "root", "explicit_max_ttl": "1h"}, 3600, 0, 3600, 1},
	} {
		if c.body["policies"] == nil {
			c.body["policies"] = "default"
		}
		auth := newToken(t, n, n.Root(), c.body)
		token := auth.Text("auth", "client_token")
		near := func(got, want int64) bool { return got <= want && got >= want-60 }
		if got := number(t, auth, "auth", "lease_duration"); got != c.lease || int64(len(strs(auth, "warnings"))) != c.warnings || auth.At("auth", "renewable") != true {
			t.Errorf("%v: %s", c.body, auth)
		}
		if c.lease > 1 {
			r := wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
			if number(t, r, "data", "creation_ttl") != c.lease || r.At("data", "explicit_max_ttl") == nil || r.At("data", "last_renewal") != nil {
				t.Errorf("%v: %s", c.body, r)
			}
			if period := r.At("data", "period"); (period != nil) != (c.body["period"] != nil) {
				t.Errorf("%v: period %v", c.body, period)
			}
		}
		r := n.Post("auth/token/renew", n.Root(), object{"token": token, "increment": "1000h"})
		if r.Code() == "token_not_found" && c.lease == 1 {
			continue // it took a second to get here
		}
		if got := number(t, r, "auth", "lease_duration"); !near(got, c.renewed) && got != c.renewed || int64(len(strs(r, "warnings"))) != c.more || r.Text("auth", "client_token") != token {
			t.Errorf("%v renewed: %s", c.body, r)
		}
		if r := n.Get("auth/token/lookup-self", token); r.Status == 200 && (r.Text("data", "last_renewal") == "" || number(t, r, "data", "last_renewal_time") == 0) {
			t.Errorf("%v: when was it renewed? %s", c.body, r)
		}
	}
}

// What needs sudo is refused without it, and nothing is made.
func TestWhatOnlySudoMayAskOfATOken(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("maker", `path "auth/token/*" { capabilities = ["create", "read", "update", "list"] }`)
	n.Policy("sudo-maker", `path "auth/token/*" { capabilities = ["read", "update", "list", "sudo"] }`)
	maker, sudo := n.NewToken("maker"), n.NewToken("sudo-maker")
	n.Must("auth/token/roles/plain", object{"allowed_policies": "maker"})
	n.Must("auth/token/roles/periodic", object{"token_period": "2h", "orphan": true})
	accessors := func() int { return len(strs(n.Do("LIST", "auth/token/accessors", sudo, nil), "data", "keys")) }
	before := accessors()
	for _, c := range []struct {
		path string
		body object
	}{
		{"create", object{"period": "1h"}}, {"create", object{"period": 1}}, {"create", object{"no_parent": true}}, {"create-orphan", object{"period": "1h"}},
		{"create/plain", object{"period": "1h"}}, {"create/plain", object{"no_parent": true}}, {"create/gone", object{"period": "1h"}},
		{"revoke-orphan", object{"token": maker}},
	} {
		wantError(t, n.Post("auth/token/"+c.path, maker, c.body), 403, "permission_denied")
	}
	wantError(t, n.Do("LIST", "auth/token/accessors", maker, nil), 403, "permission_denied")
	wantError(t, n.Get("auth/token/accessors?list=true", maker), 403, "permission_denied")
	if after := accessors(); before == 0 || after != before {
		t.Errorf("%d tokens, then %d", before, after)
	}
	for path, body := range map[string]object{"create": {"period": "1h"}, "create/plain": {"period": "1h", "no_parent": true}} {
		if r := wantStatus(t, n.Post("auth/token/"+path, sudo, body), 200); number(t, r, "auth", "lease_duration") != 3600 {
			t.Errorf("%s: %s", path, r)
		}
	}
	// The role's period, and its orphans, are for everybody who may use it.
	r := wantStatus(t, n.Post("auth/token/create/periodic", maker, object{"period": "1h", "no_parent": true}), 200)
	if number(t, r, "auth", "lease_duration") != 3600 || r.At("auth", "orphan") != true || len(strs(r, "warnings")) != 1 {
		t.Errorf("the lesser of two periods: %s", r)
	}
	for _, c := range []struct {
		body object
		text string
	}{
		{object{"num_uses": -1}, "number of uses cannot be negative"}, {object{"num_uses": 1 << 40}, "num_uses is at most"}, {object{"num_uses": 1.5}, "num_uses"},
		{object{"explicit_max_ttl": "2562047h"}, "explicit_max_ttl is at most"}, {object{"explicit_max_ttl": "-1s"}, "explicit_max_ttl"}, {object{"period": "-1s"}, "period"},
		{object{"ttl": "-1s"}, "ttl"}, {object{"entity_alias": "a"}, "entity_alias"}, {object{"type": "batch"}, "type"}, {object{"id": "chosen"}, "id"},
	} {
		wantText(t, n.Post("auth/token/create", sudo, c.body), c.text)
		if r := n.Post("auth/token/create", sudo, c.body); r.Status != 400 {
			t.Errorf("%v: %s", c.body, r)
		}
	}
}

// Accessors name tokens and are none; they show no token, and what they may be
// used for is a right of its own (attack 50: of others' tokens by their ids).
func TestAccessorsAreNoWayIn(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Policy("tenant", `path "transit/sign/tenant" { capabilities = ["update"] }`)
	n.Policy("janitor", `path "auth/token/accessors" { capabilities = ["list", "sudo"] }
path "auth/token/lookup-accessor" { capabilities = ["update"] }
path "auth/token/revoke-accessor" { capabilities = ["update"] }`)
	victim := newToken(t, n, n.Root(), object{"policies": "tenant", "ttl": "1h"})
	token, accessor := victim.Text("auth", "client_token"), victim.Text("auth", "accessor")
	other := n.NewToken("tenant")
	wantError(t, n.Get("auth/token/lookup-self", accessor), 403, "invalid_token")
	for path, body := range map[string]object{
		"lookup-accessor": {"accessor": accessor}, "renew-accessor": {"accessor": accessor}, "revoke-accessor": {"accessor": accessor},
		"lookup": {"token": token}, "renew": {"token": token}, "revoke": {"token": token}, "revoke-orphan": {"token": token},
	} {
		wantError(t, n.Post("auth/token/"+path, other, body), 403, "permission_denied")
	}
	// What stands in the body of a request about oneself names nobody else.
	self := n.Do("PUT", "auth/token/lookup-self", n.NewToken("janitor"), object{"token": token, "accessor": accessor})
	wantError(t, self, 403, "permission_denied") // default gives read alone
	r := wantStatus(t, n.Do("PUT", "auth/token/renew-self", other, object{"token": token, "accessor": accessor, "increment": "2h"}), 200)
	if r.Text("auth", "accessor") == accessor {
		t.Errorf("another's token was renewed: %s", r)
	}
	wantStatus(t, n.Do("PUT", "auth/token/revoke-self", other, object{"token": token, "accessor": accessor}), 204)
	if left := number(t, n.Get("auth/token/lookup-self", token), "data", "ttl"); left > 3600 || left < 3000 {
		t.Errorf("the other's token has %d seconds", left)
	}
	janitor := n.NewToken("janitor")
	list := wantStatus(t, n.Do("LIST", "auth/token/accessors", janitor, nil), 200)
	if keys := strs(list, "data", "keys"); len(keys) < 4 || fmt.Sprint(keys) != fmt.Sprint(strs(n.Get("auth/token/accessors?list=true", n.Root()), "data", "keys")) {
		t.Errorf("accessors: %s", list)
	}
	found := wantStatus(t, n.Post("auth/token/lookup-accessor", janitor, object{"accessor": accessor}), 200)
	if found.Text("data", "id") != "" {
		t.Errorf("an accessor shows its token: %s", found)
	}
	for _, id := range []string{token, " " + accessor, accessor + " ", "", accessor[1:]} {
		wantError(t, n.Post("auth/token/lookup-accessor", janitor, object{"accessor": id}), 403, "token_not_found")
	}
	wantError(t, n.Post("auth/token/lookup", n.Root(), object{"token": accessor}), 403, "token_not_found")
	wantStatus(t, n.Post("auth/token/revoke-accessor", janitor, object{"accessor": accessor}), 204)
	if alive(n, token) {
		t.Error("revoked by its accessor, and alive")
	}
}
