package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// rotIssuer makes an issuer with a max-age of 10 s, a lead time of 20 s, a leeway
// of 5 s and a profile of 60 s that looks 3 s ahead.
func (m *machine) rotIssuer(name string) {
	m.ok(&CreateIssuer{
		Issuer:  Issuer{Name: name, UUID: "u-" + name, Mount: testMount, URL: "https://" + name + ".example", Alg: "ES256", MaxAge: 10, Lead: 20, Leeway: 5},
		Key:     Key{Mount: testMount, Name: name, Type: ECDSAP256, Issuer: name},
		Version: version(name, m.s.FirstVersion(testMount, name)),
	})
	m.ok(&PutProfile{Profile{Issuer: name, Name: "access", Definition: []byte("{}"), MaxTTL: 60, MaxNBF: 3}})
}

func (m *machine) after(seconds int64) { m.now += seconds * second }

func (m *machine) rotated(name string) *KeyVersion {
	m.t.Helper()
	m.ok(&RotateIssuer{Issuer: name, Version: version(name, m.s.Key(testMount, name).Latest+1)})
	return m.s.Version(testMount, name, m.s.Key(testMount, name).Latest)
}

func (m *machine) stateOf(name string, number uint32) VersionState {
	v := m.s.Version(testMount, name, number)
	if v == nil {
		return "(none)"
	}
	return v.State
}

// inState makes a key of that name, an issuer's or a transit key, with a version 1
// in a state, or the latest for pending.
func (m *machine) inState(name string, issuer bool, s VersionState) (number uint32) {
	set := func(n uint32, to VersionState) {
		c := &SetVersionState{Mount: testMount, Name: name, Number: n, State: to}
		if issuer {
			c.Issuer = name
		}
		m.ok(c)
	}
	if issuer {
		m.rotIssuer(name)
		switch s {
		case Pending:
			return m.rotated(name).Number
		case Suspended:
			set(1, s)
		case Retired:
			m.rotated(name)
			m.after(20)
			m.ok(&ActivateIssuer{Issuer: name, Number: 2})
		case Compromised, Destroyed:
			next := version(name, 2)
			m.ok(&CompromiseVersion{Issuer: name, Number: 1, Next: &next})
			if s == Destroyed {
				set(1, s)
			}
		}
		return 1
	}
	m.ok(createKey(name, 1))
	switch s {
	case Pending:
		m.ok(&ConfigKey{Mount: testMount, Name: name, Lead: ptr(int64(20))})
		m.ok(&RotateKey{Version: version(name, 2)})
		return 2
	case Active:
	case Destroyed:
		set(1, Retired)
		set(1, s)
	default:
		set(1, s)
	}
	return 1
}

// legal is every move that an operator may make; what is not here is refused.
var legal = map[bool]map[VersionState][]VersionState{
	false: {
		Pending:     {Compromised, Destroyed},
		Active:      {Suspended, Retired, Compromised},
		Suspended:   {Active, Retired, Compromised},
		Retired:     {Suspended, Compromised, Destroyed},
		Compromised: {Destroyed},
	},
	true: {
		Active:      {Suspended},
		Suspended:   {Active},
		Retired:     {Suspended, Destroyed},
		Compromised: {Destroyed},
	},
}

// The full matrix, 6 × 6 for transit keys and for issuers': a move is legal and
// done with its time, or refused with a reason and without a trace.
func TestEveryMoveOfAVersion(t *testing.T) {
	for _, issuer := range []bool{false, true} {
		for _, from := range VersionStates() {
			for _, to := range VersionStates() {
				t.Run(fmt.Sprintf("issuer=%t/%s/%s", issuer, from, to), func(t *testing.T) {
					m := newMachine(t)
					number := m.inState("web", issuer, from)
					if got := m.stateOf("web", number); got != from {
						t.Fatalf("made %s", got)
					}
					c := &SetVersionState{Mount: testMount, Name: "web", Number: number, State: to}
					if issuer {
						c.Issuer = "web"
					}
					may := false
					for _, l := range legal[issuer][from] {
						may = may || l == to
					}
					if !may {
						m.refused(c, ErrBadMove)
						_, err := m.do(c)
						if !strings.Contains(err.Error(), string(from)+" and cannot become "+string(to)+", ") {
							t.Errorf("without a reason: %v", err)
						}
						return
					}
					m.after(1)
					m.ok(c)
					v := m.s.Version(testMount, "web", number)
					if v.State != to || (len(v.Sealed) == 0) != (to == Destroyed) {
						t.Errorf("now %s with %d sealed bytes", v.State, len(v.Sealed))
					}
					at := map[VersionState]int64{Active: 0, Suspended: v.Suspended, Retired: v.Retired, Compromised: v.Compromised, Destroyed: v.Destroyed}[to]
					if to != Active && at != m.now || to != Suspended && v.Suspended != 0 {
						t.Errorf("times %+v at %d", v, m.now)
					}
				})
			}
		}
	}
}

func TestMovesThatAreNone(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	m.rotIssuer("acme")
	m.refused(&SetVersionState{Mount: testMount, Name: "none", Number: 1, State: Suspended}, ErrKeyMissing)
	m.refused(&SetVersionState{Mount: testMount, Name: "web", Number: 2, State: Suspended}, ErrKeyMissing)
	m.refused(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: "resting"}, ErrBadMove)
	m.refused(&SetVersionState{Mount: testMount, Name: "acme", Number: 1, State: Suspended}, ErrKeyBound)
	m.refused(&SetVersionState{Mount: testMount, Name: "acme", Issuer: "acme", Number: 2, State: Suspended}, ErrKeyMissing)
	m.refused(&SetVersionState{Mount: testMount, Name: "none", Issuer: "none", Number: 1, State: Suspended}, ErrIssuerMissing)
	m.refused(&ActivateVersion{Mount: testMount, Name: "acme", Number: 1}, ErrKeyBound)
	m.refused(&ActivateVersion{Mount: testMount, Name: "web", Number: 1}, ErrNotPending)
	m.ok(&ConfigKey{Mount: testMount, Name: "web", DeletionAllowed: ptr(true)})
	m.ok(&DeleteKey{Mount: testMount, Name: "web", Grace: 100})
	m.refused(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: Suspended}, ErrKeyDeleted)
	m.ok(&ConfigIssuer{Name: "acme", DeletionAllowed: ptr(true)})
	m.ok(&DeleteIssuer{Name: "acme", Grace: 100})
	m.refused(&SetVersionState{Mount: testMount, Name: "acme", Issuer: "acme", Number: 1, State: Suspended}, ErrIssuerDeleted)
}

// A version that was retired while it was suspended comes back retired, and never
// signs again.
func TestASuspendedVersionThatRetiredComesBackRetired(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	set := func(n uint32, to VersionState) *SetVersionState {
		return &SetVersionState{Mount: testMount, Name: "acme", Issuer: "acme", Number: n, State: to}
	}
	v := m.rotated("acme")
	m.ok(set(1, Suspended))
	m.now = v.ActiveAt
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
	if got := m.s.Version(testMount, "acme", 1); got.State != Suspended || got.Retired != m.now || got.RemoveAt == 0 {
		t.Fatalf("%+v", got)
	}
	m.refused(set(1, Active), ErrBadMove)
	// While it is suspended nobody removes it: the operator may want it back.
	m.now = m.s.Version(testMount, "acme", 1).RemoveAt
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 1}, ErrBadMove)
	m.s.Dues(func(d Due) { t.Errorf("due: %+v", d) })
	m.ok(set(1, Retired))
	m.ok(&UnpublishVersion{Issuer: "acme", Number: 1})
}

// A transit key with a lead time: the new version waits, the old one signs on, and
// what is taken back is passed over for good.
func TestATransitKeyWithALeadTime(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	m.ok(&ConfigKey{Mount: testMount, Name: "web", Lead: ptr(int64(20))})
	m.ok(&RotateKey{Version: version("web", 2)})
	k := m.s.Key(testMount, "web")
	if v := m.s.Version(testMount, "web", 2); v.State != Pending || v.ActiveAt != m.now+20*second || k.Latest != 2 || k.SignerNumber() != 1 {
		t.Fatalf("%+v of %+v", v, k)
	}
	m.refused(&RotateKey{Version: version("web", 3)}, ErrRotationPending)
	m.refused(&ConfigKey{Mount: testMount, Name: "web", MinEncryption: ptr(uint32(2))}, ErrBadMinimum)
	m.refused(&ConfigKey{Mount: testMount, Name: "web", MinDecryption: ptr(uint32(2))}, ErrBadMinimum)
	m.now += 20*second - 1
	m.refused(&ActivateVersion{Mount: testMount, Name: "web", Number: 2}, ErrTooEarly)
	m.now++
	m.refused(&ActivateVersion{Mount: testMount, Name: "web", Number: 1}, ErrNotPending)
	m.ok(&ActivateVersion{Mount: testMount, Name: "web", Number: 2})
	if k = m.s.Key(testMount, "web"); k.SignerNumber() != 2 || m.stateOf("web", 1) != Active {
		t.Fatalf("%+v, version 1 %s", k, m.stateOf("web", 1))
	}
	m.ok(&RotateKey{Version: version("web", 3)})
	m.ok(&SetVersionState{Mount: testMount, Name: "web", Number: 3, State: Destroyed})
	m.after(100)
	m.refused(&ActivateVersion{Mount: testMount, Name: "web", Number: 3}, ErrNotPending)
	if k = m.s.Key(testMount, "web"); k.SignerNumber() != 2 || k.Latest != 3 {
		t.Fatalf("%+v", k)
	}
	m.ok(&ConfigKey{Mount: testMount, Name: "web", Lead: ptr(int64(0))})
	m.ok(&RotateKey{Version: version("web", 4)})
	if k = m.s.Key(testMount, "web"); k.SignerNumber() != 4 || m.stateOf("web", 4) != Active {
		t.Fatalf("%+v", k)
	}
}

// I8: the bytes of a destroyed version are in no snapshot, and no command brings
// them back.
func TestADestroyedVersionIsInNoSnapshot(t *testing.T) {
	m := newMachine(t)
	c := createKey("web", 1)
	c.Version.Sealed = []byte("these sealed bytes must go")
	m.ok(c)
	m.ok(&RotateKey{Version: version("web", 2)})
	m.ok(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: Compromised})
	if !snapshotHolds(t, m.s, c.Version.Sealed) {
		t.Fatal("a compromised version is erased before anybody said so")
	}
	m.ok(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: Destroyed})
	if snapshotHolds(t, m.s, c.Version.Sealed) {
		t.Fatal("a destroyed version is in the snapshot")
	}
	for _, to := range VersionStates() {
		if _, err := m.do(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: to}); !errors.Is(err, ErrBadMove) {
			t.Errorf("destroyed → %s: %v", to, err)
		}
	}
	again := version("web", 1)
	m.refused(&RotateKey{Version: again}, ErrVersionConflict)
}
