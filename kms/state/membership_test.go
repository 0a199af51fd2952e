package state

import (
	"errors"
	"fmt"
	"testing"
)

func TestRostersFollowEachOther(t *testing.T) {
	m := newMachine(t)
	m.ok(&SetRoster{Version: 1, CAKey: Secret("ca")})
	m.refused(&SetRoster{Version: 1}, ErrRosterChanged)
	m.refused(&SetRoster{Version: 3}, ErrRosterChanged)
	m.ok(&SetRoster{Version: 2})
	if got := m.s.Membership; got.Version != 2 || string(got.CAKey) != "ca" {
		t.Errorf("version %d, CA key of %d bytes", got.Version, len(got.CAKey))
	}
	var corruption *Corruption
	if _, _, err := Apply(m.s, m.s.Index+1, &Numbered{Epoch: m.s.Epoch, Seq: m.s.Seq + 1, At: m.s.Time, Command: &SetRoster{Version: 3, CAKey: Secret("another")}}); !errors.As(err, &corruption) {
		t.Errorf("a second CA: %v", err)
	}
}

func TestAJoinTokenAdmitsOneNode(t *testing.T) {
	m := newMachine(t)
	token := func(id string) JoinToken {
		return JoinToken{ID: id, Hash: hash(id), NodeID: "b", Suffrage: "voter", Created: m.now, Expire: m.now + 100}
	}
	m.ok(&CreateJoinToken{token("one")})
	m.refused(&SetRoster{Version: 1, JoinToken: "none", Incarnation: "b1"}, ErrJoinToken)
	m.ok(&SetRoster{Version: 1, JoinToken: "one", Incarnation: "b1"})
	m.refused(&SetRoster{Version: 2, JoinToken: "one", Incarnation: "b2"}, ErrJoinToken)
	m.ok(&SetRoster{Version: 2, JoinToken: "one", Incarnation: "b1"}) // whose answer was lost
	m.ok(&CreateJoinToken{token("two")})
	m.now += 100
	m.refused(&SetRoster{Version: 3, JoinToken: "two", Incarnation: "b1"}, ErrJoinToken)
	m.ok(&CreateJoinToken{token("three")})
	if n := len(m.s.Membership.JoinTokens); n != 1 {
		t.Errorf("%d join tokens, those that expired included", n)
	}
	if m.ok(&DeleteJoinToken{ID: "three"}) != true || m.ok(&DeleteJoinToken{ID: "three"}) != false || m.s.JoinToken("three") != nil {
		t.Error("a deleted join token is there")
	}
	for i := range MaxJoinTokens {
		m.ok(&CreateJoinToken{token(fmt.Sprint(i))})
	}
	m.refused(&CreateJoinToken{token("more")}, ErrTooManyJoinToken)
}

// What takes something away waits for all nodes; what only gives does not.
func TestWhichCommandsAreBarrierClass(t *testing.T) {
	free := map[Kind]bool{
		KindGenesis: true, KindEpoch: true, KindTick: true, KindCreateToken: true, KindRenewToken: true, KindCreateKey: true,
		KindReserveEncryptions: true, KindUndeleteKey: true, KindUseToken: true, KindPutQuota: true, KindDeleteQuota: true,
		KindRotateTerm: true, KindConfigRotation: true, KindCreateIssuer: true, KindUndeleteIssuer: true,
		KindCreateSecretID: true, KindMigrateSeal: true, KindLoginAppRole: true, KindUseSecretID: true, KindCreateJoinToken: true, KindDeleteJoinToken: true,
		KindPutWrappingKey: true, KindSetClusterLevel: true, KindSetAutopilot: true,
	}
	for k := KindGenesis; k < 1000; k++ {
		if _, known := blank(k); known && BarrierClass(k) == free[k] {
			t.Errorf("command kind %d: barrier class %t: say which it is", k, BarrierClass(k))
		}
	}
}
