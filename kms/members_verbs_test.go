package kms

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal/barrier"
)

// The key of a node lies on its disk in clear, and lets whoever has it speak on the
// cluster port. It is not enough to change who belongs to the cluster.
func TestAMemberProvesThatItIsUnsealed(t *testing.T) {
	n := newNode(t)
	body, err := json.Marshal(memberChange{What: memberDemote, NodeID: n.store.Identity().NodeID, Proposal: newProposal()})
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(name barrier.Name) []byte {
		out, err := n.sealBetween(name, body)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	code := func(message []byte) string {
		_, err := n.answerPeer(t.Context(), "another", opMember, message)
		refusal := (*raftstore.PeerError)(nil)
		if !errors.As(err, &refusal) {
			t.Fatalf("%v", err)
		}
		return refusal.Code
	}
	for what, message := range map[string][]byte{"in clear": body, "sealed as a proposal": sealed(forwardedName), "nothing": nil} {
		if got := code(message); got != codeNotProposed {
			t.Errorf("%s: %s", what, got)
		}
	}
	if got := code(sealed(memberName)); got != ErrBadRequest.code { // the only voter
		t.Errorf("sealed: %s", got)
	}
	before := len(n.auditLog())
	code(body)
	if len(n.auditLog()) != before {
		t.Error("a request of nobody is in the audit log")
	}
}

// Autopilot found a node dead while there were enough voters, and one was removed since.
func TestAVoteIsNotTakenBelowMinQuorum(t *testing.T) {
	n := newNode(t)
	change := &memberChange{What: memberRemove, NodeID: n.store.Identity().NodeID, Proposal: newProposal(), minVoters: 3}
	if _, err := n.changeHere(t.Context(), change); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "min_quorum is 3") {
		t.Errorf("%v", err)
	}
	change.minVoters = 0
	if _, err := n.changeHere(t.Context(), change); err == nil || strings.Contains(err.Error(), "min_quorum") {
		t.Errorf("asked by an operator: %v", err)
	}
}
