package barrier

import (
	"errors"
	"fmt"
	"log/slog"
)

const redactedText = "[redacted barrier keys]"

// errMarshal has no sentinel: only a programming error meets it.
var errMarshal = errors.New("barrier: keys are never marshalled; TermStore.Wrap is the only way out")

// redacted is embedded by value in each type that reaches keys, so that the
// type prints the same few words under every verb and refuses every encoding.
type redacted struct{}

// hide puts v where reflection cannot follow. Methods alone do not protect: fmt
// skips them on an unexported field of somebody else's struct, and given a verb
// that does not fit, such as %s, it walks through a pointer there and prints
// what it finds. Of a func it prints the address.
func hide[T any](v *T) func() *T { return func() *T { return v } }

// hiddenWriter and hiddenReader do the same for plaintext under way in a stream.
type hiddenWriter struct {
	redacted
	write func([]byte) (int, error)
	close func() error
}

func (w hiddenWriter) Write(p []byte) (int, error) { return w.write(p) }
func (w hiddenWriter) Close() error                { return w.close() }

type hiddenReader struct {
	redacted
	read func([]byte) (int, error)
}

func (r hiddenReader) Read(p []byte) (int, error) { return r.read(p) }

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
