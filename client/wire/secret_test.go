package wire

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

const canary = "canary-7f3a9c"

// b64 is the canary as base64 and hex, as printing a byte slice would show it.
var leaks = []string{canary, "Y2FuYXJ5LTdmM2E5Yw", "63616e6172792d3766336139", "99 97 110 97 114 121"}

type nested struct {
	inner  Secret
	binary Bytes
}

// Every message that carries a secret, and a struct that holds one unexported.
func secretCarriers() map[string]any {
	s, b := SecretOf(canary), BytesOf([]byte(canary))
	return map[string]any{
		"Secret": s, "*Secret": &s, "Bytes": b, "*Bytes": &b, "[]Secret": []Secret{s},
		"unexported":         nested{s, b},
		"*unexported":        &nested{s, b},
		"InitResponse":       InitResponse{Keys: []Secret{s}, KeysBase64: []Secret{s}, RootToken: s},
		"UnsealRequest":      UnsealRequest{Key: s},
		"VerifyShareRequest": VerifyShareRequest{Key: s},
		"TokenCreateRequest": TokenCreateRequest{ID: s},
		"TokenRequest":       TokenRequest{Token: s},
		"capabilities":       TokenCapabilitiesRequest{Token: s},
		"policy check":       PolicyCheckRequest{Token: s},
		"RenewRequest":       RenewRequest{Token: s},
		"TokenData":          TokenData{ID: s},
		"Auth":               &Auth{ClientToken: s},
		"Envelope":           Envelope[*DecryptData]{Data: &DecryptData{b}, Auth: &Auth{ClientToken: s}},
		"SignRequest":        SignRequest{Input: b, BatchInput: []SignItem{{Input: b}}},
		"VerifyRequest":      VerifyRequest{Input: b, BatchInput: []VerifyItem{{Input: b}}},
		"EncryptRequest":     EncryptRequest{Plaintext: b, AssociatedData: b, BatchInput: []EncryptItem{{Plaintext: b}}},
		"JWTSignData":        JWTSignData{Token: s},
		"JWTSignResult":      BatchData[JWTSignResult]{[]JWTSignResult{{Token: s}}},
		"JWTVerifyRequest":   JWTVerifyRequest{Token: s, BatchInput: Batch[JWTVerifyItem]{{Token: s}}},
		"DecryptResult":      BatchData[DecryptResult]{[]DecryptResult{{Plaintext: b}}},
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	for name, v := range secretCarriers() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			check(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		check(t, name+" Sprint", fmt.Sprint(v))
		check(t, name+" error", fmt.Errorf("wrapped: %v", v).Error())
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		check(t, name+" slog", log.String())
		out, _ := stdjson.Marshal(v) // what hclog does with JSON output
		check(t, name+" encoding/json", string(out))
	}
}

func check(t *testing.T, what, printed string) {
	t.Helper()
	for _, leak := range leaks {
		if strings.Contains(strings.ToLower(printed), strings.ToLower(leak)) {
			t.Errorf("%s shows the secret: %s", what, printed)
		}
	}
}

func TestSecretsRefuseOtherEncoders(t *testing.T) {
	for _, v := range []any{SecretOf(canary), BytesOf([]byte(canary))} {
		if _, err := stdjson.Marshal(v); !errors.Is(err, ErrNotForLogs) {
			t.Errorf("%T: encoding/json gave %v", v, err)
		}
		if _, err := v.(interface{ MarshalText() ([]byte, error) }).MarshalText(); !errors.Is(err, ErrNotForLogs) {
			t.Errorf("%T: MarshalText gave %v", v, err)
		}
	}
}

func TestSecretsReachTheWire(t *testing.T) {
	out, err := json.Marshal(UnsealRequest{Key: SecretOf(`a"b`)})
	if want := `{"key":"a\"b"}`; err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
	var back UnsealRequest
	if err := json.Unmarshal(out, &back); err != nil || back.Key.Reveal() != `a"b` {
		t.Errorf("got %q, %v", back.Key.Reveal(), err)
	}
	for _, bad := range []string{`{"key":1}`, `{"key":["canary"]}`, `{"key":{}}`} {
		if err := json.Unmarshal([]byte(bad), &back); !errors.Is(err, ErrWantText) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"key":null}`), &back); err != nil || !back.Key.IsZero() || back.Key.Reveal() != "" {
		t.Errorf("null must be absent: %v", err)
	}
}

func TestBytes(t *testing.T) {
	cases := []struct {
		in   string
		want string
		set  bool
		bad  bool
	}{
		{`{}`, "", false, false},
		{`{"input":null}`, "", false, false},
		{`{"input":""}`, "", true, false},
		{`{"input":"aGVsbG8="}`, "hello", true, false},
		{`{"input":"\u0061GVsbG8="}`, "hello", true, false},
		{`{"input":"aGVs\nbG8="}`, "hello", true, false},
		{`{"input":"\/\/8="}`, "\xff\xff", true, false},
		{`{"input":"aGVsbG8"}`, "", true, true},
		{`{"input":"__8="}`, "", true, true},
		{`{"input":"!"}`, "", true, true},
	}
	for _, c := range cases {
		var r SignRequest
		if err := json.Unmarshal([]byte(c.in), &r); err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		got, err := r.Input.Value()
		if string(got) != c.want || r.Input.IsSet() != c.set || (err != nil) != c.bad {
			t.Errorf("%s: got %q, set %v, %v", c.in, got, r.Input.IsSet(), err)
		}
	}
	var r SignRequest
	for _, bad := range []string{`{"input":5}`, `{"input":["aGVsbG8="]}`, `{"input":true}`} {
		if err := json.Unmarshal([]byte(bad), &r); !errors.Is(err, ErrWantBase64) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestBytesThatDidNotDecodeAreNotEncoded(t *testing.T) {
	var r SignRequest
	if err := json.Unmarshal([]byte(`{"input":"!"}`), &r); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(r); err == nil {
		t.Errorf("got %s", out)
	}
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{`"aGVsbG8="`, `"\u0061GVsbG8="`, `""`, `null`, `"!"`, `"`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var direct, a, b Bytes
		_ = direct.UnmarshalJSON(raw)
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		want, err := a.Value()
		if err != nil || !a.IsSet() {
			return
		}
		out, err := json.Marshal(a)
		if err != nil || json.Unmarshal(out, &b) != nil {
			t.Fatalf("%q → %s, %v", raw, out, err)
		}
		if got, err := b.Value(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q: %q became %q, %v", raw, want, got, err)
		}
	})
}

func FuzzSecret(f *testing.F) {
	for _, s := range []string{`"abc"`, `null`, `""`, `"\u0000"`, `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var direct, a, b Secret
		_ = direct.UnmarshalJSON(raw)
		if json.Unmarshal(raw, &a) != nil || a.IsZero() {
			return
		}
		out, err := json.Marshal(a)
		if err != nil || json.Unmarshal(out, &b) != nil || a.Reveal() != b.Reveal() {
			t.Fatalf("%q did not come back: %v", raw, err)
		}
	})
}
