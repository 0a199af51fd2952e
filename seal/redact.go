package seal

import (
	"errors"
	"fmt"
	"log/slog"
)

const redactedText = "[redacted seal secret]"

// errMarshal has no sentinel: only a programming error meets it.
var errMarshal = errors.New("seal: shares and root keys are never marshalled; Share.Hex and Share.Base64 are the only ways out")

// redacted is embedded by value in each type that reaches a share or the root key, so that the
// type prints the same few words under every verb and refuses every encoding.
type redacted struct{}

// hide puts v where reflection cannot follow. Methods alone do not protect: fmt
// skips them on an unexported field of somebody else's struct, and given a verb
// that does not fit, such as %s, it walks through a pointer there and prints
// what it finds. Of a func it prints the address.
func hide[T any](v *T) func() *T { return func() *T { return v } }

// String returns a fixed text.
func (redacted) String() string { return redactedText }

// GoString returns a fixed text.
func (redacted) GoString() string { return redactedText }

// Format writes a fixed text under every verb and flag.
func (redacted) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redactedText)) }

// LogValue returns a fixed text.
func (redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalJSON always fails.
func (redacted) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText always fails.
func (redacted) MarshalText() ([]byte, error) { return nil, errMarshal }

// MarshalBinary always fails.
func (redacted) MarshalBinary() ([]byte, error) { return nil, errMarshal }
