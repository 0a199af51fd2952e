package barrier

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// extended is ts with n more terms.
func extended(t testing.TB, n int) *TermStore {
	t.Helper()
	ts := fixedStore(2)
	for i := range n {
		if err := ts.AddTerm(int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return ts
}

func TestExtendKeepsTheOldAndSealsUnderTheNew(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(2))
	n := Name{Kind: "command"}
	old := seal(t, b, n, []byte("old"))
	oldMAC, err := b.MAC("p", []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	var oldStream bytes.Buffer
	w, err := b.SealStream(&oldStream, streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("begun ")); err != nil {
		t.Fatal(err)
	}
	oldSubkey, err := b.Derive("p")
	if err != nil {
		t.Fatal(err)
	}

	ts := extended(t, 1)
	if err := b.Extend(ts); err != nil {
		t.Fatal(err)
	}
	reference := newBarrier(t, testCluster, ts)
	ts.Wipe()
	if b.Term() != 3 {
		t.Fatalf("active term %d", b.Term())
	}
	if got, err := b.Open(n, old); err != nil || string(got) != "old" {
		t.Errorf("old bytes: %q, %v", got, err)
	}
	if err := b.VerifyMAC("p", []byte("m"), oldMAC); err != nil {
		t.Errorf("old code: %v", err)
	}
	// A stream has one term, the one it began with.
	if _, err := w.Write([]byte("and ended")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	before := newBarrier(t, testCluster, fixedStore(2))
	for what, by := range map[string]*Barrier{"extended": b, "before": before} {
		if got, err := openStream(by, streamName, oldStream.Bytes()); err != nil || string(got) != "begun and ended" {
			t.Errorf("a stream under way, opened by %s: %q, %v", what, got, err)
		}
	}
	fresh := seal(t, b, n, []byte("new"))
	if _, err := before.Open(n, fresh); !errors.Is(err, ErrUnknownTerm) {
		t.Errorf("new bytes without the new term: %v", err)
	}
	if got, err := reference.Open(n, fresh); err != nil || string(got) != "new" {
		t.Errorf("new bytes by a barrier of the same store: %q, %v", got, err)
	}
	mac, err := b.MAC("p", []byte("m"))
	if err != nil || reference.VerifyMAC("p", []byte("m"), mac) != nil || bytes.Equal(mac, oldMAC) {
		t.Errorf("the code is not of the new term: %v", err)
	}
	if subkey, err := b.Derive("p"); err != nil || bytes.Equal(subkey, oldSubkey) {
		t.Errorf("the subkey is not of the new term: %v", err)
	}
	if err := b.Extend(extended(t, 0)); !errors.Is(err, ErrExtension) {
		t.Errorf("an older store: %v", err)
	}
}

func TestExtendByNothingAndBySeveral(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(2))
	if err := b.Extend(fixedStore(2)); err != nil || b.Term() != 2 {
		t.Errorf("the same store: term %d, %v", b.Term(), err)
	}
	if err := b.Extend(extended(t, 3)); err != nil || b.Term() != 5 {
		t.Errorf("three more: term %d, %v", b.Term(), err)
	}
}

func TestExtendRefuses(t *testing.T) {
	other := func(change func(s *terms)) *TermStore {
		ts := extended(t, 1)
		change(ts.terms())
		return ts
	}
	wiped := extended(t, 1)
	wiped.Wipe()
	b := newBarrier(t, testCluster, fixedStore(2))
	for what, c := range map[string]struct {
		ts   *TermStore
		want error
	}{
		"term exchanged":       {other(func(s *terms) { s.list[0].key[0] ^= 1 }), ErrExtension},
		"active exchanged":     {other(func(s *terms) { s.list[1].key[31] ^= 1 }), ErrExtension},
		"term missing":         {other(func(s *terms) { s.list = s.list[1:] }), ErrExtension},
		"active missing":       {other(func(s *terms) { s.list = append(s.list[:1:1], s.list[2]) }), ErrExtension},
		"number skipped":       {other(func(s *terms) { s.list[2].number, s.active = 4, 4 }), ErrExtension},
		"fewer":                {fixedStore(1), ErrExtension},
		"of another cluster":   {must(NewTermStore(1)), ErrExtension},
		"wiped":                {wiped, ErrWiped},
		"zero":                 {&TermStore{}, ErrWiped},
		"second of two is bad": {other(func(s *terms) { s.list = append(s.list, term{number: 9, key: s.list[2].key}) }), ErrExtension},
	} {
		if err := b.Extend(c.ts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if b.Term() != 2 || len(b.state().terms) != 2 {
			t.Fatalf("%s changed the barrier", what)
		}
	}
	b.Wipe()
	if err := b.Extend(extended(t, 1)); !errors.Is(err, ErrWiped) {
		t.Errorf("a wiped barrier: %v", err)
	}
	if err := new(Barrier).Extend(extended(t, 1)); !errors.Is(err, ErrWiped) {
		t.Errorf("the zero barrier: %v", err)
	}
}

func TestWipeTakesAddedTerms(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(2))
	if err := b.Extend(extended(t, 2)); err != nil {
		t.Fatal(err)
	}
	held := make([]*termKeys, 0, 4)
	for _, k := range b.state().terms {
		held = append(held, k)
	}
	b.Wipe()
	for _, k := range held {
		if *k != (termKeys{}) {
			t.Error("keys are still in memory")
		}
	}
	if len(held) != 4 {
		t.Errorf("%d terms", len(held))
	}
}

// TestExtendAmongUsers: whoever works with the barrier meanwhile gets whole
// answers, each under one term, and everything opens at the end.
func TestExtendAmongUsers(t *testing.T) {
	ts := fixedStore(2)
	b := newBarrier(t, testCluster, ts)
	n := Name{Kind: "k"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := map[string]string{} // sealed → plain
	stop := make(chan struct{})
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				plain := fmt.Sprint(w, " ", i)
				sealed, err := b.Seal(n, []byte(plain))
				if err != nil {
					t.Error(err)
					return
				}
				mac, err := b.MAC("p", sealed)
				if err != nil || b.VerifyMAC("p", sealed, mac) != nil {
					t.Errorf("code: %v", err)
				}
				if got, err := b.Open(n, sealed); err != nil || string(got) != plain {
					t.Errorf("%q, %v", got, err)
				}
				mu.Lock()
				if made[string(sealed)] = plain; len(made) > 20_000 {
					clear(made)
				}
				mu.Unlock()
			}
		})
	}
	for i := range 50 {
		if err := ts.AddTerm(int64(i)); err != nil {
			t.Fatal(err)
		}
		if err := b.Extend(ts); err != nil {
			t.Fatal(err)
		}
		seal(t, b, n, nil)
	}
	close(stop)
	wg.Wait()
	if b.Term() != 52 {
		t.Errorf("term %d", b.Term())
	}
	after := newBarrier(t, testCluster, ts)
	for sealed, plain := range made {
		if got, err := after.Open(n, []byte(sealed)); err != nil || string(got) != plain {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestStreamUnderAnOlderTerm(t *testing.T) {
	b := newBarrier(t, testCluster, fixedStore(2))
	before := newBarrier(t, testCluster, fixedStore(1))
	var out bytes.Buffer
	w, err := b.SealStreamUnder(1, &out, streamName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("as it was")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := openStream(before, streamName, out.Bytes()); err != nil || string(got) != "as it was" {
		t.Errorf("%q, %v", got, err)
	}
	for _, unknown := range []uint64{0, 3} {
		if _, err := b.SealStreamUnder(unknown, &out, streamName); !errors.Is(err, ErrUnknownTerm) {
			t.Errorf("term %d: %v", unknown, err)
		}
	}
}

func TestFollows(t *testing.T) {
	next := func(change func(s *terms)) *TermStore {
		ts := extended(t, 1)
		change(ts.terms())
		return ts
	}
	prev := fixedStore(2)
	if err := next(func(*terms) {}).Follows(prev); err != nil {
		t.Fatal(err)
	}
	for what, ts := range map[string]*TermStore{
		"the same":        fixedStore(2),
		"an older one":    fixedStore(1),
		"two more":        extended(t, 2),
		"number skipped":  next(func(s *terms) { s.list[2].number, s.active = 4, 4 }),
		"term removed":    next(func(s *terms) { s.list = s.list[1:] }),
		"term exchanged":  next(func(s *terms) { s.list[0].key[5] ^= 1 }),
		"time exchanged":  next(func(s *terms) { s.list[0].created++ }),
		"another cluster": func() *TermStore { ts := must(NewTermStore(1)); _ = ts.AddTerm(2); _ = ts.AddTerm(3); return ts }(),
	} {
		if err := ts.Follows(prev); !errors.Is(err, ErrExtension) {
			t.Errorf("%s: %v", what, err)
		}
	}
	gone := extended(t, 1)
	gone.Wipe()
	if err := gone.Follows(prev); !errors.Is(err, ErrWiped) {
		t.Errorf("wiped: %v", err)
	}
	if err := extended(t, 1).Follows(gone); !errors.Is(err, ErrWiped) {
		t.Errorf("after a wiped one: %v", err)
	}
}

func must(ts *TermStore, err error) *TermStore {
	if err != nil {
		panic(err)
	}
	return ts
}
