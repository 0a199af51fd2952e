package state

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func deletable(m *machine, name string) {
	m.ok(createKey(name, 1))
	m.ok(&ConfigKey{Mount: testMount, Name: name, DeletionAllowed: ptr(true)})
}

func TestDeletedKeyWaitsAndComesBack(t *testing.T) {
	m := newMachine(t)
	deletable(m, "web")
	m.ok(&DeleteKey{Mount: testMount, Name: "web", Grace: 100})
	k := m.s.Key(testMount, "web")
	if k.Deleted != m.now || k.DestroyAt != m.now+100 || m.s.NextDestroy() != k {
		t.Fatalf("%+v", k)
	}
	if len(m.s.KeyNames(testMount)) != 0 || len(m.s.DeletedKeys(testMount)) != 1 {
		t.Fatal("a deleted key is listed as one in use, or not as deleted")
	}
	m.refused(&DeleteKey{Mount: testMount, Name: "web", Grace: 1}, ErrKeyDeleted)
	m.refused(&RotateKey{Version: version("web", 2)}, ErrKeyDeleted)
	m.refused(&ConfigKey{Mount: testMount, Name: "web"}, ErrKeyDeleted)
	m.refused(&TrimKey{Mount: testMount, Name: "web"}, ErrKeyDeleted)
	m.refused(&ReserveEncryptions{Mount: testMount, Name: "web", Number: 1, Count: 1}, ErrKeyDeleted)
	m.refused(createKey("web", 1), ErrKeyDeleted)
	m.refused(&DestroyKey{Mount: testMount, Name: "web"}, ErrGraceNotOver)
	m.ok(&UndeleteKey{Mount: testMount, Name: "web"})
	if m.s.NextDestroy() != nil || m.s.Key(testMount, "web").Deleted != 0 {
		t.Fatal("an undeleted key is still going to be destroyed")
	}
	m.refused(&UndeleteKey{Mount: testMount, Name: "web"}, ErrKeyNotDeleted)
	m.refused(&DestroyKey{Mount: testMount, Name: "web", Early: true}, ErrKeyNotDeleted)
	m.refused(&UndeleteKey{Mount: testMount, Name: "none"}, ErrKeyMissing)
	m.refused(&DestroyKey{Mount: testMount, Name: "none"}, ErrKeyMissing)
	m.ok(&RotateKey{Version: version("web", 2)})
}

func TestDestroyErasesAndLeavesATombstone(t *testing.T) {
	m := newMachine(t)
	deletable(m, "web")
	deletable(m, "webb") // a name that begins with the other's
	m.ok(&RotateKey{Version: version("web", 2)})
	m.ok(&DeleteKey{Mount: testMount, Name: "web", Grace: 100})
	m.now += 99
	m.refused(&DestroyKey{Mount: testMount, Name: "web"}, ErrGraceNotOver)
	m.now++
	m.ok(&DestroyKey{Mount: testMount, Name: "web"})
	if m.s.Key(testMount, "web") != nil || m.s.Version(testMount, "web", 1) != nil || m.s.Version(testMount, "web", 2) != nil {
		t.Fatal("something of a destroyed key is left")
	}
	if m.s.Version(testMount, "webb", 1) == nil {
		t.Fatal("the destruction took a neighbour along")
	}
	if ts := m.s.Tombstone(testMount, "web"); ts == nil || ts.Last != 2 || m.s.FirstVersion(testMount, "web") != 3 {
		t.Fatalf("tombstone %+v", ts)
	}
	if m.s.NextDestroy() != nil {
		t.Fatal("the index still has it")
	}
	m.ok(&DeleteKey{Mount: testMount, Name: "webb", Grace: 100})
	m.ok(&DestroyKey{Mount: testMount, Name: "webb", Early: true})
	if m.s.Key(testMount, "webb") != nil {
		t.Fatal("an early destruction did nothing")
	}
	if d, _ := m.do(&DeleteKey{Mount: testMount, Name: "web", Grace: -1}); d != nil {
		t.Fatal("no key, no result")
	}
}

func TestDestroyedBytesAreInNoSnapshot(t *testing.T) {
	m := newMachine(t)
	c := createKey("web", 1)
	c.Version.Sealed = []byte("these sealed bytes must go")
	m.ok(c)
	m.ok(&ConfigKey{Mount: testMount, Name: "web", DeletionAllowed: ptr(true)})
	holds := func() bool {
		var buf bytes.Buffer
		if err := m.s.Write(&buf); err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(buf.Bytes(), c.Version.Sealed)
	}
	m.ok(&DeleteKey{Mount: testMount, Name: "web", Grace: 1})
	if !holds() {
		t.Fatal("nothing could be undeleted")
	}
	m.now++
	m.ok(&DestroyKey{Mount: testMount, Name: "web"})
	if holds() {
		t.Fatal("a destroyed key is in the snapshot")
	}
}

func TestTrim(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	for n := uint32(2); n <= 5; n++ {
		m.ok(&RotateKey{Version: version("web", n)})
	}
	m.refused(&TrimKey{Mount: testMount, Name: "web", MinAvailable: 3}, ErrBadTrim)
	m.ok(&ConfigKey{Mount: testMount, Name: "web", MinDecryption: ptr(uint32(3))})
	m.refused(&TrimKey{Mount: testMount, Name: "web", MinAvailable: 3}, ErrBadTrim) // min_encryption_version 0
	m.ok(&ConfigKey{Mount: testMount, Name: "web", MinEncryption: ptr(uint32(4))})
	m.refused(&TrimKey{Mount: testMount, Name: "web", MinAvailable: 4}, ErrBadTrim)
	if k := m.ok(&TrimKey{Mount: testMount, Name: "web", MinAvailable: 3}).(*Key); k.MinAvailable != 3 {
		t.Fatalf("%+v", k)
	}
	for n := uint32(1); n <= 5; n++ {
		if there := m.s.Version(testMount, "web", n) != nil; there != (n >= 3) {
			t.Errorf("version %d is there: %t", n, there)
		}
	}
	m.refused(&TrimKey{Mount: testMount, Name: "web", MinAvailable: 2}, ErrBadTrim)
	m.refused(&TrimKey{Mount: testMount, Name: "none", MinAvailable: 2}, ErrKeyMissing)
}

func TestUsesOfATokenRunOut(t *testing.T) {
	m := newMachine(t)
	c := token("a", "root", 900)
	c.Token.Uses = 2
	m.ok(c)
	m.ok(token("child", "a", 900))
	if got := m.ok(&UseToken{Hash: hash("a")}).(*Token); got.Uses != 1 {
		t.Fatalf("%+v", got)
	}
	if got := m.ok(&UseToken{Hash: hash("a")}).(*Token); got.Accessor != "acc-a" {
		t.Fatalf("the last use is still one: %+v", got)
	}
	if m.s.Token(hash("a")) != nil || m.s.Token(hash("child")) != nil {
		t.Fatal("a used-up token, or its child, is still there")
	}
	m.refused(&UseToken{Hash: hash("a")}, ErrTokenMissing)
	m.ok(token("b", "root", 900))
	for range 3 {
		if got := m.ok(&UseToken{Hash: hash("b")}).(*Token); got.Uses != 0 {
			t.Fatal("an unlimited token was counted")
		}
	}
	m.now = 900
	if _, err := m.do(&UseToken{Hash: hash("b")}); !errors.Is(err, ErrTokenMissing) {
		t.Fatalf("a use after expiry: %v", err)
	}
}

func TestRolesAndQuotas(t *testing.T) {
	m := newMachine(t)
	m.ok(&PutTokenRole{TokenRole{Name: "ci", Allowed: []string{"a"}}})
	m.ok(&PutTokenRole{TokenRole{Name: "ci", Allowed: []string{"b"}}})
	if r := m.s.TokenRole("ci"); r == nil || r.Allowed[0] != "b" || len(m.s.TokenRoleNames()) != 1 {
		t.Fatalf("%+v", r)
	}
	if m.ok(&DeleteTokenRole{Name: "ci"}) != true || m.ok(&DeleteTokenRole{Name: "ci"}) != false {
		t.Fatal("whether it existed")
	}
	before := m.s
	m.ok(&PutQuota{Quota{Name: "q", Per: QuotaPerToken, Rate: 1, Interval: 1}})
	if m.s.Quota("q") == nil || m.s.SameQuotas(before) {
		t.Fatal("a quota that nobody sees")
	}
	if m.ok(&DeleteQuota{Name: "q"}) != true || m.s.Quota("q") != nil {
		t.Fatal("not deleted")
	}
	for _, c := range []Command{&PutTokenRole{}, &PutQuota{Quota{Name: "q"}}} {
		_, err := m.do(c)
		if bad := (*Corruption)(nil); !errors.As(err, &bad) {
			t.Errorf("%T without its fields: %v", c, err)
		}
	}
}

func TestTermsFollowEachOther(t *testing.T) {
	m := newMachine(t)
	if m.s.Term != 1 {
		t.Fatalf("term %d", m.s.Term)
	}
	m.refused(&RotateTerm{Term: 1}, ErrBadTerm)
	m.refused(&RotateTerm{Term: 3}, ErrBadTerm)
	m.now += 5
	m.refused(&RotateTerm{Term: 2, Seal: 1}, ErrBadSeal)
	m.ok(&RotateTerm{Term: 2})
	if m.s.Term != 2 || m.s.TermSince != m.now || m.s.TermUses != 0 {
		t.Fatalf("term %d since %d, used %d times", m.s.Term, m.s.TermSince, m.s.TermUses)
	}
	m.ok(&Tick{})
	m.ok(&Tick{})
	if m.s.TermUses != 2 {
		t.Fatalf("used %d times", m.s.TermUses)
	}
	m.ok(&ConfigRotation{Rotation{Disabled: true}})
	if !m.s.RotationNow().Disabled {
		t.Fatal("the configuration is not in force")
	}
}

// A sealed node applies what it kept as one: it must end in the very state of a node
// that applied each command by itself, also where a key came and went meanwhile.
func TestManyCommandsAtOnceEndInTheSameState(t *testing.T) {
	m := newMachine(t)
	start := m.s
	run := NewApplier(start)
	for _, c := range []Command{
		createKey("web", 1), &RotateKey{Version: version("web", 2)}, createKey("other", 1),
		&ConfigKey{Mount: testMount, Name: "web", DeletionAllowed: ptr(true)}, &DeleteKey{Mount: testMount, Name: "web"},
		createIssuer("acme", 1), &PutProfile{Profile{Issuer: "acme", Name: "p", Definition: []byte("{}")}}, &PutProfile{Profile{Issuer: "acme", Name: "q", Definition: []byte("{}")}},
		&ConfigIssuer{Name: "acme", DeletionAllowed: ptr(true)}, &DeleteIssuer{Name: "acme"}, &DestroyKey{Mount: testMount, Name: "acme"},
	} {
		m.ok(c)
		n := &Numbered{Epoch: m.s.Epoch, Seq: m.seq, At: m.now, Proposal: fmt.Appendf(nil, "proposal %07d", m.seq-1), Command: c}
		if _, err := run.Apply(m.index, n); err != nil {
			t.Fatal(err)
		}
	}
	one, _ := m.s.Digest()
	if many, _ := run.State().Digest(); many != one {
		t.Error("the states differ")
	}
	if again, _ := reread(t, run.State()).Digest(); again != one {
		t.Error("the state reads back as another")
	}
}
