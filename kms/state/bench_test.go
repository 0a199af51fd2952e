package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
)

// BenchmarkRead reads the snapshot of 10,000 keys and 100,000 tokens, as an unseal
// does.
func BenchmarkRead(b *testing.B) {
	m := &machine{t: b, s: New(), now: 100}
	m.ok(genesis())
	a := NewApplier(m.s)
	send := func(c Command) {
		m.index++
		m.seq++
		n := &Numbered{Epoch: 0, Seq: m.seq, At: m.now, Proposal: fmt.Appendf(nil, "proposal%08d", m.seq), Command: c}
		if _, err := a.Apply(m.index, n); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 10_000 {
		c := createKey(fmt.Sprint("key-", i), 1)
		c.Version.Sealed, c.Version.Public = make([]byte, 300), make([]byte, 91)
		send(c)
	}
	for i := range 100_000 {
		h := sha256.Sum256(fmt.Append(nil, i))
		send(&CreateToken{Token{
			Hash: h[:], Accessor: AccessorFor(h[:], "abcdefgh"), Parent: hash("root"), Policies: []string{"default", "web"},
			DisplayName: "token-x", Path: "auth/token/create", Created: 5, TTL: 3600, Expire: 1e15 + int64(i), Renewable: true,
		}})
	}
	var buf bytes.Buffer
	if err := a.State().Write(&buf); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	b.ResetTimer()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(buf.Bytes()), Sequential); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite is a snapshot of many versions, which a node makes every few seconds
// while keys are rotated.
func BenchmarkWrite(b *testing.B) {
	m := &machine{t: b, s: New(), now: 100}
	m.ok(genesis())
	a := NewApplier(m.s)
	for i := range 10_000 {
		c := createKey(fmt.Sprint("key-", i), 1)
		c.Version.Sealed = make([]byte, 300)
		m.index++
		m.seq++
		if _, err := a.Apply(m.index, &Numbered{Seq: m.seq, At: m.now, Proposal: fmt.Appendf(nil, "proposal%08d", m.seq), Command: c}); err != nil {
			b.Fatal(err)
		}
	}
	s := a.State()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
