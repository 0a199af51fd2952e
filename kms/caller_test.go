package kms

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/signet-kms/signet/kms/state"
)

// A write that was authenticated before its token was revoked does not take effect after
// the revocation: an orphan token made by it would be a way around it.
func TestAWriteOfARevokedToken(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	begin := func(uses int64) (orphan, rotate, demote, stepDown *Call, revoke func()) {
		token, info, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"root"}, Uses: uses})
		if err != nil {
			t.Fatal(err)
		}
		orphan = n.call(token.Reveal(), "POST", "auth/token/create-orphan")
		rotate = n.call(token.Reveal(), "POST", "transit/keys/web/rotate")
		demote = n.call(token.Reveal(), "POST", "sys/storage/raft/demote")
		stepDown = n.call(token.Reveal(), "POST", "sys/step-down")
		return orphan, rotate, demote, stepDown, func() {
			if err := n.RevokeToken(t.Context(), n.rootCall("auth/token/revoke-accessor"), TokenRef{Accessor: info.Accessor}, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	orphan, rotate, demote, stepDown, revoke := begin(0)
	revoke()
	before := len(n.view.Load().Accessors())
	if _, _, err := n.CreateToken(t.Context(), orphan, TokenRequest{Orphan: true}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("an orphan token: %v", err)
	}
	if got := len(n.view.Load().Accessors()); got != before {
		t.Errorf("%d tokens, %d before", got, before)
	}
	if _, err := n.RotateKey(t.Context(), rotate, ref); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a rotation: %v", err)
	}
	if err := n.DemoteMember(t.Context(), demote, n.store.Identity().NodeID); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a change of a member: %v", err)
	}
	change := stepDown.memberChange(memberLead, "")
	if err := n.Transfer(t.Context(), stepDown, ""); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a change of the leader: %v", err)
	}
	if body, err := json.Marshal(change); err != nil {
		t.Error(err)
	} else if sealed, err := n.sealBetween(memberName, body); err != nil {
		t.Error(err)
	} else if _, err := n.answerPeer(t.Context(), "another", opMember, sealed); Code(err) == "" || err.Error() != ErrInvalidToken.Error() {
		t.Errorf("a change of the leader that another member asks for: %v", err)
	}
	// The last use of a token takes it away, and what the others were spent on is done.
	_, rotate, _, _, _ = begin(4)
	if _, err := n.RotateKey(t.Context(), rotate, ref); err != nil {
		t.Errorf("the request of a counted token: %v", err)
	}
}

// The parent stands for a token whose uses are counted.
func TestTheAuthorityOfACall(t *testing.T) {
	of := func(tok *state.Token, counted bool) string {
		return string((&Call{token: tok, counted: counted}).authority())
	}
	child := &state.Token{Hash: []byte("child"), Parent: []byte("parent")}
	if of(nil, false) != "" || of(child, false) != "child" || of(child, true) != "parent" {
		t.Error("another token stands for the call")
	}
}
