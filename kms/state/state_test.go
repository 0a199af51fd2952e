package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const testMount = "0f4b8f3e-0000-4000-8000-000000000001"

func secret(b byte) Secret { return bytes.Repeat([]byte{b}, 32) }

func hash(s string) []byte { return append(make([]byte, 32-len(s)), s...) }

func genesis() *Genesis {
	return &Genesis{
		Cluster: Cluster{ID: "c0000000-0000-4000-8000-000000000001", Name: "test", Created: 1, TokenKey: secret(1), AuditKey: secret(2)},
		Mount:   Mount{UUID: testMount, Path: "transit/", Type: "transit"},
		Default: Policy{Name: "default", Text: "# none"},
		Root:    Token{Hash: hash("root"), Accessor: "acc-root", Policies: []string{"root"}},
	}
}

// machine applies commands with rising numbers and demands what each test says.
type machine struct {
	t     testing.TB
	s     *State
	index uint64
	seq   uint64
	now   int64
}

func newMachine(t testing.TB) *machine {
	m := &machine{t: t, s: New(), now: 100}
	m.ok(genesis())
	return m
}

func (m *machine) do(c Command) (any, error) {
	m.t.Helper()
	return m.send(&Numbered{Proposal: fmt.Appendf(nil, "proposal %07d", m.seq), Command: c})
}

// send numbers n and applies it, through its encoding.
func (m *machine) send(n *Numbered) (any, error) {
	m.t.Helper()
	m.index++
	m.seq++
	n.Epoch, n.Seq, n.At = m.s.Epoch, m.seq, m.now
	b, err := Encode(n)
	if err != nil {
		m.t.Fatal(err)
	}
	if n, err = Decode(b); err != nil {
		m.t.Fatal(err)
	}
	next, result, err := Apply(m.s, m.index, n)
	m.s = next
	return result, err
}

func (m *machine) ok(c Command) any {
	m.t.Helper()
	r, err := m.do(c)
	if err != nil {
		m.t.Fatalf("%T: %v", c, err)
	}
	return r
}

func (m *machine) refused(c Command, want error) {
	m.t.Helper()
	before, _ := m.s.Digest()
	was := m.s
	if _, err := m.do(c); !errors.Is(err, want) {
		m.t.Fatalf("%T: got %v, want %v", c, err, want)
	}
	if m.s.Index == was.Index {
		m.t.Fatalf("%T: a refused command must still advance the index", c)
	}
	after := *m.s
	after.Index, after.Seq, after.Time, after.TermUses = was.Index, m.seq-1, was.Time, was.TermUses
	after.proposals = was.proposals // the refusal itself is remembered
	if got, _ := after.Digest(); got != before {
		m.t.Fatalf("%T: a refused command left a trace", c)
	}
}

func version(name string, n uint32) KeyVersion {
	return KeyVersion{Mount: testMount, Name: name, Number: n, Type: ECDSAP256, State: Active, KID: fmt.Sprint(name, n), Sealed: []byte("sealed")}
}

func createKey(name string, n uint32) *CreateKey {
	return &CreateKey{Key: Key{Mount: testMount, Name: name, Type: ECDSAP256}, Version: version(name, n)}
}

func ptr[T any](v T) *T { return &v }

func TestKeyLife(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	m.refused(createKey("web", 1), ErrKeyExists)
	m.refused(createKey("later", 2), ErrVersionConflict)
	m.ok(&RotateKey{Version: version("web", 2)})
	m.refused(&RotateKey{Version: version("web", 2)}, ErrVersionConflict)
	m.refused(&RotateKey{Version: version("web", 4)}, ErrVersionConflict)
	m.refused(&RotateKey{Version: version("none", 1)}, ErrKeyMissing)
	m.refused(&DeleteKey{Mount: testMount, Name: "web"}, ErrDeletionNotAllowed)
	m.refused(&ConfigKey{Mount: testMount, Name: "web", MinDecryption: ptr(uint32(3))}, ErrBadMinimum)
	m.refused(&ConfigKey{Mount: testMount, Name: "web", MinDecryption: ptr(uint32(2)), MinEncryption: ptr(uint32(1))}, ErrBadMinimum)
	m.refused(&ConfigKey{Mount: testMount, Name: "none"}, ErrKeyMissing)
	m.ok(&ConfigKey{Mount: testMount, Name: "web", DeletionAllowed: ptr(true), MinDecryption: ptr(uint32(2))})
	if k := m.s.Key(testMount, "web"); k.Latest != 2 || k.MinDecryption != 2 || !k.DeletionAllowed {
		t.Fatalf("key after config: %+v", k)
	}
	m.ok(createKey("web2", 1)) // a name with the deleted one as its prefix stays
	m.ok(&DeleteKey{Mount: testMount, Name: "web"})
	if m.s.Key(testMount, "web") != nil || m.s.Version(testMount, "web", 1) != nil || m.s.Version(testMount, "web", 2) != nil {
		t.Fatal("a deleted key is still there")
	}
	if m.s.Version(testMount, "web2", 1) == nil {
		t.Fatal("deleting web took web2 along")
	}
	m.refused(&DeleteKey{Mount: testMount, Name: "web"}, ErrKeyMissing)
	m.refused(createKey("web", 1), ErrVersionConflict) // I8: numbers never restart
	if n := m.s.FirstVersion(testMount, "web"); n != 3 {
		t.Fatalf("first version after the tombstone: %d, want 3", n)
	}
	m.ok(createKey("web", 3))
	m.refused(&CreateKey{Key: Key{Mount: "other", Name: "x", Type: ECDSAP256}, Version: KeyVersion{Mount: "other", Name: "x", Number: 1, Type: ECDSAP256}}, ErrMountMissing)
}

func TestEncryptionsAreBookedUpToTheLimit(t *testing.T) {
	m := newMachine(t)
	reserve := func(n uint64) *ReserveEncryptions {
		return &ReserveEncryptions{Mount: testMount, Name: "web", Number: 1, Count: n}
	}
	m.refused(reserve(1), ErrKeyMissing)
	m.ok(createKey("web", 1))
	m.refused(reserve(0), ErrEncryptionsSpent)
	if v := m.ok(reserve(MaxEncryptions - 1)).(*KeyVersion); v.Encryptions != MaxEncryptions-1 {
		t.Fatalf("booked %d", v.Encryptions)
	}
	m.refused(reserve(2), ErrEncryptionsSpent)
	m.ok(reserve(1))
	m.refused(reserve(1), ErrEncryptionsSpent)
	m.refused(reserve(1<<64-1), ErrEncryptionsSpent)
}

func token(name, parent string, expire int64) *CreateToken {
	c := &CreateToken{Token: Token{Hash: hash(name), Accessor: "acc-" + name, Policies: []string{"default"}, Expire: expire, TTL: 1}}
	if parent != "" {
		c.Token.Parent = hash(parent)
	}
	return c
}

func TestRevokingATokenTakesItsDescendants(t *testing.T) {
	m := newMachine(t)
	m.ok(token("a", "root", 0))
	m.ok(token("b", "a", 0))
	m.ok(token("c", "b", 0))
	m.ok(token("d", "root", 0))
	m.refused(token("a", "root", 0), ErrTokenExists)
	m.refused(token("e", "nobody", 0), ErrTokenMissing)
	if n := m.ok(&RevokeToken{Hash: hash("a")}); n != 3 {
		t.Fatalf("revoked %v tokens, want 3", n)
	}
	for _, gone := range []string{"a", "b", "c"} {
		if m.s.Token(hash(gone)) != nil || m.s.TokenByAccessor("acc-"+gone) != nil {
			t.Fatalf("token %s survived", gone)
		}
	}
	if m.s.Token(hash("d")) == nil {
		t.Fatal("a token outside the tree was revoked")
	}
	m.refused(&RevokeToken{Hash: hash("a")}, ErrTokenMissing)
	m.refused(&RenewToken{Hash: hash("a"), Expire: 1}, ErrTokenMissing)
}

func TestRevokeOrphanCutsChildrenLoose(t *testing.T) {
	m := newMachine(t)
	m.ok(token("a", "root", 0))
	m.ok(token("b", "a", 0))
	m.ok(&RevokeToken{Hash: hash("a"), Orphan: true})
	if b := m.s.Token(hash("b")); b == nil || len(b.Parent) != 0 {
		t.Fatalf("child after revoke-orphan: %+v", b)
	}
}

func TestExpiredTokensGoByReplicatedTimeOnly(t *testing.T) {
	m := newMachine(t)
	m.ok(token("a", "root", 500))
	m.ok(token("b", "a", 0))
	if m.s.NextExpiry() != 500 {
		t.Fatalf("next expiry %d", m.s.NextExpiry())
	}
	m.ok(&RenewToken{Hash: hash("a"), Expire: 900})
	m.now = 600
	m.ok(&Tick{})
	if m.s.Token(hash("a")) == nil {
		t.Fatal("a renewed token was removed at its old expiry")
	}
	m.now = 50 // a leader whose clock fell back
	m.ok(&Tick{})
	if m.s.Time != 600 {
		t.Fatalf("replicated time fell to %d", m.s.Time)
	}
	m.now = 900
	m.ok(&Tick{})
	if m.s.Token(hash("a")) != nil || m.s.Token(hash("b")) != nil || m.s.NextExpiry() != 0 {
		t.Fatal("an expired token, or its child, is still there")
	}
}

func TestExpiredTokenIsNotRenewed(t *testing.T) {
	m := newMachine(t)
	for i := range expireAtOnce + 1 { // more than one command removes, so that the last is left over
		m.ok(token(fmt.Sprint("t", i), "", 500+int64(i)))
	}
	m.now = 1 << 40
	last := hash(fmt.Sprint("t", expireAtOnce))
	if _, err := m.do(&RenewToken{Hash: last, Expire: 1 << 50}); !errors.Is(err, ErrTokenMissing) {
		t.Fatalf("renewing an expired token: %v", err)
	}
	if m.s.Token(last) == nil {
		t.Fatal("one command removed more than its bound")
	}
}

func TestPolicies(t *testing.T) {
	m := newMachine(t)
	before := m.s
	m.ok(&PutPolicy{Policy{Name: "web", Text: "x"}})
	if m.s.SamePolicies(before) {
		t.Fatal("SamePolicies after a policy write")
	}
	before = m.s
	m.ok(createKey("k", 1))
	if !m.s.SamePolicies(before) {
		t.Fatal("a key write changed the policies")
	}
	if got := fmt.Sprint(m.s.PolicyNames()); got != "[default web]" {
		t.Fatal(got)
	}
	if m.ok(&DeletePolicy{Name: "web"}) != true || m.ok(&DeletePolicy{Name: "web"}) != false {
		t.Fatal("DeletePolicy result")
	}
}

func TestNumbersThatDoNotFollowAreCorruption(t *testing.T) {
	m := newMachine(t)
	m.ok(&Tick{})
	for _, c := range []struct {
		name       string
		epoch, seq uint64
		cmd        Command
	}{
		{"same number", 0, m.seq, &Tick{}},
		{"lower number", 0, 1, &Tick{}},
		{"epoch opened without an epoch command", 1, 1, &Tick{}},
		{"genesis again out of order", 0, 0, genesis()},
	} {
		_, _, err := Apply(m.s, 9, &Numbered{Epoch: c.epoch, Seq: c.seq, Command: c.cmd})
		var corruption *Corruption
		if !errors.As(err, &corruption) {
			t.Errorf("%s: got %v, want *Corruption", c.name, err)
		}
	}
	if _, _, err := Apply(New(), 1, &Numbered{Seq: 1, Command: &Tick{}}); err == nil {
		t.Error("a command before genesis was applied")
	}
	next, _, err := Apply(m.s, 9, &Numbered{Epoch: 1, Command: &Epoch{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Apply(next, 10, &Numbered{Epoch: 1, Seq: 7, Command: &Tick{}}); err != nil {
		t.Errorf("a gap is legal: %v", err)
	}
}

// What a leader numbered before another one came takes no effect, and stops nobody: not
// a command, not the epoch that another one has opened already.
func TestOvertakenCommandsAreRefused(t *testing.T) {
	m := newMachine(t)
	m.ok(&Tick{})
	next, _, err := Apply(m.s, 9, &Numbered{Epoch: 1, At: m.s.Time, Command: &Epoch{}})
	if err != nil {
		t.Fatal(err)
	}
	late := &Numbered{Epoch: 0, Seq: 99, At: m.s.Time + 1<<50, Proposal: []byte("late"), Command: createKey("late", 1)}
	for name, n := range map[string]*Numbered{
		"a command": late, "an epoch": {Epoch: 1, At: m.s.Time + 1<<50, Command: &Epoch{}}, "an older epoch": {Epoch: 0, Command: &Epoch{}},
	} {
		after, _, err := Apply(next, 10, n)
		if err != error(ErrOvertaken) || after.Index != 10 || after.TermUses != next.TermUses+1 {
			t.Errorf("%s: %v at %d", name, err, after.Index)
		}
		after.Index, after.TermUses = next.Index, next.TermUses
		was, _ := next.Digest()
		if is, _ := after.Digest(); is != was {
			t.Errorf("%s changed the state", name)
		}
	}
	// It is not known as a proposal either: it may come again, in the new epoch.
	again := *late
	again.Epoch, again.Seq, again.At, again.Again = 1, 1, m.s.Time, true
	if after, result, err := Apply(next, 10, &again); err != nil || after.Key(again.Command.(*CreateKey).Key.Mount, "late") == nil {
		t.Errorf("the command again: %v, %v", result, err)
	}
}

func TestGenesisTwiceIsRefused(t *testing.T) {
	m := newMachine(t)
	m.refused(genesis(), ErrGenesisTwice)
}

func TestUnknownKindIsCorruption(t *testing.T) {
	b, err := encode(&envelope{Kind: 999, Epoch: 1, Seq: 1, Body: []byte{0x80}})
	if err != nil {
		t.Fatal(err)
	}
	var corruption *Corruption
	if _, err := Decode(b); !errors.As(err, &corruption) || !strings.Contains(err.Error(), "upgrade") {
		t.Fatalf("got %v", err)
	}
}

func TestUnknownFieldIsCorruption(t *testing.T) {
	body, _ := encode(map[string]int{"zz": 1})
	b, _ := encode(&envelope{Kind: KindTick, Seq: 1, Body: body})
	if _, err := Decode(b); err == nil {
		t.Fatal("a field of a newer build was dropped in silence")
	}
}

func TestStateOfAnEarlierViewIsUntouched(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	view := m.s
	before, _ := view.Digest()
	m.ok(&RotateKey{Version: version("web", 2)})
	m.ok(&ConfigKey{Mount: testMount, Name: "web", DeletionAllowed: ptr(true)})
	m.ok(&DeleteKey{Mount: testMount, Name: "web"})
	if after, _ := view.Digest(); after != before {
		t.Fatal("a command changed a state that readers hold")
	}
}

// TestSnapshotIsTheState checks with random commands that a state read back from
// its snapshot is the same, goes on the same way, and that two machines fed the
// same commands agree byte for byte (I10).
func TestSnapshotIsTheState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(t)
		twin := newMachine(t)
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			c := randomCommand(rt, m.s)
			m.now += rapid.Int64Range(0, 50).Draw(rt, "dt")
			if rapid.IntRange(0, 15).Draw(rt, "leap") == 0 {
				m.now += 30e9 // past the lead of an issuer
			}
			twin.now = m.now
			_, err1 := m.do(c)
			_, err2 := twin.do(c)
			if fmt.Sprint(err1) != fmt.Sprint(err2) {
				rt.Fatalf("two machines differ: %v, %v", err1, err2)
			}
		}
		var buf bytes.Buffer
		if err := m.s.Write(&buf); err != nil {
			rt.Fatal(err)
		}
		read, err := Read(bytes.NewReader(buf.Bytes()), Sequential)
		if err != nil {
			rt.Fatal(err)
		}
		twin.s = read
		c := randomCommand(rt, m.s)
		_, _ = m.do(c)
		_, _ = twin.do(c)
		a, _ := m.s.Digest()
		b, _ := twin.s.Digest()
		if a != b {
			rt.Fatal("the state read back goes another way")
		}
	})
}

func randomCommand(rt *rapid.T, s *State) Command {
	name := rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(rt, "name")
	switch rapid.IntRange(0, 42).Draw(rt, "kind") {
	case 0:
		return createKey(name, s.FirstVersion(testMount, name))
	case 1:
		latest := uint32(0)
		if k := s.Key(testMount, name); k != nil {
			latest = k.Latest
		}
		return &RotateKey{Version: version(name, latest+1)}
	case 2:
		return &ConfigKey{Mount: testMount, Name: name, DeletionAllowed: ptr(rapid.Bool().Draw(rt, "allowed"))}
	case 3:
		return &DeleteKey{Mount: testMount, Name: name}
	case 4:
		return token(name, rapid.SampledFrom([]string{"", "root", "a", "b"}).Draw(rt, "parent"), rapid.Int64Range(0, 900).Draw(rt, "expire"))
	case 5:
		return &RevokeToken{Hash: hash(name), Orphan: rapid.Bool().Draw(rt, "orphan")}
	case 6:
		return &RenewToken{Hash: hash(name), Expire: rapid.Int64Range(1, 2000).Draw(rt, "expire")}
	case 7:
		return &PutPolicy{Policy{Name: name, Text: "t"}}
	case 8:
		return &ReserveEncryptions{Mount: testMount, Name: name, Number: 1, Count: 5}
	case 9:
		return &DeleteKey{Mount: testMount, Name: name, Grace: rapid.Int64Range(0, 100).Draw(rt, "grace")}
	case 10:
		return &UndeleteKey{Mount: testMount, Name: name}
	case 11:
		return &DestroyKey{Mount: testMount, Name: name, Early: rapid.Bool().Draw(rt, "early")}
	case 12:
		return &ConfigKey{Mount: testMount, Name: name, MinDecryption: ptr(uint32(2)), MinEncryption: ptr(uint32(2))}
	case 13:
		return &TrimKey{Mount: testMount, Name: name, MinAvailable: rapid.Uint32Range(0, 3).Draw(rt, "min")}
	case 14:
		return &UseToken{Hash: hash(name)}
	case 15:
		return &PutTokenRole{TokenRole{Name: name, Allowed: []string{"p"}}}
	case 16:
		return &PutQuota{Quota{Name: name, Per: QuotaPerSource, Rate: 1.5, Interval: 1e9}}
	case 17:
		if rapid.Bool().Draw(rt, "migrate") {
			return &MigrateSeal{Revision: s.SealRevision + rapid.Uint64Range(0, 2).Draw(rt, "revision"), Term: s.Term}
		}
		return &RotateTerm{Term: s.Term + rapid.Uint64Range(0, 2).Draw(rt, "term"), Seal: s.SealRevision}
	case 18, 19, 20, 21, 22, 23, 24, 25, 26:
		return randomCredentials(rt, name)
	case 27, 28:
		if c := randomIssued(rt, s); c != nil {
			return c
		}
	}
	if c := randomIssuerCommand(rt, s, name); c != nil {
		return c
	}
	return &Tick{}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	whole := buf.Bytes()
	for cut := range len(whole) {
		if _, err := Read(bytes.NewReader(whole[:cut]), Sequential); err == nil {
			t.Fatalf("a snapshot cut at %d of %d was read", cut, len(whole))
		}
	}
	if _, err := Read(bytes.NewReader(append(bytes.Clone(whole), 0xc0)), Sequential); err == nil {
		t.Fatal("a snapshot with data behind it was read")
	}
}

func TestSecretRedacts(t *testing.T) {
	s := Secret("hunter2hunter2hunter2")
	c := Cluster{TokenKey: s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, c, &c} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "hunter") || strings.Contains(out, "68756e") || strings.Contains(out, "104 117") {
				t.Errorf("%s of %T shows the secret: %s", verb, v, out)
			}
		}
	}
	if _, err := json.Marshal(c); err == nil {
		t.Error("a secret was written as JSON")
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s)
	if strings.Contains(log.String(), "hunter") {
		t.Error("slog shows the secret")
	}
}
