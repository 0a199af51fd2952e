package barrier

import (
	"bytes"
	"errors"
	"testing"
)

func TestMACBindsPurposeMessageTermAndCluster(t *testing.T) {
	b := newBarrier(t, "a", fixedStore(1))
	msg := []byte("roster")
	mac, err := b.MAC("roster", msg)
	if err != nil {
		t.Fatal(err)
	}
	if len(mac) != MACSize {
		t.Fatalf("%d bytes", len(mac))
	}
	if err := b.VerifyMAC("roster", msg, mac); err != nil {
		t.Fatal(err)
	}
	rotated := newBarrier(t, "a", fixedStore(2))
	if err := rotated.VerifyMAC("roster", msg, mac); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	fresh, err := rotated.MAC("roster", msg)
	if err != nil {
		t.Fatal(err)
	}
	relabelled := bytes.Clone(mac)
	relabelled[8] = 2
	for what, err := range map[string]error{
		"another message": b.VerifyMAC("roster", []byte("Roster"), mac),
		"another purpose": b.VerifyMAC("rosters", msg, mac),
		"another cluster": newBarrier(t, "b", fixedStore(1)).VerifyMAC("roster", msg, mac),
		"another term":    rotated.VerifyMAC("roster", msg, relabelled),
	} {
		if !errors.Is(err, ErrMAC) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := b.VerifyMAC("roster", msg, fresh); !errors.Is(err, ErrUnknownTerm) {
		t.Errorf("unknown term: %v", err)
	}
	for i := range mac {
		bad := bytes.Clone(mac)
		bad[i] ^= 1
		if b.VerifyMAC("roster", msg, bad) == nil {
			t.Errorf("flipped byte %d verifies", i)
		}
		if err := b.VerifyMAC("roster", msg, mac[:i]); !errors.Is(err, ErrFormat) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	if err := b.VerifyMAC("roster", msg, append(mac, 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("extended: %v", err)
	}
}

func TestDerivedKeysAreSeparate(t *testing.T) {
	derive := func(b *Barrier, purpose string) string {
		k, err := b.Derive(purpose)
		if err != nil {
			t.Fatal(err)
		}
		if len(k) != 32 {
			t.Fatalf("%d bytes", len(k))
		}
		return string(k)
	}
	b := newBarrier(t, "a", fixedStore(1))
	macKey, err := b.state().subkey(domainMAC, 1, "p")
	if err != nil {
		t.Fatal(err)
	}
	k := b.state().terms[1]
	seen := map[string]string{
		derive(b, "p"): "p",
	}
	for what, other := range map[string]string{
		"another purpose": derive(b, "q"),
		"another cluster": derive(newBarrier(t, "b", fixedStore(1)), "p"),
		"another term":    derive(newBarrier(t, "a", fixedStore(2)), "p"),
		"the MAC key":     string(macKey),
		"the sealing key": string(k.sealing[:]),
		"the term key":    string(k.base[:]),
	} {
		if was, ok := seen[other]; ok {
			t.Errorf("%s equals %s", what, was)
		}
		seen[other] = what
	}
	if derive(b, "p") != derive(newBarrier(t, "a", fixedStore(1)), "p") {
		t.Error("two nodes derive different keys")
	}
}
