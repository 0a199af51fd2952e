package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
)

// filler applies commands one behind the other.
type filler struct {
	b          *testing.B
	a          *Applier
	index, seq uint64
}

func newFiller(b *testing.B) *filler {
	m := &machine{t: b, s: New(), now: 100}
	m.ok(genesis())
	return &filler{b, NewApplier(m.s), m.index, m.seq}
}

func (f *filler) send(c Command) {
	f.index++
	f.seq++
	n := &Numbered{Epoch: 0, Seq: f.seq, At: 100, Proposal: fmt.Appendf(nil, "proposal%08d", f.seq), Command: c}
	if _, err := f.a.Apply(f.index, n); err != nil {
		f.b.Fatal(err)
	}
}

// BenchmarkRead reads the snapshot of 10,000 keys and 100,000 tokens, as an unseal
// does.
func BenchmarkRead(b *testing.B) {
	f := newFiller(b)
	for i := range 10_000 {
		c := createKey(fmt.Sprint("key-", i), 1)
		c.Version.Sealed, c.Version.Public = make([]byte, 300), make([]byte, 91)
		f.send(c)
	}
	for i := range 100_000 {
		h := sha256.Sum256(fmt.Append(nil, i))
		f.send(&CreateToken{Token{
			Hash: h[:], Accessor: AccessorFor(h[:], "abcdefgh"), Parent: hash("root"), Policies: []string{"default", "web"},
			DisplayName: "token-x", Path: "auth/token/create", Created: 5, TTL: 3600, Expire: 1e15 + int64(i), Renewable: true,
		}})
	}
	var buf bytes.Buffer
	if err := f.a.State().Write(&buf); err != nil {
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

// BenchmarkWrite writes the snapshot of 10,000 keys of three versions.
func BenchmarkWrite(b *testing.B) {
	f := newFiller(b)
	for i := range 10_000 {
		c := createKey(fmt.Sprint("key-", i), 1)
		c.Version.Sealed = make([]byte, 240)
		f.send(c)
		for n := range 2 {
			v := c.Version
			v.Number = uint32(n + 2)
			f.send(&RotateKey{Version: v})
		}
	}
	s := f.a.State()
	for b.Loop() {
		if err := s.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
