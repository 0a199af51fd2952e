package state

import (
	"bytes"
	"testing"
)

func snapshotHolds(t *testing.T, s *State, what []byte) bool {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(buf.Bytes(), what)
}

func TestRotationOfAnIssuer(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	m.refused(&ActivateIssuer{Issuer: "acme", Number: 1}, ErrNotPending)
	m.refused(&CancelRotation{Issuer: "acme"}, ErrNotPending)
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 1}, ErrBadMove)
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 9}, ErrKeyMissing)
	m.refused(&RotateIssuer{Issuer: "none", Version: version("none", 2)}, ErrIssuerMissing)
	m.refused(&RotateIssuer{Issuer: "acme", Version: version("acme", 3)}, ErrVersionConflict)
	m.refused(&RotateIssuer{Issuer: "acme", Version: version("other", 2)}, ErrVersionConflict)

	begun, revision := m.now, m.s.Issuer("acme").Revision
	v := m.rotated("acme")
	if v.State != Pending || v.Created != begun || v.ActiveAt != begun+20*second || m.s.Issuer("acme").Revision <= revision {
		t.Fatalf("%+v", v)
	}
	if m.s.Key(testMount, "acme").SignerNumber() != 1 || m.s.PendingVersion(m.s.Issuer("acme")) != v {
		t.Fatal("a pending version signs")
	}
	m.refused(&RotateIssuer{Issuer: "acme", Version: version("acme", 3)}, ErrRotationPending)
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 2}, ErrBadMove)
	m.now = v.ActiveAt - 1
	m.refused(&ActivateIssuer{Issuer: "acme", Number: 2}, ErrTooEarly)
	m.refused(&ActivateIssuer{Issuer: "acme", Number: 1}, ErrNotPending)
	m.now = v.ActiveAt + 7 // late
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
	old := m.s.Version(testMount, "acme", 1)
	// From the retirement on: its return, ttl, nbf, leeway, max-age.
	if want := m.now + (4+60+3+5+10)*second; old.State != Retired || old.Retired != m.now || old.RemoveAt != want {
		t.Fatalf("%+v, want removal at %d", old, want)
	}
	m.now = old.RemoveAt - 1
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 1}, ErrTooEarly)
	m.now++
	m.ok(&UnpublishVersion{Issuer: "acme", Number: 1})
	if got := m.s.Version(testMount, "acme", 1); got.State != Destroyed || len(got.Sealed) != 0 || got.Destroyed != m.now {
		t.Fatalf("%+v", got)
	}
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 1}, ErrBadMove)
	m.refused(&UnpublishVersion{Issuer: "acme", Number: 2}, ErrBadMove)
}

func TestARotationIsRolledBack(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	v := m.rotated("acme")
	m.now = v.ActiveAt // due, and not done yet
	m.ok(&CancelRotation{Issuer: "acme"})
	if k := m.s.Key(testMount, "acme"); m.stateOf("acme", 2) != Destroyed || k.SignerNumber() != 1 || m.stateOf("acme", 1) != Active {
		t.Fatalf("%+v", k)
	}
	m.refused(&ActivateIssuer{Issuer: "acme", Number: 2}, ErrNotPending)
	m.refused(&CancelRotation{Issuer: "acme"}, ErrNotPending)
	if next := m.rotated("acme"); next.Number != 3 || next.ActiveAt != m.now+20*second {
		t.Fatalf("%+v", next)
	}
}

// The marks are the highest that were in force since the version became active,
// not what is in force when it retires.
func TestMarksKeepTheHighest(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	put := func(name string, ttl, nbf int64) {
		m.ok(&PutProfile{Profile{Issuer: "acme", Name: name, MaxTTL: ttl, MaxNBF: nbf}})
	}
	put("long", 3600, 0)
	put("long", 1, 0)
	put("ahead", 5, 300)
	m.ok(&DeleteProfile{Issuer: "acme", Name: "ahead"})
	m.ok(&ConfigIssuer{Name: "acme", Leeway: ptr(int64(60)), MaxAge: ptr(int64(100)), Lead: ptr(int64(200))})
	m.ok(&ConfigIssuer{Name: "acme", Leeway: ptr(int64(0)), MaxAge: ptr(int64(1)), Lead: ptr(int64(2))})
	if got := m.s.Issuer("acme").Marks; got != (Marks{3600, 300, 60, 100}) {
		t.Fatalf("%+v", got)
	}
	m.rotated("acme")
	if got := m.s.Issuer("acme").Marks; got.TTL != 3600 {
		t.Fatal("the marks are lowered before the version they are of has retired")
	}
	m.after(200) // caches of the higher max-age count
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
	if got := m.s.Version(testMount, "acme", 1).RemoveAt - m.now; got != (4+3600+300+60+100)*second {
		t.Fatalf("removed after %d s", got/second)
	}
	if got := m.s.Issuer("acme").Marks; got != (Marks{60, 3, 0, 1}) {
		t.Fatalf("the marks of the new version: %+v", got)
	}
}

// A verifier that was allowed to keep a JWKS for long is waited for, however often
// that was changed since.
func TestCachesOfALoweredMaxAgeAreWaitedFor(t *testing.T) {
	config := func(m *machine, maxAge int64) {
		m.ok(&ConfigIssuer{Name: "acme", MaxAge: &maxAge, Lead: ptr(2 * maxAge)})
	}
	m := newMachine(t)
	m.rotIssuer("acme")
	config(m, 100)
	config(m, 90)
	m.after(99)
	config(m, 1) // caches of now are kept for 90 s
	kept := m.now + 90*second
	m.after(2) // those of 100 s are over
	if v := m.rotated("acme"); v.ActiveAt < kept {
		t.Fatalf("active %d s before the last cache is over", (kept-v.ActiveAt)/second)
	}
	m.ok(&CancelRotation{Issuer: "acme"})
	m.now = kept
	if v := m.rotated("acme"); v.ActiveAt != m.now+2*second {
		t.Fatalf("%d s of lead time", (v.ActiveAt-m.now)/second)
	}
}

// A leeway that is raised counts for versions that have retired before.
func TestARaisedLeewayKeepsRetiredVersions(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	m.rotated("acme")
	m.after(20)
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
	before := m.s.Version(testMount, "acme", 1).RemoveAt
	for range 2 { // the second time it is known
		m.ok(&ConfigIssuer{Name: "acme", Leeway: ptr(int64(60))})
		if got := m.s.Version(testMount, "acme", 1).RemoveAt - before; got != 55*second {
			t.Fatalf("%d s longer", got/second)
		}
		m.ok(&ConfigIssuer{Name: "acme", Leeway: ptr(int64(0))})
	}
}

func TestCompromise(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	give := func(n uint32, next *KeyVersion) *CompromiseVersion {
		return &CompromiseVersion{Issuer: "acme", Number: n, Next: next}
	}
	m.refused(give(1, nil), ErrNoNextVersion)
	bad := version("acme", 7)
	m.refused(give(1, &bad), ErrVersionConflict)
	m.refused(give(9, nil), ErrKeyMissing)
	m.refused(&CompromiseVersion{Issuer: "none", Number: 1}, ErrIssuerMissing)

	next := version("acme", 2)
	m.ok(give(1, &next))
	if v := m.s.Version(testMount, "acme", 1); v.State != Compromised || v.Compromised != m.now || v.RemoveAt != m.now+(4+60+3+5+10)*second || v.Retired != 0 {
		t.Fatalf("%+v", v)
	}
	if m.stateOf("acme", 2) != Active || m.s.Key(testMount, "acme").SignerNumber() != 2 {
		t.Fatal("nobody took over")
	}
	m.refused(give(1, nil), ErrBadMove)

	// The one that is pending takes over at once, though its time has not come.
	m.rotated("acme")
	m.ok(give(2, nil))
	if m.stateOf("acme", 3) != Active || m.stateOf("acme", 2) != Compromised || m.s.PendingVersion(m.s.Issuer("acme")) != nil {
		t.Fatal("the pending version did not take over")
	}
	// A pending one that leaked goes; the active one stays.
	m.rotated("acme")
	m.ok(give(4, nil))
	if m.stateOf("acme", 3) != Active || m.stateOf("acme", 4) != Compromised || m.s.Key(testMount, "acme").SignerNumber() != 3 {
		t.Fatal("giving up a pending version changed who signs")
	}
	// A retired one keeps its end: its last token is of its retirement.
	v := m.rotated("acme")
	m.now = v.ActiveAt
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 5})
	end := m.s.Version(testMount, "acme", 3).RemoveAt
	m.after(1)
	m.ok(give(3, nil))
	if got := m.s.Version(testMount, "acme", 3).RemoveAt; got != end {
		t.Fatalf("its end moved by %d", got-end)
	}
	// A suspended one that would sign is replaced as well.
	m.ok(&SetVersionState{Mount: testMount, Name: "acme", Issuer: "acme", Number: 5, State: Suspended})
	m.refused(give(5, nil), ErrNoNextVersion)
	six := version("acme", 6)
	m.ok(give(5, &six))
	if m.stateOf("acme", 6) != Active {
		t.Fatal("nobody took over from a suspended version")
	}
	for n := uint32(1); n <= 5; n++ {
		if m.s.Version(testMount, "acme", n).State.Published() {
			t.Errorf("version %d is in the JWKS", n)
		}
	}
}

// A deleted issuer does nothing, and does it again after it was undeleted.
func TestADeletedIssuerDoesNotRotate(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	m.ok(&ConfigIssuer{Name: "acme", DeletionAllowed: ptr(true), Period: ptr(int64(100))})
	v := m.rotated("acme")
	m.ok(&DeleteIssuer{Name: "acme", Grace: 1000 * second})
	m.now = v.ActiveAt
	m.s.Dues(func(d Due) { t.Errorf("due: %+v", d) })
	for _, c := range []Command{
		&RotateIssuer{Issuer: "acme", Version: version("acme", 3)}, &ActivateIssuer{Issuer: "acme", Number: 2}, &CancelRotation{Issuer: "acme"},
		&UnpublishVersion{Issuer: "acme", Number: 1}, &CompromiseVersion{Issuer: "acme", Number: 1},
	} {
		m.refused(c, ErrIssuerDeleted)
	}
	m.ok(&UndeleteIssuer{Name: "acme"})
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
}

func TestWhatTimeBrings(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	next := func() (d Due) {
		t.Helper()
		m.s.Dues(func(one Due) {
			if d.Step == "" || one.At < d.At {
				d = one
			}
		})
		return d
	}
	if d := next(); d.Step != "" {
		t.Fatalf("%+v", d)
	}
	m.ok(&ConfigIssuer{Name: "acme", Period: ptr(int64(100))})
	created := m.s.Version(testMount, "acme", 1).Created
	if d := next(); d.Step != StepRotate || d.At != created+80*second || d.Number != 1 {
		t.Fatalf("%+v", d)
	}
	m.now = created + 80*second
	m.rotated("acme")
	if d := next(); d.Step != StepActivate || d.At != created+100*second || d.Number != 2 || d.Since != m.s.Version(testMount, "acme", 2).Created || d.Lasts != m.s.Issuer("acme").MaxAge*second {
		t.Fatalf("%+v", d)
	}
	// What was taken back does not come again at once.
	m.after(5)
	m.ok(&CancelRotation{Issuer: "acme"})
	if d := next(); d.Step != StepRotate || d.At != m.now+80*second {
		t.Fatalf("%+v", d)
	}
	v := m.rotated("acme")
	m.now = v.ActiveAt
	m.ok(&ActivateIssuer{Issuer: "acme", Number: v.Number})
	seen := map[Step]int64{}
	m.s.Dues(func(d Due) {
		if seen[d.Step] = d.At - m.now; d.Step == StepUnpublish && (d.Since != m.now || d.Lasts != 78*second) {
			t.Errorf("%+v", d)
		}
	})
	if seen[StepUnpublish] != 82*second || seen[StepRotate] != 80*second || len(seen) != 2 {
		t.Fatalf("%v", seen)
	}
}

func TestServedMaxAgeEndsWithTheActivation(t *testing.T) {
	i := &Issuer{MaxAge: 10}
	p := &KeyVersion{ActiveAt: 100 * second}
	for _, c := range []struct{ now, want int64 }{
		{0, 10}, {90 * second, 10}, {90*second + 1, 9}, {98 * second, 2}, {99 * second, 1}, {99*second + 1, 0}, {100*second - 1, 0}, {100 * second, 10}, {500 * second, 10},
	} {
		if got := i.ServedMaxAge(p, c.now); got != c.want {
			t.Errorf("%d ns before: %d, want %d", p.ActiveAt-c.now, got, c.want)
		}
	}
	if i.ServedMaxAge(nil, 0) != 10 {
		t.Error("without a rotation")
	}
}

// Schedules whose parts are as large as they can be do not wrap around.
func TestNoScheduleWrapsAround(t *testing.T) {
	m := newMachine(t)
	m.now = 1_900_000_000 * second
	m.rotIssuer("acme")
	huge := int64(1) << 62
	m.ok(&PutProfile{Profile{Issuer: "acme", Name: "huge", MaxTTL: huge, MaxNBF: huge}})
	m.ok(&ConfigIssuer{Name: "acme", MaxAge: ptr(huge / 2), Lead: ptr(huge), Leeway: ptr(huge), Period: ptr(huge)})
	v := m.rotated("acme")
	if v.ActiveAt <= m.now {
		t.Fatal("active at once")
	}
	m.now = v.ActiveAt
	m.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
	if got := m.s.Version(testMount, "acme", 1).RemoveAt; got <= m.now {
		t.Fatalf("removed at once: %d", got)
	}
	if at, active := m.s.NextRotation(m.s.Issuer("acme")); at < m.now || active < at {
		t.Fatalf("%d, %d", at, active)
	}
}

// However often a rotation is begun and taken back, few records stay, and those of
// versions that are alive.
func TestRecordsOfDestroyedVersionsAreFew(t *testing.T) {
	m := newMachine(t)
	m.rotIssuer("acme")
	for range 3 * keepDestroyed {
		m.rotated("acme")
		m.ok(&CancelRotation{Issuer: "acme"})
	}
	count := 0
	m.s.EachVersion(m.s.Key(testMount, "acme"), func(*KeyVersion) { count++ })
	if count > keepDestroyed || m.stateOf("acme", 1) != Active {
		t.Fatalf("%d records, version 1 is %s", count, m.stateOf("acme", 1))
	}
	v := m.rotated("acme")
	m.now = v.ActiveAt
	m.ok(&ActivateIssuer{Issuer: "acme", Number: v.Number})
	m.now = m.s.Version(testMount, "acme", 1).RemoveAt
	m.ok(&UnpublishVersion{Issuer: "acme", Number: 1})
	if k := m.s.Key(testMount, "acme"); k.MinAvailable < k.Latest-keepDestroyed-1 || k.MinDecryption < k.MinAvailable {
		t.Fatalf("%+v", k)
	}
}
