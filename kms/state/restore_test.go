package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func restoreID(b byte) []byte { return bytes.Repeat([]byte{b}, 16) }

// staged is the commands that restore s, in their order.
func staged(t *testing.T, s *State, id byte) (pieces []*StageRestore, commit *CommitRestore) {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Restorable(&buf); err != nil {
		t.Fatal(err)
	}
	all, err := Pieces(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		pieces = append(pieces, &StageRestore{ID: restoreID(id), Number: uint32(i), Of: uint32(len(all)), Data: p})
	}
	sum := sha256.Sum256(buf.Bytes())
	return pieces, &CommitRestore{ID: restoreID(id), Sum: sum[:], Caller: hash("root")}
}

// large is a state of several pieces.
func large(t *testing.T) *machine {
	m := newMachine(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		m.ok(&PutPolicy{Policy{Name: name, Text: strings.Repeat(name, StagedPiece/2)}})
	}
	return m
}

func TestARestoreIsStagedAndCommitted(t *testing.T) {
	m := large(t)
	pieces, commit := staged(t, m.s, 1)
	if len(pieces) < 3 {
		t.Fatalf("%d pieces", len(pieces))
	}
	m.ok(&DeletePolicy{Name: "b"})
	m.refused(commit, ErrRestoreGone)
	m.refused(pieces[1], ErrRestoreGone)
	m.ok(pieces[0])
	m.refused(commit, ErrRestoreGone)
	m.refused(pieces[2], ErrRestoreGone)
	others, _ := staged(t, m.s, 2)
	m.refused(others[0], ErrRestoreUnderWay)
	m.s = reread(t, m.s) // a snapshot midway has them
	if g := m.s.Staging(); g == nil || g.Pieces != 1 || g.Of != uint32(len(pieces)) {
		t.Fatalf("%+v", g)
	}
	for _, p := range pieces[1:] {
		m.ok(p)
	}
	wrong := *commit
	wrong.Sum = hash("x")
	m.refused(&wrong, ErrRestoreGone)
	before := m.s
	did := m.ok(commit).(*Restored)
	if did.Generation != 1 || m.s.Generation != 1 || m.s.Staging() != nil || m.s.Policy("b") == nil || len(did.Changes) != 1 || did.Changes[0].Restored.First[0] != "b" {
		t.Errorf("%+v", did)
	}
	if before.Policy("b") != nil || before.Staging() == nil {
		t.Error("a view from before has changed")
	}
	m.refused(commit, ErrRestoreGone)
	if reread(t, m.s).Generation != 1 {
		t.Error("the generation is not in a snapshot")
	}
}

func TestAnOlderGenerationIsForced(t *testing.T) {
	m := newMachine(t)
	old := m.s
	run := func(s *State, force bool) (any, error) {
		pieces, commit := staged(t, s, 1)
		for _, p := range pieces {
			m.ok(p)
		}
		commit.Force = force
		return m.do(commit)
	}
	for want := uint64(1); want < 3; want++ {
		if _, err := run(m.s, false); err != nil || m.s.Generation != want {
			t.Fatalf("generation %d, %v", m.s.Generation, err)
		}
	}
	if _, err := run(old, false); !errors.Is(err, ErrOldGeneration) {
		t.Fatal(err)
	}
	if _, err := run(old, true); err != nil || m.s.Generation != 3 {
		t.Fatalf("generation %d, %v", m.s.Generation, err)
	}
	foreign := *m.s
	foreign.Cluster.AuditKey = secret(9)
	if _, err := run(&foreign, true); !errors.Is(err, ErrForeignBackup) {
		t.Fatal(err)
	}
}

// What nobody goes on with makes room, and goes.
func TestWhatIsStagedDoesNotStay(t *testing.T) {
	m := large(t)
	first, _ := staged(t, m.s, 1)
	second, _ := staged(t, m.s, 2)
	m.ok(first[0])
	m.ok(&AbortRestore{ID: restoreID(2)})
	m.refused(second[0], ErrRestoreUnderWay)
	m.now += stagedPatience
	m.ok(second[0])
	m.refused(first[1], ErrRestoreGone)
	m.ok(&AbortRestore{ID: restoreID(2)})
	if m.s.Staging() != nil {
		t.Error("it is there after it was given up")
	}
	m.ok(first[0])
	m.now += stagedKept
	m.ok(&Tick{})
	if m.s.Staging() != nil {
		t.Error("it is there after an hour")
	}
}

// A state that nobody can read stops the node: who can would end in another one.
func TestAnUnreadableRestoreIsCorruption(t *testing.T) {
	m := newMachine(t)
	b := []byte("no state")
	sum := sha256.Sum256(b)
	m.ok(&StageRestore{ID: restoreID(1), Of: 1, Data: b})
	var corruption *Corruption
	if _, err := m.do(&CommitRestore{ID: restoreID(1), Sum: sum[:], Caller: hash("root")}); !errors.As(err, &corruption) {
		t.Fatal(err)
	}
	for what, c := range map[string]Command{
		"no id": &StageRestore{Of: 1, Data: b}, "no data": &StageRestore{ID: restoreID(1), Of: 1}, "behind the end": &StageRestore{ID: restoreID(1), Number: 1, Of: 1, Data: b},
		"a short piece that is not the last": &StageRestore{ID: restoreID(1), Of: 2, Data: b}, "too many": &StageRestore{ID: restoreID(1), Number: MaxStagedPieces, Of: MaxStagedPieces + 1, Data: b},
		"too long": &StageRestore{ID: restoreID(1), Of: 1, Data: make([]byte, StagedPiece+1)}, "no sum": &CommitRestore{ID: restoreID(1), Caller: hash("root")},
		"no caller": &CommitRestore{ID: restoreID(1), Sum: sum[:]},
	} {
		raw, err := Encode(&Numbered{Epoch: 1, Seq: 1, Command: c})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(raw); !errors.As(err, &corruption) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Pieces(make([]byte, MaxStagedPieces*StagedPiece+1)); err == nil {
		t.Error("a state that is too long was split")
	}
}

// changeOf is what a merge does to one sort of record.
func changeOf(changes []Change, what string) Change {
	for _, c := range changes {
		if c.What == what {
			return c
		}
	}
	return Change{}
}

// Whoever deleted an application, or a role that is satisfied with its id, took
// something away: they come back, and give nothing by themselves.
func TestWhatWasDeletedComesBackClosed(t *testing.T) {
	m := newMachine(t)
	m.ok(application("app"))
	open := approle("open", "app")
	open.Role.NoSecretID = true
	m.ok(open)
	m.ok(approle("web", "app"))
	m.ok(secretID("web", "s", 0, 0))
	backup := backupOf(t, m.s)
	for _, name := range []string{"open", "web"} {
		m.ok(&DeleteAppRole{Name: name})
	}
	m.ok(&DeleteApplication{Name: "app"})
	m.now += 5
	s, changes := Merge(m.s, backup, hash("root"))
	if a := s.Application("app"); a.State() != ApplicationBlocked || a.Reason == "" {
		t.Errorf("%+v", a)
	}
	if r := s.AppRole("open"); r.NoSecretID || s.AppRoleByID("id-open") != r || s.SecretID("web", hash("s")) != nil {
		t.Errorf("%+v", r)
	}
	if c := changeOf(changes, OfAppRoles); c.Restored.Count != 2 || c.Withheld.Count != 1 || changeOf(changes, OfSecretIDs).Withheld.Count != 1 {
		t.Errorf("%+v", changes)
	}
	// An id that another role has by now is not given twice.
	taken := approle("other", "")
	taken.Role.RoleID = "id-web"
	m.ok(taken)
	if s, _ = Merge(m.s, backup, hash("root")); s.AppRole("web") != nil || s.AppRoleByID("id-web").Name != "other" {
		t.Error("two roles have one id")
	}
}

// A cluster that came back in an empty directory may find a later backup of the former
// one. What that brings waits to be enabled like all the rest.
func TestABackupOfTheFormerClusterBringsNothingIntoUse(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	first := m.s
	m.ok(&RotateKey{Version: version("web", 2)})
	m.ok(createKey("new", 1))
	m.ok(createKey("lead", 1))
	m.ok(&ConfigKey{Mount: testMount, Name: "lead", Lead: ptr(int64(60))})
	m.ok(&RotateKey{Version: version("lead", 2)})
	gcm := createKey("gcm", 1)
	gcm.Key.Type, gcm.Version.Type = AES256GCM, AES256GCM
	m.ok(gcm)
	later := backupOf(t, m.s)
	s, _ := resurrect(t, first, nil)
	merged, _ := Merge(s, later, hash("new-root"))
	for name, want := range map[string]string{
		"web": "[suspended suspended]", "new": "[suspended]", "lead": "[suspended destroyed]", "gcm": "[suspended]",
	} {
		if got := fmt.Sprint(states(merged, name)); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	if v := merged.Version(testMount, "gcm", 1); v.Encryptions != MaxEncryptions {
		t.Errorf("%d encryptions are booked", v.Encryptions)
	}
	if v := merged.Version(testMount, "lead", 2); len(v.Sealed) != 0 {
		t.Error("the private half of an erased version is there")
	}
	next := &machine{t: t, s: merged, index: merged.Index, now: merged.Time}
	if n := next.ok(&EnableRestored{Mount: testMount, Name: "new"}); n != 1 {
		t.Errorf("%v versions were enabled", n)
	}
	if again, _ := Merge(next.s, later, hash("new-root")); fmt.Sprint(states(again, "new"), states(again, "web")) != "[active] [suspended suspended]" {
		t.Error("merged again, it is another state")
	}
}

// A join token lets a node in that is sent everything: it is a credential like others.
func TestARestoreRevokesJoinTokensMadeSince(t *testing.T) {
	m := newMachine(t)
	make := func(id string) {
		m.ok(&CreateJoinToken{JoinToken{ID: id, Hash: hash(id), NodeID: "n-" + id, Suffrage: "voter", Expire: 1 << 62}})
	}
	make("old")
	make("withdrawn")
	backup := backupOf(t, m.s)
	m.ok(&DeleteJoinToken{ID: "withdrawn"})
	make("since")
	make("used")
	m.ok(&SetRoster{Version: m.s.Membership.Version + 1, JoinToken: "used", Incarnation: "x"})
	s, changes := Merge(m.s, backup, hash("root"))
	if s.JoinToken("since") != nil || s.JoinToken("withdrawn") != nil || s.JoinToken("old") == nil || s.JoinToken("used") == nil {
		t.Errorf("%+v", s.Membership.JoinTokens)
	}
	if old := s.JoinToken("old"); !same(old, m.s.JoinToken("old")) {
		t.Errorf("it changed: %+v", old)
	}
	if c := changeOf(changes, OfJoinTokens); c.Revoked.Count != 1 || c.Revoked.First[0] != "since" {
		t.Errorf("%+v", changes)
	}
	if len(backup.JoinToken("old").Hash) != 0 {
		t.Error("what lets a node in is staged")
	}
}

// A cluster that lost writes, as by a recovery, gets back what the backup has, and
// keeps what either knows to be over.
func TestMergeIntoAClusterThatLostWrites(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"web", "dead"} {
		m.ok(createKey(name, 1))
		m.ok(&ConfigKey{Mount: testMount, Name: name, DeletionAllowed: ptr(true)})
		m.now++
	}
	m.ok(createIssuer("acme", 1))
	m.now++
	lost := *m
	lost.ok(&RotateKey{Version: version("web", 2)})
	lost.ok(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: Retired})
	lost.ok(createKey("new", 1))
	lost.ok(createIssuer("late", 1))
	lost.ok(&PutProfile{Profile{Issuer: "late", Name: "p", Definition: []byte("{}"), MaxTTL: 60}})
	lost.ok(&DeleteKey{Mount: testMount, Name: "dead"})
	lost.ok(&RotateIssuer{Issuer: "acme", Version: version("acme", 2)})
	lost.now += 30e9
	lost.ok(&ActivateIssuer{Issuer: "acme", Number: 2})
	short := createKey("box", 1)
	short.Key.Type, short.Version.Type = AES256GCM, AES256GCM
	lost.ok(short)
	lost.ok(&PutWrappingKey{wrappingVersion(1)})
	backup := backupOf(t, lost.s)
	m.ok(&SetVersionState{Mount: testMount, Name: "web", Number: 1, State: Suspended})
	before := m.s.Issuer("acme").Revision
	s, changes := Merge(m.s, backup, hash("root"))
	if k := s.Key(testMount, "web"); k.Latest != 2 || s.Version(testMount, "web", 2) == nil {
		t.Errorf("%+v", k)
	}
	if v := s.Version(testMount, "web", 1); v.State != Suspended || v.Retired == 0 {
		t.Errorf("a suspended version is %s", v.State)
	}
	if s.Key(testMount, "dead") != nil || s.FirstVersion(testMount, "dead") != 2 {
		t.Error("a key that the backup knows to be destroyed lives")
	}
	if s.Key(testMount, "new") == nil || s.Issuer("late") == nil || s.Profile("late", "p") == nil || s.WrappingKey(testMount) == nil {
		t.Error("what the cluster lost did not come back")
	}
	if v := s.Version(testMount, "box", 1); v.Encryptions < RotateEncryptions {
		t.Errorf("a version that came back counts %d encryptions", v.Encryptions)
	}
	i, k := s.Issuer("acme"), s.Key(testMount, "acme")
	if k.SignerNumber() != 2 || s.Version(testMount, "acme", 1).State != Retired || s.Version(testMount, "acme", 2).State != Active || i.Revision == before {
		t.Errorf("%+v %+v", i, k)
	}
	if c := changeOf(changes, OfKeys); c.Revoked.Count != 1 || c.Restored.Count != 4 {
		t.Errorf("%+v", c)
	}
	// Where both went on from the same version, the cluster's own is the one that counts.
	m.ok(&RotateKey{Version: func() KeyVersion { v := version("web", 2); v.KID = "another"; return v }()})
	if s, _ = Merge(m.s, backup, hash("root")); s.Version(testMount, "web", 2).KID != "another" || s.Key(testMount, "web").Latest != 2 {
		t.Error("a version of the cluster was replaced")
	}
}

// Who restores is not locked out: neither the token that asks nor those above it, though
// they were made since. All else that was made since goes, their other children too.
func TestARestoreKeepsWhoAsks(t *testing.T) {
	m := newMachine(t)
	backup := *m.s
	for _, made := range [][2]string{{"grandparent", ""}, {"parent", "grandparent"}, {"asks", "parent"}, {"child", "asks"}, {"sibling", "parent"}, {"stranger", "root"}} {
		m.ok(token(made[0], made[1], 0))
	}
	merged, _ := Merge(m.s, &backup, hash("asks"))
	for name, stays := range map[string]bool{"root": true, "grandparent": true, "parent": true, "asks": true, "child": false, "sibling": false, "stranger": false} {
		if got := merged.Token(hash(name)) != nil; got != stays {
			t.Errorf("the token %s is there: %t", name, got)
		}
	}
}
