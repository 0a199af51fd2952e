package gate

import (
	"regexp"

	"github.com/signet-kms/signet/audit"
)

// secretLike is what tokens and shares look like: people paste them into the
// wrong field, such as a key's name, and a record is kept for years.
//
//	a token          "sgt." and 43 characters of base64url
//	a share, hex     96 digits
//	a share, base64  64 characters, unpadded
var secretLike = regexp.MustCompile(`sgt\.[A-Za-z0-9_-]{20,}|[0-9a-fA-F]{96}|[A-Za-z0-9+/]{64}`)

// shortestSecret is the length below which nothing is looked at.
const shortestSecret = 24

// Scrub returns s with everything that looks like a token or a share replaced.
func Scrub(s string) string {
	if len(s) < shortestSecret {
		return s
	}
	return secretLike.ReplaceAllLiteralString(s, "[redacted]")
}

// LooksSecret says whether Scrub would change s.
func LooksSecret(s string) bool { return len(s) >= shortestSecret && secretLike.MatchString(s) }

// scrub cleans what a caller may have chosen in a record.
func scrub(r *audit.Record) {
	r.Path, r.Key = Scrub(r.Path), Scrub(r.Key)
	for name, value := range r.Fields {
		if LooksSecret(value) {
			r.Fields[name] = Scrub(value)
		}
	}
}
