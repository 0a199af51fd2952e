package barrier

import (
	"bytes"
	"errors"
	"testing"
)

func TestWrapUnwrap(t *testing.T) {
	root := bytes.Repeat([]byte{7}, keySize)
	ts, err := NewTermStore(123)
	if err != nil {
		t.Fatal(err)
	}
	if err := ts.AddTerm(456); err != nil {
		t.Fatal(err)
	}
	wrapped, err := ts.Wrap(root, []byte("record"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnwrapTermStore(root, []byte("record"), wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.terms().marshal(), ts.terms().marshal()) || got.terms().list[0].created != 123 {
		t.Fatal("another store came back")
	}
	if got.terms().list[0].key == got.terms().list[1].key {
		t.Fatal("two terms have one key")
	}
	for i := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 1
		if _, err := UnwrapTermStore(root, []byte("record"), bad); !errors.Is(err, ErrOpen) {
			t.Fatalf("flipped byte %d: %v", i, err)
		}
		if _, err := UnwrapTermStore(root, []byte("record"), wrapped[:i]); !errors.Is(err, ErrOpen) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if _, err := UnwrapTermStore(root, []byte("recorD"), wrapped); !errors.Is(err, ErrOpen) {
		t.Errorf("other associated data: %v", err)
	}
	if _, err := UnwrapTermStore(bytes.Repeat([]byte{8}, keySize), []byte("record"), wrapped); !errors.Is(err, ErrOpen) {
		t.Errorf("other key: %v", err)
	}
}

func TestWrappingKeyIsChecked(t *testing.T) {
	ts := fixedStore(1)
	for _, bad := range [][]byte{nil, {}, make([]byte, 31), make([]byte, 33), make([]byte, 32)} {
		if _, err := ts.Wrap(bad, nil); !errors.Is(err, ErrKeyLength) {
			t.Errorf("wrap with %d bytes: %v", len(bad), err)
		}
		if _, err := UnwrapTermStore(bad, nil, make([]byte, 200)); !errors.Is(err, ErrKeyLength) {
			t.Errorf("unwrap with %d bytes: %v", len(bad), err)
		}
	}
}

func TestParseTermsIsStrict(t *testing.T) {
	good := func() []byte { return fixedStore(2).terms().marshal() }
	if _, err := parseTerms(good()); err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte) []byte) []byte { return f(good()) }
	second := termsHeader + termSize
	for what, bad := range map[string][]byte{
		"nothing":        nil,
		"header alone":   good()[:termsHeader],
		"cut":            good()[:len(good())-1],
		"trailing byte":  append(good(), 0),
		"another format": change(func(b []byte) []byte { b[0] = 2; return b }),
		"no terms":       {termsFormat, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"huge count":     change(func(b []byte) []byte { b[9] = 0xff; return b }),
		"count too low":  change(func(b []byte) []byte { b[12] = 1; return b }),
		"active missing": change(func(b []byte) []byte { b[8] = 3; return b }),
		"active is old":  change(func(b []byte) []byte { b[8] = 1; return b }),
		"zero number":    change(func(b []byte) []byte { b[termsHeader+7] = 0; return b }),
		"equal numbers":  change(func(b []byte) []byte { b[termsHeader+7] = 2; return b }),
		"falling":        change(func(b []byte) []byte { b[termsHeader+7] = 3; return b }),
		"zero key":       change(func(b []byte) []byte { clear(b[second+16:]); return b }),
	} {
		if _, err := parseTerms(bad); !errors.Is(err, ErrTerms) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAddTermLeavesNoKeyBehind(t *testing.T) {
	ts := fixedStore(1)
	old := ts.terms().list
	if err := ts.AddTerm(2); err != nil {
		t.Fatal(err)
	}
	if old[0].key != (key{}) {
		t.Error("the grown list left a key in the old array")
	}
	list := ts.terms().list
	ts.Wipe()
	ts.Wipe()
	for i := range list {
		if list[i].key != (key{}) {
			t.Error("wipe left a key")
		}
	}
	if ts.Active() != 0 {
		t.Error("a wiped store has an active term")
	}
}

func FuzzParseTerms(f *testing.F) {
	f.Add(fixedStore(1).terms().marshal())
	f.Add(fixedStore(3).terms().marshal())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseTerms(b)
		if err != nil {
			if !errors.Is(err, ErrTerms) {
				t.Fatalf("unnamed error: %v", err)
			}
			return
		}
		if !bytes.Equal(s.marshal(), b) {
			t.Fatal("accepted a second form")
		}
	})
}
