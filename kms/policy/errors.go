package policy

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid marks every fault in the text of a policy. The error that
	// matches it is a *SyntaxError with the place and the reason.
	ErrInvalid = errors.New("policy is not valid")
	// ErrName says that a policy name is malformed.
	ErrName = errors.New("policy name must be 1 to 128 characters of a-z, 0-9, '.', '_' and '-', and begin with a letter or a digit")
	// ErrRoot says that the root policy, which has no text, was to be written
	// or deleted.
	ErrRoot = errors.New("the root policy is built in: it can be neither written nor deleted")
	// ErrDefault says that the default policy was to be deleted.
	ErrDefault = errors.New("the default policy is built in: it can be written but not deleted")
)

// SyntaxError is a fault in the text of a policy. errors.Is(err, ErrInvalid)
// holds for it.
type SyntaxError struct {
	Policy string // the policy's name
	Line   int    // from 1
	Column int    // from 1, in characters
	Text   string // what is wrong and what is allowed there
}

// Error gives "name:line:column: text".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Policy, e.Line, e.Column, e.Text)
}

// Is makes a SyntaxError match ErrInvalid.
func (e *SyntaxError) Is(target error) bool { return target == ErrInvalid }

// quote shows a word of the policy's author in an error: quoted, so that control
// characters cannot forge a log line, and cut, so that the text stays short.
func quote(word string) string {
	const most = 24 // a token has 47 characters, and may stand in the wrong place
	if len(word) > most {
		return fmt.Sprintf("%+q…", word[:most/2])
	}
	return fmt.Sprintf("%+q", word)
}
