package jose

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ReservedClaims returns the names of the claims that only the server writes: by
// itself, or from the members of a request that are made for them (sub, aud,
// scope). No profile forces or allows one, and no caller sends one in claims.
func ReservedClaims() []string {
	return []string{"aud", "client_id", "exp", "iat", "iss", "jti", "nbf", "scope", "sub"}
}

// ClaimError is a claim, or another member of a request, that the profile does
// not let the caller have. Its text shows the name, never the value.
type ClaimError struct {
	Claim string // the name; "ttl", "nbf", "claims" and "token" for what is no single claim
	Why   string // lower case, what the profile asks instead
	Value string // of ttl, nbf, aud and scope: what was asked for, as it was sent; may be anything
}

// Error gives "claim: why".
func (e *ClaimError) Error() string { return showName(e.Claim) + ": " + e.Why }

func refuse(claim, why string) error { return &ClaimError{Claim: claim, Why: why} }

// refuseValue is refuse with what was asked for. A subject is left out: it names a
// person, and errors are logged where they arrive.
func refuseValue(claim, why, value string) error {
	return &ClaimError{Claim: claim, Why: why, Value: value}
}

// showName makes a name from outside fit to be shown: one line, ASCII, short.
// A plain one stays as it is.
func showName(name string) string {
	const most = 64
	cut := name
	if len(cut) > most {
		cut = cut[:most]
	}
	if shown := fmt.Sprintf("%+q", cut); len(cut) < len(name) {
		return shown + "…"
	} else if shown != `"`+name+`"` || strings.Contains(name, " ") {
		return shown
	}
	return name
}

// plainName says whether a name is ASCII that shows, without spaces: what nobody
// takes for another name.
func plainName(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return name != ""
}

var errProfileName = errors.New("must be 1 to 256 bytes of characters that can be seen, without spaces at its ends")

// checkProfileName checks a claim name that a profile's author wrote. Names in
// other scripts are his choice; what does not show is not.
func checkProfileName(name string) error {
	if name == "" || !utf8.ValidString(name) || len(appendText(nil, name)) > MaxClaimName+2 || strings.TrimSpace(name) != name {
		return errProfileName
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return errProfileName
		}
	}
	return nil
}

// foldName maps names that differ in case alone to one, by Unicode's simple
// folding: "ſub" and "SUB" become "sub". Names in lower-case ASCII come back
// without a copy.
func foldName(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return strings.Map(foldRune, name)
		}
	}
	return name
}

// foldRune returns the least rune of r's case orbit, of ASCII letters the small one.
func foldRune(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	if least >= 'A' && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
