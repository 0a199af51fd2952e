package kms

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/raftstore"
)

// A leader that was replaced and does not know has not seen what others made since. That
// there is nothing to revoke it says only once a majority has confirmed that it leads.
func TestAReplacedLeaderSaysNothingOfWhatItLacks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := Open(Config{
		Store:  raftstore.Options{Dir: filepath.Join(dir, "raft"), NodeID: "n1", Address: address, Listen: address},
		Audit:  audit.Options{Dir: filepath.Join(dir, "audit"), Durability: audit.DurabilityOS},
		Logger: hclog.NewNullLogger(), Version: "0.0.0-test", APIAddr: "http://127.0.0.1:1",
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, dir: dir, Service: s}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	made, err := n.Init(t.Context(), Origin{}, InitRequest{Shares: 1, Threshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	n.share, n.root = made.Shares[0].Hex(), made.RootToken.Reveal()
	n.unseal()
	token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	revoke := func(c *Call) error { return n.RevokeToken(t.Context(), c, TokenRef{Token: token}, false) }
	if err := revoke(n.rootCall("auth/token/revoke")); err != nil {
		t.Fatal(err)
	}
	if err := revoke(n.rootCall("auth/token/revoke")); err != nil {
		t.Fatalf("a node alone knows that there is nothing to revoke: %v", err)
	}
	roster := n.store.Roster()
	if roster == nil {
		t.Fatal("no roster")
	}
	if err := n.store.SetRoster(roster.With(raftstore.Member{NodeID: "n2", Incarnation: "i", TLSKey: []byte{1}, Address: "127.0.0.1:1", Suffrage: raftstore.Voter})); err != nil {
		t.Fatal(err)
	}
	if err := revoke(n.rootCall("auth/token/revoke")); !Doubted(err) {
		t.Errorf("there is nothing to revoke, says one of two nodes by itself: %v", err)
	}
	c, err := n.BeginAt(t.Context(), Origin{RequestID: "again", Method: "POST", Path: "auth/token/revoke"}, Demand{Latest: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Authenticate(c, n.root); err != nil {
		t.Fatal(err)
	}
	if err := revoke(c); err != nil {
		t.Errorf("confirmed as the leader it says: %v", err)
	}
}

// An index that no node has got to is of a lost history, and said to be.
func TestAnIndexThatTheClusterDoesNotKnow(t *testing.T) {
	n := newNode(t)
	at := n.view.Load().Index
	if _, err := n.BeginAt(t.Context(), Origin{}, Demand{Index: at}); err != nil {
		t.Error(err)
	}
	for _, latest := range []bool{false, true} {
		if _, err := n.BeginAt(t.Context(), Origin{}, Demand{Index: at + 1_000_000, Latest: latest}); !errors.Is(err, ErrIndexUnknown) {
			t.Errorf("latest %v: %v", latest, err)
		}
	}
	n.store.Leases().Rest() // as without a leader: nobody says what the cluster has
	if _, err := n.BeginAt(t.Context(), Origin{}, Demand{Index: at + 1_000_000}); !errors.Is(err, ErrNoLease) {
		t.Errorf("without a leader: %v", err)
	}
}

// A leader whose machine stands still has in its log what others tell of already: that
// is to be waited for, and no index of a lost history.
func TestAnIndexThatIsNotAppliedYetIsKnown(t *testing.T) {
	n := newNode(t)
	n.machine.mu.Lock()
	at := n.store.LastIndex()
	made := make(chan error, 1)
	go func() {
		_, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{})
		made <- err
	}()
	for n.store.LastIndex() == at {
		time.Sleep(time.Millisecond)
	}
	_, err := n.BeginAt(t.Context(), Origin{}, Demand{Index: at + 1})
	if !errors.Is(err, ErrNoLease) {
		t.Errorf("in the log and not applied: %v", err)
	}
	if _, err := n.BeginAt(t.Context(), Origin{}, Demand{Index: n.store.LastIndex() + 1}); !errors.Is(err, ErrIndexUnknown) {
		t.Errorf("not in the log: %v", err)
	}
	n.machine.mu.Unlock()
	if err := <-made; err != nil {
		t.Error(err)
	}
	if _, err := n.BeginAt(t.Context(), Origin{}, Demand{Index: at + 1}); err != nil {
		t.Errorf("when it is applied: %v", err)
	}
}
