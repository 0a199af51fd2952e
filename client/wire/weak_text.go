package wire

import "github.com/go-json-experiment/json/jsontext"

// String is text that may arrive as a number or a truth value, where Vault
// clients are known to do so (salt_length). Null is the same as an absent
// field; "" is present.
type String struct {
	Value string
	Set   bool
}

// StringOf returns a set String.
func StringOf(s string) String { return String{Value: s, Set: true} }

// IsZero reports that the field was absent; it drives omitzero.
func (s String) IsZero() bool { return !s.Set }

// UnmarshalJSON returns [ErrWantText] for a list or an object.
func (s *String) UnmarshalJSON(raw []byte) error {
	text, kind, err := scalar(raw)
	if err != nil {
		return ErrWantText
	}
	*s = String{Value: text, Set: kind != 'n'}
	return nil
}

// MarshalJSON writes text, or null for an absent value.
func (s String) MarshalJSON() ([]byte, error) {
	if !s.Set {
		return []byte("null"), nil
	}
	return jsontext.AppendQuote(nil, s.Value)
}
