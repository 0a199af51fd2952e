package state

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files; only for a kind that is new")

// goldenCommands holds one command of each kind with every field set: their
// bytes are in logs out there, so they may never change.
func goldenCommands() map[string]Command {
	tok := Token{Hash: hash("h"), Accessor: "acc", Parent: hash("p"), Policies: []string{"a", "default"}, Meta: map[string]string{"k": "v", "a": "b"},
		DisplayName: "token-x", Path: "auth/token/create", Created: 1, TTL: 3600, Renewed: 2, Expire: 3, Renewable: true}
	key := Key{Mount: testMount, Name: "web", Type: Ed25519, Latest: 1, MinAvailable: 1, MinDecryption: 1, MinEncryption: 1, DeletionAllowed: true, AutoRotate: 3600, Created: 5}
	v := KeyVersion{Mount: testMount, Name: "web", Number: 1, Type: Ed25519, State: Active, KID: "kid", Public: []byte{1, 2}, Sealed: []byte{3, 4}, Created: 6}
	imported := v
	imported.Imported = true
	g := genesis()
	g.Cluster.Dev = true
	g.Root = tok
	leveled := genesis()
	leveled.Level = 1
	return map[string]Command{
		"genesis": g, "epoch": &Epoch{}, "tick": &Tick{},
		"set-roster": &SetRoster{Version: 7, CAKey: Secret("ca"), JoinToken: "j1", Incarnation: "inc"}, "delete-join-token": &DeleteJoinToken{ID: "j1"},
		"create-join-token": &CreateJoinToken{JoinToken{ID: "j1", Hash: hash("h"), NodeID: "b", Suffrage: "voter", Created: 1, Expire: 2}},
		"set-cluster-level": &SetClusterLevel{Level: 2, Version: 8}, "genesis-level": leveled,
		"set-autopilot":          &SetAutopilot{Autopilot{Cleanup: true, DeadAfter: 1, LastContact: 2, MaxTrailing: 3, MinQuorum: 4, Stabilization: 5}},
		"create-join-token-made": &CreateJoinToken{JoinToken{ID: "j1", Hash: hash("h"), NodeID: "b", Suffrage: "replica", Created: 1, Expire: 2, Maker: "root"}},
		"put-policy":             &PutPolicy{Policy{Name: "p", Text: "t", Updated: 7}}, "delete-policy": &DeletePolicy{Name: "p"},
		"create-token": &CreateToken{tok}, "renew-token": &RenewToken{Hash: hash("h"), Expire: 9}, "revoke-token": &RevokeToken{Hash: hash("h"), Orphan: true},
		"create-key": &CreateKey{key, v}, "rotate-key": &RotateKey{Version: v}, "delete-key": &DeleteKey{Mount: testMount, Name: "web"},
		"reserve-encryptions": &ReserveEncryptions{Mount: testMount, Name: "web", Number: 1, Count: 4096},
		"delete-key-later":    &DeleteKey{Mount: testMount, Name: "web", Grace: 604800000000000},
		"destroy-key":         &DestroyKey{Mount: testMount, Name: "web", Early: true}, "undelete-key": &UndeleteKey{Mount: testMount, Name: "web"},
		"trim-key":        &TrimKey{Mount: testMount, Name: "web", MinAvailable: 3},
		"create-hmac-key": &CreateKey{Key{Mount: testMount, Name: "mac", Type: HMAC, KeySize: 64, Deleted: 11, DestroyAt: 12}, v},
		"create-token-limited": &CreateToken{Token{Hash: hash("h"), Accessor: "acc", Policies: []string{"a"}, Created: 1, Period: 60, ExplicitMax: 600, Uses: 3,
			Role: "ci", BoundCIDRs: []string{"10.0.0.0/8"}}},
		"use-token":         &UseToken{Hash: hash("h")},
		"delete-token-role": &DeleteTokenRole{Name: "ci"},
		"put-token-role": &PutTokenRole{TokenRole{Name: "ci", Allowed: []string{"a"}, Disallowed: []string{"b"}, AllowedGlobs: []string{"c*"}, DisallowedGlobs: []string{"*d"},
			Orphan: true, NotRenewable: true, NoDefault: true, PathSuffix: "x", TTL: 1, MaxTTL: 2, ExplicitMax: 3, Period: 4, Uses: 5, BoundCIDRs: []string{"::1/128"}}},
		"put-quota":            &PutQuota{Quota{Name: "q", Path: "transit/*", Per: QuotaPerToken, Rate: 2.5, Interval: 1000000000, Block: 5000000000}},
		"delete-quota":         &DeleteQuota{Name: "q"},
		"rotate-term":          &RotateTerm{Term: 2},
		"rotate-migrated-term": &RotateTerm{Term: 2, Seal: 3},
		"migrate-seal":         &MigrateSeal{Revision: 2, Term: 3},
		"config-rotation":      &ConfigRotation{Rotation{Disabled: true, Interval: 1, Commands: 2}},
		"create-issuer":        &CreateIssuer{goldenIssuer(), key, v},
		"config-issuer":        &ConfigIssuer{Name: "acme", JWKSURI: ptr("https://a/j"), MaxAge: ptr(int64(60)), Leeway: ptr(int64(30)), Lead: ptr(int64(120)), Period: ptr(int64(7200)), DeletionAllowed: ptr(true)},
		"delete-issuer":        &DeleteIssuer{Name: "acme", Grace: 604800000000000},
		"undelete-issuer":      &UndeleteIssuer{Name: "acme"},
		"put-profile":          &PutProfile{Profile{Issuer: "acme", Name: "access", Definition: []byte("{}"), MaxTTL: 3600, MaxNBF: 60, Created: 1, Updated: 2}},
		"delete-profile":       &DeleteProfile{Issuer: "acme", Name: "access"},
		"rotate-issuer":        &RotateIssuer{Issuer: "acme", Version: v},
		"activate-issuer":      &ActivateIssuer{Issuer: "acme", Number: 2},
		"cancel-rotation":      &CancelRotation{Issuer: "acme"},
		"unpublish-version":    &UnpublishVersion{Issuer: "acme", Number: 1},
		"revoke-issued":        &RevokeIssued{Issuer: "acme", UUID: "u", Entries: []Revocation{{ID: hash("h")[:16], Exp: 1790000600}, {ID: bytesOf(IssuedID(hash("i")[:16]).as(aboutSubject)), CutOff: true, Before: 1790000000}, {ID: bytesOf(IssuedID(hash("j")[:16]).as(aboutApplication)), CutOff: true}}},
		"spend-issued":         &SpendIssued{Issuer: "acme", UUID: "u", ID: hash("h")[16:], Exp: 1790000600},
		"compromise-version":   &CompromiseVersion{Issuer: "acme", Number: 1, Next: &v},
		"create-key-of-states": &CreateKey{Key{Mount: testMount, Name: "web", Type: Ed25519, Issuer: "acme", Signer: 3}, KeyVersion{Mount: testMount, Name: "web", Number: 4, Type: Ed25519, State: Pending, ActiveAt: 1, Activated: 2, Suspended: 3, Retired: 4, RemoveAt: 5, Compromised: 6, Destroyed: 7}},
		"put-application": &PutApplication{Application{Name: "web", Owner: "o", Description: "d", Policies: []string{"a"}, Metadata: map[string]string{"k": "v", "a": "b"},
			Created: 1, Updated: 2, Activated: 3, Blocked: 4, Reason: "r"}},
		"set-application-state": &SetApplicationState{Name: "web", Blocked: true, Reason: "r"}, "delete-application": &DeleteApplication{Name: "web"},
		"put-approle": &PutAppRole{AppRole{Name: "web", RoleID: "id", Application: "web", NoSecretID: true, SecretCIDRs: []string{"::1"}, SecretUses: 1, SecretTTL: 2, Policies: []string{"a"},
			NoDefault: true, TTL: 3, MaxTTL: 4, ExplicitMax: 5, Period: 6, Uses: 7, TokenCIDRs: []string{"::2"}}},
		"delete-approle": &DeleteAppRole{Name: "web"},
		"create-secret-id": &CreateSecretID{SecretID{Role: "web", Hash: hash("s"), Accessor: "acc", Created: 1, Updated: 2, TTL: 3, Expire: 4, Uses: 5, Metadata: map[string]string{"k": "v"},
			CIDRs: []string{"::1"}, TokenCIDRs: []string{"::2"}}},
		"delete-secret-id":  &DeleteSecretID{Role: "web", Hash: hash("s")},
		"login-approle":     &LoginAppRole{Role: "web", RoleID: "id", Hash: hash("s"), Token: Token{Hash: hash("h"), Accessor: "acc", Application: "web"}},
		"use-secret-id":     &UseSecretID{Role: "web", RoleID: "id", Hash: hash("s")},
		"set-version-state": &SetVersionState{Mount: testMount, Name: "web", Issuer: "acme", Number: 3, State: Suspended},
		"activate-version":  &ActivateVersion{Mount: testMount, Name: "web", Number: 3},
		"put-wrapping-key":  &PutWrappingKey{KeyVersion{Mount: testMount, Name: WrappingName, Number: 1, Type: RSA4096, State: Active, KID: "kid", Public: []byte{1, 2}, Sealed: []byte{3, 4}, Created: 6}},
		"import-key":        &CreateKey{Key{Mount: testMount, Name: "web", Type: HMAC, KeySize: 64, Imported: true, ImportRotation: true}, imported},
		"import-version":    &RotateKey{Version: imported, KeySize: 64},
		"import-issuer":     &RotateIssuer{Issuer: "acme", Version: imported, KeySize: 64},
		"config-key-lead":   &ConfigKey{Mount: testMount, Name: "web", Lead: ptr(int64(60))},
		"config-key":        &ConfigKey{Mount: testMount, Name: "web", MinDecryption: ptr(uint32(1)), MinEncryption: ptr(uint32(2)), DeletionAllowed: ptr(true), AutoRotate: ptr(int64(3600))},
	}
}

func goldenIssuer() Issuer {
	return Issuer{
		Name: "acme", UUID: "u", Mount: testMount, URL: "https://acme.example", Alg: "ES256", JWKSURI: "https://acme.example/j",
		MaxAge: 300, Leeway: 30, Lead: 600, Period: 2592000, DeletionAllowed: true, Created: 1, Deleted: 2, Revision: 3,
		Marks: Marks{TTL: 1, NotBefore: 2, Leeway: 3, MaxAge: 4}, MaxAgeBefore: 5, MaxAgeUntil: 6,
	}
}

// TestGoldenOnce guards the bytes of a command that is to take effect once.
func TestGoldenOnce(t *testing.T) {
	golden(t, "once", &Numbered{
		Epoch: 3, Seq: 300, At: 1790000000000000000, Proposal: []byte("0123456789abcdef"), Command: &Tick{},
		Once: &Once{Caller: "acc", Key: hash("key"), Request: hash("request")},
	})
}

// TestEarlierSnapshotsOpen reads what earlier builds wrote.
func TestEarlierSnapshotsOpen(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "snapshots", "format-1.bin"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(bytes.NewReader(b), Sequential)
	if err != nil {
		t.Fatal(err)
	}
	if s.Term != 1 || s.TermSince != s.Cluster.Created || s.RotationNow().Commands != DefaultRotationCommands {
		t.Errorf("term %d since %d", s.Term, s.TermSince)
	}
	if k := s.Key(testMount, "web"); k == nil || k.Latest != 2 || s.Version(testMount, "web", 1).Encryptions != 5 {
		t.Errorf("key %+v", k)
	}
	if s.Tombstone(testMount, "gone") == nil || s.TokenByAccessor("acc-a") == nil || s.Policy("p") == nil || s.NextExpiry() != 900 {
		t.Error("records are missing")
	}
}

func golden(t *testing.T, name string, n *Numbered) {
	t.Helper()
	b, err := Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "golden", name+".hex")
	if *update {
		if _, err := os.Stat(file); err != nil {
			if err := os.WriteFile(file, []byte(hex.EncodeToString(b)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b); got != strings.TrimSpace(string(want)) {
		t.Errorf("%s: the encoding changed\n got %s\nwant %s", name, got, want)
	}
	raw, _ := hex.DecodeString(strings.TrimSpace(string(want)))
	if _, err := Decode(raw); err != nil {
		t.Errorf("%s: a log written by an earlier build does not open: %v", name, err)
	}
}

func TestGoldenCommands(t *testing.T) {
	kinds := map[Kind]bool{}
	for name, c := range goldenCommands() {
		kinds[c.Kind()] = true
		golden(t, name, &Numbered{Epoch: 3, Seq: 300, At: 1790000000000000000, Proposal: []byte("0123456789abcdef"), Command: c})
	}
	for k := KindGenesis; k < 1000; k++ {
		if _, known := blank(k); known && !kinds[k] {
			t.Errorf("command kind %d has no golden bytes", k)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	want := []Part{{PartSeal, []byte("seal")}, {PartRoster, nil}, {PartCommand, bytes.Repeat([]byte{7}, 300)}}
	got, err := DecodeEntry(EncodeEntry(want...))
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	for i := range want {
		if got[i].Kind != want[i].Kind || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("part %d: %v", i, got[i])
		}
	}
}

func TestBadEntriesAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": {}, "no parts": {1}, "other version": {2, 1, 0}, "unknown kind": {1, 9, 0}, "kind zero": {1, 0, 0},
		"length beyond the end": {1, 1, 5, 1}, "no length": {1, 1}, "length in a longer form than needed": {1, 1, 0x80, 0x00},
		"endless length": {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		if _, err := DecodeEntry(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(EncodeEntry(Part{PartCommand, []byte("x")}, Part{PartSeal, nil}))
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := DecodeEntry(b)
		if err == nil && !bytes.Equal(EncodeEntry(parts...), b) {
			t.Fatal("what parses does not encode to itself")
		}
	})
}

func FuzzDecodeCommand(f *testing.F) {
	for _, c := range goldenCommands() {
		b, err := Encode(&Numbered{Epoch: 1, Seq: 2, At: 3, Proposal: []byte("p"), Command: c})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(n)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("what parses does not encode to itself: %v", err)
		}
		_, _, _ = Apply(New(), 1, n)
	})
}

func FuzzReadSnapshot(f *testing.F) {
	m := newMachine(f)
	m.ok(createKey("web", 1))
	m.ok(token("a", "root", 5))
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Read(bytes.NewReader(b), Sequential)
		if err == nil {
			if _, err := s.Digest(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
