package kms

import (
	"bytes"
	"errors"
	"testing"

	"github.com/signet-kms/signet/kms/internal/gate"
)

func noop(*gate.Admission) error { return nil }

func TestResultFormat(t *testing.T) {
	if got := formatResult(3, []byte{0xfb, 0xff}, false); got != "vault:v3:+/8=" {
		t.Error(got)
	}
	if got := formatResult(3, []byte{0xfb, 0xff}, true); got != "vault:v3:-_8" {
		t.Error(got)
	}
	for name, text := range map[string]string{
		"empty": "", "no prefix": "abc", "vault alone": "vault:", "two fields": "vault:v1", "four fields": "vault:v1:aa:aa",
		"no number": "vault:v:AAAA", "zero": "vault:v0:AAAA", "leading zero": "vault:v01:AAAA", "plus": "vault:v+1:AAAA",
		"minus": "vault:v-1:AAAA", "huge": "vault:v99999999999:AAAA", "space": "vault:v1: AAAA", "case": "Vault:v1:AAAA",
		"base64url in asn1": "vault:v1:-_8=", "no padding": "vault:v1:AA", "trailing bits": "vault:v1:AB==", "line break": "vault:v1:AA\nAA",
	} {
		if _, _, err := parseResult(text, false, ErrBadSignature); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s: %v, want ErrBadSignature", name, err)
		}
	}
	for name, text := range map[string]string{"padding": "vault:v1:AA==", "standard alphabet": "vault:v1:+/8", "trailing bits": "vault:v1:AB"} {
		if _, _, err := parseResult(text, true, ErrBadSignature); !errors.Is(err, ErrBadSignature) {
			t.Errorf("jws, %s: %v, want ErrBadSignature", name, err)
		}
	}
}

func FuzzParseResult(f *testing.F) {
	f.Add("vault:v1:AAAA", false)
	f.Add("vault:v12:-_8", true)
	f.Fuzz(func(t *testing.T, text string, jws bool) {
		version, raw, err := parseResult(text, jws, ErrBadCiphertext)
		if err == nil && formatResult(version, raw, jws) != text {
			t.Fatalf("%q has a second spelling", text)
		}
	})
}

func FuzzMachineRestore(f *testing.F) {
	f.Add([]byte(snapshotMagic + "\x06\x00"))
	f.Add([]byte(snapshotMagic + "\x03\x03\x01\x02\x03\x04\x01x\x05\x02\x07x\x06\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &machine{}
		if err := m.Restore(bytes.NewReader(b)); err != nil {
			return
		}
		snap, err := m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := snap.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if err := (&machine{}).Restore(&out); err != nil {
			t.Fatalf("what was restored does not restore again: %v", err)
		}
	})
}
