package wire

import (
	"errors"
	"math"
	"testing"

	"github.com/go-json-experiment/json"
)

func TestFloat(t *testing.T) {
	for in, want := range map[string]Float{
		`{}`: {}, `{"f":null}`: {}, `{"f":""}`: {}, `{"f":0}`: FloatOf(0), `{"f":"500"}`: FloatOf(500),
		`{"f":897.3}`: FloatOf(897.3), `{"f":"0.5"}`: FloatOf(0.5), `{"f":"-1e3"}`: FloatOf(-1000), `{"f":1e-300}`: FloatOf(1e-300),
	} {
		var got struct {
			F Float `json:"f,omitzero"`
		}
		if err := json.Unmarshal([]byte(in), &got); err != nil || got.F != want {
			t.Errorf("%s: %+v, %v", in, got.F, err)
		}
		if out, err := json.Marshal(got); err != nil || json.Unmarshal(out, &got) != nil || got.F != want {
			t.Errorf("%s went out as %s, %v", in, out, err)
		}
	}
	for _, in := range []string{
		`true`, `[]`, `{}`, `"inf"`, `"NaN"`, `"0x10"`, `"1_000"`, `"+1"`, `"01"`, `".5"`, `"5."`, `" 1"`, `"1 "`, `1e400`, `"1e400"`, `"one"`, `"1,5"`, `"-"`, `"1\n"`, `"null"`,
	} {
		var f Float
		if err := json.Unmarshal([]byte(in), &f); !errors.Is(err, ErrWantNumber) {
			t.Errorf("%s: %+v, %v", in, f, err)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if out, err := json.Marshal(FloatOf(f)); err != nil || string(out) != "null" {
			t.Errorf("%v: %s, %v", f, out, err)
		}
	}
}

func FuzzFloat(f *testing.F) {
	fuzzWeak[Float](f, `1`, `"0.5"`, `1e308`, `-0`, `""`, `null`, `"inf"`, `"1 "`)
}
