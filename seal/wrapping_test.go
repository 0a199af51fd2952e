package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/seal/barrier"
)

// otherSide wraps with AES-GCM under a key of its own, as a transit engine does.
type otherSide struct {
	typ, name string
	key       [32]byte
	unbound   bool
	meddle    func([]byte) []byte // with what is unwrapped
	wrapErr   error
	seen      [][]byte // what was wrapped
}

func (o *otherSide) Type() string { return o.typ }
func (o *otherSide) Name() string { return o.name }

func (o *otherSide) aead() cipher.AEAD {
	block, _ := aes.NewCipher(o.key[:])
	gcm, _ := cipher.NewGCM(block)
	return gcm
}

func (o *otherSide) Wrap(_ context.Context, secret, binding []byte) (Wrapping, error) {
	if o.wrapErr != nil {
		return Wrapping{}, o.wrapErr
	}
	o.seen = append(o.seen, bytes.Clone(secret))
	if o.unbound {
		binding = nil
	}
	blob := o.aead().Seal(nil, make([]byte, 12), secret, binding)
	clear(secret) // a wrapper may do so
	return Wrapping{Type: "lies", Version: 7, Bound: !o.unbound, Blob: blob}, nil
}

func (o *otherSide) Unwrap(_ context.Context, w Wrapping, binding []byte) ([]byte, error) {
	if !w.Bound {
		binding = nil
	}
	out, err := o.aead().Open(nil, make([]byte, 12), w.Blob, binding)
	if err == nil && o.meddle != nil {
		out = o.meddle(out)
	}
	return out, err
}

func newSide(name string) *otherSide {
	o := &otherSide{typ: "transit", name: name}
	copy(o.key[:], name)
	return o
}

func wrapped(t testing.TB, o *Opened, sides ...Wrapper) *Record {
	t.Helper()
	wrappings, err := o.Wrap(t.Context(), sides)
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.NextSeal(wrappings)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMigrations(t *testing.T) {
	first, shares, opened := createOpened(t, 5, 3)
	a, b := newSide("a"), newSide("b")
	chain := []*Record{first}
	adopt := func(r *Record) *Record {
		t.Helper()
		if err := opened.AdoptSeal(r); err != nil {
			t.Fatal(err)
		}
		chain = append(chain, r)
		return r
	}
	toA := adopt(wrapped(t, opened, a))
	if toA.Type != "transit" || toA.Format != 2 || toA.Revision != 1 || len(toA.Wrappings) != 1 ||
		toA.Wrappings[0].Type != "transit" || toA.Wrappings[0].Name != "a" || toA.Wrappings[0].Version != 7 || !toA.Unattended() {
		t.Errorf("migrated to a: %+v", toA)
	}
	rotated := nextTerm(t, opened)
	if err := opened.Adopt(rotated); err != nil {
		t.Fatal(err)
	}
	chain = append(chain, rotated)
	both := adopt(wrapped(t, opened, a, b))
	back := adopt(wrapped(t, opened))
	if back.Type != TypeShamir || back.Unattended() || back.Revision != 3 {
		t.Errorf("back to shares: %+v", back)
	}
	if opened.Barrier().Term() != 2 {
		t.Errorf("term %d", opened.Barrier().Term())
	}
	// The shares open every one of them; whoever wrapped the root key opens every
	// one too, before and after, since it stayed what it was.
	for i, r := range chain {
		stored, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseRecord(stored)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		u := NewUnsealing(read)
		var byShares *Opened
		for _, s := range shares[i%3 : i%3+3] {
			if _, byShares, err = u.Submit(s.Hex()); err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
		}
		for _, side := range []Wrapper{a, b} {
			by, err := read.Unwrap(t.Context(), side, both)
			if err != nil {
				t.Fatalf("record %d by %s: %v", i, side.Name(), err)
			}
			if !same(t, by.Barrier(), byShares.Barrier()) {
				t.Errorf("record %d: %s opens other terms than the shares", i, side.Name())
			}
			if err := by.Reach(back); err != nil {
				t.Errorf("record %d: to the last: %v", i, err)
			}
		}
	}
	if _, err := toA.Unwrap(t.Context(), b, toA); !errors.Is(err, ErrNoWrapping) {
		t.Errorf("b wrapped nothing of that record: %v", err)
	}
	if _, err := back.Unwrap(t.Context(), a, back); !errors.Is(err, ErrNoWrapping) {
		t.Errorf("nothing is wrapped after the way back: %v", err)
	}
}

func TestFirstSeal(t *testing.T) {
	_, shares, opened := createOpened(t, 3, 2)
	side := newSide("a")
	wrappings, err := opened.Wrap(t.Context(), []Wrapper{side})
	if err != nil {
		t.Fatal(err)
	}
	r, err := opened.FirstSeal(wrappings)
	if err != nil || r.Revision != 0 || r.Format != 2 || r.Type != "transit" {
		t.Fatalf("%+v, %v", r, err)
	}
	by, err := r.Unwrap(t.Context(), side, r)
	if err != nil || !same(t, by.Barrier(), opened.Barrier()) {
		t.Fatal(err)
	}
	u := NewUnsealing(r)
	submit(t, u, shares[2])
	if _, b := submit(t, u, shares[0]); b == nil || !same(t, b, by.Barrier()) {
		t.Error("the shares do not open it")
	}
	if next := nextTerm(t, opened); next.SameSeal(r) != nil {
		t.Error("a rotation lost the wrappings")
	}
}

// What comes back from the other side is judged before it is used.
func TestUnwrapRefuses(t *testing.T) {
	first, _, opened := createOpened(t, 3, 2)
	side := newSide("a")
	mine := wrapped(t, opened, side)
	_, _, sameName := createOpened(t, 3, 2) // of this cluster's id, another root
	_, _, foreign, err := Create(Params{ClusterID: "another-cluster", Shares: 3, Threshold: 2})
	if err != nil {
		t.Fatal(err)
	}
	unbound := newSide("a")
	unbound.unbound = true
	with := func(of *Opened) *Record { // this cluster's record with the wrapping of another
		r := mine.clone()
		r.Wrappings = wrapped(t, of, unbound).Wrappings
		return r
	}
	meddling := func(f func([]byte) []byte) *otherSide {
		s := newSide("a")
		s.meddle = f
		return s
	}
	raw := func(f func(raw []byte)) *otherSide {
		return meddling(func(text []byte) []byte {
			b, err := base64.StdEncoding.DecodeString(string(text))
			if err != nil {
				t.Fatal(err)
			}
			f(b)
			return []byte(base64.StdEncoding.EncodeToString(b))
		})
	}
	resum := func(b []byte) {
		r := shareBytes(b)
		copy(b[offSum:], wrappedSum(&r))
	}
	wrongKey := newSide("a")
	wrongKey.key[0] ^= 1
	for what, c := range map[string]struct {
		side   Wrapper
		newest *Record
		want   error
	}{
		"another cluster's":        {unbound, with(foreign), ErrUnwrapForeign},
		"an abandoned init's":      {unbound, with(sameName), ErrUnwrapWrong},
		"an older generation's":    {raw(func(b []byte) { b[offGeneration+3] = 9; resum(b) }), mine, ErrUnwrapGeneration},
		"another root key":         {raw(func(b []byte) { b[offValue] ^= 1; resum(b) }), mine, ErrUnwrapWrong},
		"a flipped bit":            {raw(func(b []byte) { b[offValue] ^= 1 }), mine, ErrUnwrapDamaged},
		"another layout":           {raw(func(b []byte) { b[0] = 1; resum(b) }), mine, ErrUnwrapDamaged},
		"nothing":                  {meddling(func([]byte) []byte { return nil }), mine, ErrUnwrapDamaged},
		"too much":                 {meddling(func(b []byte) []byte { return append(b, b...) }), mine, ErrUnwrapDamaged},
		"no text":                  {meddling(func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) }), mine, ErrUnwrapDamaged},
		"a wrong key there":        {wrongKey, mine, nil},
		"another name":             {newSide("b"), mine, ErrNoWrapping},
		"a record without any":     {side, first, ErrNoWrapping},
		"another cluster's record": {side, wrapped(t, foreign, side), ErrNotSuccessor},
		"an abandoned record":      {side, wrapped(t, sameName, side), ErrNotSuccessor},
		"no record":                {side, nil, ErrRecord},
	} {
		got, err := first.Unwrap(t.Context(), c.side, c.newest)
		if err == nil || got != nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	// A blank around the text is no harm: commands end with a line break.
	if _, err := first.Unwrap(t.Context(), meddling(func(b []byte) []byte { return append(b, " \r\n"...) }), mine); err != nil {
		t.Error(err)
	}
}

func TestWrapRefuses(t *testing.T) {
	first, _, opened := createOpened(t, 3, 2)
	down := errors.New("the other side is down")
	for what, side := range map[string]Wrapper{
		"down":          &otherSide{typ: "transit", name: "a", wrapErr: down},
		"forgetful":     &otherSide{typ: "transit", name: "a", meddle: func([]byte) []byte { return nil }},
		"of other keys": &otherSide{typ: "transit", name: "a", meddle: func(b []byte) []byte { b[20] ^= 1; return b }},
		"cat":           plainSide{func(b []byte) []byte { return b }},
		"base64 -d": plainSide{func(b []byte) []byte {
			raw, _ := base64.StdEncoding.DecodeString(string(b))
			return append([]byte("x"), raw...)
		}},
		"silent": plainSide{func([]byte) []byte { return nil }},
		"huge":   plainSide{func([]byte) []byte { return make([]byte, maxBlob+1) }},
	} {
		got, err := opened.Wrap(t.Context(), []Wrapper{newSide("good"), side})
		want := ErrWrapping
		if what == "down" {
			want = down
		}
		if !errors.Is(err, want) || got != nil {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	if !bytes.Equal(opened.opened().record.Wrapped, first.Wrapped) {
		t.Error("a wrap that failed changed the record")
	}
	opened.Wipe()
	_, wrapErr := opened.Wrap(t.Context(), []Wrapper{newSide("a")})
	_, nextErr := opened.NextSeal(nil)
	_, firstErr := opened.FirstSeal(nil)
	for i, err := range []error{wrapErr, nextErr, firstErr, opened.AdoptSeal(first)} {
		if !errors.Is(err, barrier.ErrWiped) {
			t.Errorf("wiped, %d: %v", i, err)
		}
	}
}

// plainSide gives what its func makes of the secret.
type plainSide struct{ of func([]byte) []byte }

func (plainSide) Type() string { return "exec" }
func (plainSide) Name() string { return "x" }
func (p plainSide) Wrap(_ context.Context, secret, _ []byte) (Wrapping, error) {
	return Wrapping{Blob: p.of(bytes.Clone(secret))}, nil
}
func (p plainSide) Unwrap(context.Context, Wrapping, []byte) ([]byte, error) { return nil, nil }

func TestAdoptSealRefuses(t *testing.T) {
	first, _, opened := createOpened(t, 3, 2)
	good := wrapped(t, opened, newSide("a"))
	_, _, sameName := createOpened(t, 3, 2)
	_, _, other := createOpened(t, 3, 2)
	if err := other.Adopt(nextTerm(t, other)); err != nil {
		t.Fatal(err)
	}
	change := func(f func(r *Record)) *Record {
		r := good.clone()
		f(r)
		return r
	}
	rebound := func(f func(r *Record), terms func(ts *barrier.TermStore)) *Record {
		return change(func(r *Record) {
			s := opened.opened()
			ts, err := s.record.unwrap(s.root)
			if err != nil {
				t.Fatal(err)
			}
			terms(ts)
			f(r)
			binding, err := r.binding()
			if err != nil {
				t.Fatal(err)
			}
			if r.Wrapped, err = ts.Wrap(s.root, binding); err != nil {
				t.Fatal(err)
			}
		})
	}
	keep := func(*Record) {}
	for what, c := range map[string]struct {
		r    *Record
		want error
	}{
		"the same record":         {first, ErrNotSuccessor},
		"a rotation":              {nextTerm(t, opened), ErrNotSuccessor},
		"another seal's":          {wrapped(t, sameName, newSide("a")), ErrNotSuccessor},
		"another wrapping":        {change(func(r *Record) { r.Wrappings[0].Blob[3] ^= 1 }), ErrRecordDamaged},
		"another name":            {change(func(r *Record) { r.Wrappings[0].Name = "b" }), ErrRecordDamaged},
		"unbound":                 {change(func(r *Record) { r.Wrappings[0].Bound = false }), ErrRecordDamaged},
		"another version":         {change(func(r *Record) { r.Wrappings[0].Version = 8 }), ErrRecordDamaged},
		"a revision skipped":      {change(func(r *Record) { r.Revision = 2 }), ErrNotSuccessor},
		"a revision skipped well": {rebound(func(r *Record) { r.Revision = 2 }, func(*barrier.TermStore) {}), ErrNotSuccessor},
		"with a new term":         {rebound(keep, func(ts *barrier.TermStore) { _ = ts.AddTerm(9) }), ErrNotSuccessor},
		"other terms":             {rebound(keep, func(ts *barrier.TermStore) { fresh, _ := barrier.NewTermStore(3); *ts = *fresh }), ErrNotSuccessor},
		"none":                    {nil, ErrRecord},
	} {
		if err := opened.AdoptSeal(c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if !bytes.Equal(opened.opened().record.Wrapped, first.Wrapped) {
			t.Fatalf("%s changed what is open", what)
		}
	}
	if err := opened.Adopt(good); !errors.Is(err, ErrNotSuccessor) {
		t.Errorf("a migration as a rotation: %v", err)
	}
	if err := opened.AdoptSeal(good); err != nil {
		t.Fatal(err)
	}
	if err := opened.Reach(first); !errors.Is(err, ErrNotSuccessor) {
		t.Errorf("back to the first: %v", err)
	}
	if err := opened.AdoptSeal(good); !errors.Is(err, ErrNotSuccessor) {
		t.Errorf("twice: %v", err)
	}
}

func TestWrappingsAreHeldToTheirRules(t *testing.T) {
	_, _, opened := createOpened(t, 3, 2)
	good := wrapped(t, opened, newSide("a"), newSide("b"))
	for what, change := range map[string]func(r *Record){
		"format 1":           func(r *Record) { r.Format = 1 },
		"format 3":           func(r *Record) { r.Format = 3 },
		"another type":       func(r *Record) { r.Type = "exec" },
		"type shamir":        func(r *Record) { r.Type = TypeShamir },
		"wrapping by shamir": func(r *Record) { r.Type, r.Wrappings[0].Type = TypeShamir, TypeShamir },
		"no type":            func(r *Record) { r.Wrappings[1].Type = "" },
		"a long type":        func(r *Record) { r.Wrappings[1].Type = strings.Repeat("x", 33) },
		"an upper-case type": func(r *Record) { r.Wrappings[1].Type = "Transit" },
		"no name":            func(r *Record) { r.Wrappings[1].Name = "" },
		"a strange name":     func(r *Record) { r.Wrappings[1].Name = "a b" },
		"twice":              func(r *Record) { r.Wrappings[1].Name = "a" },
		"no blob":            func(r *Record) { r.Wrappings[1].Blob = nil },
		"a huge blob":        func(r *Record) { r.Wrappings[1].Blob = make([]byte, maxBlob+1) },
		"four":               func(r *Record) { w := r.Wrappings[0]; r.Wrappings = append(r.Wrappings, w, w) },
		"an empty list":      func(r *Record) { r.Type, r.Wrappings = TypeShamir, []Wrapping{} },
		"format 1 revised":   func(r *Record) { r.Format, r.Type, r.Wrappings = 1, TypeShamir, nil },
	} {
		r := good.clone()
		change(r)
		if _, err := r.Marshal(); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", what, err)
		}
	}
	stored, err := good.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"an unknown field": strings.Replace(string(stored), `"name":`, `"extra":1,"name":`, 1),
		"a second form":    strings.Replace(string(stored), `"name":"a"`, `"name": "a"`, 1),
		"a zero version":   strings.Replace(string(stored), `"version":7`, `"version":0`, 1),
	} {
		if _, err := ParseRecord([]byte(text)); !errors.Is(err, ErrRecord) || text == string(stored) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a wrapper is given cannot be taken for a share, and is its cluster's alone.
func TestWhatAWrapperIsGiven(t *testing.T) {
	r, shares, opened := createOpened(t, 3, 2)
	side := newSide("a")
	wrapped(t, opened, side)
	text := string(side.seen[0])
	if len(text) != base64Length {
		t.Errorf("%d characters", len(text))
	}
	if _, err := r.Check(text); !errors.Is(err, ErrShareDamaged) {
		t.Errorf("as a share: %v", err)
	}
	for _, s := range shares {
		if _, err := r.root([]byte(s.Base64())); !errors.Is(err, ErrUnwrapDamaged) {
			t.Errorf("a share as what was unwrapped: %v", err)
		}
	}
	root := opened.opened().root
	if raw, err := base64.StdEncoding.DecodeString(text); err != nil || !bytes.Contains(raw, root) {
		t.Errorf("it does not hold the root key: %v", err)
	}
	if got := string(r.wrapBinding()); got != "signet wrapped root key of "+testCluster+" generation 1" {
		t.Error(got)
	}
}
