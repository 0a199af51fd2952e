package wire

import (
	"encoding/base64"
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestKeyValues(t *testing.T) {
	ab := KeyValues{"a": "b", "c": "1"}
	for raw, want := range map[string]KeyValues{
		`null`: nil, `""`: nil, `" "`: nil, `{}`: {}, `"{}"`: {},
		`{"a":"b","c":1}`: ab, `"{\"a\":\"b\",\"c\":\"1\"}"`: ab, `"a=b,c=1"`: ab, `" a = b , c=1 "`: ab,
		`"a=b=c"`: {"a": "b=c"}, `"a="`: {"a": ""}, `{"a":true}`: {"a": "true"},
		strconv.Quote(base64.StdEncoding.EncodeToString([]byte(`{"a":"b","c":"1"}`))): ab,
	} {
		got := KeyValues{"old": "value"}
		if err := json.Unmarshal([]byte(raw), &got); err != nil || !maps.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: %v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{
		`1`, `true`, `[]`, `"a"`, `"a=b,"`, `"=b"`, `"a=b,a=c"`, `{"a":null}`, `{"a":[]}`, `{"a":{}}`, `{"":"x"}`, `"{"`, `"{}x"`, `"{\"a\":\"b\",\"a\":\"c\"}"`,
		`"{\"a\":{\"b\":1}}"`, `"{\"a\":` + strings.Repeat(`[`, 2000) + `"`,
	} {
		var got KeyValues
		if err := json.Unmarshal([]byte(raw), &got); !errors.Is(err, ErrWantKeyValues) && err == nil {
			t.Errorf("%s was taken as %v", raw, got)
		}
	}
}

func FuzzKeyValues(f *testing.F) {
	for _, seed := range []string{`null`, `{"a":"b"}`, `"a=b,c=d"`, `"{\"a\":1}"`, `"eyJhIjoiYiJ9"`, `""`, `[`, `"{"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got KeyValues
		if json.Unmarshal(raw, &got) != nil || got == nil {
			return
		}
		object, err := json.Marshal(map[string]string(got))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range [][]byte{object, []byte(strconv.Quote(base64.StdEncoding.EncodeToString(object)))} {
			var again KeyValues
			if err := json.Unmarshal(form, &again); err != nil || !maps.Equal(got, again) {
				t.Fatalf("%q became %v, and that %v (%v)", raw, got, again, err)
			}
		}
	})
}
