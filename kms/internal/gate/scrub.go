package gate

import (
	"regexp"
	"strings"

	"github.com/signet-kms/signet/audit"
)

// What tokens and shares look like. People paste them into the wrong field, such
// as a key's name, and a record is kept for years.
//
//	a token          "sgt." and 43 characters of base64url
//	a share, hex     96 digits
//	a share, base64  64 characters, of which the first is A and any may be a slash
var (
	secretLike   = regexp.MustCompile(`sgt\.[A-Za-z0-9_-]{20,}|[0-9a-fA-F]{96}|(?:^|[^A-Za-z0-9+/])A[A-Za-z0-9+/]{63}(?:$|[^A-Za-z0-9+/])`)
	slashedShare = regexp.MustCompile(`(^|/)A[A-Za-z0-9+/]{63}($|/)`)
)

const (
	// shortestSecret is the length below which nothing is looked at.
	shortestSecret = 24
	redacted       = "[redacted]"
)

// Scrub returns s with every segment between slashes replaced that holds what
// looks like a token or a share, whole: what is left beside a match may be a part
// of the secret too.
func Scrub(s string) string {
	if !LooksSecret(s) {
		return s
	}
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		if secretLike.MatchString(segment) {
			segments[i] = redacted
		}
	}
	return slashedShare.ReplaceAllString(strings.Join(segments, "/"), "${1}"+redacted+"${2}")
}

// LooksSecret says whether Scrub would change s.
func LooksSecret(s string) bool {
	return len(s) >= shortestSecret && (secretLike.MatchString(s) || slashedShare.MatchString(s))
}

// scrub cleans what a caller may have chosen in a record.
func scrub(r *audit.Record) {
	r.Path, r.Key = Scrub(r.Path), Scrub(r.Key)
	for name, value := range r.Fields {
		if LooksSecret(value) {
			r.Fields[name] = Scrub(value)
		}
	}
}
