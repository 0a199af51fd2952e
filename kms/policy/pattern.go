package policy

import (
	"errors"
	"fmt"
	"strings"
)

// MaxPattern is the greatest length of a rule's path, in bytes.
const MaxPattern = 512

// inPath marks the bytes that a path can hold: those of RFC 3986 section 3.3
// (pchar) without the percent sign, since paths are matched decoded, and the
// slash. It is written once and never changed.
var inPath = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
			strings.IndexByte("-._~!$&'()*+,;=:@/", b) >= 0
	}
	return t
}()

// canonicalPattern checks the path of a rule and strips the one leading slash
// that Vault strips. What it refuses are patterns that could match no request:
// in a rule that denies, such a pattern would protect nothing, silently.
func canonicalPattern(pattern string) (string, error) {
	p := strings.TrimPrefix(pattern, "/")
	switch {
	case p == "":
		return "", errors.New(`a path must not be empty; "*" means every path`)
	case len(p) > MaxPattern:
		return "", fmt.Errorf("a path must not be longer than %d bytes", MaxPattern)
	case strings.Contains(p, "{{"):
		return "", errors.New("templates are not supported in a path; write the path out")
	case strings.HasPrefix(p, "v1/"):
		return "", errors.New(`a path must not begin with "v1/"; write what follows it`)
	}
	for i := range len(p) {
		if !inPath[p[i]] {
			return "", fmt.Errorf("a path must not hold the character %s; no request can", quote(p[i:i+1]))
		}
	}
	if i := strings.IndexByte(p, '*'); i >= 0 && i != len(p)-1 {
		return "", errors.New("'*' is a wildcard only as the last character of a path; '+' stands for one segment")
	}
	return p, checkSegments(p)
}

func checkSegments(p string) error {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == "" && !last:
			return errors.New("a path must not hold an empty segment")
		case s == "." || s == "..":
			return errors.New(`a path must not hold "." or ".." as a segment`)
		case s != "+" && strings.Contains(s, "+"):
			return errors.New("'+' must be a whole segment: it stands for exactly one")
		}
	}
	return nil
}

// canonicalPath says whether path is one that a request can have after the API
// has cleaned it: no leading slash, no empty segment but the one after a
// trailing slash, no "." or "..", no byte outside inPath. Matching rules against
// anything else would let one thing have two names, of which a rule guards one.
func canonicalPath(path string) bool {
	if path == "" || path[0] == '/' || strings.Contains(path, "//") {
		return false
	}
	for i := range len(path) {
		if !inPath[path[i]] {
			return false
		}
	}
	if strings.IndexByte(path, '.') < 0 {
		return true
	}
	for s := range strings.SplitSeq(path, "/") {
		if s == "." || s == ".." {
			return false
		}
	}
	return true
}

// ValidPattern says what is wrong with the path of a rule, nil if nothing is.
func ValidPattern(pattern string) error {
	_, err := canonicalPattern(pattern)
	return err
}
