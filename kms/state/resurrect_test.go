package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// resurrect is Resurrect with what every one of them needs.
func resurrect(t testing.TB, backup *State, of *State) (*State, *Resurrected) {
	t.Helper()
	r := &Resurrection{
		Now: backup.Time + 5, Term: 7, SealRevision: 3, RosterVersion: 9, CAKey: secret(9),
		Root: Token{Hash: hash("new-root"), Accessor: "acc-new", Policies: []string{"root"}}, Revival: Revival{Backup: hash("sum"), Epoch: 2},
	}
	if of != nil {
		r.Tombstones = throughText(t, of.Tombstones())
		r.Known = Known{of.Generation, of.Index, of.Epoch, of.Time}
	}
	before, err := backup.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s, report, err := Resurrect(backup, r)
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := backup.Digest(); after != before {
		t.Fatal("the backup was changed")
	}
	return throughSnapshot(t, s), report
}

// throughText is t after it was written and read.
func throughText(t testing.TB, of *Tombstones) *Tombstones {
	t.Helper()
	out := NewTombstones()
	if err := of.Each(out.Add); err != nil {
		t.Fatal(err)
	}
	if err := out.Done(); err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	for w, x := range map[*bytes.Buffer]*Tombstones{&a: of, &b: out} {
		_ = x.Each(func(line []byte) error { w.Write(line); return w.WriteByte('\n') })
	}
	if a.String() != b.String() || of.Counts() != out.Counts() {
		t.Fatalf("what was written is not what is read:\n%s\n%s", a.String(), b.String())
	}
	return out
}

func throughSnapshot(t testing.TB, s *State) *State {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	back, err := Read(&buf, Sequential)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := s.Digest()
	if b, _ := back.Digest(); a != b {
		t.Fatal("a snapshot of it is another state")
	}
	return back
}

func states(s *State, name string) (out []VersionState) {
	s.EachVersion(s.Key(testMount, name), func(v *KeyVersion) { out = append(out, v.State) })
	return out
}

func setState(name string, number uint32, to VersionState) *SetVersionState {
	return &SetVersionState{Mount: testMount, Name: name, Number: number, State: to}
}

// Nothing that could sign, and nobody who could ask, is left of a backup.
func TestARestoredClusterDoesNothingByItself(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	m.ok(&RotateKey{Version: version("web", 2)})
	m.ok(createKey("quiet", 1))
	m.ok(setState("quiet", 1, Suspended))
	m.ok(createKey("lead", 1))
	m.ok(&ConfigKey{Mount: testMount, Name: "lead", Lead: ptr(int64(60))})
	m.ok(&RotateKey{Version: version("lead", 2)})
	gcm := createKey("gcm", 1)
	gcm.Key.Type, gcm.Version.Type = AES256GCM, AES256GCM
	m.ok(gcm)
	i := m.issue("acme", "u-acme")
	m.ok(token("t1", "", 0))
	m.ok(application("app"))
	m.ok(approle("open", "app"))
	open := approle("closed", "app")
	open.Role.NoSecretID, open.Role.RoleID = true, "id-closed"
	m.ok(open)
	m.ok(secretID("open", "s1", 0, 0))
	m.ok(&CreateJoinToken{JoinToken{ID: "j", Hash: hash("j"), NodeID: "n", Suffrage: "voter", Expire: 1 << 62}})
	quiet := m.s.Version(testMount, "quiet", 1).Suspended

	m.now += 1000
	s, report := resurrect(t, m.s, nil)
	s.Keys(func(k *Key) {
		s.EachVersion(k, func(v *KeyVersion) {
			if v.State.Produces() || v.State.Accepts() || v.State == Pending {
				t.Errorf("version %d of %s is %s", v.Number, k.Name, v.State)
			}
		})
	})
	if got := fmt.Sprint(states(s, "web"), states(s, "lead"), states(s, "acme")); got != "[suspended suspended] [suspended destroyed] [suspended]" {
		t.Error(got)
	}
	if s.Version(testMount, "quiet", 1).Suspended != quiet || s.Version(testMount, "web", 1).Suspended != s.Revival.Time {
		t.Error("what was suspended before cannot be told from what the restore suspended")
	}
	if v := s.Version(testMount, "gcm", 1); v.Encryptions != MaxEncryptions {
		t.Errorf("%d encryptions are booked", v.Encryptions)
	}
	if n := s.tokens.Len(); n != 1 || s.Token(hash("new-root")) == nil || s.accessors.Len() != 1 || s.expiries.Len() != 0 || s.children.Len() != 0 {
		t.Errorf("%d tokens", n)
	}
	if s.secretIDs.Len() != 0 || s.secretExpiries.Len() != 0 || s.proposals.Len() != 0 || s.once.Len() != 0 || len(s.Membership.JoinTokens) != 0 {
		t.Error("credentials are left")
	}
	if s.AppRole("closed").NoSecretID || s.AppRole("open") == nil {
		t.Error("a role takes logins without a secret id")
	}
	if s.Index <= m.s.Index || s.Epoch <= m.s.Epoch || s.Generation != 1 || s.Time < m.s.Time || s.Leapt != s.Time || s.Revival.At != s.Index ||
		!s.Revival.Accepted || s.Term != 7 || s.SealRevision != 3 || s.Membership.Version != 9 || !bytes.Equal(s.Membership.CAKey, secret(9)) {
		t.Errorf("%+v %+v", s, s.Revival)
	}
	if s.Issuer("acme").Revision <= i.Revision {
		t.Error("the issuer is of the same revision")
	}
	if report.Suspended != 5 || report.Keys != 4 || report.Kept != 1 || report.Cancelled != 1 || report.Tokens != 2 || report.SecretIDs != 1 || report.JoinTokens != 1 ||
		report.Roles != 1 || report.Marked != 1 || !slices.Equal(report.Names, []string{"acme", "gcm", "lead", "web"}) {
		t.Errorf("%+v", report)
	}
	// It goes on from there.
	next := &machine{t: t, s: s, index: s.Index, now: s.Time}
	if _, _, err := Apply(s, s.Index+1, &Numbered{Epoch: s.Epoch + 1, At: s.Time, Proposal: []byte("p"), Command: &Epoch{}}); err != nil {
		t.Error(err)
	}
	next.ok(setState("web", 2, Active))
	next.ok(&RotateKey{Version: version("lead", 3)})
	next.ok(&SetVersionState{Mount: testMount, Name: "acme", Issuer: "acme", Number: 1, State: Active})
	s.Generation = 5
	if again, _ := resurrect(t, s, nil); again.Generation != 6 || again.Index <= s.Index {
		t.Errorf("a second restore is of generation %d, index %d", again.Generation, again.Index)
	}
}

// What ended after the backup stays so.
func TestTombstonesKeepTheDeadDead(t *testing.T) {
	m, i := issuing(t, "acme")
	for _, name := range []string{"destroyed", "again", "compromised", "erased", "retired", "trimmed", "rotated", "held", "deleted", "undeleted"} {
		deletable(m, name)
	}
	for _, name := range []string{"erased", "trimmed", "held"} {
		m.ok(&RotateKey{Version: version(name, 2)})
	}
	m.ok(&DeleteKey{Mount: testMount, Name: "undeleted", Grace: 1e9})
	for _, name := range []string{"app", "left", "served"} {
		m.ok(application(name))
	}
	backup := m.s

	m.now += 5e8
	m.ok(&DeleteApplication{Name: "left"})
	m.ok(&UndeleteKey{Mount: testMount, Name: "undeleted"})
	for _, name := range []string{"destroyed", "again"} {
		m.ok(&DeleteKey{Mount: testMount, Name: name})
	}
	m.ok(createKey("again", 2))
	m.ok(createKey("new", 1))
	m.ok(setState("compromised", 1, Compromised))
	m.ok(setState("erased", 1, Retired))
	m.ok(setState("erased", 1, Destroyed))
	m.ok(setState("retired", 1, Retired))
	m.ok(setState("held", 2, Suspended))
	m.ok(&ConfigKey{Mount: testMount, Name: "trimmed", MinDecryption: ptr(uint32(2)), MinEncryption: ptr(uint32(2))})
	m.ok(&TrimKey{Mount: testMount, Name: "trimmed", MinAvailable: 2})
	for n := uint32(2); n <= 4; n++ {
		m.ok(&RotateKey{Version: version("rotated", n)})
	}
	m.ok(&ConfigKey{Mount: testMount, Name: "rotated", MinDecryption: ptr(uint32(3))})
	m.ok(&DeleteKey{Mount: testMount, Name: "deleted", Grace: 1e12})
	m.ok(&SetApplicationState{Name: "app", Blocked: true, Reason: "x"})
	id, sub := m.key(i).Token("jti"), m.key(i).Subject("joe")
	m.ok(revoking(i, Revocation{ID: id[:], Exp: m.now/1e9 + 600}, Revocation{ID: sub[:], CutOff: true}))
	next := KeyVersion{Mount: testMount, Name: "acme", Number: 2, Type: ECDSAP256, Public: []byte{1}, Sealed: []byte{2}, KID: "kid-2"}
	m.ok(&CompromiseVersion{Issuer: "acme", Number: 1, Next: &next})

	s, report := resurrect(t, backup, m.s)
	for name, want := range map[string]string{
		"compromised": "[compromised]", "erased": "[destroyed suspended]", "retired": "[suspended]", "trimmed": "[suspended]", "held": "[suspended suspended]",
		"rotated": "[suspended destroyed destroyed destroyed]", "acme": "[compromised destroyed]", "deleted": "[suspended]", "undeleted": "[suspended]",
	} {
		if got := fmt.Sprint(states(s, name)); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	for name, last := range map[string]uint32{"destroyed": 1, "again": 2, "new": 1} {
		if d := s.Tombstone(testMount, name); s.Key(testMount, name) != nil || d == nil || d.Last != last || s.FirstVersion(testMount, name) != last+1 {
			t.Errorf("%s has the tombstone %+v", name, d)
		}
	}
	if v := s.Version(testMount, "erased", 1); len(v.Sealed) != 0 {
		t.Error("an erased private half came back")
	}
	if v := s.Version(testMount, "retired", 1); v.Retired == 0 || s.Key(testMount, "retired").CheckMove(v, Active) == nil {
		t.Error("a retired version comes back as an active one")
	}
	if v := s.Version(testMount, "held", 2); v.Suspended == s.Revival.Time {
		t.Error("a version that somebody suspended is as the others")
	}
	k := s.Key(testMount, "rotated")
	if k.Latest != 4 || k.SignerNumber() != 1 || k.MinDecryption != 3 {
		t.Errorf("%+v", k)
	}
	if s.Key(testMount, "trimmed").MinAvailable != 2 || s.Key(testMount, "deleted").Deleted == 0 || s.Key(testMount, "undeleted").Deleted != 0 || s.deleted.Len() != 1 {
		t.Error("minima and deletions are not those of the tombstones")
	}
	if s.Application("app").Blocked == 0 {
		t.Error("a blocked application is not blocked")
	}
	if a := s.Application("left"); a.Blocked == 0 || a.Reason != restoredBlock || s.Application("served").Blocked != 0 {
		t.Errorf("a deleted application is served again, or one that is there is not: %+v", a)
	}
	if revoked, _ := s.Issued(id); !revoked || s.CutOff(sub) == 0 {
		t.Error("a revoked token, or a cut-off, came back")
	}
	if s.Revival.Accepted || s.Revival.TombstonesIndex != m.s.Index || s.Generation != 1 {
		t.Errorf("%+v", s.Revival)
	}
	if report.Destroyed != 2 || report.Lost != 2 || report.LostVersions != 4 || report.Blocked != 2 || report.Issued != 2 || report.Ended == 0 ||
		!slices.Contains(report.EndedKeys, "erased version 1") || !slices.Equal(report.DestroyedKeys, []string{"again", "destroyed"}) {
		t.Errorf("%+v", report)
	}
	// All that the restore suspended can be enabled at once, and nothing else.
	m2 := &machine{t: t, s: s, index: s.Index, now: s.Time}
	waiting := map[string]int{}
	s.Restored(func(k *Key, versions int) { waiting[k.Name] = versions })
	if fmt.Sprint(waiting) != "map[erased:1 held:1 retired:1 rotated:1 trimmed:1 undeleted:1]" {
		t.Errorf("%v wait to be enabled", waiting)
	}
	for _, name := range []string{"held", "retired"} {
		if n := m2.ok(&EnableRestored{Mount: testMount, Name: name}); n != 1 {
			t.Errorf("%v versions of %s were enabled", n, name)
		}
	}
	if got := fmt.Sprint(states(m2.s, "held"), states(m2.s, "retired")); got != "[active suspended] [retired]" {
		t.Errorf("they are %s", got)
	}
	m2.refused(&EnableRestored{Mount: testMount, Name: "held"}, ErrNotRestored)
	m2.refused(&EnableRestored{Mount: testMount, Name: "compromised"}, ErrNotRestored)
	m2.refused(&EnableRestored{Mount: testMount, Name: "deleted"}, ErrKeyDeleted)
	m2.refused(&EnableRestored{Mount: testMount, Name: "none"}, ErrKeyMissing)

	// Without tombstones it comes back, and nothing deleted is destroyed at once.
	s, _ = resurrect(t, backup, nil)
	if s.Key(testMount, "destroyed") == nil || s.Version(testMount, "erased", 1).State != Suspended || s.Key(testMount, "undeleted").DestroyAt < s.Time+restoredGrace || s.deleted.Len() != 1 {
		t.Error("it is not as the backup has it")
	}
}

func TestTombstonesFromBeforeTheBackupAreRefused(t *testing.T) {
	m := newMachine(t)
	old := m.s
	m.ok(createKey("web", 1))
	r := &Resurrection{Now: 1, Tombstones: old.Tombstones(), Known: Known{Index: old.Index}, Root: Token{Hash: hash("r"), Accessor: "a"}}
	if _, _, err := Resurrect(m.s, r); !errors.Is(err, ErrOlderTombstones) {
		t.Errorf("%v", err)
	}
	r.Known = Known{Index: 1 << 40}
	back := *m.s
	back.Generation = 1
	if _, _, err := Resurrect(&back, r); !errors.Is(err, ErrOlderTombstones) {
		t.Errorf("those of before another restore: %v", err)
	}
}

// Whatever a cluster did: with tombstones of a later moment, nothing is more alive
// than it was then, and what came out is a state that goes on.
func TestNothingIsMoreAliveThanItsTombstones(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(t)
		step := func(n int) {
			for range n {
				m.now += rapid.Int64Range(0, 50).Draw(rt, "dt")
				_, _ = m.do(randomCommand(rt, m.s))
			}
		}
		step(rapid.IntRange(0, 60).Draw(rt, "before"))
		backup := m.s
		step(rapid.IntRange(0, 60).Draw(rt, "after"))
		s, _ := resurrect(t, backup, m.s)
		s.Keys(func(k *Key) {
			if now := m.s.Key(k.Mount, k.Name); now == nil {
				rt.Fatalf("%s is back", k.Name)
			} else if k.Latest < now.Latest || k.MinAvailable < now.MinAvailable || k.MinDecryption < now.MinDecryption || (k.Deleted == 0) != (now.Deleted == 0) {
				rt.Fatalf("%+v, and it was %+v", k, now)
			}
			s.EachVersion(k, func(v *KeyVersion) {
				then := m.s.Version(v.Mount, v.Name, v.Number)
				if v.State != Suspended && v.State != Compromised && v.State != Destroyed {
					rt.Fatalf("version %d of %s is %s", v.Number, v.Name, v.State)
				}
				if then == nil || v.State == Suspended && (then.State == Destroyed || then.State == Compromised) || v.State == Destroyed && len(v.Sealed) != 0 {
					rt.Fatalf("version %d of %s is %s, and was %+v", v.Number, v.Name, v.State, then)
				}
			})
		})
		m.s.tombstones.Root().Walk(func(_ []byte, d *Tombstone) bool {
			if s.FirstVersion(d.Mount, d.Name) <= d.Last && s.Key(d.Mount, d.Name) == nil {
				rt.Fatalf("numbers of %s are used again", d.Name)
			}
			return false
		})
		if _, _, err := Apply(s, s.Index+1, &Numbered{Epoch: s.Epoch + 1, At: s.Time, Proposal: []byte("p"), Command: &Epoch{}}); err != nil {
			rt.Fatal(err)
		}
	})
}

// The clock of the new node may be far behind the former cluster's, so that replicated
// time stands still for long: who suspends a version then is not overruled.
func TestASlowClockHidesNoSuspension(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	s, _ := resurrect(t, m.s, nil)
	next := &machine{t: t, s: s, index: s.Index, now: s.Time - 3600e9}
	next.ok(&EnableRestored{Mount: testMount, Name: "web"})
	next.ok(setState("web", 1, Suspended))
	next.refused(&EnableRestored{Mount: testMount, Name: "web"}, ErrNotRestored)
}

// A key that rotates by itself gets no version that is in use, as long as its own wait
// to be enabled.
func TestWhatWaitsDoesNotRotate(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	m.ok(&ConfigKey{Mount: testMount, Name: "web", AutoRotate: ptr(int64(3600))})
	m.issue("acme", "u-acme")
	m.ok(&ConfigIssuer{Name: "acme", Period: ptr(int64(3600))})
	s, _ := resurrect(t, m.s, nil)
	late := s.Time + 7200e9
	rotates := func(s *State) (out []bool) {
		out = append(out, s.RotationDue(s.Key(testMount, "web"), late))
		at, _ := s.NextRotation(s.Issuer("acme"))
		return append(out, at != 0)
	}
	if got := fmt.Sprint(rotates(m.s), rotates(s)); got != "[true true] [false false]" {
		t.Errorf("before and after: %s", got)
	}
	next := &machine{t: t, s: s, index: s.Index, now: s.Time}
	next.ok(&EnableRestored{Mount: testMount, Name: "web"})
	next.ok(&EnableRestored{Mount: testMount, Name: "acme"})
	if got := fmt.Sprint(rotates(next.s)); got != "[true true]" {
		t.Errorf("enabled: %s", got)
	}
}
