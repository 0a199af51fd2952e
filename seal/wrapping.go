package seal

import (
	"context"
	"fmt"
	"strings"
)

const (
	maxWrappings = 3
	maxBlob      = 16 << 10 // bytes
	maxName      = 128
	maxType      = 32
)

// Wrapping is the root key as another side wrapped it, so that a node unseals by
// itself for as long as that side unwraps it. It is public: without the other
// side it says nothing.
type Wrapping struct {
	Type    string `json:"type"`              // of the wrapper: "transit", "exec"
	Name    string `json:"name"`              // which key of the other side; see CheckName
	Version uint32 `json:"version,omitempty"` // of that key, for people; 0 where nobody knows
	Bound   bool   `json:"bound,omitempty"`   // the other side authenticates the binding as well
	Blob    []byte `json:"blob"`              // the other side's own format; 1 byte to 16 KiB
}

// Wrapper is another side that keeps the root key: a transit engine, a command.
// Its two implementations stand in seal/wrap. They are safe for concurrent use,
// keep nothing, and end with ctx.
//
// secret is text of 64 characters, which the wrapper neither reads nor keeps.
// binding says what it is the secret of; it is no secret. A side that takes
// associated data gets it, so that it refuses by itself what belongs elsewhere.
// No error tells a part of the secret.
type Wrapper interface {
	// Type is "transit" or "exec".
	Type() string
	// Name tells wrappers of one type apart.
	Name() string
	// Wrap returns what Unwrap will be given: Version, Bound and Blob are its own
	// to set.
	Wrap(ctx context.Context, secret, binding []byte) (Wrapping, error)
	// Unwrap returns the secret. The caller overwrites it.
	Unwrap(ctx context.Context, w Wrapping, binding []byte) ([]byte, error)
}

// CheckName says whether a wrapper may have this name: 1 to 128 letters, digits,
// dots, hyphens, underscores and slashes. ErrParams.
func CheckName(s string) error {
	if s == "" || len(s) > maxName || !plain(s, "._-/") {
		return fmt.Errorf("%w: the name of a seal is 1 to %d letters, digits, dots, hyphens, underscores and slashes", ErrParams, maxName)
	}
	return nil
}

// plain says whether s is made of ASCII letters and digits, and of also.
func plain(s, also string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(also, c)
	})
}

// Unattended says whether another side can unwrap the root key.
func (r *Record) Unattended() bool { return r != nil && len(r.Wrappings) > 0 }

// WrappedBy returns the wrapping that w made. false: it made none of them.
func (r *Record) WrappedBy(w Wrapper) (Wrapping, bool) {
	if r != nil {
		for _, have := range r.Wrappings {
			if have.Type == w.Type() && have.Name == w.Name() {
				return have, true
			}
		}
	}
	return Wrapping{}, false
}

// validateWrappings holds the fields of format 2 to their rules. A record has
// format 1 as long as it says nothing that format 1 could not say.
func (r *Record) validateWrappings() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, args...))
	}
	wantFormat, wantType := recordFormat, TypeShamir
	if r.Revision > 0 || r.Wrappings != nil {
		wantFormat = recordFormat2
	}
	if len(r.Wrappings) > 0 {
		wantType = r.Wrappings[0].Type
	}
	switch {
	case r.Format != wantFormat:
		return bad("format %d does not go with what it holds", r.Format)
	case r.Type != wantType:
		return bad("its seal type is not %q", TypeShamir)
	case r.Wrappings != nil && len(r.Wrappings) == 0, len(r.Wrappings) > maxWrappings:
		return bad("%d wrappings, at most %d", len(r.Wrappings), maxWrappings)
	}
	for i, w := range r.Wrappings {
		switch {
		case w.Type == "" || w.Type == TypeShamir || len(w.Type) > maxType || strings.ToLower(w.Type) != w.Type || !plain(w.Type, "-"):
			return bad("wrapping %d has no usable type", i+1)
		case CheckName(w.Name) != nil:
			return bad("wrapping %d has no usable name", i+1)
		case len(w.Blob) == 0 || len(w.Blob) > maxBlob:
			return bad("wrapping %d has %d bytes, wanted are 1 to %d", i+1, len(w.Blob), maxBlob)
		}
		for _, o := range r.Wrappings[:i] {
			if o.Type == w.Type && o.Name == w.Name {
				return bad("two wrappings of %s %s", w.Type, w.Name)
			}
		}
	}
	return nil
}
