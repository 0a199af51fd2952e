package wire

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"
)

// Redacted is what a [Secret] shows instead of itself.
const Redacted = "[redacted]"

// ErrNotForLogs is what encoding/json and encoding.TextMarshaler users get from
// a [Secret] or [Bytes].
var ErrNotForLogs = errors.New("this value holds a secret and is encoded only as part of a wire message")

// Secret is a token or a share: text that must reach the wire and nothing else.
// Null is the same as an absent field; "" is present.
type Secret struct {
	_ [0]func() // incomparable: == would compare in variable time
	// text is behind a pointer because fmt calls no methods on unexported
	// fields of an enclosing struct and would print a plain string there.
	text *string
}

// SecretOf wraps text.
func SecretOf(text string) Secret { return Secret{text: &text} }

// Reveal returns the text, "" if absent. The caller answers for where it goes.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports that the field was absent; it drives omitzero.
func (s Secret) IsZero() bool { return s.text == nil }

// UnmarshalJSON accepts text and null and returns [ErrWantText] otherwise.
func (s *Secret) UnmarshalJSON(raw []byte) error {
	switch jsontext.Value(raw).Kind() {
	case 'n':
		*s = Secret{}
		return nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return ErrWantText
		}
		*s = SecretOf(string(text))
		return nil
	default:
		return ErrWantText
	}
}

// MarshalJSONTo writes the text itself: this is the wire.
func (s Secret) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String(s.Reveal()))
}

// MarshalJSON returns [ErrNotForLogs].
func (s Secret) MarshalJSON() ([]byte, error) { return nil, ErrNotForLogs }

// MarshalText returns [ErrNotForLogs].
func (s Secret) MarshalText() ([]byte, error) { return nil, ErrNotForLogs }

// String returns [Redacted].
func (s Secret) String() string { return Redacted }

// GoString returns [Redacted].
func (s Secret) GoString() string { return Redacted }

// Format writes [Redacted] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue returns [Redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }
