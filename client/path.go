package client

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrBadName is returned before anything is sent for a name that could not be
// one, or that would change the path it becomes part of.
var ErrBadName = errors.New("a name is 1 to 128 letters, digits, dots, underscores and dashes, and begins with a letter or digit")

// join returns the path of prefix, which is trusted, and names, each of them
// one segment. It returns [ErrBadName]. Nothing in a checked name needs escaping, so the path
// that is authorised is the path that was asked for.
func join(prefix string, names ...string) (string, error) {
	var b strings.Builder
	b.WriteString(prefix)
	for _, name := range names {
		if !validName(name) {
			return "", fmt.Errorf("%q: %w", oneLine(name), ErrBadName)
		}
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(name)
	}
	return b.String(), nil
}

func validName(name string) bool {
	if len(name) == 0 || len(name) > 128 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		alnum := ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9')
		if !alnum && (i == 0 || (c != '.' && c != '_' && c != '-')) {
			return false
		}
	}
	return true
}

// listing is the query of a LIST, since not every proxy lets the verb through.
func listing() url.Values { return url.Values{"list": {"true"}} }
