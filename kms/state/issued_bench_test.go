package state

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// million is a state with 1,000,000 entries: revoked tokens, and among them, one in
// so many, cut-offs of subjects; none with 0.
func million(tb testing.TB, oneIn int) (*machine, *IssuedKey) {
	m, i := issuing(tb, "acme")
	key, a := m.key(i), NewApplier(m.s)
	for n := 0; n < 1_000_000; {
		c := revoking(i)
		for ; len(c.Entries) < MaxRevocations; n++ {
			id := key.Token(fmt.Sprintf("%022d", n))
			e := Revocation{ID: id[:], Exp: m.now/1e9 + int64(n%3600)}
			if oneIn != 0 && n%oneIn == 0 {
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
	if all := m.s.CountIssued().All(); all != 1_000_000 {
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
	m, key := million(t, 10)
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

// BenchmarkRevocationCheck is what a verification asks among 1,000,000 entries of a
// token that nobody revoked: the token, its subject and its application. In the
// first case nobody cut a subject or an application off, in the last two each
// subject has a cut-off, of before the token, and in the last its application too.
func BenchmarkRevocationCheck(b *testing.B) {
	m, key := million(b, 0)
	b.Run("a jti alone", func(b *testing.B) { revocationCheck(b, m, key, 5_000_000, false) })
	m, key = million(b, 10)
	b.Run("nothing found", func(b *testing.B) { revocationCheck(b, m, key, 5_000_000, false) })
	b.Run("a cut-off found", func(b *testing.B) { revocationCheck(b, m, key, 0, true) })
	c := revoking(m.s.Issuer("acme"))
	for n := range MaxRevocations {
		c.Entries = append(c.Entries, Revocation{ID: bytesOf(key.Application(clientID(n))), CutOff: true})
	}
	m.ok(c)
	b.Run("two cut-offs found", func(b *testing.B) { revocationCheck(b, m, key, 0, true) })
	m, key = million(b, 2)
	b.Run("half a million cut-offs", func(b *testing.B) { revocationCheck(b, m, key, 0, true) })
}

func clientID(n int) string { return fmt.Sprintf("token:%016x", n%MaxRevocations) }

// revocationCheck asks for tokens of subjects from sub on.
func revocationCheck(b *testing.B, m *machine, key *IssuedKey, sub int, cut bool) {
	// A token's own claims are at hand, so what is asked for lies behind each other.
	const asked = 1 << 16
	var jti, subject, client strings.Builder
	for n := range asked {
		fmt.Fprintf(&jti, "%022d", 5_000_000+n)
		fmt.Fprintf(&subject, "user:%07d", sub+n*10)
		client.WriteString(clientID(n))
	}
	for n := 0; b.Loop(); n = (n + 1) & (asked - 1) {
		found := m.s.Remembered(key, &IssuedClaims{
			JTI: jti.String()[n*22 : n*22+22], Subject: subject.String()[n*12 : n*12+12], Application: client.String()[n*22 : n*22+22],
		})
		if found.Revoked || (found.CutOff != 0) != cut {
			b.Fatal("the check finds something else")
		}
	}
}

// BenchmarkReadIssued reads a snapshot of 1,000,000 entries, as an unseal does.
func BenchmarkReadIssued(b *testing.B) {
	m, _ := million(b, 10)
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
	m, key := million(b, 10)
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
