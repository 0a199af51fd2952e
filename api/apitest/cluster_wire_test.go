package apitest_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// How a cluster shows itself on the wire. One cluster serves all of it.
func TestWhatAClusterSaysOnTheWire(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3, apitest.Durability("os"))
	noFalseNegative(t, c)
	indexesOnTheWire(t, c)
	effectiveEverywhere(t, c)
	clusterMetrics(t, c)
	countedThroughFollowers(t, c)
	selfMadeWork(t, c)
}

// What the leader acknowledged is there on a follower at once, though it learns of a
// commit some milliseconds later.
func noFalseNegative(t *testing.T, c *apitest.Cluster) {
	leader := c.Leader()
	root := leader.Root()
	for round := range 8 {
		for i, f := range c.Followers() {
			name := fmt.Sprintf("stale-%d-%d", round, i)
			leader.Must("transit/keys/"+name, object{"type": "ecdsa-p256"})
			wantStatus(t, f.Post("transit/sign/"+name, root, object{"batch_input": []object{{"input": "aGk="}}}), 200)
			leader.Must("transit/keys/"+name+"-2", object{"type": "ed25519"})
			wantStatus(t, f.Get("transit/keys/"+name+"-2", root), 200)
			token := leader.NewToken("default")
			wantStatus(t, f.Get("auth/token/lookup-self", token), 200)
			name = "i-" + name
			leader.Must("jwt/issuers/"+name, object{"issuer": "https://" + name + ".example", "alg": "ES256"})
			wantStatus(t, f.Get("/issuers/"+name+"/jwks.json", ""), 200)
			leader.Must("jwt/issuers/"+name+"/profiles/access", object{"audience": []string{"api://a"}})
			signed := leader.Must("jwt/sign/"+name+"/access", object{"sub": "u", "aud": "api://a"}).Text("data", "token")
			if v := wantStatus(t, f.Post("jwt/verify/"+name, root, object{"token": signed, "audience": "api://a"}), 200); v.At("data", "active") != true {
				t.Errorf("verified on a follower: %s", v)
			}
			leader.Must("auth/approle/role/r"+name, object{"token_policies": "default"})
			id := leader.Get("auth/approle/role/r"+name+"/role-id", root).Text("data", "role_id")
			secret := leader.Must("auth/approle/role/r"+name+"/secret-id", nil).Text("data", "secret_id")
			wantStatus(t, f.Post("auth/approle/login", "", object{"role_id": id, "secret_id": secret}), 200)
		}
	}
	// What is really not there is refused, and recorded once, without its doubt.
	f := c.Followers()[0]
	for _, gone := range []struct {
		reply apitest.Reply
		code  string
	}{
		{f.Post("transit/sign/never-made", root, object{"input": "aGk="}), "key_not_found"},
		{f.Post("jwt/sign/never-made/x", root, object{"sub": "u"}), "issuer_not_found"},
		{f.Get("auth/token/lookup-self", "hvs.unknown"), "invalid_token"},
	} {
		if gone.reply.Code() != gone.code {
			t.Errorf("%s, want %s", gone.reply, gone.code)
		}
	}
	if n := len(records(t, f, func(r audit.Parsed) bool { return strings.Contains(r.Path, "sign/never-made") })); n != 2 {
		t.Errorf("%d records of two refusals", n)
	}
}

func indexOf(t *testing.T, r apitest.Reply) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(r.Header.Get("X-Signet-Index"), 10, 64)
	if err != nil || n == 0 {
		t.Fatalf("X-Signet-Index %q of %s", r.Header.Get("X-Signet-Index"), r)
	}
	return n
}

func indexesOnTheWire(t *testing.T, c *apitest.Cluster) {
	leader, root := c.Leader(), c.Nodes[0].Root()
	for round := range 10 {
		for _, f := range c.Followers() {
			// A list has no refusal that could be doubted, so this is about the header.
			name := fmt.Sprintf("index-%d-%s", round, f.ID())
			w := leader.Must("transit/keys/"+name, object{"type": "aes256-gcm96"})
			at := indexOf(t, w)
			for _, headers := range [][]string{{"X-Signet-Index", fmt.Sprint(at)}, {"X-Signet-Consistency", "strict"}} {
				r := wantStatus(t, f.Do("LIST", "transit/keys", root, nil, headers...), 200)
				if got := indexOf(t, r); got < at || !strings.Contains(string(r.Body), `"`+name+`"`) {
					t.Errorf("%v: decided at %d, written at %d: %s", headers, got, at, r)
				}
			}
			if again := indexOf(t, wantStatus(t, f.Post("transit/keys/"+name+"/config", root, object{"deletion_allowed": true}), 200)); again <= at {
				t.Errorf("a later write at %d, the earlier at %d", again, at)
			}
		}
	}
	for _, n := range c.Nodes {
		r := n.Do("GET", "transit/keys/index-0-x", root, nil, "X-Signet-Index", "999999999")
		wantError(t, r, 412, "index_unknown") // the leader is not there, and nobody will be
		for _, bad := range [][]string{{"X-Signet-Index", "x"}, {"X-Signet-Index", "-1"}, {"X-Signet-Index", "+1"}, {"X-Signet-Index", ""}, {"X-Signet-Index", "18446744073709551616"},
			{"X-Signet-Index", "1", "X-Signet-Index", "1"}, {"X-Signet-Consistency", "eventual"}, {"X-Signet-Consistency", ""}} {
			wantError(t, n.Do("GET", "auth/token/lookup-self", root, nil, bad...), 400, "bad_request")
		}
		refused := n.Get("sys/policies/acl/nothing-here", root)
		wantStatus(t, refused, 404)
		indexOf(t, refused)
		if refused.Header.Get("X-Vault-Index") != "" {
			t.Error("X-Vault-Index")
		}
	}
}

func effectiveEverywhere(t *testing.T, c *apitest.Cluster) {
	root := c.Nodes[0].Root()
	for i, n := range c.Nodes {
		name := fmt.Sprintf("barrier-%d", i)
		made := n.Must("transit/keys/"+name, object{"type": "ed25519"})
		if made.Header.Get("X-Signet-Effective") != "" {
			t.Error("what takes nothing away says that it is in force everywhere")
		}
		r := wantStatus(t, n.Do("POST", "transit/keys/"+name+"/rotate", root, nil, "Idempotency-Key", "rotate-"+name), 200)
		if _, err := strconv.Atoi(r.Header.Get("X-Signet-Barrier-Ms")); err != nil || r.Header.Get("X-Signet-Effective") != "everywhere" || r.At("data", "effective") != nil {
			t.Errorf("on %s: %v %s", n.ID(), r.Header, r)
		}
		// Again, on another node: what was done stays done, and is everywhere.
		again := wantStatus(t, c.Nodes[(i+1)%3].Do("POST", "transit/keys/"+name+"/rotate", root, nil, "Idempotency-Key", "rotate-"+name), 200)
		if !reflect.DeepEqual(again.At("data"), r.At("data")) {
			t.Errorf("%s and then %s", r, again)
		}
		n.Must("jwt/issuers/i-"+name, object{"issuer": "https://" + name + ".example", "alg": "ES256"})
		own := wantStatus(t, n.Post("jwt/issuers/i-"+name, root, object{"leeway": "7s"}), 200)
		if own.At("data", "name") != "i-"+name || own.At("data", "effective") != "everywhere" || own.At("data", "barrier_ms") == nil || own.Header.Get("X-Signet-Effective") != "everywhere" {
			t.Errorf("on %s: %s", n.ID(), own)
		}
	}
}

func clusterMetrics(t *testing.T, c *apitest.Cluster) {
	leader, root := c.Leader(), c.Nodes[0].Root()
	for _, n := range c.Nodes {
		body := string(n.Get("sys/metrics", root).Body)
		lines := map[string]string{}
		for line := range strings.Lines(body) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
				lines[name] = value
			}
		}
		leads := map[bool]string{true: "1", false: "0"}[n == leader]
		if lines["signet_leader"] != leads || lines["signet_lease_held"] != "1" || lines["signet_barrier_waits"] != "0" {
			t.Errorf("%s: leader %q, lease %q, waits %q", n.ID(), lines["signet_leader"], lines["signet_lease_held"], lines["signet_barrier_waits"])
		}
		left, err := strconv.ParseFloat(lines["signet_lease_left_seconds"], 64)
		if err != nil || left <= 0 || left > 2 {
			t.Errorf("%s: lease left %v %v", n.ID(), left, err)
		}
		if _, err := strconv.ParseFloat(lines["signet_raft_lag_entries"], 64); err != nil {
			t.Errorf("%s: lag %v", n.ID(), err)
		}
		if forwarded := lines["signet_forwarded_total"]; (forwarded != "0") != (n != leader) {
			t.Errorf("%s: forwarded %s", n.ID(), forwarded)
		}
		if barriers := lines["signet_barrier_seconds_count"]; (barriers != "0") != (n == leader) {
			t.Errorf("%s: barriers %s", n.ID(), barriers)
		}
	}
}

// Uses of tokens and secret ids, single uses, and encryptions are counted over the
// cluster, whichever nodes they come to.
func countedThroughFollowers(t *testing.T, c *apitest.Cluster) {
	leader, root := c.Leader(), c.Nodes[0].Root()
	all := append(c.Followers(), leader)

	limited := leader.Must("auth/token/create", object{"policies": "default", "num_uses": 4}).Text("auth", "client_token")
	secret := func() (string, string) {
		leader.Must("auth/approle/role/counted", object{"token_policies": "default", "secret_id_num_uses": 3})
		return leader.Get("auth/approle/role/counted/role-id", root).Text("data", "role_id"), leader.Must("auth/approle/role/counted/secret-id", nil).Text("data", "secret_id")
	}
	roleID, secretID := secret()
	mintable(leader, "counted", "ES256", object{"audience": []string{"api://a"}})
	once := leader.Must("jwt/sign/counted/access", object{"sub": "u", "aud": "api://a"}).Text("data", "token")
	var mu sync.Mutex
	good := map[string]int{}
	var wg sync.WaitGroup
	for range 3 {
		for _, n := range all {
			wg.Go(func() {
				count := func(what string, is bool) {
					mu.Lock()
					defer mu.Unlock()
					if is {
						good[what]++
					}
				}
				r, err := n.Send("GET", "auth/token/lookup-self", limited, nil)
				count("token", err == nil && r.Status == 200)
				r, err = n.Send("POST", "auth/approle/login", "", object{"role_id": roleID, "secret_id": secretID})
				count("secret id", err == nil && r.Status == 200)
				r, err = n.Send("POST", "jwt/verify/counted", root, object{"token": once, "audience": "api://a", "single_use": true})
				count("single use", err == nil && r.Status == 200 && r.At("data", "active") == true)
			})
		}
	}
	wg.Wait()
	if good["token"] != 4 || good["secret id"] != 3 || good["single use"] != 1 {
		t.Errorf("good: %v", good)
	}
	for _, n := range all {
		name := "box-" + n.ID()
		n.Must("transit/keys/"+name, object{"type": "aes256-gcm96"})
		n.Must("transit/encrypt/"+name, object{"plaintext": "aGk="})
		if len(records(t, n, func(r audit.Parsed) bool { return r.Operation == "transit/reserve-encryptions" && r.Key == name })) != 2 {
			t.Errorf("%s booked nothing for itself", n.ID())
		}
	}
}

// What nodes do by themselves the leader does alone, and operators may ask any node.
func selfMadeWork(t *testing.T, c *apitest.Cluster) {
	leader, root := c.Leader(), c.Nodes[0].Root()
	f := c.Followers()[0]
	before := f.Get("sys/key-status", root).At("data", "term")
	rotated := f.Post("sys/rotate", root, nil)
	if rotated.Status > 299 {
		t.Errorf("the barrier's term rotated through a follower: %s", rotated)
	}
	for _, n := range c.Nodes {
		if after := n.Do("GET", "sys/key-status", root, nil, "X-Signet-Consistency", "strict"); reflect.DeepEqual(after.At("data", "term"), before) {
			t.Errorf("on %s the term is %v still", n.ID(), before)
		}
	}
	f.Must("jwt/issuers/rotates", object{"issuer": "https://rotates.example", "jwks_max_age": 1, "leeway": 0, "rotation": object{"lead_time": 2}})
	f.Must("jwt/rotate/rotates", nil)
	c.Eventually("the issuer's next version is active", func() bool {
		return len(records(t, leader, func(r audit.Parsed) bool { return r.Operation == "jwt/activate" && r.Outcome == audit.OutcomeOK })) > 0
	})
	for _, n := range c.Followers() {
		if by := records(t, n, func(r audit.Parsed) bool { return strings.HasPrefix(r.DisplayName, "auto-") }); len(by) != 0 {
			t.Errorf("%s did %d things by itself, first %s", n.ID(), len(by), by[0].Operation)
		}
	}
	// Two nodes rotate one key at once: each rotation is one, or says to come again.
	f.Must("transit/keys/both", object{"type": "ed25519"})
	var wg sync.WaitGroup
	for _, n := range c.Nodes {
		wg.Go(func() {
			for done := 0; done < 5; {
				r, err := n.Send("POST", "transit/keys/both/rotate", root, nil)
				switch {
				case err == nil && r.Status == http.StatusOK:
					done++
				case err != nil || r.Status != http.StatusServiceUnavailable || r.Code() != "overloaded":
					done++
					t.Errorf("on %s: %v %s", n.ID(), err, r)
				}
			}
		})
	}
	wg.Wait()
	if r := f.Get("transit/keys/both", root); fmt.Sprint(r.At("data", "latest_version")) != "16" {
		t.Errorf("after 15 rotations: %v", r.At("data", "latest_version"))
	}
}
