package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func FuzzShare(f *testing.F) {
	r, shares, _ := create(f, 3, 2)
	own := map[string]int{}
	for _, s := range shares {
		own[s.Hex()], own[s.Base64()] = s.Index(), s.Index()
		f.Add(s.Hex())
		f.Add(" " + strings.ToUpper(s.Hex()) + "\n")
		f.Add(s.Base64())
		f.Add(rewrite(s, func(raw *shareBytes) { raw[offIndex] = 200 }).Hex())
	}
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		info, err := r.Check(text)
		p, b, submitErr := NewUnsealing(r).Submit(text)
		if b != nil || (err == nil) != (submitErr == nil) || (p.Submitted == 1) != (err == nil) {
			t.Fatalf("%+v, %v, %v", p, err, submitErr)
		}
		if err != nil {
			if !named(err) {
				t.Fatalf("unnamed error: %v", err)
			}
			return
		}
		text = strings.TrimSpace(text)
		if len(text) == hexLength {
			text = strings.ToLower(text)
		}
		if own[text] != info.Index {
			t.Fatalf("accepted as share %d what is none", info.Index)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	for _, c := range [][2]int{{1, 1}, {3, 2}} {
		r, _, _ := create(f, c[0], c[1])
		b, err := r.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, '\n'))
	}
	f.Add([]byte(`{}`))
	_, _, migrating := createOpened(f, 3, 2)
	b, err := wrapped(f, migrating, newSide("a"), newSide("b")).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	_, shares, _ := create(f, 2, 2)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("unnamed error: %v", err)
			}
			return
		}
		again, err := r.Marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("a second form was accepted: %v", err)
		}
		u := NewUnsealing(r)
		for _, s := range shares {
			if _, opened, _ := u.Submit(s.Hex()); opened != nil {
				t.Fatal("a forged record opens")
			}
		}
	})
}
