package wrap

import "fmt"

// FieldError is a mistake in one field of a configuration.
type FieldError struct {
	Field string // as the configuration file calls it
	Why   string // never the value of a token
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Why }

func wrong(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// Failure says what the other side did not do. Its text may be told to everybody.
type Failure struct {
	text   string
	detail string
	cause  error // a context's error, or nil
}

func (f *Failure) Error() string { return f.text }

// Detail is for the operator's log alone; "" if there is none.
func (f *Failure) Detail() string { return f.detail }

func (f *Failure) Unwrap() error { return f.cause }
