package wire

import (
	"errors"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestAudience(t *testing.T) {
	for in, want := range map[string]Audience{
		`{"aud":"a,b"}`: {"a,b"}, `{"aud":["a","b"]}`: {"a", "b"}, `{"aud":[]}`: {}, `{"aud":null}`: nil, `{}`: nil, `{"aud":""}`: {""},
	} {
		var r JWTSignRequest
		if err := json.Unmarshal([]byte(in), &r); err != nil || !reflect.DeepEqual(r.Audience, want) {
			t.Errorf("%s is %#v, %v", in, r.Audience, err)
		}
		out, err := json.Marshal(r)
		var again JWTSignRequest
		if err != nil || json.Unmarshal(out, &again) != nil || !reflect.DeepEqual(again.Audience, want) {
			t.Errorf("%s became %s, %v", in, out, err)
		}
	}
	for _, bad := range []string{`1`, `{}`, `[1]`, `["a",null]`, `[["a"]]`, `true`} {
		var r JWTSignRequest
		if err := json.Unmarshal([]byte(`{"aud":`+bad+`}`), &r); !errors.Is(err, ErrWantAudience) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzJWTSignRequest(f *testing.F) {
	f.Add([]byte(`{"sub":"user:1","aud":["a"],"scope":"s","ttl":"10m","nbf":1,"claims":{"n":1e400,"f":1.0},"context":{"ip":"::1"}}`))
	f.Add([]byte(`{"batch_input":[{"sub":"","aud":"a","claims":[],"reference":"r"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a, b JWTSignRequest
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		out, err := json.Marshal(a, json.Deterministic(true))
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if err := json.Unmarshal(out, &b); err != nil {
			t.Fatalf("%q → %s: %v", raw, out, err)
		}
		again, err := json.Marshal(b, json.Deterministic(true))
		if err != nil || string(again) != string(out) {
			t.Fatalf("%s → %s, %v", out, again, err)
		}
	})
}
