package keyring

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

func TestNothingThatReachesAKeyPrintsOrMarshals(t *testing.T) {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	values := map[string]any{"Keyring": k, "session": k.session.Load()}
	var traces []string // each private key as fmt and encodings would show it
	for _, typ := range state.KeyTypes() {
		v := generated(t, k, string(typ), 1, typ)
		s := k.session.Load()
		x, err := s.secret(v)
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.lookup(v)
		if err != nil {
			t.Fatal(err)
		}
		opened, _, err := openKeyset(b, v)
		if err != nil {
			t.Fatal(err)
		}
		a := newVersionAEAD(b, v)
		if _, err := a.Decrypt(v.Sealed, a.label); err != nil {
			t.Fatal(err)
		}
		u, err := k.Open(pass.Mint(pass.Sign, v.ID()), pass.Sign, v.ID())
		if err != nil {
			t.Fatal(err)
		}
		values["secret "+string(typ)], values["entry "+string(typ)] = x, e
		values["versionAEAD "+string(typ)], values["Use "+string(typ)] = a, u
		values["macKey "+string(typ)] = x.mac
		values["oaep "+string(typ)] = &oaep{key: x.rsa}
		if typ == state.ChaCha20 || typ == state.XChaCha20 {
			values["cipher "+string(typ)] = x.aead
		}
		values["foreign "+string(typ)] = struct {
			Shown  any
			hidden *secret
			both   []*entry
		}{x, x, []*entry{e}}
		traces = append(traces, privateTraces(t, x)...)
		// Tink's own key prints itself, which is why none of ours holds one.
		if typ == state.Ed25519 && !strings.Contains(fmt.Sprintf("%+v", opened), fmt.Sprint(x.ed[:32])[1:90]) {
			t.Error("Tink's key does not print itself any more: see what that changes")
		}
	}
	for name, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb, v)
			if typ := reflect.TypeOf(v); typ.Kind() == reflect.Pointer {
				fmt.Fprintf(&out, verb, reflect.ValueOf(v).Elem().Interface())
			}
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		encoded, err := json.Marshal(v)
		if err == nil {
			t.Errorf("%s marshals to %s", name, encoded)
		}
		out.Write(encoded)
		for _, trace := range traces {
			if strings.Contains(out.String(), trace) {
				t.Errorf("%s shows a private key", name)
			}
		}
		if strings.HasPrefix(name, "foreign") {
			continue
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); got != redactedText {
				t.Errorf("%s prints %s under %s", name, got, verb)
			}
		}
		if _, err := v.(json.Marshaler).MarshalJSON(); err == nil {
			t.Errorf("%s marshals as JSON", name)
		}
		if _, err := v.(encoding.TextMarshaler).MarshalText(); err == nil {
			t.Errorf("%s marshals as text", name)
		}
		if _, err := v.(encoding.BinaryMarshaler).MarshalBinary(); err == nil {
			t.Errorf("%s marshals as binary", name)
		}
		if reflect.TypeOf(v).Elem().Comparable() {
			t.Errorf("%s is comparable", name)
		}
	}
}

// privateTraces are pieces of the private key in the forms a print could take.
func privateTraces(t testing.TB, x *secret) []string {
	t.Helper()
	raw := x.mac.bytes
	traces := []string{hex.EncodeToString(raw[4:20]), strings.ToUpper(hex.EncodeToString(raw[4:20])),
		string(raw[4:20]), strings.Trim(fmt.Sprint(raw[4:20]), "[]"), encode(raw[3:21])}
	switch {
	case x.ec != nil:
		d, err := x.ec.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		raw = d
		traces = append(traces, new(big.Int).SetBytes(d).String())
	case x.rsa != nil:
		raw = x.rsa.D.Bytes()
		traces = append(traces, x.rsa.D.String(), x.rsa.Primes[0].String())
	case x.ed != nil:
		raw = x.ed[:32]
	default:
		return traces
	}
	return append(traces, hex.EncodeToString(raw[4:20]), strings.ToUpper(hex.EncodeToString(raw[4:20])),
		string(raw[4:20]), strings.Trim(fmt.Sprint(raw[4:20]), "[]"), encode(raw[3:21]))
}
