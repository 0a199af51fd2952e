package barrier

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// TestGolden: bytes that the first release sealed open for ever. The file is
// never rewritten; a new layout gets a new file beside it. The keys are those of
// fixedStore, and the file says what each line is.
func TestGolden(t *testing.T) {
	golden := readGolden(t, "testdata/v1.txt")
	store, err := UnwrapTermStore([]byte(strings.Repeat("R", keySize)), []byte("seal record"), golden["terms"])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(store.terms().marshal()), hex.EncodeToString(fixedStore(2).terms().marshal()); got != want {
		t.Errorf("term store: %s", got)
	}
	b := newBarrier(t, testCluster, store)
	n := Name{Kind: "key-version", Name: "transit/payments", Version: 3}
	for _, line := range []string{"value under term 1", "value under term 2"} {
		if got, err := b.Open(n, golden[line]); err != nil || string(got) != "golden plaintext" {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	if got, err := openStream(b, Name{Kind: "snapshot"}, golden["stream"]); err != nil || string(got) != "golden stream" {
		t.Errorf("stream: %q, %v", got, err)
	}
	if err := b.VerifyMAC("roster", []byte("golden message"), golden["mac"]); err != nil {
		t.Errorf("mac: %v", err)
	}
	got, err := b.Derive("audit")
	if err != nil || hex.EncodeToString(got) != hex.EncodeToString(golden["derived"]) {
		t.Errorf("derived: %x, %v", got, err)
	}
}

// readGolden reads lines "name: hex"; "#" starts a comment.
func readGolden(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := make(map[string][]byte)
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, ok := strings.Cut(s.Text(), ": ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if out[name], err = hex.DecodeString(value); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
