package seal

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// TestGolden: a record and shares that the first release made unseal for ever.
// The files are never rewritten; a new layout gets new ones beside them.
func TestGolden(t *testing.T) {
	stored, err := os.ReadFile("testdata/record-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRecord(stored)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/shares-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	u := NewUnsealing(r)
	lines := make(map[string]string)
	var opened *Opened
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if lines[name] = value; !strings.HasPrefix(name, "share") {
			continue
		}
		if _, opened, err = u.Submit(value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if opened == nil {
		t.Fatal("the golden shares do not unseal")
	}
	b := opened.Barrier()
	got, err := b.Derive("golden")
	if err != nil || hex.EncodeToString(got) != lines["derived"] {
		t.Errorf("derived: %x, %v", got, err)
	}
	mac, err := hex.DecodeString(lines["mac"])
	if err != nil {
		t.Fatal(err)
	}
	if err := r.VerifyMAC(b, mac); err != nil {
		t.Errorf("mac: %v", err)
	}
}
