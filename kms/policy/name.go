package policy

import (
	"fmt"
	"strings"
)

// The names of the two built-in policies. RootName has no text: it allows
// everything. DefaultName is attached to every token that does not decline it.
const (
	RootName    = "root"
	DefaultName = "default"
)

const maxName = 128

// CanonicalName brings a policy name to the one form that is stored, compared
// and attached to tokens: ASCII white space trimmed, lower case. Every name that
// comes from outside goes through it before anything else looks at it, so no
// spelling of "root" is ever mistaken for another name.
//
// Characters outside ASCII are refused rather than folded: folding them is how
// look-alikes become the name they look like. It returns ErrName for what is no
// name at all; it does accept "root", since tokens carry it.
func CanonicalName(name string) (string, error) {
	s := strings.Trim(name, " \t\r\n\v\f")
	if len(s) == 0 || len(s) > maxName {
		return "", fmt.Errorf("%w: %s", ErrName, quote(name))
	}
	for i := range len(s) {
		if !nameByte(s[i], i == 0) {
			return "", fmt.Errorf("%w: %s", ErrName, quote(name))
		}
	}
	return strings.ToLower(s), nil
}

// nameByte accepts upper case too: CanonicalName lowers it afterwards.
func nameByte(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	case c == '.', c == '_', c == '-':
		return !first
	}
	return false
}

// ValidName says whether a policy of this name can be written. It returns
// ErrName, ErrRoot or nil. Store under CanonicalName, never under name itself.
func ValidName(name string) error {
	s, err := CanonicalName(name)
	if err != nil {
		return err
	}
	if s == RootName {
		return ErrRoot
	}
	return nil
}

// Deletable says whether a policy of this name can be deleted. It returns
// ErrName, ErrRoot, ErrDefault or nil.
func Deletable(name string) error {
	s, err := CanonicalName(name)
	switch {
	case err != nil:
		return err
	case s == RootName:
		return ErrRoot
	case s == DefaultName:
		return ErrDefault
	}
	return nil
}
