package wire

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Errors of the weak types. None repeats the value: it may be a secret in the
// wrong field. The decoder of the caller adds the name of the field.
var (
	ErrWantInt      = errors.New("want a whole number, as a number or as text")
	ErrWantNumber   = errors.New("want a number, as a number or as text")
	ErrWantBool     = errors.New("want true or false")
	ErrWantDuration = errors.New(`want a duration: seconds, or text such as "90s", "720h" or "30d"`)
	ErrWantText     = errors.New("want text")
	ErrWantList     = errors.New("want a list of texts, or one comma-separated text")
	ErrWantMap      = errors.New("want an object whose values are texts")
	ErrWantBase64   = errors.New("want base64 text")
)

// Int is a whole number that arrives as a JSON number or as decimal text. Null
// and "" are the same as an absent field: Set is false and Value is 0. Text
// with a sign "+", leading zeros, a fraction or an exponent is refused, since
// clients do not agree on what such a text means.
type Int struct {
	Value int64
	Set   bool
}

// IntOf returns a set Int.
func IntOf(n int) Int { return Int{Value: int64(n), Set: true} }

// IsZero reports that the field was absent; it drives omitzero.
func (i Int) IsZero() bool { return !i.Set }

// UnmarshalJSON returns [ErrWantInt] for anything that is no whole number of 64 bits.
func (i *Int) UnmarshalJSON(raw []byte) error {
	text, kind, err := scalar(raw)
	if err != nil || (kind != '0' && kind != '"' && kind != 'n') {
		return ErrWantInt
	}
	*i = Int{}
	if kind == 'n' || text == "" {
		return nil
	}
	n, ok := wholeNumber(text)
	if !ok {
		return ErrWantInt
	}
	*i = Int{Value: n, Set: true}
	return nil
}

// MarshalJSON writes a number, or null for an absent value.
func (i Int) MarshalJSON() ([]byte, error) {
	if !i.Set {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, i.Value, 10), nil
}

// Bool is a truth value that arrives as true, false, 1, 0 or one of the texts
// that strconv.ParseBool knows ("true", "False", "1", …). Null and "" are the
// same as an absent field.
type Bool struct {
	Value bool
	Set   bool
}

// BoolOf returns a set Bool.
func BoolOf(b bool) Bool { return Bool{Value: b, Set: true} }

// IsZero reports that the field was absent; it drives omitzero.
func (b Bool) IsZero() bool { return !b.Set }

// Or returns the value, or def if the field was absent.
func (b Bool) Or(def bool) bool {
	if b.Set {
		return b.Value
	}
	return def
}

// UnmarshalJSON returns [ErrWantBool] for anything else than the forms above.
func (b *Bool) UnmarshalJSON(raw []byte) error {
	text, kind, err := scalar(raw)
	if err != nil || (kind == '0' && text != "0" && text != "1") {
		return ErrWantBool
	}
	*b = Bool{}
	if kind == 'n' || text == "" {
		return nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return ErrWantBool
	}
	*b = Bool{Value: v, Set: true}
	return nil
}

// MarshalJSON writes true or false, or null for an absent value.
func (b Bool) MarshalJSON() ([]byte, error) {
	if !b.Set {
		return []byte("null"), nil
	}
	return strconv.AppendBool(nil, b.Value), nil
}

// scalar returns the text of a JSON string, number, true, false or null, and
// its kind ('"', '0', 't', 'f', 'n'). The text of null is empty.
func scalar(raw []byte) (string, jsontext.Kind, error) {
	v := jsontext.Value(raw)
	switch kind := v.Kind(); kind {
	case '"':
		text, err := jsontext.AppendUnquote(nil, raw)
		return string(text), kind, err
	case '0', 't', 'f':
		return string(raw), kind, nil
	case 'n':
		return "", kind, nil
	default:
		return "", kind, ErrWantText
	}
}

// wholeNumber reads canonical decimal text: no "+", no leading zeros, no "-0".
func wholeNumber(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, false
	}
	return n, true
}
