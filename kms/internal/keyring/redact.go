package keyring

import (
	"errors"
	"fmt"
	"log/slog"
)

const redactedText = "[redacted key]"

var errMarshal = errors.New("keys are never marshalled")

// redacted is embedded by value in each type that reaches a clear key, so that
// it prints the same words under every verb and refuses every encoding. fmt does
// not call these methods on unexported fields of a foreign struct, therefore a
// key itself always stands behind a pointer: fmt prints an address there.
type redacted struct{}

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
