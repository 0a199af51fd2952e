package kms

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

func TestARepeatedRenewalOfATokenThatIsGone(t *testing.T) {
	n := newNode(t)
	_, made, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{TTL: time.Hour, Policies: []string{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	ref := TokenRef{Accessor: made.Accessor}
	renew := func() error {
		_, err := n.RenewToken(t.Context(), n.keyed("auth/token/renew-accessor", "k", "body"), ref, time.Hour)
		return err
	}
	for range 2 {
		if err := renew(); err != nil {
			t.Fatal(err)
		}
	}
	revoke := func() error {
		return n.RevokeToken(t.Context(), n.keyed("auth/token/revoke-accessor", "r", "body"), ref, false)
	}
	for range 2 { // an accessor that is gone would be refused, the same request again is not
		if err := revoke(); err != nil {
			t.Fatal(err)
		}
	}
	if err := renew(); !errors.Is(err, ErrTokenNotFound) {
		t.Fatalf("a token that is gone was renewed: %v", err)
	}
}

// Who may create keys, and nothing else, gets its answer again; and no answer at
// all once the policy is gone.
func TestARepeatIsAskedOfPolicyAgain(t *testing.T) {
	n := newNode(t)
	allow := func(text string) {
		t.Helper()
		if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/p"), "p", text); err != nil {
			t.Fatal(err)
		}
	}
	allow(`path "transit/keys/*" { capabilities = ["create"] }`)
	token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	ref := KeyRef{Mount: "transit", Name: "web"}
	create := func() (KeyInfo, error) {
		c := n.call(token.Reveal(), "POST", "transit/keys/web")
		if err := c.Idempotent("k", []byte("body")); err != nil {
			t.Fatal(err)
		}
		return n.CreateKey(t.Context(), c, ref, CreateKeyRequest{Type: "ed25519"})
	}
	first, err := create()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := create(); err != nil || again.Versions[0].KID != first.Versions[0].KID {
		t.Fatalf("%+v, %v", again, err)
	}
	if _, err := n.CreateKey(t.Context(), n.call(token.Reveal(), "POST", "transit/keys/web"), ref, CreateKeyRequest{}); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("another request for a key that exists needs update: %v", err)
	}
	allow(`path "transit/keys/*" { capabilities = ["read"] }`)
	if _, err := create(); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("the policy changed since: %v", err)
	}
}

func TestARepeatIsWithheldWhenTheNodeSealsMeanwhile(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	rotate := func(c *Call) error {
		_, err := n.RotateKey(t.Context(), c, ref)
		return err
	}
	if err := rotate(n.keyed("transit/keys/web/rotate", "k", "")); err != nil {
		t.Fatal(err)
	}
	same, unchanged := n.keyed("transit/keys/web/rotate", "k", ""), n.rootCall("transit/keys/web/config")
	n.store.Leases().Rest() // as without a leader: nothing is known to be current
	if err := rotate(same); !errors.Is(err, ErrNoLease) {
		t.Errorf("told again without the right to answer: %v", err)
	}
	if _, err := n.ConfigKey(t.Context(), unchanged, ref, ConfigKeyRequest{}); !errors.Is(err, ErrNoLease) {
		t.Errorf("nothing to change, answered without the right to: %v", err)
	}
	if told := bytes.Count(n.auditLog(), []byte(`"code":"no_lease"`)); told != 2 {
		t.Errorf("%d records say that the answer did not leave, want 2", told)
	}
}

// A command that was sent again after a lost leadership is no repeated request,
// and nothing that its result is about need still be there.
func TestTheSameProposalIsNoRepeatedRequest(t *testing.T) {
	n := newNode(t)
	ref := n.key("box", "aes256-gcm96")
	mount := n.mountUUID()
	id := newProposal()
	reserve := &state.ReserveEncryptions{Mount: mount, Name: ref.Name, Number: 1, Count: 1}
	if _, err := n.propose(t.Context(), id, reserve); err != nil {
		t.Fatal(err)
	}
	done, err := n.submit(t.Context(), &state.Numbered{Proposal: id, Again: true, Command: reserve})
	if v, ok := done.result.(*state.KeyVersion); err != nil || !ok || v.Encryptions != 1 || done.replayed {
		t.Fatalf("%+v, %v", done.result, err)
	}
	yes, none := true, time.Duration(0)
	if _, err := n.ConfigKey(t.Context(), n.rootCall("transit/keys/box/config"), ref, ConfigKeyRequest{DeletionAllowed: &yes}); err != nil {
		t.Fatal(err)
	}
	if err := n.delete(ref, &none); err != nil {
		t.Fatal(err)
	}
	if done, err = n.submit(t.Context(), &state.Numbered{Proposal: id, Again: true, Command: reserve}); err != nil || done.result != nil {
		t.Fatalf("%+v, %v", done.result, err)
	}
}

func TestNothingIsKeptOfADeletedKey(t *testing.T) {
	n := newNode(t)
	ref := n.key("box", "aes256-gcm96")
	if _, err := n.Encrypt(n.rootCall("transit/encrypt/box"), ref, []Item{{Input: field("hello")}}, false); err != nil {
		t.Fatal(err)
	}
	id := versionID{n.mountUUID(), "box", 1}
	if _, booked := n.budgets.Load(id); !booked {
		t.Fatal("nothing was booked")
	}
	yes := true
	if _, err := n.ConfigKey(t.Context(), n.rootCall("transit/keys/box/config"), ref, ConfigKeyRequest{DeletionAllowed: &yes}); err != nil {
		t.Fatal(err)
	}
	if err := n.delete(ref, nil); err != nil {
		t.Fatal(err)
	}
	if _, booked := n.budgets.Load(id); booked {
		t.Error("what was booked for a deleted key is kept")
	}
	if _, err := n.UndeleteKey(t.Context(), n.rootCall("transit/keys/box/undelete"), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Encrypt(n.rootCall("transit/encrypt/box"), ref, []Item{{Input: field("hello")}}, false); err != nil {
		t.Fatal(err)
	}
}
