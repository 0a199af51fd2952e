package state

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

// family fills a machine with a token, wide children of it that have ten children
// each, and a chain of deep descendants, each the child of the one before.
func family(tb testing.TB, wide, deep int) (m *machine, parent string, size int) {
	tb.Helper()
	m = newMachine(tb)
	parent, size = "parent", 1
	m.ok(token(parent, "root", 0))
	add := func(of string) string {
		// As tokens have them: spread over the whole tree.
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(size)))
		name := string(sum[:])
		m.ok(token(name, of, 1<<60))
		size++
		return name
	}
	for range wide {
		child := add(parent)
		for range 10 {
			add(child)
		}
	}
	last := parent
	for range deep {
		last = add(last)
	}
	return m, parent, size
}

// A tree of 11,000 descendants and a chain of 5,000 go with one command, and
// nothing of them stays: not in an index either, where it would be found again.
func TestRevokingALargeFamily(t *testing.T) {
	m, parent, size := family(t, 1000, 5000)
	before := m.s
	if n := m.ok(&RevokeToken{Hash: hash(parent)}); n != size {
		t.Fatalf("%v of %d tokens went", n, size)
	}
	if m.s.tokens.Len() != 1 || m.s.accessors.Len() != 1 || m.s.children.Len() != 0 || m.s.expiries.Len() != 0 {
		t.Fatalf("left: %d tokens, %d accessors, %d links, %d expiries", m.s.tokens.Len(), m.s.accessors.Len(), m.s.children.Len(), m.s.expiries.Len())
	}
	if before.tokens.Len() != size+1 {
		t.Fatal("a view from before has changed")
	}
}

// The same where the parent expires and nobody asks for it.
func TestALargeFamilyExpiresWithItsParent(t *testing.T) {
	m, parent, size := family(t, 200, 2000)
	old := m.s.Token(hash(parent))
	brief := *old
	brief.Hash, brief.Accessor, brief.Expire = hash("brief"), "acc-brief", m.s.Time+10
	m.ok(&CreateToken{Token: brief})
	m.ok(token("heir", "brief", 1<<60))
	m.now = brief.Expire
	m.ok(&Tick{})
	if m.s.Token(hash("heir")) != nil || m.s.Token(hash("brief")) != nil {
		t.Fatal("the child of an expired token stays")
	}
	if m.s.tokens.Len() != size+1 {
		t.Fatalf("%d of %d tokens are left", m.s.tokens.Len(), size+1)
	}
}

// BenchmarkRevokeLargeFamily is one command that removes 16,000 tokens.
func BenchmarkRevokeLargeFamily(b *testing.B) {
	m, parent, _ := family(b, 1000, 5000)
	s := m.s
	for b.Loop() {
		n := &Numbered{Epoch: s.Epoch, Seq: s.Seq + 1, At: s.Time, Command: &RevokeToken{Hash: hash(parent)}}
		if _, _, err := Apply(s, s.Index+1, n); err != nil {
			b.Fatal(err)
		}
	}
}
