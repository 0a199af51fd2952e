package jose

import (
	"errors"
	"strings"
)

// maxScopes bounds the scopes of a profile and of a request.
const maxScopes = 256

var errScopeList = errors.New("must be scopes with one space between them, each of printable ASCII without \" and \\ (RFC 6749, section 3.3)")

// checkScope says whether s is a scope-token of RFC 6749, section 3.3.
func checkScope(s string) bool {
	if s == "" || len(s) > MaxClaimName {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// checkScopes checks a list with one space between each two scopes.
func checkScopes(list string) error {
	for more := true; more; {
		var one string
		one, list, more = strings.Cut(list, " ")
		if !checkScope(one) {
			return errScopeList
		}
	}
	return nil
}

// ValidScopes says whether list is empty, or scopes with one space between each two
// (RFC 6749, section 3.3). Such a list stands in a quoted string as it is.
func ValidScopes(list string) bool { return list == "" || checkScopes(list) == nil }

// cutScope takes the first scope off a list.
func cutScope(list string) (one, rest string) {
	one, rest, _ = strings.Cut(list, " ")
	return one, rest
}

// scopeIn says whether list has the scope, whole and byte for byte.
func scopeIn(list, scope string) bool {
	for list != "" {
		var one string
		if one, list = cutScope(list); one == scope {
			return true
		}
	}
	return false
}
