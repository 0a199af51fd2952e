package api

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/kms/state"
)

// anyKey is a key with few or many of its members set.
func anyKey(typ state.KeyType, versions int, bits uint, name string) kms.KeyInfo {
	has := func(i int) bool { return bits>>i&1 == 1 }
	k := &state.Key{Name: name, Type: typ, Latest: uint32(versions), MinAvailable: 1, Imported: has(0), ImportRotation: has(1), DeletionAllowed: has(2)}
	if has(3) {
		k.Issuer, k.Lead, k.AutoRotate, k.MinDecryption, k.MinEncryption = name, 60, 3600, 2, 3
	}
	if has(4) {
		k.KeySize = 32
	}
	out := kms.KeyInfo{Key: k}
	for i := range versions {
		v := &state.KeyVersion{Number: uint32(i + 1), Type: typ, Created: int64(i) * 1234567890123, KID: name + "\"<é", State: state.Active}
		if typ.Asymmetric() {
			v.Public = bytes.Repeat([]byte{byte(i)}, 91)
		}
		if has(3) { // of a restore: 1 active, 2 suspended, 3 retired, 4 spent
			v.State = []state.VersionState{state.Active, state.Suspended, state.Retired, state.Active}[i%4]
			v.Encryptions = uint64(i%4/3) * state.MaxEncryptions
		}
		out.Versions = append(out.Versions, v)
	}
	return out
}

// A key written by hand is what the wire type says, byte for byte but for the order
// of the versions, which is theirs here.
func TestAKeyIsWrittenAsTheWireTypeSays(t *testing.T) {
	for _, typ := range state.KeyTypes() {
		for _, versions := range []int{0, 1, 2, 3, 12} {
			for bits := range uint(32) {
				for _, name := range []string{"web", "a\"b\\c\n\u2028é"} {
					k := anyKey(typ, versions, bits, name)
					data, err := keyData(k, nil)
					if err != nil {
						t.Fatal(err)
					}
					if k.Imported && data.ImportedKeyRotates.Value != k.ImportRotation {
						t.Fatal("the wire type lacks what is compared")
					}
					want, err := json.Marshal(wire.Envelope[any]{RequestID: "r-1", Data: data}, json.Deterministic(true))
					if err != nil {
						t.Fatal(err)
					}
					got := appendEnvelope(keyAnswer{k}, "r-1", nil)
					if versions > 9 { // "10" stands before "2" where names are sorted
						sorted := jsontext.Value(bytes.Clone(got))
						again := jsontext.Value(want)
						if sorted.Canonicalize() != nil || again.Canonicalize() != nil {
							t.Fatalf("no JSON: %s", got)
						}
						got, want = sorted, again
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("got  %s\nwant %s", got, want)
					}
				}
			}
		}
	}
}

// Where Vault's shape has no room for the state of a version, it stands beside.
func TestStatesOfSymmetricVersions(t *testing.T) {
	for typ, want := range map[state.KeyType]string{
		state.AES256GCM: `"version_states":{"2":"suspended","3":"retired","4":"spent"}`, state.XChaCha20: `"version_states":{"2":"suspended","3":"retired"}`,
		state.HMAC: `"version_states":{"2":"suspended","3":"retired"}`, state.Ed25519: "",
	} {
		got := string(appendEnvelope(keyAnswer{anyKey(typ, 4, 1<<3, "web")}, "r-1", nil))
		if want == "" && strings.Contains(got, "version_states") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", typ, got)
		}
	}
	if got := string(appendEnvelope(keyAnswer{anyKey(state.AES256GCM, 4, 0, "web")}, "r-1", nil)); strings.Contains(got, "version_states") {
		t.Errorf("all are active: %s", got)
	}
}

func BenchmarkKeyAnswer(b *testing.B) {
	k := anyKey(state.AES256GCM, 4, 0, "rotated-1-117")
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = appendEnvelope(keyAnswer{k}, "5f0c8b8e-6d0f-4d3c-8a55-0c6f3c0d9a11", nil)
		}
	})
	b.Run("by reflection", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			data, _ := keyData(k, nil)
			if _, err := json.Marshal(&wire.Envelope[any]{Data: data}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
