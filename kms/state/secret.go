package state

import (
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a cluster secret that is part of the sealed state (a MAC key). It
// redacts itself under every verb and refuses text encodings; msgpack, which is
// only ever written sealed, carries the bytes.
type Secret []byte

const redacted = "[redacted]"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalJSON() ([]byte, error) { return nil, errSecret }
func (Secret) MarshalText() ([]byte, error) { return nil, errSecret }
func (Secret) UnmarshalJSON(_ []byte) error { return errSecret }
func (Secret) UnmarshalText(_ []byte) error { return errSecret }

var errSecret = errors.New("a secret is never written as text")
