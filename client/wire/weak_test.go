package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// all holds one field of each weak type, as a request would.
type all struct {
	I Int        `json:"i,omitzero"`
	B Bool       `json:"b,omitzero"`
	D Duration   `json:"d,omitzero"`
	S String     `json:"s,omitzero"`
	L StringList `json:"l,omitzero"`
	M Map        `json:"m,omitzero"`
}

func TestWeakTypesAccept(t *testing.T) {
	cases := []struct {
		in   string
		want all
	}{
		{`{}`, all{}},
		{`{"i":null,"b":null,"d":null,"s":null,"l":null,"m":null}`, all{}},
		{`{"i":"","b":"","d":""}`, all{}},
		{`{"i":0}`, all{I: Int{Set: true}}},
		{`{"i":"0"}`, all{I: Int{Set: true}}},
		{`{"i": 7 }`, all{I: IntOf(7)}},
		{`{"i":"-7"}`, all{I: IntOf(-7)}},
		{`{"i":"\u0037"}`, all{I: IntOf(7)}},
		{`{"i":9223372036854775807}`, all{I: Int{Value: 1<<63 - 1, Set: true}}},
		{`{"b":true}`, all{B: BoolOf(true)}},
		{`{"b":"false"}`, all{B: BoolOf(false)}},
		{`{"b":"1"}`, all{B: BoolOf(true)}},
		{`{"b":0}`, all{B: BoolOf(false)}},
		{`{"b":"True"}`, all{B: BoolOf(true)}},
		{`{"d":0}`, all{D: DurationOf(0)}},
		{`{"d":3600}`, all{D: DurationOf(time.Hour)}},
		{`{"d":"3600"}`, all{D: DurationOf(time.Hour)}},
		{`{"d":"720h"}`, all{D: DurationOf(720 * time.Hour)}},
		{`{"d":"1h30m"}`, all{D: DurationOf(90 * time.Minute)}},
		{`{"d":"30d"}`, all{D: DurationOf(30 * 24 * time.Hour)}},
		{`{"d":"500ms"}`, all{D: DurationOf(500 * time.Millisecond)}},
		{`{"s":"auto"}`, all{S: StringOf("auto")}},
		{`{"s":32}`, all{S: StringOf("32")}},
		{`{"s":""}`, all{S: StringOf("")}},
		{`{"l":[]}`, all{L: StringList{}}},
		{`{"l":""}`, all{L: StringList{}}},
		{`{"l":["a","b,c",""]}`, all{L: StringList{"a", "b,c", ""}}},
		{`{"l":"a, b,,c"}`, all{L: StringList{"a", "b", "c"}}},
		{`{"m":{}}`, all{M: Map{}}},
		{`{"m":{"a":"b","n":1,"t":true}}`, all{M: Map{"a": "b", "n": "1", "t": "true"}}},
	}
	for _, c := range cases {
		var got all
		if err := json.Unmarshal([]byte(c.in), &got); err != nil {
			t.Errorf("%s: %v", c.in, err)
		} else if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestWeakTypesRefuse(t *testing.T) {
	cases := []struct {
		in   string
		want error
	}{
		{`{"i":1.5}`, ErrWantInt}, {`{"i":1e3}`, ErrWantInt}, {`{"i":"1.0"}`, ErrWantInt},
		{`{"i":"010"}`, ErrWantInt}, {`{"i":"+1"}`, ErrWantInt}, {`{"i":" 1"}`, ErrWantInt},
		{`{"i":"0x10"}`, ErrWantInt}, {`{"i":-0}`, ErrWantInt}, {`{"i":true}`, ErrWantInt},
		{`{"i":9223372036854775808}`, ErrWantInt}, {`{"i":[1]}`, ErrWantInt}, {`{"i":{}}`, ErrWantInt},
		{`{"b":2}`, ErrWantBool}, {`{"b":"yes"}`, ErrWantBool}, {`{"b":[]}`, ErrWantBool}, {`{"b":1.0}`, ErrWantBool},
		{`{"d":-1}`, ErrWantDuration}, {`{"d":"-1h"}`, ErrWantDuration}, {`{"d":1.5}`, ErrWantDuration},
		{`{"d":"d"}`, ErrWantDuration}, {`{"d":"1w"}`, ErrWantDuration}, {`{"d":"1.5d"}`, ErrWantDuration},
		{`{"d":9223372037}`, ErrWantDuration}, {`{"d":"200000d"}`, ErrWantDuration}, {`{"d":true}`, ErrWantDuration},
		{`{"s":[]}`, ErrWantText}, {`{"s":{}}`, ErrWantText},
		{`{"l":1}`, ErrWantList}, {`{"l":[1]}`, ErrWantList}, {`{"l":[null]}`, ErrWantList}, {`{"l":{}}`, ErrWantList},
		{`{"l":[["a"]]}`, ErrWantList},
		{`{"m":[]}`, ErrWantMap}, {`{"m":"a=b"}`, ErrWantMap}, {`{"m":{"a":null}}`, ErrWantMap}, {`{"m":{"a":{}}}`, ErrWantMap},
	}
	for _, c := range cases {
		var got all
		if err := json.Unmarshal([]byte(c.in), &got); !errors.Is(err, c.want) {
			t.Errorf("%s: got %+v, %v, want %v", c.in, got, err, c.want)
		}
	}
}

// A refused value may be a secret in the wrong field: the sentinel must not
// carry it into an answer or a log.
func TestWeakErrorsDoNotRepeatTheValue(t *testing.T) {
	for _, field := range []string{"i", "b", "d", "l", "m"} {
		var got all
		err := json.Unmarshal([]byte(`{"`+field+`":["canary-7f3a",{}]}`), &got)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAbsentWeakValuesStayAbsent(t *testing.T) {
	out, err := json.Marshal(all{})
	if err != nil || string(out) != `{}` {
		t.Errorf("got %s, %v", out, err)
	}
	out, err = json.Marshal(all{I: IntOf(0), B: BoolOf(false), D: DurationOf(0), S: StringOf(""), L: StringList{}, M: Map{}})
	if want := `{"i":0,"b":false,"d":0,"s":"","l":[],"m":{}}`; err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
	if out, err = json.Marshal([]any{Int{}, Bool{}, Duration{}, String{}}); err != nil || string(out) != `[null,null,null,null]` {
		t.Errorf("got %s, %v", out, err)
	}
	if out, err = json.Marshal(DurationOf(1500 * time.Millisecond)); err != nil || string(out) != `"1.5s"` {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestBoolOr(t *testing.T) {
	if !(Bool{}).Or(true) || BoolOf(false).Or(true) || !BoolOf(true).Or(false) {
		t.Error("Or must return the value if set and the default otherwise")
	}
}

// fuzzWeak holds the property of all weak types: what decodes, re-encodes to
// something that decodes to the same value; and the method, called directly on
// bytes that are no JSON, returns an error and does not panic.
func fuzzWeak[T any](f *testing.F, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var direct T
		_ = any(&direct).(json.Unmarshaler).UnmarshalJSON(raw)
		var a, b T
		if json.Unmarshal(raw, &a) != nil {
			return
		}
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("%q decoded to %+v, which does not encode: %v", raw, a, err)
		}
		if err := json.Unmarshal(out, &b); err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q → %+v → %s → %+v, %v", raw, a, out, b, err)
		}
	})
}

func FuzzInt(f *testing.F)  { fuzzWeak[Int](f, `1`, `"0"`, `"-9"`, `""`, `null`, `1e3`, `"+1"`) }
func FuzzBool(f *testing.F) { fuzzWeak[Bool](f, `true`, `"1"`, `0`, `""`, `null`, `"F"`) }
func FuzzDuration(f *testing.F) {
	fuzzWeak[Duration](f, `1`, `"720h"`, `"30d"`, `"1.5s"`, `null`, `"1ns"`)
}
func FuzzString(f *testing.F) { fuzzWeak[String](f, `1`, `"auto"`, `true`, `null`, `"\ud83d\ude00"`) }
func FuzzStringList(f *testing.F) {
	f.Add([]byte(`["a","b"]`))
	f.Add([]byte(`"a, b,"`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`["a",null]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a, b StringList
		_ = a.UnmarshalJSON(raw)
		a = nil
		if json.Unmarshal(raw, &a) != nil || a == nil {
			return // nil encodes as [], which only a field with omitzero avoids
		}
		out, err := json.Marshal(a)
		if err != nil || json.Unmarshal(out, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q → %q → %s, %v → %q", raw, a, out, err, b)
		}
	})
}
func FuzzMap(f *testing.F) {
	f.Add([]byte(`{"a":"b","c":1}`))
	f.Add([]byte(`{"a":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a, b Map
		_ = a.UnmarshalJSON(raw)
		a = nil
		if json.Unmarshal(raw, &a) != nil || a == nil {
			return
		}
		out, err := json.Marshal(a)
		if err != nil || json.Unmarshal(out, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q → %q → %s, %v → %q", raw, a, out, err, b)
		}
	})
}
