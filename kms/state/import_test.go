package state

import (
	"bytes"
	"fmt"
	"testing"
)

func wrappingVersion(public byte) KeyVersion {
	return KeyVersion{Mount: testMount, Name: WrappingName, Number: 1, Type: RSA4096, KID: fmt.Sprint("w", public), Public: []byte{public}, Sealed: []byte{public}}
}

// Whoever comes second is told of the first one's key, whatever the proposal was.
func TestTheFirstWrappingKeyStays(t *testing.T) {
	m := newMachine(t)
	if m.s.WrappingKey(testMount) != nil {
		t.Fatal("a wrapping key that nobody asked for")
	}
	first := m.ok(&PutWrappingKey{wrappingVersion(1)}).(*KeyVersion)
	second := m.ok(&PutWrappingKey{wrappingVersion(2)}).(*KeyVersion)
	if first != second || first.KID != "w1" || m.s.WrappingKey(testMount) != first || first.State != Active || first.Created != m.s.Time {
		t.Errorf("%+v and %+v", first, second)
	}
	elsewhere := wrappingVersion(3)
	elsewhere.Mount = "elsewhere"
	m.refused(&PutWrappingKey{elsewhere}, ErrMountMissing)
	for what, spoil := range map[string]func(v *KeyVersion){
		"another name":   func(v *KeyVersion) { v.Name = "web" },
		"another number": func(v *KeyVersion) { v.Number = 2 },
		"another type":   func(v *KeyVersion) { v.Type = RSA2048 },
		"no halves":      func(v *KeyVersion) { v.Sealed = nil },
	} {
		v := wrappingVersion(4)
		spoil(&v)
		b, err := Encode(&Numbered{Epoch: 9, Seq: 9, Command: &PutWrappingKey{v}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err == nil {
			t.Errorf("%s: it decodes", what)
		}
	}
	var b bytes.Buffer
	if err := m.s.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Read(&b, Sequential)
	if err != nil || back.WrappingKey(testMount) == nil || back.WrappingKey(testMount).KID != "w1" {
		t.Fatalf("a snapshot has it not: %v", err)
	}
	if names := m.s.KeyNames(testMount); len(names) != 0 {
		t.Errorf("keys %v", names)
	}
}

func TestVersionsOfAnImportedKey(t *testing.T) {
	for _, c := range []struct{ allow bool }{{false}, {true}} {
		m := newMachine(t)
		v := KeyVersion{Mount: testMount, Name: "web", Number: 1, Type: HMAC, State: Active, KID: "1", Sealed: []byte{1}, Imported: true}
		m.ok(&CreateKey{Key{Mount: testMount, Name: "web", Type: HMAC, KeySize: 32, Imported: true, ImportRotation: c.allow}, v})
		v.Number, v.KID = 2, "2"
		if k := m.ok(&RotateKey{Version: v, KeySize: 64}).(*Key); k.Latest != 2 || k.KeySize != 64 || !k.Imported {
			t.Errorf("%+v", k)
		}
		v.Number, v.KID, v.Imported = 3, "3", false
		if !c.allow {
			m.refused(&RotateKey{Version: v}, ErrImportedKey)
			continue
		}
		if k := m.ok(&RotateKey{Version: v}).(*Key); k.Latest != 3 || k.KeySize != 64 || k.Imported {
			t.Errorf("%+v", k)
		}
		v.Number, v.KID, v.Imported = 4, "4", true
		m.refused(&RotateKey{Version: v, KeySize: 32}, ErrNotImported)
	}
}

// A kid is given out once under the name of an issuer, whatever becomes of it.
func TestAKIDOfAnIssuerIsNotGivenTwice(t *testing.T) {
	m := newMachine(t)
	made := func(number uint32, kid string) (Issuer, Key, KeyVersion) {
		return Issuer{Name: "acme", UUID: "u", Mount: testMount, URL: "https://acme.example", Alg: "EdDSA", MaxAge: 1, Lead: 2, DeletionAllowed: true},
			Key{Mount: testMount, Name: "acme", Type: Ed25519, Issuer: "acme", Imported: true},
			KeyVersion{Mount: testMount, Name: "acme", Number: number, Type: Ed25519, KID: kid, Public: []byte(kid), Sealed: []byte{1}, Imported: true}
	}
	i, k, v := made(1, "old")
	m.ok(&CreateIssuer{i, k, v})
	rotate := func(number uint32, kid string, imported bool) *RotateIssuer {
		_, _, v := made(number, kid)
		v.Imported = imported
		return &RotateIssuer{Issuer: "acme", Version: v}
	}
	m.refused(rotate(2, "old", true), ErrKIDTaken)
	m.ok(rotate(2, "next", true))
	m.ok(&CancelRotation{"acme"})
	m.refused(rotate(3, "next", true), ErrKIDTaken)
	m.ok(rotate(3, "made", false))
	if k := m.s.Key(testMount, "acme"); k.Imported {
		t.Error("a version that was made here counts as imported")
	}
	m.ok(&DeleteIssuer{Name: "acme"})
	m.ok(&DestroyKey{Mount: testMount, Name: "acme"})
	for _, kid := range []string{"old", "next", "made"} {
		i, k, v := made(4, kid)
		m.refused(&CreateIssuer{i, k, v}, ErrKIDTaken)
		if !m.s.KIDTaken(testMount, "acme", kid) {
			t.Errorf("%s is free", kid)
		}
	}
	i, k, v = made(4, "fresh")
	m.ok(&CreateIssuer{i, k, v})
	if m.s.KIDTaken(testMount, "acme", "other") || !m.s.KIDTaken(testMount, "acme", "fresh") {
		t.Error("KIDTaken does not say what the command does")
	}
}
