package wire

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Float is a number that arrives as a JSON number or as the text of one. Null and
// "" are the same as an absent field. It is always finite.
type Float struct {
	Value float64
	Set   bool
}

// FloatOf returns a set Float.
func FloatOf(f float64) Float { return Float{Value: f, Set: true} }

// IsZero reports that the field was absent; it drives omitzero.
func (f Float) IsZero() bool { return !f.Set }

// UnmarshalJSON returns [ErrWantNumber] for anything else, and for a number that
// no float64 can hold.
func (f *Float) UnmarshalJSON(raw []byte) error {
	text, kind, err := scalar(raw)
	if err != nil || (kind != '0' && kind != '"' && kind != 'n') {
		return ErrWantNumber
	}
	*f = Float{}
	if kind == 'n' || text == "" {
		return nil
	}
	v, err := ParseFloat(text)
	if err != nil {
		return err
	}
	*f = Float{Value: v, Set: true}
	return nil
}

// MarshalJSON writes a number, or null for an absent value or one that is not
// finite.
func (f Float) MarshalJSON() ([]byte, error) {
	if !f.Set || math.IsInf(f.Value, 0) || math.IsNaN(f.Value) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, f.Value, 'g', -1, 64), nil
}

// ParseFloat reads the text of a JSON number (RFC 8259 section 6): no "+", no
// leading zeros, no "inf", no hexadecimal. It returns [ErrWantNumber].
func ParseFloat(text string) (float64, error) {
	v := jsontext.Value(text)
	if c := text[:min(1, len(text))]; c == "" || c != "-" && (c < "0" || c > "9") || !v.IsValid() {
		return 0, ErrWantNumber
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, ErrWantNumber // trailing space, or out of range
	}
	return f, nil
}
