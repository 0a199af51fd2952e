package wire

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"
)

// Bytes is binary data of the caller's (input, plaintext, associated data),
// standard base64 on the wire. An absent field and null are unset; "" is
// present and empty: signing or encrypting nothing is legal, forgetting the
// field is not.
//
// Text that is no base64 does not fail the decoding of the message: the error
// is kept and comes from [Bytes.Value], so that one bad item of a batch spoils
// no other.
type Bytes struct {
	_ [0]func() // incomparable: == would compare in variable time
	// value is nil if absent. It is a function because fmt calls no methods on
	// unexported fields of an enclosing struct, and would print a slice there,
	// or a pointer to a struct with a slice; of a function it knows the address.
	value func() ([]byte, error)
}

// BytesOf wraps b without copying; nil counts as present and empty.
func BytesOf(b []byte) Bytes {
	return Bytes{value: func() ([]byte, error) { return b, nil }}
}

// IsSet reports that the field was present.
func (b Bytes) IsSet() bool { return b.value != nil }

// IsZero reports that the field was absent; it drives omitzero.
func (b Bytes) IsZero() bool { return b.value == nil }

// Value returns the bytes (empty if absent), or a base64.CorruptInputError
// that tells the position but nothing of the content. The slice is shared with
// b, not a copy.
func (b Bytes) Value() ([]byte, error) {
	if b.value == nil {
		return nil, nil
	}
	return b.value()
}

// UnmarshalJSON accepts text and null and returns [ErrWantBase64] otherwise.
// It reads the standard alphabet with padding; line breaks inside are skipped
// (RFC 4648 section 3.3 as encoding/base64 does it).
func (b *Bytes) UnmarshalJSON(raw []byte) error {
	switch jsontext.Value(raw).Kind() {
	case 'n':
		*b = Bytes{}
		return nil
	case '"':
	default:
		return ErrWantBase64
	}
	text := raw
	if bytes.IndexByte(raw, '\\') < 0 && len(raw) >= 2 {
		text = raw[1 : len(raw)-1] // nothing escaped: decode in place, inputs reach 32 MiB
	} else {
		var err error
		if text, err = jsontext.AppendUnquote(nil, raw); err != nil {
			return ErrWantBase64
		}
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(decoded, text)
	if err != nil {
		b.value = func() ([]byte, error) { return nil, err }
		return nil
	}
	*b = BytesOf(decoded[:n])
	return nil
}

// MarshalJSONTo writes base64 text, "" for an absent value: an answer never
// lacks its plaintext. It fails on a value that did not decode.
func (b Bytes) MarshalJSONTo(enc *jsontext.Encoder) error {
	raw, err := b.Value()
	if err != nil {
		return err
	}
	text := append(enc.AvailableBuffer(), '"')
	text = base64.StdEncoding.AppendEncode(text, raw)
	return enc.WriteValue(append(text, '"'))
}

// MarshalJSON returns [ErrNotForLogs].
func (b Bytes) MarshalJSON() ([]byte, error) { return nil, ErrNotForLogs }

// MarshalText returns [ErrNotForLogs].
func (b Bytes) MarshalText() ([]byte, error) { return nil, ErrNotForLogs }

// String returns a placeholder that tells only whether the value is present.
func (b Bytes) String() string {
	if b.value == nil {
		return "[absent]"
	}
	return Redacted
}

// GoString returns what String returns.
func (b Bytes) GoString() string { return b.String() }

// Format writes what String returns, for every verb.
func (b Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// LogValue returns what String returns.
func (b Bytes) LogValue() slog.Value { return slog.StringValue(b.String()) }
