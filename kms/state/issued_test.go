package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
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
	if all, _ := m.s.CountIssued(); all != 0 || m.s.NextExpiry() != 0 {
		t.Fatalf("%d entries are left, the next leaves at %d", all, m.s.NextExpiry())
	}
}

// A token of which only the jti is known is kept as long as any that was issued
// could be accepted: under a retired version, after its profile is gone.
func TestRevocationOutlivesEveryTokenThatItRefuses(t *testing.T) {
	m, i := issuing(t, "acme")
	m.ok(&PutProfile{Profile{Issuer: "acme", Name: "long", Definition: []byte("{}"), MaxTTL: 100_000}})
	m.ok(&DeleteProfile{Issuer: "acme", Name: "long"})
	lastLong := m.now + 100_000*1e9
	m.ok(&RotateIssuer{Issuer: "acme", Version: KeyVersion{Mount: testMount, Name: "acme", Number: 2, Type: ECDSAP256, Public: []byte{1}, Sealed: []byte{2}, KID: "kid-2"}})
	m.now += 600 * 1e9
	if i = m.ok(&ActivateIssuer{Issuer: "acme", Number: 2}).(*Issuer); i.Marks.TTL != 3600 {
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
	if all, cutOffs := m.s.CountIssued(); all != 1 || cutOffs != 1 {
		t.Fatalf("%d entries, %d cut-offs", all, cutOffs)
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
	id := make([]byte, 16)
	many := make([]Revocation, MaxRevocations+1)
	for i := range many {
		many[i].ID = id
	}
	for name, c := range map[string]Command{
		"none":                &RevokeIssued{},
		"too many":            &RevokeIssued{Entries: many},
		"no id":               &RevokeIssued{Entries: []Revocation{{}}},
		"short id":            &RevokeIssued{Entries: []Revocation{{ID: id[:15]}}},
		"before 1970":         &RevokeIssued{Entries: []Revocation{{ID: id, CutOff: true, Before: -1}}},
		"past all numbers":    &RevokeIssued{Entries: []Revocation{{ID: id, CutOff: true, Before: MaxCutOff + 1}}},
		"expired before 1970": &RevokeIssued{Entries: []Revocation{{ID: id, Exp: -1}}},
		"cut-off with an exp": &RevokeIssued{Entries: []Revocation{{ID: id, CutOff: true, Exp: 1}}},
		"token with a before": &RevokeIssued{Entries: []Revocation{{ID: id, Before: 1}}},
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

// checkIssued recomputes what the table keeps beside its pages.
func checkIssued(t interface{ Fatalf(string, ...any) }, table *issuedTable) {
	count, cutOffs, next := 0, 0, never
	for a, n := range table.nodes {
		low := never
		if n != nil {
			for b, p := range n.pages {
				for i := range p.len() {
					e := p.entry(i)
					if e[0] != byte(a) || pageOf(e) != byte(b) || i > 0 && bytes.Compare(p.entry(i - 1)[:16], e[:16]) >= 0 {
						t.Fatalf("an entry lies on another's page, or out of order")
					}
				}
				if p.first() != n.first[b] {
					t.Fatalf("page %d/%d: the earliest is %d, not %d", a, b, p.first(), n.first[b])
				}
				count, cutOffs, low = count+p.len(), cutOffs+p.cutOffs(), min(low, p.first())
			}
			if low == never {
				t.Fatalf("a node without entries")
			}
		}
		if table.first[a] != low {
			t.Fatalf("node %d: the earliest is %d, not %d", a, low, table.first[a])
		}
		next = min(next, low)
	}
	if table.count != count || table.cutOffs != cutOffs || table.next != next {
		t.Fatalf("count %d cut-offs %d next %d, not %d %d %d", count, cutOffs, next, table.count, table.cutOffs, table.next)
	}
}

// modelEntry is what an entry must say, in a map.
type modelEntry struct {
	until int64 // unix nanoseconds: it may not be forgotten before
	mark  issuedMark
}

// TestNothingIsForgottenEarly checks random commands against a map: what is in it
// and not over is in the table, views from before stay as they are, and a state
// read back from its snapshot is the same.
func TestNothingIsForgottenEarly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, i := issuing(t, "acme")
		key, model := m.key(i), issuedModel{}
		type held struct {
			s      *State
			digest [32]byte
		}
		var views []held
		for range rapid.IntRange(1, 60).Draw(rt, "commands") {
			m.now += rapid.SampledFrom([]int64{0, 1, 1e9, minute, 20 * minute, 3 * 60 * minute}).Draw(rt, "dt")
			at := rapid.IntRange(0, 12).Draw(rt, "name")
			name := fmt.Sprint("n", at)
			crowded := func(id IssuedID) IssuedID { // many on few pages
				id[0], id[1] = 7, byte(at%3)<<4|id[1]&15
				return id
			}
			exp := m.now/1e9 + rapid.Int64Range(0, 7200).Draw(rt, "ttl")
			switch rapid.IntRange(0, 4).Draw(rt, "kind") {
			case 0:
				id := crowded(key.Token(name))
				m.ok(revoking(i, Revocation{ID: id[:], Exp: exp}))
				model.add(m.now, id, exp*1e9, markRevoked)
			case 1:
				id := crowded(key.Token(name))
				if _, err := m.do(&SpendIssued{Issuer: "acme", UUID: i.UUID, ID: id[:], Exp: exp}); err == nil {
					if e := model[id]; e.mark != 0 && e.until > m.now {
						rt.Fatalf("%s was used twice", name)
					}
					model.add(m.now, id, exp*1e9, markSpent)
				}
			case 2:
				id := crowded(key.Subject(name))
				kept := m.ok(revoking(i, Revocation{ID: id[:], CutOff: true})).([]Kept)
				if kept[0].CutOff <= m.now/1e9 {
					rt.Fatalf("cut off at %d, and it is %d", kept[0].CutOff, m.now/1e9)
				}
				model.add(m.now, id, m.now+3600*1e9, markCutOff|issuedMark(kept[0].CutOff))
			case 3:
				m.ok(&Tick{})
			case 4:
				d, _ := m.s.Digest()
				views = append(views, held{m.s, d})
			}
			checkIssued(rt, m.s.issued)
			model.hold(rt, m.s, m.now)
		}
		for _, v := range views {
			if d, _ := v.s.Digest(); d != v.digest {
				rt.Fatalf("a view from before has changed")
			}
		}
		read := reread(rt, m.s)
		checkIssued(rt, read.issued)
		model.hold(rt, read, m.now)
		a, _ := m.s.Digest()
		if b, _ := read.Digest(); a != b {
			rt.Fatalf("the state read back is another")
		}
	})
}

type issuedModel map[IssuedID]modelEntry

func (m issuedModel) add(now int64, id IssuedID, until int64, mark issuedMark) {
	e := m[id]
	if e.until <= now {
		e = modelEntry{} // may be forgotten
	}
	m[id] = modelEntry{max(e.until, until), (e.mark|mark)&markFlags | issuedMark(max(e.mark.cutOff(), mark.cutOff()))}
}

func (m issuedModel) hold(t *rapid.T, s *State, now int64) {
	for id, e := range m {
		_, mark, _ := s.issued.get(&id)
		if e.until > now && (mark&e.mark&markFlags != e.mark&markFlags || mark.cutOff() < e.mark.cutOff()) {
			t.Fatalf("%x was forgotten %d ns before its time: %x, not %x", id, e.until-now, mark, e.mark)
		}
		if e.until <= now && s.Time-e.until > 10*minute+3600*1e9 && mark != 0 {
			t.Fatalf("%x stays for ever", id)
		}
	}
}

func reread(t interface{ Fatalf(string, ...any) }, s *State) *State {
	var buf bytes.Buffer
	if err := s.Write(&buf); err != nil {
		t.Fatalf("%v", err)
	}
	read, err := Read(&buf, Sequential)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return read
}

// TestForgettingIsBoundedAndEnds leaves many entries to one command, which stops
// in time, and what it leaves is still in force.
func TestForgettingIsBoundedAndEnds(t *testing.T) {
	const entries = 10_000
	m, _ := issuing(t, "acme")
	x := newIssuedTxn(m.s.issued)
	for n := range entries {
		id := randomID(n)
		x.put(&id, minutesUp(m.now)+uint32(n%3), markRevoked)
	}
	s := *m.s
	s.issued = x.commit()
	m.s = &s
	m.now += 5 * minute
	m.ok(&Tick{})
	left, _ := m.s.CountIssued()
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
		left, _ = m.s.CountIssued()
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
		if all, _ := s.CountIssued(); all != n+1 {
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
		return issuedPage(nil).with(0, false, &id, until, mark)
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
		"never":              {entry(1, 2, never, markRevoked)},
	} {
		if err := readTexts(texts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := readTexts([][]byte{join(good, entry(1, 3, 6, markCutOff|9)), entry(2, 2, 5, markSpent)}); err != nil {
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

// million is a state with 1,000,000 entries: revoked tokens, and among them the
// cut-offs of subjects and applications.
func million(tb testing.TB) (*machine, *IssuedKey) {
	m, i := issuing(tb, "acme")
	key, a := m.key(i), NewApplier(m.s)
	for n := 0; n < 1_000_000; {
		c := revoking(i)
		for ; len(c.Entries) < MaxRevocations; n++ {
			id := key.Token(fmt.Sprintf("%022d", n))
			e := Revocation{ID: id[:], Exp: m.now/1e9 + int64(n%3600)}
			if n%10 == 0 {
				id = key.Subject(fmt.Sprintf("user:%07d", n))
				e = Revocation{ID: id[:], CutOff: true}
			}
			c.Entries = append(c.Entries, e)
		}
		m.seq++
		m.index++
		if _, err := a.Apply(m.index, &Numbered{Seq: m.seq, At: m.now, Command: c}); err != nil {
			tb.Fatal(err)
		}
	}
	m.s = a.State()
	if all, _ := m.s.CountIssued(); all != 1_000_000 {
		tb.Fatalf("%d entries", all)
	}
	return m, key
}

// A million entries are at most 48 MiB of memory, and 28 bytes each in a snapshot.
func TestMemoryOfAMillionEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("a million entries")
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	m, key := million(t)
	if used := heap() - before; used > 48<<20 {
		t.Errorf("a million entries use %.1f MiB", float64(used)/(1<<20))
	}
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	if buf.Len() > 28_100_000 {
		t.Errorf("a snapshot of a million entries has %d bytes", buf.Len())
	}
	before = heap()
	read, err := Read(bytes.NewReader(buf.Bytes()), Sequential)
	if err != nil {
		t.Fatal(err)
	}
	if used := heap() - before; used > 48<<20 {
		t.Errorf("a million entries read back use %.1f MiB", float64(used)/(1<<20))
	} else {
		t.Logf("a million entries read back use %.1f MiB", float64(used)/(1<<20))
	}
	if revoked, _ := read.Issued(key.Token(fmt.Sprintf("%022d", 1))); !revoked {
		t.Error("a revocation is gone")
	}
	runtime.KeepAlive(m)
	runtime.KeepAlive(&buf)
}

// BenchmarkRevocationCheck is what a verification asks among 1,000,000 entries:
// the token, its subject and its application.
func BenchmarkRevocationCheck(b *testing.B) {
	m, key := million(b)
	// A token's own claims are at hand, so what is asked for lies behind each other.
	const asked = 1 << 16
	var jti, sub strings.Builder
	for n := range asked {
		fmt.Fprintf(&jti, "%022d", n*15)
		fmt.Fprintf(&sub, "user:%07d", n*15)
	}
	n, found := 0, 0
	for b.Loop() {
		n = (n + 1) & (asked - 1)
		if revoked, _ := m.s.Issued(key.Token(jti.String()[n*22 : n*22+22])); revoked {
			found++
		}
		if m.s.CutOff(key.Subject(sub.String()[n*12:n*12+12])) != 0 {
			found++
		}
		if m.s.CutOff(key.Application("token:0123456789abcdef")) != 0 {
			found++
		}
	}
	_ = found
}

// BenchmarkReadIssued reads a snapshot of 1,000,000 entries, as an unseal does.
func BenchmarkReadIssued(b *testing.B) {
	m, _ := million(b)
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		if _, err := Read(bytes.NewReader(buf.Bytes()), Sequential); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRevokeOne adds one entry to 1,000,000.
func BenchmarkRevokeOne(b *testing.B) {
	m, key := million(b)
	s, n := m.s, 0
	for b.Loop() {
		n++
		id := key.Token(fmt.Sprint("new", n))
		next, _, err := Apply(s, s.Index+1, &Numbered{Seq: s.Seq + 1, At: s.Time, Command: &RevokeIssued{Issuer: "acme", UUID: "u-acme", Entries: []Revocation{{ID: id[:]}}}})
		if err != nil {
			b.Fatal(err)
		}
		s = next
	}
}

// randomIssued makes an issuer, or revokes and spends what it may have issued; nil
// sometimes.
func randomIssued(rt *rapid.T, s *State) Command {
	i := s.Issuer("acme")
	if i == nil {
		return &CreateIssuer{
			Issuer{Name: "acme", UUID: "u", Mount: testMount, URL: "https://acme.example", Alg: "ES256", MaxAge: 1, Lead: 2},
			Key{Mount: testMount, Name: "acme", Type: ECDSAP256, Issuer: "acme"}, KeyVersion{Mount: testMount, Name: "acme", Number: s.FirstVersion(testMount, "acme"), Type: ECDSAP256},
		}
	}
	id := bytesOf(IssuedID{rapid.Byte().Draw(rt, "id")})
	switch rapid.IntRange(0, 3).Draw(rt, "entry") {
	case 0:
		return revoking(i, Revocation{ID: id, Exp: rapid.Int64Range(0, 9).Draw(rt, "exp")})
	case 1:
		id[15] = 1
		return revoking(i, Revocation{ID: id, CutOff: true})
	case 2:
		return &SpendIssued{Issuer: "acme", UUID: "u", ID: id, Exp: 1}
	}
	return nil
}
