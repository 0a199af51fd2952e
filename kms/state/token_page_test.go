package state

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func someToken(rt *rapid.T) *Token {
	word := rapid.StringMatching(`[a-z]{0,4}`)
	t := &Token{
		Hash: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "hash"), Accessor: word.Draw(rt, "accessor"),
		Parent:   rapid.SampledFrom([][]byte{nil, hash("a"), hash("b")}).Draw(rt, "parent"),
		Policies: rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}, {"ab"}}).Draw(rt, "policies"),
		Meta:     rapid.SampledFrom([]map[string]string{nil, {"k": "v"}, {"k": "", "l": "k"}}).Draw(rt, "meta"), DisplayName: word.Draw(rt, "name"),
		Path: word.Draw(rt, "path"), Renewable: rapid.Bool().Draw(rt, "renewable"), Role: word.Draw(rt, "role"), Application: word.Draw(rt, "application"),
		BoundCIDRs: rapid.SampledFrom([][]string{nil, {"::/0", "a"}}).Draw(rt, "cidrs"),
	}
	for _, to := range []*int64{&t.Created, &t.TTL, &t.Renewed, &t.Expire, &t.Period, &t.ExplicitMax, &t.Uses} {
		*to = rapid.Int64().Draw(rt, "number")
	}
	t.derive()
	return t
}

func TestTokensSurviveTheirPage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(someToken), 0, 20).Draw(rt, "tokens")
		var w pageWriter
		for _, v := range want {
			w.token(v)
		}
		got, err := readPage(w.buf, snapshotFormat)
		if err != nil || len(got) != len(want) {
			rt.Fatalf("%d tokens, %v", len(got), err)
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				rt.Fatalf("token %d\n got %+v\nwant %+v", i, got[i], want[i])
			}
		}
	})
}

// A new field of Token that the page does not carry would be lost at the next
// unseal.
func TestThePageCarriesEveryField(t *testing.T) {
	const carried = 18
	exported := 0
	for i := range reflect.TypeFor[Token]().NumField() {
		if reflect.TypeFor[Token]().Field(i).IsExported() {
			exported++
		}
	}
	if exported != carried {
		t.Errorf("a token has %d fields, the page carries %d: raise snapshotFormat and write it too", exported, carried)
	}
}

func TestDamagedPagesAreRefused(t *testing.T) {
	var w pageWriter
	w.token(&Token{Hash: hash("a"), Accessor: "acc", Policies: []string{"p"}, Parent: hash("b")})
	for cut := 1; cut < len(w.buf); cut++ {
		_, err := readPage(w.buf[:cut], snapshotFormat)
		if c := (*Corruption)(nil); !errors.As(err, &c) {
			t.Fatalf("a page cut at %d: %v", cut, err)
		}
	}
	var many pageWriter
	for range tokenPage + 1 {
		many.token(&Token{Hash: hash("a"), Accessor: "acc"})
	}
	if _, err := readPage(many.buf, snapshotFormat); err == nil {
		t.Error("a page of more tokens than a page has")
	}
	var short pageWriter
	short.token(&Token{Hash: []byte("short"), Accessor: "acc"})
	if _, err := readPage(short.buf, snapshotFormat); err == nil {
		t.Error("a token with a short hash")
	}
}

func FuzzReadPage(f *testing.F) {
	var w pageWriter
	for _, v := range []*Token{
		{Hash: hash("a"), Accessor: "acc", Policies: []string{"p", "q"}, Parent: hash("b"), Meta: map[string]string{"k": "v"}, Expire: 9, Renewable: true},
		{Hash: hash("c"), Accessor: "acd", Policies: []string{"p", "q"}, Parent: hash("b"), Role: "p", BoundCIDRs: []string{"::/0"}},
	} {
		w.token(v)
		f.Add(bytes.Clone(w.buf))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens, err := readPage(b, snapshotFormat)
		if err != nil {
			return
		}
		var again pageWriter
		for _, v := range tokens {
			again.token(v)
		}
		if second, err := readPage(again.buf, snapshotFormat); err != nil || len(second) != len(tokens) {
			t.Fatalf("what was read does not read back: %v", err)
		}
	})
}
