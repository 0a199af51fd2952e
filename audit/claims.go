package audit

import (
	"strings"
	"unicode/utf8"
)

// validClaims tells whether claims may be written as they are: programs read the
// log, and of two equal names one would be lost. Invalid UTF-8 is replaced in
// writing, which could make two names equal.
func validClaims(claims []Claim) bool {
	for i := range claims {
		if !utf8.ValidString(claims[i].Name) {
			return false
		}
		for j := range claims[:i] {
			if claims[j].Name == claims[i].Name {
				return false
			}
		}
	}
	return true
}

func validNames(r *Record) bool {
	for i := range r.Hashes {
		if !validClaims(r.Hashes[i].Claims) {
			return false
		}
	}
	return validClaims(r.Claims)
}

// claims cuts a list of claims from its end. Those whose names are equal to one
// before, by the cutting or by the replacing of invalid UTF-8, are left out.
func (c *cutter) claims(claims []Claim) []Claim {
	var out []Claim
	for _, one := range claims[:c.entries(len(claims))] {
		one.Name, one.Value = c.text(strings.ToValidUTF8(one.Name, "\uFFFD")), c.text(one.Value)
		if out = append(out, one); !validClaims(out) {
			out = out[:len(out)-1]
		}
	}
	c.cut = c.cut || len(out) < len(claims)
	return out
}
