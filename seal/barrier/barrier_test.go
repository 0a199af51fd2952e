package barrier

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
	"pgregory.net/rapid"
)

var anyName = rapid.Custom(func(t *rapid.T) Name {
	return Name{
		Kind:    rapid.StringN(1, 12, -1).Draw(t, "kind"),
		Name:    rapid.StringN(0, 12, -1).Draw(t, "name"),
		Version: rapid.Uint64().Draw(t, "version"),
	}
})

func TestSealedOpensUnderItsNameAlone(t *testing.T) {
	b := randomBarrier(t)
	rapid.Check(t, func(t *rapid.T) {
		n, m := anyName.Draw(t, "n"), anyName.Draw(t, "m")
		plain := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "plain")
		sealed, err := b.Seal(n, plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(plain)+Overhead {
			t.Fatalf("sealed %d bytes into %d", len(plain), len(sealed))
		}
		got, err := b.Open(n, sealed)
		if err != nil || got == nil || !bytes.Equal(got, plain) {
			t.Fatalf("open: %x, %v", got, err)
		}
		if _, err := b.Open(m, sealed); n != m && !errors.Is(err, ErrOpen) {
			t.Fatalf("opened under another name: %v", err)
		}
	})
}

func TestMovedBlobDoesNotOpen(t *testing.T) {
	ts := fixedStore(2)
	b := newBarrier(t, "cluster-a", ts)
	n := Name{"key-version", "payments", 7}
	sealed := seal(t, b, n, []byte("secret"))
	for _, m := range []Name{
		{"key-versio", "npayments", 7}, // the same joined text
		{"key-versionp", "ayments", 7},
		{"key-version", "payments", 8},
		{"key-version", "Payments", 7},
		{"key-version", "payments\x00", 7},
		{"command", "payments", 7},
		{"key-version", "", 7},
	} {
		if _, err := b.Open(m, sealed); !errors.Is(err, ErrOpen) {
			t.Errorf("opened as %+v: %v", m, err)
		}
	}
	for _, cluster := range []string{"cluster-b", "cluster-", "cluster-ak"} {
		if _, err := newBarrier(t, cluster, ts).Open(n, sealed); !errors.Is(err, ErrOpen) {
			t.Errorf("opened in cluster %q: %v", cluster, err)
		}
	}
	sealed[8] = 1 // a term that exists, but not the one that sealed
	if _, err := b.Open(n, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("opened under another term: %v", err)
	}
}

// TestMovedDespiteSameKey keeps associated data honest: with the sealing key
// held equal, the name, the cluster and the term must still separate.
func TestMovedDespiteSameKey(t *testing.T) {
	base := (&state{clusterID: "c"}).bindValue(1, Name{"k", "n", 1})
	others := map[string][]byte{
		"cluster": (&state{clusterID: "d"}).bindValue(1, Name{"k", "n", 1}),
		"term":    (&state{clusterID: "c"}).bindValue(2, Name{"k", "n", 1}),
		"kind":    (&state{clusterID: "c"}).bindValue(1, Name{"l", "n", 1}),
		"name":    (&state{clusterID: "c"}).bindValue(1, Name{"k", "o", 1}),
		"version": (&state{clusterID: "c"}).bindValue(1, Name{"k", "n", 2}),
		"border":  (&state{clusterID: "c"}).bindValue(1, Name{"kn", "", 1}),
	}
	var k key
	sealed := appendSealed(nil, &k, []byte("x"), base)
	for what, ad := range others {
		if _, err := appendOpened(nil, &k, sealed, ad); !errors.Is(err, ErrOpen) {
			t.Errorf("another %s opens: %v", what, err)
		}
	}
}

func TestAlteredBytesAreRefused(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(1))
	n := Name{Kind: "command"}
	sealed := seal(t, b, n, []byte("forty-two"))
	refused := func(what string, bad []byte) {
		t.Helper()
		out, err := b.Open(n, bad)
		if !errors.Is(err, ErrOpen) && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnknownTerm) {
			t.Errorf("%s: %v", what, err)
		}
		if out != nil {
			t.Errorf("%s: returned bytes", what)
		}
	}
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			refused("flipped", bad)
		}
		refused("cut", sealed[:i])
		refused("cut in front", sealed[i+1:])
	}
	refused("extended", append(bytes.Clone(sealed), 0))
	refused("nil", nil)
	bad := bytes.Clone(sealed)
	bad[0] = layoutStream
	if _, err := b.Open(n, bad); !errors.Is(err, ErrFormat) {
		t.Errorf("a stream as a value: %v", err)
	}
	bad = bytes.Clone(sealed)
	bad[8] = 9
	if _, err := b.Open(n, bad); !errors.Is(err, ErrUnknownTerm) {
		t.Errorf("unknown term: %v", err)
	}
}

func TestEverythingIsNamed(t *testing.T) {
	b := randomBarrier(t)
	sealed := seal(t, b, Name{Kind: "k"}, nil)
	_, sealErr := b.Seal(Name{Name: "only"}, nil)
	_, openErr := b.Open(Name{Name: "only"}, sealed)
	_, sealStreamErr := b.SealStream(&bytes.Buffer{}, Name{})
	_, openStreamErr := b.OpenStream(&bytes.Buffer{}, Name{})
	_, macErr := b.MAC("", nil)
	_, deriveErr := b.Derive("")
	verifyErr := b.VerifyMAC("", nil, append([]byte{layoutMAC, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 32)...))
	for i, err := range []error{sealErr, openErr, sealStreamErr, openStreamErr, macErr, deriveErr, verifyErr} {
		if !errors.Is(err, ErrUnnamed) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := New("", fixedStore(1)); !errors.Is(err, ErrClusterID) {
		t.Errorf("no cluster id: %v", err)
	}
}

// TestMessageIsXChaCha20Poly1305 holds our per-message key to the library's own.
func TestMessageIsXChaCha20Poly1305(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var k key
		copy(k[:], rapid.SliceOfN(rapid.Byte(), keySize, keySize).Draw(t, "key"))
		ad := rapid.SliceOf(rapid.Byte()).Draw(t, "ad")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		reference, err := chacha20poly1305.NewX(k[:])
		if err != nil {
			t.Fatal(err)
		}
		ours := appendSealed(nil, &k, plain, ad)
		got, err := reference.Open(nil, ours[:nonceSize], ours[nonceSize:], ad)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("the library does not open ours: %v", err)
		}
		nonce := rapid.SliceOfN(rapid.Byte(), nonceSize, nonceSize).Draw(t, "nonce")
		theirs := reference.Seal(bytes.Clone(nonce), nonce, plain, ad)
		got, err = appendOpened(nil, &k, theirs, ad)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("we do not open the library's: %v", err)
		}
	})
}

func TestNoncesDoNotRepeat(t *testing.T) {
	b := randomBarrier(t)
	seen := make(map[string]bool)
	for range 2000 {
		sealed := seal(t, b, Name{Kind: "k"}, nil)
		nonce := string(sealed[headerSize : headerSize+nonceSize])
		if seen[nonce] {
			t.Fatal("a nonce repeats")
		}
		seen[nonce] = true
	}
}

func TestOldTermStillOpens(t *testing.T) {
	ts, err := NewTermStore(1)
	if err != nil {
		t.Fatal(err)
	}
	before := newBarrier(t, testCluster, ts)
	n := Name{Kind: "command"}
	old := seal(t, before, n, []byte("old"))
	if err := ts.AddTerm(2); err != nil {
		t.Fatal(err)
	}
	after := newBarrier(t, testCluster, ts)
	if before.Term() != 1 || after.Term() != 2 || ts.Active() != 2 {
		t.Fatalf("terms: %d, %d, %d", before.Term(), after.Term(), ts.Active())
	}
	if got, err := after.Open(n, old); err != nil || string(got) != "old" {
		t.Fatalf("old bytes under the new store: %q, %v", got, err)
	}
	fresh := seal(t, after, n, []byte("new"))
	if _, err := before.Open(n, fresh); !errors.Is(err, ErrUnknownTerm) {
		t.Fatalf("new bytes under the old store: %v", err)
	}
}

func TestWipe(t *testing.T) {
	ts := fixedStore(2)
	b := newBarrier(t, testCluster, ts)
	ts.Wipe()
	n := Name{Kind: "k"}
	sealed := seal(t, b, n, []byte("x")) // the barrier has its own copy
	mac, err := b.MAC("p", nil)
	if err != nil {
		t.Fatal(err)
	}
	var held []*termKeys
	for _, k := range b.state().terms {
		held = append(held, k)
	}
	b.Wipe()
	b.Wipe()
	for _, k := range held {
		if *k != (termKeys{}) {
			t.Error("keys are still in memory")
		}
	}
	_, sealErr := b.Seal(n, nil)
	_, openErr := b.Open(n, sealed)
	_, macErr := b.MAC("p", nil)
	_, deriveErr := b.Derive("p")
	_, sealStreamErr := b.SealStream(&bytes.Buffer{}, n)
	_, openStreamErr := b.OpenStream(bytes.NewReader(append([]byte{layoutStream}, make([]byte, 24)...)), n)
	_, newErr := New(testCluster, ts)
	_, wrapErr := ts.Wrap(bytes.Repeat([]byte{1}, keySize), nil)
	for i, err := range []error{
		sealErr, openErr, macErr, b.VerifyMAC("p", nil, mac), deriveErr,
		sealStreamErr, openStreamErr, newErr, wrapErr, ts.AddTerm(3),
	} {
		if !errors.Is(err, ErrWiped) {
			t.Errorf("call %d after wipe: %v", i, err)
		}
	}
}

// TestWipeAmongReaders: an operation gives a right answer or ErrWiped, never
// bytes sealed under a half-wiped key.
func TestWipeAmongReaders(t *testing.T) {
	for range 20 {
		ts := fixedStore(1)
		b, reference := newBarrier(t, testCluster, ts), newBarrier(t, testCluster, ts)
		n := Name{Kind: "k"}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					sealed, err := b.Seal(n, []byte("payload"))
					if errors.Is(err, ErrWiped) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := reference.Open(n, sealed); err != nil {
						t.Errorf("sealed under a damaged key: %v", err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for range rand.IntN(200) {
				_, _ = b.Derive("spin")
			}
			b.Wipe()
		})
		wg.Wait()
	}
}

func BenchmarkSeal(b *testing.B) {
	bar := randomBarrier(b)
	plain := make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = bar.Seal(Name{Kind: "command", Version: 1}, plain)
	}
}

func BenchmarkOpen(b *testing.B) {
	bar := randomBarrier(b)
	n := Name{Kind: "key-version", Name: "transit/web", Version: 1}
	sealed, err := bar.Seal(n, make([]byte, 512))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = bar.Open(n, sealed)
	}
}
