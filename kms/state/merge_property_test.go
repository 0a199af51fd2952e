package state

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// backupOf is what a restore gets of a state.
func backupOf(t interface{ Fatalf(string, ...any) }, s *State) *State {
	var buf bytes.Buffer
	if err := s.Restorable(&buf); err != nil {
		t.Fatalf("%v", err)
	}
	b, err := Read(&buf, Sequential)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

// wander applies random commands.
func wander(rt *rapid.T, m *machine, label string) {
	for range rapid.IntRange(0, 40).Draw(rt, label) {
		c := randomCommand(rt, m.s)
		m.now += rapid.Int64Range(0, 50).Draw(rt, "dt")
		if rapid.IntRange(0, 15).Draw(rt, "leap") == 0 {
			m.now += 30e9 // past the lead of an issuer
		}
		_, _ = m.do(c)
	}
}

// TestMergeBringsNothingBack merges backups of random clusters. In half of the cases
// the cluster went another way after the backup was begun, as after a recovery that
// lost writes: then what it remembers holds all the same.
func TestMergeBringsNothingBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(t)
		m.ok(token("caller", "root", 0))
		wander(rt, m, "before")
		twin := *m
		if rapid.Bool().Draw(rt, "forked") {
			wander(rt, &twin, "lost")
		}
		backup := backupOf(rt, twin.s)
		wander(rt, m, "since")
		merged, _ := Merge(m.s, backup, hash("caller"))
		law := &mergeLaw{rt: rt, cur: m.s, b: backup, got: merged}
		law.numbers()
		law.tombstones()
		law.versions()
		law.credentials()
		law.issued()
		law.twice()
	})
}

// mergeLaw is what holds of every merge.
type mergeLaw struct {
	rt          *rapid.T
	cur, b, got *State
}

func (l *mergeLaw) numbers() {
	g, c := l.got, l.cur
	if g.Index != c.Index || g.Epoch != c.Epoch || g.Seq != c.Seq || g.Time != c.Time || g.Term != c.Term || g.Generation != c.Generation ||
		g.SealRevision != c.SealRevision || g.Membership.Version != c.Membership.Version || g.Cluster.ID != c.Cluster.ID {
		l.rt.Fatalf("the numbers changed: %d.%d at %d", g.Epoch, g.Seq, g.Index)
	}
	for _, name := range l.b.PolicyNames() {
		if p := g.Policy(name); p == nil || p.Text != l.b.Policy(name).Text {
			l.rt.Fatalf("the policy %s did not come back", name)
		}
	}
}

func (l *mergeLaw) tombstones() {
	for _, from := range []*State{l.cur, l.b} {
		from.tombstones.Root().Walk(func(path []byte, was *Tombstone) bool {
			now, ok := l.got.tombstones.Get(path)
			if !ok || now.Last < was.Last {
				l.rt.Fatalf("the tombstone of %s fell from %d to %v", was.Name, was.Last, now)
			}
			for _, kid := range was.KIDs {
				if !now.has(kid) {
					l.rt.Fatalf("the tombstone of %s forgot %s", was.Name, kid)
				}
			}
			return false
		})
	}
}

// versions: none is worth more than the cluster remembers, none that the cluster has is
// lost, and counts never fall.
func (l *mergeLaw) versions() {
	l.got.versions.Root().Walk(func(path []byte, v *KeyVersion) bool {
		own, had := l.cur.versions.Get(path)
		k := l.got.Key(v.Mount, v.Name)
		if k == nil {
			l.rt.Fatalf("%s:%d has no key", v.Name, v.Number)
		}
		if t := l.cur.Tombstone(v.Mount, v.Name); t != nil && v.Number <= t.Last {
			l.rt.Fatalf("%s:%d is back, and was destroyed", v.Name, v.Number)
		}
		if ownKey := l.cur.Key(v.Mount, v.Name); !had && ownKey != nil && v.Number <= ownKey.Latest {
			l.rt.Fatalf("%s:%d is back, and was trimmed or destroyed", v.Name, v.Number)
		}
		if t := l.b.Tombstone(v.Mount, v.Name); t != nil && v.Number <= t.Last && v.Created < t.Destroyed && len(v.Sealed) != 0 && k.Created <= t.Destroyed {
			l.rt.Fatalf("%s:%d lives, and the backup knows that it was destroyed", v.Name, v.Number)
		}
		if !had {
			return false
		}
		if along(v.State) < along(own.State) || own.State == Suspended && (v.State.Produces() || v.State.Accepts()) || len(own.Sealed) == 0 && len(v.Sealed) != 0 {
			l.rt.Fatalf("%s:%d was %s and is %s", v.Name, v.Number, own.State, v.State)
		}
		if v.Encryptions < own.Encryptions || v.RemoveAt < own.RemoveAt {
			l.rt.Fatalf("%s:%d counts %d encryptions, was %d", v.Name, v.Number, v.Encryptions, own.Encryptions)
		}
		return false
	})
	l.cur.versions.Root().Walk(func(path []byte, own *KeyVersion) bool {
		if own.State == Destroyed {
			return false
		}
		if t := l.b.Tombstone(own.Mount, own.Name); t != nil && own.Number <= t.Last {
			return false // the backup knows that it is over
		}
		if v, there := l.got.versions.Get(path); !there || v.KID != own.KID {
			l.rt.Fatalf("%s:%d is lost", own.Name, own.Number)
		}
		return false
	})
	l.cur.Keys(func(own *Key) {
		k := l.got.Key(own.Mount, own.Name)
		switch {
		case k == nil && l.b.Tombstone(own.Mount, own.Name) == nil:
			l.rt.Fatalf("the key %s is lost", own.Name)
		case k == nil || k.Created != own.Created: // destroyed, as the backup knows, and another one has its name
		case k.Latest < own.Latest || k.MinDecryption < own.MinDecryption || k.MinEncryption < own.MinEncryption || k.MinAvailable < own.MinAvailable || own.Deleted != 0 && k.Deleted == 0:
			l.rt.Fatalf("the key %s may do more: %+v, was %+v", own.Name, k, own)
		case k.MinDecryption > k.SignerNumber() || k.MinEncryption > k.SignerNumber() && k.Issuer == "":
			l.rt.Fatalf("the key %s is outside of its minima: %+v", own.Name, k)
		}
	})
}

func (l *mergeLaw) credentials() {
	l.got.tokens.Root().Walk(func(hash []byte, t *Token) bool {
		if own := l.cur.Token(hash); own == nil || !same(own, t) {
			l.rt.Fatalf("the token %s is back", t.Accessor)
		}
		if l.b.Token(hash) == nil && t.Accessor != "acc-caller" && t.Accessor != "acc-root" {
			l.rt.Fatalf("the token %s, made since, is still there", t.Accessor)
		}
		if len(t.Parent) != 0 && l.got.Token(t.Parent) == nil {
			l.rt.Fatalf("the token %s has no parent", t.Accessor)
		}
		return false
	})
	if l.cur.Token(hash("caller")) != nil && l.got.Token(hash("caller")) == nil {
		l.rt.Fatalf("the caller is locked out")
	}
	l.got.secretIDs.Root().Walk(func(path []byte, s *SecretID) bool {
		_, both := l.b.secretIDs.Get(path)
		if own, had := l.cur.secretIDs.Get(path); !had || !both || !same(own, s) {
			l.rt.Fatalf("the secret id %s is there", s.Accessor)
		}
		return false
	})
	for _, from := range []*State{l.cur, l.b} {
		from.applications.Root().Walk(func(path []byte, was *Application) bool {
			if a, ok := l.got.applications.Get(path); !ok || was.Blocked != 0 && a.Blocked == 0 {
				l.rt.Fatalf("the application %s: %+v", was.Name, a)
			}
			return false
		})
	}
	l.got.approles.Root().Walk(func(path []byte, r *AppRole) bool {
		if own, had := l.cur.approles.Get(path); r.NoSecretID && (!had || !own.NoSecretID) {
			l.rt.Fatalf("the role %s is satisfied with its id", r.Name)
		}
		if r.Application != "" && l.got.Application(r.Application) == nil {
			l.rt.Fatalf("the role %s is of an application that is not there", r.Name)
		}
		return false
	})
}

func (l *mergeLaw) issued() {
	for _, from := range []*State{l.cur, l.b} {
		for _, node := range from.issued.nodes {
			if node == nil {
				continue
			}
			for i := range node.pages {
				for n := range node.pages[i].len() {
					e := node.pages[i].entry(n)
					id := IssuedID(e[:16])
					until, mark, ok := l.got.issued.get(&id)
					if untilOf(e) <= minutesOver(l.cur.Time) {
						continue
					}
					if !ok || until < untilOf(e) || mark&markFlags != (mark|markOf(e))&markFlags || mark.cutOff() < markOf(e).cutOff() {
						l.rt.Fatalf("an entry about a token was forgotten")
					}
				}
			}
		}
	}
}

// twice: what is written down is the state, and merging again changes nothing.
func (l *mergeLaw) twice() {
	first, _ := l.got.Digest()
	read := reread(l.rt, l.got)
	if d, _ := read.Digest(); d != first {
		l.rt.Fatalf("the merged state reads back as another")
	}
	for what, lens := range map[string][2]int{
		"deleted": {l.got.deleted.Len(), read.deleted.Len()}, "accessors": {l.got.accessors.Len(), read.accessors.Len()},
		"children": {l.got.children.Len(), read.children.Len()}, "expiries": {l.got.expiries.Len(), read.expiries.Len()},
		"role ids": {l.got.roleIDs.Len(), read.roleIDs.Len()}, "secret expiries": {l.got.secretExpiries.Len(), read.secretExpiries.Len()},
		"entries": {l.got.CountIssued().All(), read.CountIssued().All()},
	} {
		if lens[0] != lens[1] {
			l.rt.Fatalf("the index of %s has %d entries, and %d when read back", what, lens[0], lens[1])
		}
	}
	again, _ := Merge(l.got, l.b, hash("caller"))
	if d, _ := again.Digest(); d != first {
		l.rt.Fatalf("merged twice is not merged once")
	}
}
