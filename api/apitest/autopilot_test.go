package apitest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

const (
	autopilotConfig = "sys/storage/raft/autopilot/configuration"
	autopilotState  = "sys/storage/raft/autopilot/state"
)

// hasty is a daemon that takes a node for dead after a second, if it is told to.
var hasty = apitest.Changed(
	apitest.Edit{File: "kms/autopilot_tend.go", Old: "minDeadAfter  = time.Minute", New: "minDeadAfter  = time.Second"},
)

// The settings of autopilot, on a node alone: what is absent stays, and what makes no
// sense is refused.
func TestTheSettingsOfAutopilot(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	read := func() any { return wantStatus(t, n.Get(autopilotConfig, n.Root()), 200).At("data") }
	same := func(what string, want object) {
		t.Helper()
		if where := missing(apitest.Reply{Body: mustJSON(t, want)}.At(), read()); where != "" {
			t.Errorf("%s: %v differs at%s from %v", what, read(), where, want)
		}
	}
	settings := object{
		"cleanup_dead_servers": false, "dead_server_last_contact_threshold": "24h0m0s", "last_contact_threshold": "10s",
		"max_trailing_logs": 1000, "min_quorum": 0, "server_stabilization_time": "2s",
	}
	same("at first", settings)
	for what, body := range map[string]object{
		"too soon":          {"dead_server_last_contact_threshold": "59s"},
		"no quorum":         {"cleanup_dead_servers": true},
		"a quorum of two":   {"cleanup_dead_servers": true, "min_quorum": 2},
		"negative":          {"min_quorum": -1},
		"no contact":        {"last_contact_threshold": 0},
		"nothing behind":    {"max_trailing_logs": 0},
		"no duration":       {"server_stabilization_time": "soon"},
		"more than can be":  {"min_quorum": 8},
		"half of it is bad": {"max_trailing_logs": 7, "min_quorum": 100000},
	} {
		if r := n.Post(autopilotConfig, n.Root(), body); r.Status != 400 {
			t.Errorf("%s: %s", what, r)
		}
	}
	same("after refusals", settings)
	// As Vault's clients send it: numbers as texts, times as seconds or texts.
	wantStatus(t, n.Post(autopilotConfig, n.Root(), object{
		"cleanup_dead_servers": true, "min_quorum": "3", "dead_server_last_contact_threshold": 90, "server_stabilization_time": "0s", "disable_upgrade_migration": true,
	}), 204)
	settings["cleanup_dead_servers"], settings["min_quorum"] = true, 3
	settings["dead_server_last_contact_threshold"], settings["server_stabilization_time"] = "1m30s", "0s"
	same("after a change", settings)
	n.Restart()
	n.Unseal()
	same("after a restart", settings)

	reader := n.Allow("reads", "sys/storage/raft/*", "read")
	writer := n.Allow("writes", "sys/storage/raft/*", "update", "create") // and no sudo
	wantError(t, n.Post(autopilotConfig, writer, object{"min_quorum": 5}), 403, "permission_denied")
	wantError(t, n.Get(autopilotState, writer), 403, "permission_denied")
	wantError(t, n.Get(autopilotConfig, writer), 403, "permission_denied")
	st := wantStatus(t, n.Get(autopilotState, reader), 200)
	if st.At("data", "healthy") != true || number(t, st, "data", "failure_tolerance") != 0 || len(strs(st, "data", "voters")) != 1 {
		t.Errorf("a node alone: %s", st)
	}
}

// The leader sees who is dead, whoever is asked, and removes it once when it is told
// to; never below the quorum that must stay.
func TestDeadNodesAreCleanedUp(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 4, apitest.Runs(hasty.Path(t)))
	root := c.Nodes[0].Root()
	c.Eventually("all nodes are healthy, as each of them says", func() bool {
		for _, n := range c.Nodes {
			st := n.Get(autopilotState, root)
			if st.At("data", "healthy") != true || fmt.Sprint(st.At("data", "failure_tolerance")) != "1" || len(strs(st, "data", "voters")) != 4 || st.Text("data", "leader") != c.Leader().ID() {
				return false
			}
		}
		return true
	})
	server := wantStatus(t, c.Followers()[0].Get(autopilotState, root), 200).At("data", "servers", c.Leader().ID()).(map[string]any)
	if server["status"] != "leader" || server["node_status"] != "alive" || server["node_type"] != "voter" || server["healthy"] != true || server["last_contact"] != "0s" || server["version"] == "" {
		t.Errorf("the leader: %v", server)
	}
	if at, err := time.Parse(time.RFC3339, server["stable_since"].(string)); err != nil || time.Since(at) < 0 {
		t.Errorf("stable since %v (%v)", server["stable_since"], err)
	}

	// Off by default: a dead node stays.
	f := c.Followers()
	asker, dead, second := f[0], f[1], f[2]
	dead.Kill()
	c.Eventually("a dead node shows", func() bool {
		st := asker.Get(autopilotState, root)
		return st.At("data", "healthy") == false && st.At("data", "servers", dead.ID(), "node_status") == "failed"
	})
	if m := member(t, asker, dead.ID()); m == nil {
		t.Fatal("a dead node was removed, and nobody asked for it")
	}
	// Four voters, and four must stay: it stays. Three must: it goes.
	set := func(body object) { wantStatus(t, asker.Post(autopilotConfig, root, body), 204) }
	set(object{"cleanup_dead_servers": true, "min_quorum": 4, "dead_server_last_contact_threshold": 1})
	for range 3 {
		before := len(removals(t, c.Leader()))
		time.Sleep(700 * time.Millisecond) // looks go by
		if m := member(t, asker, dead.ID()); m == nil || before != 0 {
			t.Fatal("a removal left fewer voters than must stay")
		}
	}
	set(object{"min_quorum": 3})
	c.Eventually("the dead node is removed", func() bool { return member(t, asker, dead.ID()) == nil })
	leader := c.Leader()
	c.Eventually("it is recorded", func() bool { return len(removals(t, leader)) > 0 })
	got := removals(t, leader)
	if len(got) != 1 || got[0].Outcome != audit.OutcomeOK || got[0].Fields["node_id"] != dead.ID() || !strings.Contains(got[0].Fields["reason"], "did not answer for") || got[0].DisplayName != "autopilot" {
		t.Errorf("records of the removal: %+v", got)
	}
	wantStatus(t, asker.Post("transit/keys/after", root, object{"type": "ed25519"}), 200)

	// Of three voters none goes, and the one that comes back is not touched.
	second.Kill()
	c.Eventually("the second dead node shows", func() bool {
		return asker.Get(autopilotState, root).At("data", "servers", second.ID(), "node_status") == "failed"
	})
	time.Sleep(2 * time.Second) // it is dead by the settings
	if m := member(t, asker, second.ID()); m == nil {
		t.Fatal("a removal left two voters")
	}
	second.Start()
	c.Unseal(second)
	c.Eventually("all three are healthy", func() bool { return asker.Get(autopilotState, root).At("data", "healthy") == true })
	if got := removals(t, leader); len(got) != 1 {
		t.Errorf("%d removals", len(got))
	}
	dead.Start() // it knows nothing of it, and hears nothing any more
	if r := dead.Get("sys/health", ""); r.Status != 503 {
		t.Errorf("a removed node says %s", r)
	}
	dead.Stop()
}

// removals are the outcomes of removals that a node made.
func removals(t *testing.T, n *apitest.Node) []audit.Parsed {
	t.Helper()
	recs, err := n.Audit()
	must(t, err)
	return slices.DeleteFunc(recs, func(r audit.Parsed) bool {
		return r.Operation != "sys/storage/raft/remove-peer" || r.Type != audit.TypeOutcome
	})
}

// Join tokens are listed without their secrets, on any node, and revoked.
func TestJoinTokensAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 2)
	leader, f, root := c.Leader(), c.Followers()[0], c.Nodes[0].Root()
	const path = "sys/storage/raft/join-token"
	list := func(n *apitest.Node) apitest.Reply { return n.Do("LIST", path, root, nil) }
	maker := f.Allow("invites", path, "create", "update", "sudo", "list")
	r := wantStatus(t, f.Post(path, maker, object{"node_id": "n3", "non_voter": true, "ttl": "10m"}), 200)
	token, id := r.Text("data", "join_token"), r.Text("data", "id")
	f.HandedOut("a join token", token)
	leader.HandedOut("a join token", token)
	for _, n := range c.Nodes {
		got := wantStatus(t, list(n), 200)
		info, _ := got.At("data", "key_info", id).(map[string]any)
		if !slices.Contains(strs(got, "data", "keys"), id) || info["node_id"] != "n3" || info["non_voter"] != true || info["created_by"] == "" || info["expires_at"] == "" {
			t.Errorf("on %s: %s", n.ID(), got)
		}
		secret := strings.Split(token, ".")[2]
		if strings.Contains(string(got.Body), secret) {
			t.Error("the list has the secret")
		}
	}
	wantError(t, f.Do("DELETE", path+"/"+id, maker, nil), 403, "permission_denied")
	wantError(t, f.Do("LIST", path, f.Allow("lists", path, "list"), nil), 403, "permission_denied") // without sudo
	wantError(t, f.Do("DELETE", path+"/nothing", root, nil), 404, "not_found")
	for range 2 { // the second time under the same key is the first one
		wantStatus(t, f.Do("DELETE", path+"/"+id, root, nil, onceHeader, "revoke"), 204)
	}
	wantError(t, leader.Do("DELETE", path+"/"+id, root, nil), 404, "not_found")
	n := c.Add("n3")
	n.Start()
	wantError(t, joins(n, leader, token), 400, "invalid_credentials")
	n.Stop()
	// One that was used is listed as such, and its node stays when it is revoked.
	used := c.JoinToken("n3", true)
	n.Start()
	wantStatus(t, joins(n, leader, used), 200)
	c.Admitted(n)
	id = strings.Split(used, ".")[1]
	c.Eventually("the token is used", func() bool { return list(f).Text("data", "key_info", id, "used_by") != "" })
	wantStatus(t, f.Do("DELETE", path+"/"+id, root, nil), 204)
	if m := member(t, f, "n3"); m == nil {
		t.Error("the node went with its token")
	}
}
