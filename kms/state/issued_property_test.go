package state

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// checkIssued recomputes what the table keeps beside its pages.
func checkIssued(t interface{ Fatalf(string, ...any) }, table *issuedTable) {
	counts, next := [issuedKinds]int{}, never
	for a, n := range table.nodes {
		low := never
		if n != nil {
			for b, p := range n.pages {
				for i := range p.len() {
					e := p.entry(i)
					if !markOf(e).valid(kindOf(e[0])) {
						t.Fatalf("an entry lies among those of another kind")
					}
					if e[0] != byte(a) || pageOf(e) != byte(b) || i > 0 && bytes.Compare(p.entry(i - 1)[:16], e[:16]) >= 0 {
						t.Fatalf("an entry lies on another's page, or out of order")
					}
				}
				if p.first() != n.first[b] {
					t.Fatalf("page %d/%d: the earliest is %d, not %d", a, b, p.first(), n.first[b])
				}
				counts[kindOf(byte(a))] += p.len()
				low = min(low, p.first())
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
	if table.counts != counts || table.next != next {
		t.Fatalf("counts %d next %d, not %d %d", counts, next, table.counts, table.next)
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
				k := kindOf(id[0])
				id[0], id[1] = 7, byte(at%3)<<3|id[1]&7
				return id.as(k)
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
				if at%2 == 1 {
					id = crowded(key.Application(name))
				}
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
	drawn := IssuedID{rapid.Byte().Draw(rt, "id")}
	id := bytesOf(drawn.as(aboutToken))
	switch rapid.IntRange(0, 3).Draw(rt, "entry") {
	case 0:
		return revoking(i, Revocation{ID: id, Exp: rapid.Int64Range(0, 9).Draw(rt, "exp")})
	case 1:
		return revoking(i, Revocation{ID: bytesOf(drawn.as(rapid.SampledFrom([]issuedKind{aboutSubject, aboutApplication}).Draw(rt, "kind"))), CutOff: true})
	case 2:
		return &SpendIssued{Issuer: "acme", UUID: "u", ID: id, Exp: 1}
	}
	return nil
}
