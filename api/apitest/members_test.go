package apitest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// member is what a node says of another one.
func member(t *testing.T, n *apitest.Node, id string) map[string]any {
	t.Helper()
	servers, _ := wantStatus(t, n.Get("sys/storage/raft/configuration", n.Root()), 200).At("data", "config", "servers").([]any)
	for _, s := range servers {
		if m, _ := s.(map[string]any); m["node_id"] == id {
			return m
		}
	}
	return nil
}

func asked(id string) object { return object{"server_id": id} }

// Any node takes a change of the members and has the leader make it; both record it.
func TestMembersAreChangedFromAnyNode(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	followers := c.Followers()
	f1, f2, root := followers[0], followers[1], c.Nodes[0].Root()

	weak := f1.Allow("members", "sys/storage/raft/*", "update", "read") // and no sudo
	for _, path := range []string{"remove-peer", "promote", "demote"} {
		wantError(t, f1.Post("sys/storage/raft/"+path, weak, asked(f2.ID())), 403, "permission_denied")
		refused := wantError(t, f1.Post("sys/storage/raft/"+path, root, asked("nobody")), 404, "not_found")
		if !strings.Contains(refused.String(), "nobody") {
			t.Errorf("%s of an unknown node: %s", path, refused)
		}
	}
	wantError(t, f1.Post("sys/step-down", weak, object{}), 403, "permission_denied")
	if m := member(t, f1, f2.ID()); m["voter"] != true {
		t.Fatalf("a refused change changed something: %v", m)
	}

	wantStatus(t, f1.Post("sys/storage/raft/demote", root, asked(f2.ID())), 204)
	if m := member(t, f1, f2.ID()); m["voter"] != false || m["will_vote"] != false {
		t.Errorf("a demoted node: %v", m)
	}
	wantStatus(t, f2.Post("transit/keys/replica", root, object{"type": "ed25519"}), 200)
	refused := wantError(t, f1.Do(http.MethodPut, "sys/step-down", root, asked(f2.ID())), 400, "bad_request")
	if !strings.Contains(refused.String(), "has no vote") {
		t.Errorf("a replica was asked to lead: %s", refused)
	}
	wantStatus(t, f2.Post("sys/storage/raft/promote", root, asked(f2.ID())), 204)
	c.Settle()
	if m := member(t, c.Leader(), f2.ID()); m["voter"] != true {
		t.Errorf("a promoted node: %v", m)
	}
	wantTwoRecords(t, "sys/storage/raft/demote", f1, c.Leader())
}

// wantTwoRecords looks for the records of a change at the node that was asked and at
// the leader, which names the other one.
func wantTwoRecords(t *testing.T, operation string, asker, leader *apitest.Node) {
	t.Helper()
	find := func(n *apitest.Node, is func(audit.Parsed) bool) bool {
		recs, err := n.Audit()
		must(t, err)
		return slices.ContainsFunc(recs, func(r audit.Parsed) bool {
			return r.Operation == operation && r.Type == audit.TypeOutcome && r.Outcome == audit.OutcomeOK && is(r)
		})
	}
	if !find(asker, func(r audit.Parsed) bool { return r.Fields["asked_by"] == "" }) {
		t.Errorf("%s: node %s, which was asked, has no record", operation, asker.ID())
	}
	if !find(leader, func(r audit.Parsed) bool { return r.Fields["asked_by"] == asker.ID() }) {
		t.Errorf("%s: the leader has no record that names who asked", operation)
	}
}

// The lead goes where it was asked to go, and to nobody who could not use it.
func TestTheLeadIsHandedOver(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	leader, f, root := c.Leader(), c.Followers(), c.Nodes[0].Root()
	wantError(t, f[0].Post("sys/step-down", root, asked("nobody")), 404, "not_found")
	said := wantError(t, f[0].Post("sys/step-down", root, asked(leader.ID())), 400, "bad_request")
	if !strings.Contains(said.String(), "leads already") {
		t.Errorf("the leader was asked to lead: %s", said)
	}
	wantStatus(t, f[1].Post("sys/seal", root, nil), 204)
	if said := wantError(t, f[0].Post("sys/step-down", root, asked(f[1].ID())), 400, "bad_request"); !strings.Contains(said.String(), "is sealed") {
		t.Errorf("a sealed node was asked to lead: %s", said)
	}
	// Of the two others one is sealed: the lead goes to the other one.
	wantStatus(t, leader.Do(http.MethodPut, "sys/step-down", root, nil), 204)
	if now := c.Leader(); now != f[0] {
		t.Errorf("%s leads, want %s", now.ID(), f[0].ID())
	}
	c.Unseal(f[1])
	c.Settle()
	wantStatus(t, leader.Post("sys/step-down", root, asked(f[1].ID())), 204) // asked of a follower now
	if now := c.Leader(); now != f[1] {
		t.Errorf("%s leads, want %s", now.ID(), f[1].ID())
	}
	wantStatus(t, leader.Post("transit/keys/after", root, object{"type": "ed25519"}), 200)
}

// A node is removed for good: the leader too, dead ones too, but never so that those
// who are left could not decide anything.
func TestNodesAreRemoved(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root, leader, f := c.Nodes[0].Root(), c.Leader(), c.Followers()
	said := wantError(t, f[0].Post("sys/storage/raft/remove-peer", root, asked(f[0].ID())), 400, "bad_request")
	if !strings.Contains(said.String(), "ask another node") {
		t.Errorf("a node was asked to remove itself: %s", said)
	}
	// The leader, through a follower: it hands over first.
	wantStatus(t, f[0].Post("sys/storage/raft/remove-peer", root, asked(leader.ID())), 204)
	if h := leader.Get("sys/health", ""); h.Status != 503 {
		t.Errorf("a removed node says %s", h)
	}
	wantStatus(t, leader.Get("auth/token/lookup-self", root), 503)
	leader.Stop()
	leader.Start() // it says why it serves nothing, sealed as it is
	if h := leader.Get("sys/health", ""); h.Status != 503 || !strings.Contains(h.Text("why"), "was removed from the cluster") {
		t.Errorf("a removed node that was started again says %s", h)
	}
	leader.Stop()
	now := c.Leader()
	if m := member(t, now, leader.ID()); m != nil {
		t.Errorf("a removed node is listed: %v", m)
	}
	wantStatus(t, now.Post("transit/keys/two", root, object{"type": "ed25519"}), 200)

	// Two voters: with one of them dead there is no majority to remove it, and with
	// both alive one may go.
	other := f[0]
	if other == now {
		other = f[1]
	}
	wantStatus(t, now.Post("sys/storage/raft/remove-peer", root, asked(other.ID())), 204)
	other.Stop()
	for _, what := range []string{"remove-peer", "demote"} {
		said := wantError(t, now.Post("sys/storage/raft/"+what, root, asked(now.ID())), 400, "bad_request")
		if what == "demote" && !strings.Contains(said.String(), "only voter") {
			t.Errorf("the last voter: %s", said)
		}
	}
	wantStatus(t, now.Post("transit/keys/one", root, object{"type": "ed25519"}), 200)
}

// A vote is not taken when too few of the others answer: the change itself could not
// be decided any more.
func TestAVoteWithoutWhichThereIsNoMajorityIsNotTaken(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root, leader, f := c.Nodes[0].Root(), c.Leader(), c.Followers()
	f[1].Kill()
	for _, what := range []string{"remove-peer", "demote"} {
		said := wantError(t, leader.Post("sys/storage/raft/"+what, root, asked(f[0].ID())), 400, "bad_request")
		if !strings.Contains(said.String(), "no majority") || !strings.Contains(said.String(), f[1].ID()) {
			t.Errorf("%s of one of the last two that answer: %s", what, said)
		}
	}
	wantStatus(t, f[0].Post("sys/storage/raft/remove-peer", root, asked(f[1].ID())), 204) // the dead one may go
	wantStatus(t, f[0].Post("transit/keys/two", root, object{"type": "ed25519"}), 200)
	f[1].Start() // it knows nothing of it, and hears nothing any more
	if r := f[1].Get("sys/health", ""); r.Status != 503 {
		t.Errorf("a removed node says %s", r)
	}
	c.Eventually("it says that the others refuse it", func() bool {
		return strings.Contains(f[1].Get("sys/health", "").Text("why"), "the other members refuse this node's certificate")
	})
	f[1].Stop()
}
