package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const minute = int64(time.Minute)

// issuing is a machine with an issuer, whose clock stands at a whole hour.
func issuing(t testing.TB, name string) (*machine, *Issuer) {
	m := newMachine(t)
	m.now = 1_790_000_400 * int64(time.Second) / int64(time.Hour) * int64(time.Hour)
	return m, m.issue(name, "u-"+name)
}

// issue makes an issuer whose tokens live for an hour at most.
func (m *machine) issue(name, uuid string) *Issuer {
	m.t.Helper()
	key := Key{Mount: testMount, Name: name, Type: ECDSAP256, Issuer: name}
	m.ok(&CreateIssuer{
		Issuer{Name: name, UUID: uuid, Mount: testMount, URL: "https://" + name + ".example", Alg: "ES256", MaxAge: 300, Leeway: 30, Lead: 600},
		key, KeyVersion{Mount: testMount, Name: name, Number: 1, Type: ECDSAP256, Public: []byte{1}, Sealed: []byte{2}, KID: "kid-" + name},
	})
	return m.ok(&PutProfile{Profile{Issuer: name, Name: "access", Definition: []byte("{}"), MaxTTL: 3600}}).(*Issuer)
}

func (m *machine) key(i *Issuer) *IssuedKey { k := m.s.IssuedKey(i.UUID); return &k }

func revoking(i *Issuer, entries ...Revocation) *RevokeIssued {
	return &RevokeIssued{Issuer: i.Name, UUID: i.UUID, Entries: entries}
}

func bytesOf(id IssuedID) []byte { return id[:] }

func TestRevokedTokenIsKeptUntilItIsOver(t *testing.T) {
	m, i := issuing(t, "acme")
	id := m.key(i).Token("jti-1")
	exp := m.now/1e9 + 600
	kept := m.ok(revoking(i, Revocation{ID: id[:], Exp: exp})).([]Kept)
	if want := (exp + issuedLeeway + issuedMargin) * 1e9; len(kept) != 1 || kept[0].Until < want || kept[0].Until >= want+minute {
		t.Fatalf("kept %+v, not until the minute after %d", kept, want)
	}
	if revoked, spent := m.s.Issued(id); !revoked || spent {
		t.Fatal("not revoked, or spent as well")
	}
	if revoked, _ := m.s.Issued(m.key(i).Token("jti-2")); revoked {
		t.Fatal("another token is revoked")
	}
	if m.s.CutOff(m.key(i).Subject("jti-1")) != 0 {
		t.Fatal("a subject called like the token is cut off")
	}
	if m.s.NextExpiry() != kept[0].Until {
		t.Fatalf("next expiry %d", m.s.NextExpiry())
	}
	m.now = kept[0].Until - 1
	m.ok(&Tick{})
	if revoked, _ := m.s.Issued(id); !revoked {
		t.Fatal("forgotten early")
	}
	m.now++
	m.ok(&Tick{})
	if all := m.s.CountIssued().All(); all != 0 || m.s.NextExpiry() != 0 {
		t.Fatalf("%d entries are left, the next leaves at %d", all, m.s.NextExpiry())
	}
}

// A token of which only the jti is known is kept as long as any that was issued
// could be accepted: under a retired version, after its profile is gone.
func TestRevocationOutlivesEveryTokenThatItRefuses(t *testing.T) {
	m, _ := issuing(t, "acme")
	m.ok(&PutProfile{Profile{Issuer: "acme", Name: "long", Definition: []byte("{}"), MaxTTL: 100_000}})
	m.ok(&DeleteProfile{Issuer: "acme", Name: "long"})
	lastLong := m.now + 100_000*1e9
	m.ok(&RotateIssuer{Issuer: "acme", Version: KeyVersion{Mount: testMount, Name: "acme", Number: 2, Type: ECDSAP256, Public: []byte{1}, Sealed: []byte{2}, KID: "kid-2"}})
	m.now += 600 * 1e9
	i := m.ok(&ActivateIssuer{Issuer: "acme", Number: 2}).(*Issuer)
	if i.Marks.TTL != 3600 {
		t.Fatalf("the marks of the active version: %+v", i.Marks)
	}
	for name, e := range map[string]Revocation{
		"jti":         {ID: bytesOf(m.key(i).Token("x"))},
		"subject":     {ID: bytesOf(m.key(i).Subject("user:1")), CutOff: true},
		"application": {ID: bytesOf(m.key(i).Application("web")), CutOff: true},
	} {
		if kept := m.ok(revoking(i, e)).([]Kept); kept[0].Until < lastLong+issuedLeeway*1e9 {
			t.Errorf("%s: kept until %d, and a token lives until %d", name, kept[0].Until, lastLong)
		}
	}
}

func TestCutOffsRefuseWhatWasIssuedUntilNow(t *testing.T) {
	m, i := issuing(t, "acme")
	id := m.key(i).Subject("user:1")
	now := m.now / 1e9
	m.now += 999_999_999 // the last nanosecond of the second
	if kept := m.ok(revoking(i, Revocation{ID: id[:], CutOff: true})).([]Kept); kept[0].CutOff != now+1 {
		t.Fatalf("cut off at %d: a token of this second, %d, would be accepted", kept[0].CutOff, now)
	}
	m.ok(revoking(i, Revocation{ID: id[:], CutOff: true, Before: now - 50}))
	if m.s.CutOff(id) != now+1 {
		t.Fatal("a cut-off went back")
	}
	other := m.key(i).Subject("user:2")
	m.refusedNow(revoking(i, Revocation{ID: id[:], CutOff: true}, Revocation{ID: other[:], CutOff: true, Before: now + 2}), ErrCutOffAhead)
	if m.s.CutOff(other) != 0 {
		t.Fatal("a refused command cut somebody off")
	}
	m.now++ // the next second begins
	if m.ok(revoking(i, Revocation{ID: id[:], CutOff: true})); m.s.CutOff(id) != now+2 {
		t.Fatalf("a second later the cut-off is at %d", m.s.CutOff(id)-now)
	}
	if n := m.s.CountIssued(); n != (IssuedCounts{Subjects: 1}) {
		t.Fatalf("entries: %+v", n)
	}
}

// refusedNow is refused without a digest of the whole state: it looks at the
// entries.
func (m *machine) refusedNow(c Command, want Refusal) {
	m.t.Helper()
	before := m.s.issued
	if _, err := m.do(c); err != want {
		m.t.Fatalf("%T: %v, not %v", c, err, want)
	}
	if m.s.issued != before {
		m.t.Fatalf("%T was refused and changed something", c)
	}
}

func TestRevocationsOfOneIssuer(t *testing.T) {
	m, acme := issuing(t, "acme")
	other := m.issue("other", "u-other")
	id := m.key(acme).Token("jti")
	m.ok(revoking(acme, Revocation{ID: id[:]}))
	if id == m.key(other).Token("jti") {
		t.Fatal("two issuers share an id")
	}
	m.refusedNow(revoking(&Issuer{Name: "none", UUID: "u"}, Revocation{ID: id[:]}), ErrIssuerMissing)
	m.refusedNow(revoking(&Issuer{Name: "other", UUID: acme.UUID}, Revocation{ID: id[:]}), ErrIssuerMissing)
	m.refusedNow(&SpendIssued{Issuer: "other", UUID: acme.UUID, ID: id[:], Exp: 1 << 40}, ErrIssuerMissing)
	m.ok(&ConfigIssuer{Name: "acme", DeletionAllowed: ptr(true)})
	m.ok(&DeleteIssuer{Name: "acme", Grace: minute})
	m.refusedNow(revoking(acme, Revocation{ID: id[:]}), ErrIssuerDeleted)
	m.refusedNow(&SpendIssued{Issuer: "acme", UUID: acme.UUID, ID: id[:], Exp: 1 << 40}, ErrIssuerDeleted)
	if revoked, _ := m.s.Issued(id); !revoked {
		t.Fatal("a deleted issuer may come back, and its revocations are gone")
	}
	// A later issuer of the same name is another.
	again := Issuer{UUID: "u-later"}
	if revoked, _ := m.s.Issued(m.key(&again).Token("jti")); revoked {
		t.Fatal("a later issuer starts with the revocations of an earlier one")
	}
	cluster := *m.s
	cluster.Cluster.AuditKey = secret(9)
	if k := cluster.IssuedKey(acme.UUID); k.Token("jti") == id {
		t.Fatal("ids can be told without knowing the cluster's secret")
	}
}

func TestOneUseOfAToken(t *testing.T) {
	m, i := issuing(t, "acme")
	id, exp := m.key(i).Token("once"), m.now/1e9+600
	spend := &SpendIssued{Issuer: i.Name, UUID: i.UUID, ID: id[:], Exp: exp}
	if m.ok(spend) != true {
		t.Fatal("the first use is not the first")
	}
	if revoked, spent := m.s.Issued(id); revoked || !spent {
		t.Fatal("a use was taken for a revocation")
	}
	m.refusedNow(spend, ErrIssuedSpent)
	if kept := m.s.KeptUntil(id); kept < (exp+issuedLeeway)*1e9 {
		t.Fatalf("the use is forgotten at %d, and the token lives until %d", kept, exp)
	}
	// Revoked as well, it is both.
	m.ok(revoking(i, Revocation{ID: id[:], Exp: exp}))
	if revoked, spent := m.s.Issued(id); !revoked || !spent {
		t.Fatal("a revocation took the use away")
	}
	m.refusedNow(&SpendIssued{Issuer: i.Name, UUID: i.UUID, ID: bytesOf(m.key(i).Token("late")), Exp: m.now/1e9 - issuedLeeway}, ErrIssuedOver)
	gone := m.key(i).Token("gone")
	m.ok(revoking(i, Revocation{ID: gone[:], Exp: exp}))
	m.refusedNow(&SpendIssued{Issuer: i.Name, UUID: i.UUID, ID: gone[:], Exp: exp}, ErrIssuedRevoked)
}

// A use that comes again because the leader was lost is still the first, and a
// second one that comes again is still the second.
func TestAUseThatComesAgain(t *testing.T) {
	m, i := issuing(t, "acme")
	id := m.key(i).Token("once")
	spend := &SpendIssued{Issuer: i.Name, UUID: i.UUID, ID: id[:], Exp: m.now/1e9 + 600}
	send := func(proposal string, again bool) (any, error) {
		return m.send(&Numbered{Proposal: []byte(proposal), Again: again, Command: spend})
	}
	if r, err := send("first-----------", false); err != nil || r != true {
		t.Fatal(r, err)
	}
	if r, err := send("first-----------", true); err != nil || r.(Replay).Result != true {
		t.Fatal(r, err)
	}
	for _, again := range []bool{false, true, true} {
		if r, err := send("second----------", again); err != ErrIssuedSpent {
			t.Fatal(r, err)
		}
	}
}

func TestImpossibleRevocationsAreNotProposed(t *testing.T) {
	id, subject := make([]byte, 16), bytesOf(IssuedID{}.as(aboutSubject))
	many := make([]Revocation, MaxRevocations+1)
	for i := range many {
		many[i].ID = id
	}
	for name, c := range map[string]Command{
		"none":                &RevokeIssued{},
		"too many":            &RevokeIssued{Entries: many},
		"no id":               &RevokeIssued{Entries: []Revocation{{}}},
		"short id":            &RevokeIssued{Entries: []Revocation{{ID: id[:15]}}},
		"before 1970":         &RevokeIssued{Entries: []Revocation{{ID: subject, CutOff: true, Before: -1}}},
		"past all numbers":    &RevokeIssued{Entries: []Revocation{{ID: subject, CutOff: true, Before: MaxCutOff + 1}}},
		"expired before 1970": &RevokeIssued{Entries: []Revocation{{ID: id, Exp: -1}}},
		"cut-off with an exp": &RevokeIssued{Entries: []Revocation{{ID: subject, CutOff: true, Exp: 1}}},
		"token with a before": &RevokeIssued{Entries: []Revocation{{ID: id, Before: 1}}},
		"cut-off of a token":  &RevokeIssued{Entries: []Revocation{{ID: id, CutOff: true}}},
		"subject as a token":  &RevokeIssued{Entries: []Revocation{{ID: subject}}},
		"use of a subject":    &SpendIssued{ID: subject, Exp: 1},
		"use without id":      &SpendIssued{Exp: 1},
		"use without end":     &SpendIssued{ID: id},
	} {
		b, err := Encode(&Numbered{Epoch: 1, Seq: 1, Proposal: []byte("p"), Command: c})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	all := &RevokeIssued{Entries: many[:MaxRevocations]}
	b, _ := Encode(&Numbered{Epoch: 1, Seq: 1, Proposal: []byte("p"), Command: all})
	if _, err := Decode(b); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
}

// TestForgettingIsBoundedAndEnds leaves many entries to one command, which stops
// in time, and what it leaves is still in force.
func TestForgettingIsBoundedAndEnds(t *testing.T) {
	const entries = 10_000
	m, _ := issuing(t, "acme")
	x := newIssuedTxn(m.s.issued)
	for n := range entries {
		id := randomID(n).as(aboutToken)
		x.put(&id, minutesUp(m.now)+uint32(n%3), markRevoked)
	}
	s := *m.s
	s.issued = x.commit()
	m.s = &s
	m.now += 5 * minute
	m.ok(&Tick{})
	left := m.s.CountIssued().All()
	if left == 0 || left == entries {
		t.Fatalf("%d of %d are left after one command", left, entries)
	}
	if next := m.s.NextExpiry(); next == 0 || next > m.now {
		t.Fatalf("nobody is told that more is due: %d", next)
	}
	for commands := 1; left > 0; commands++ {
		if commands > entries/forgetPages+2 {
			t.Fatalf("%d are left after %d commands", left, commands)
		}
		m.ok(&Tick{})
		checkIssued(t, m.s.issued)
		left = m.s.CountIssued().All()
	}
}

// A state that is taken from an Applier stays as it is while that goes on.
func TestAnApplierGoesOnWithoutItsStates(t *testing.T) {
	m, i := issuing(t, "acme")
	a, key := NewApplier(m.s), m.key(i)
	var taken []*State
	for n := range 5 {
		id := key.Token(fmt.Sprint(n))
		id[0] = 9 // one node
		m.seq++
		m.index++
		if _, err := a.Apply(m.index, &Numbered{Seq: m.seq, At: m.now, Command: revoking(i, Revocation{ID: id[:]})}); err != nil {
			t.Fatal(err)
		}
		taken = append(taken, a.State())
	}
	for n, s := range taken {
		checkIssued(t, s.issued)
		if all := s.CountIssued().All(); all != n+1 {
			t.Errorf("state %d has %d entries", n, all)
		}
	}
}

// randomID is spread as ids are.
func randomID(n int) IssuedID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return IssuedID(sum[:16])
}

func TestDamagedEntriesAreRefused(t *testing.T) {
	entry := func(first, second byte, until uint32, mark issuedMark) []byte {
		id := IssuedID{first, second, 7}
		return issuedPage{}.with(0, false, &id, until, mark).rows
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	good := entry(1, 2, 5, markRevoked)
	for name, texts := range map[string][][]byte{
		"empty":              {{}},
		"cut short":          {good[:27]},
		"too long":           {append(bytes.Clone(good), 0)},
		"twice":              {join(good, good)},
		"out of order":       {join(entry(1, 3, 5, markRevoked), good)},
		"another's page":     {join(good, entry(2, 2, 5, markRevoked))},
		"texts out of order": {entry(2, 2, 5, markRevoked), good},
		"a text twice":       {good, good},
		"no mark":            {entry(1, 2, 5, 0)},
		"unknown mark":       {entry(1, 2, 5, 1<<63)},
		"spent at a time":    {entry(1, 2, 5, markSpent|5)},
		"token and cut-off":  {entry(1, 2, 5, markRevoked|markCutOff|5)},
		"cut-off of a token": {entry(1, 2, 5, markCutOff|5)},
		"revoked subject":    {entry(0x81, 2, 5, markRevoked)},
		"spent application":  {entry(0xc1, 2, 5, markSpent)},
		"both a subject":     {entry(0x81, 2, 5, markRevoked|markCutOff|5)},
		"never":              {entry(1, 2, never, markRevoked)},
	} {
		if err := readTexts(texts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := readTexts([][]byte{join(good, entry(1, 3, 6, markRevoked|markSpent)), entry(2, 2, 5, markSpent), entry(0x82, 3, 6, markCutOff|9), entry(0xc2, 3, 6, markCutOff|9)}); err != nil {
		t.Errorf("good entries: %v", err)
	}
	if err := readTexts(make([][]byte, 257)); err == nil {
		t.Error("more texts than there are first bytes: accepted")
	}
}

func readTexts(texts [][]byte) error {
	var buf bytes.Buffer
	enc := newEncoder(&buf)
	for _, b := range texts {
		if err := enc.Encode(b); err != nil {
			return err
		}
	}
	tx := newTxn(New())
	return tx.readIssued(newDecoder(&buf), len(texts), Sequential)
}

func TestIssuedKeyRedacts(t *testing.T) {
	s := New()
	s.Cluster.AuditKey = secret('k')
	k := s.IssuedKey("u")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{k, &k, struct{ K IssuedKey }{k}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, fmt.Sprintf("%x", k.key[:4])) || strings.Contains(out, fmt.Sprint(k.key[0], " ", k.key[1])) || strings.Contains(out, fmt.Sprintf("0x%x, 0x%x", k.key[0], k.key[1])) {
				t.Errorf("%s of %T shows the key: %s", verb, v, out)
			}
		}
	}
	if _, err := json.Marshal(k); err == nil {
		t.Error("the key was written as JSON")
	}
}
