package kms

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// rosterOf makes the parts of a change: the roster of a version, with one member.
func (b *bench) rosterPart(version uint64, member string) state.Part {
	b.t.Helper()
	r := &raftstore.Roster{ClusterID: "cluster", Epoch: 1, Version: version, Members: []raftstore.Member{{NodeID: member, Incarnation: "i", TLSKey: []byte{1}, Suffrage: raftstore.Voter}}}
	body, err := r.Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	mac, err := b.live.opened.Barrier().MAC(macRoster, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return state.Part{Kind: state.PartRoster, Data: clearRecord{body, mac}.encode()}
}

// obeyed notes whose rosters a machine has others obey.
func obeyed(m *machine) *[]string {
	var list []string
	m.members = func(r *raftstore.Roster) {
		names := []string{}
		for _, m := range r.Members {
			names = append(names, m.NodeID)
		}
		list = append(list, strings.Join(names, ","))
	}
	return &list
}

// settle has a sealed machine told what an unsealed one has in force.
func (b *bench) settle(sealed, by *machine) {
	b.t.Helper()
	sum, index, err := by.rosterInForce()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := sealed.settleRosters(sum, index); err != nil {
		b.t.Fatal(err)
	}
}

// refusedRoster is a roster with a stranger in it, beside a command that is refused: the
// join token was used. The next version goes to another one.
func refusedRoster(b *bench) {
	b.t.Helper()
	got := b.entry(&state.SetRoster{Version: 1, JoinToken: "used", Incarnation: "i"}, b.rosterPart(1, "stranger"))
	if refusal, _ := got.(error); !errors.Is(refusal, state.ErrJoinToken) {
		b.t.Fatalf("the log took it: %v", got)
	}
}

func (b *bench) admit(version uint64, member string) {
	b.t.Helper()
	if got, ok := b.entry(&state.SetRoster{Version: version}, b.rosterPart(version, member)).(applied); !ok {
		b.t.Fatalf("version %d: %v", version, got)
	}
}

// A sealed machine obeys no roster whose command was refused, before it hears of it nor
// after, nor when its snapshot is read again; the one of the same version that took
// effect comes in force.
func TestASealedMachineObeysNoRefusedRoster(t *testing.T) {
	b := newBench(t)
	list := obeyed(b.late)
	refusedRoster(b)
	if len(*list) != 0 {
		t.Fatalf("obeyed %v, of which it cannot know", *list)
	}
	b.settle(b.late, b.live)
	if len(*list) != 0 || b.late.unsettled.Load() != 0 {
		t.Fatalf("obeyed %v, waits for %d", *list, b.late.unsettled.Load())
	}
	b.admit(1, "member")
	b.admit(2, "another")
	taken, err := b.late.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	b.settle(b.late, b.live)
	if len(*list) != 1 || (*list)[0] != "another" {
		t.Errorf("obeyed %v", *list)
	}

	// After a restart.
	again := &machine{publish: func(*state.State) {}}
	list = obeyed(again)
	if err := again.Restore(bytes.NewReader(b.bytes(taken))); err != nil {
		t.Fatal(err)
	}
	if len(*list) != 1 || (*list)[0] != "" || again.unsettled.Load() == 0 {
		t.Errorf("after a restart: obeyed %q, waits for %d", *list, again.unsettled.Load())
	}
	b.settle(again, b.live)
	if len(*list) != 2 || (*list)[1] != "another" {
		t.Errorf("after a restart: obeyed %v", *list)
	}

	// At unseal it finds the same by itself.
	b.agree()
	list = obeyed(again)
	b.unseal(again)
	if len(*list) != 1 || (*list)[0] != "another" || !bytes.Equal(again.roster.body, b.live.roster.body) {
		t.Errorf("at unseal: obeyed %v", *list)
	}
}

// Whoever says which roster is in force can name none but those in the log, and settles
// nothing that came later.
func TestASealedMachineObeysItsOwnLog(t *testing.T) {
	b := newBench(t)
	list := obeyed(b.late)
	b.admit(1, "member")
	at := b.late.unsettled.Load()
	b.admit(2, "another")
	for _, upTo := range []uint64{at, 1 << 60} {
		if err := b.late.settleRosters(sha256.Sum256([]byte("made up, or later than this log")), upTo); !errors.Is(err, errRosterAhead) || len(*list) != 0 {
			t.Errorf("obeyed %v: %v", *list, err)
		}
	}
	if len(b.late.rosters) != 2 || b.late.unsettled.Load() == 0 {
		t.Error("what may be in force yet is forgotten")
	}
	if _, _, err := b.late.rosterInForce(); !errors.Is(err, ErrSealed) {
		t.Errorf("a sealed machine says which one is in force: %v", err)
	}
	b.settle(b.late, b.live)
	if len(*list) != 1 || (*list)[0] != "another" {
		t.Errorf("obeyed %v", *list)
	}
	// A roster without a command is nobody's decision.
	b.entry(nil, b.rosterPart(3, "stranger"))
	if b.late.unsettled.Load() != 0 {
		t.Error("it waits for a roster that nothing puts in force")
	}
	// What an unseal finds is told, though it is the one of before: a file may say else.
	b.unseal(b.late)
	if len(*list) != 2 || (*list)[1] != "another" {
		t.Errorf("at unseal: obeyed %v", *list)
	}
}
