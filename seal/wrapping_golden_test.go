package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestGoldenWrapped: a record of format 2 opens for ever, by its shares and by what
// was wrapped. The files are never rewritten.
func TestGoldenWrapped(t *testing.T) {
	stored, err := os.ReadFile("testdata/record-v2.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRecord(stored)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/shares-v2.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			lines[name] = value
		}
	}
	by, err := r.Unwrap(t.Context(), newSide("unseal/golden"), r)
	if err != nil {
		t.Fatal(err)
	}
	u := NewUnsealing(r)
	var shared *Opened
	for _, name := range []string{"share 3", "share 1"} {
		if _, shared, err = u.Submit(lines[name]); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []*Opened{by, shared} {
		got, err := o.Barrier().Derive("golden")
		if err != nil || hex.EncodeToString(got) != lines["derived"] {
			t.Errorf("derived: %x, %v", got, err)
		}
	}
}

// TestMakeGoldenWrapped wrote them, once: run it with SIGNET_MAKE_GOLDEN=1 in an
// empty place for a new layout.
func TestMakeGoldenWrapped(t *testing.T) {
	if os.Getenv("SIGNET_MAKE_GOLDEN") == "" {
		t.Skip("the golden files are there; SIGNET_MAKE_GOLDEN=1 makes others")
	}
	_, shares, opened := createOpened(t, 3, 2)
	if err := opened.AdoptSeal(wrapped(t, opened, newSide("unseal/golden"))); err != nil {
		t.Fatal(err)
	}
	r := nextTerm(t, opened)
	if err := opened.Adopt(r); err != nil {
		t.Fatal(err)
	}
	stored, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	derived, err := opened.Barrier().Derive("golden")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("# Two of the three shares of record-v2.json, made for this test alone.\nshare 3: %s\nshare 1: %s\nderived: %x\n", shares[2].Hex(), shares[0].Base64(), derived)
	for name, content := range map[string][]byte{"testdata/record-v2.json": stored, "testdata/shares-v2.txt": []byte(text)} {
		if _, err := os.Stat(name); err == nil {
			t.Fatalf("%s is there, and never rewritten", name)
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzUnwrapped(f *testing.F) {
	r, shares, opened := createOpened(f, 3, 2)
	root := opened.opened().root
	good := string(r.wrappable(root))
	f.Add([]byte(good))
	f.Add([]byte(" " + good + "\n"))
	f.Add([]byte(shares[0].Base64()))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := r.root(b)
		if err == nil && !bytes.Equal(r.wrappable(got), bytes.TrimSpace(b)) {
			t.Fatalf("%q was accepted in a second form", b)
		}
		if err != nil && !errors.Is(err, ErrUnwrapDamaged) && !errors.Is(err, ErrUnwrapForeign) && !errors.Is(err, ErrUnwrapGeneration) {
			t.Fatalf("unnamed error: %v", err)
		}
	})
}
