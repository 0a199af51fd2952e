package gate

import (
	"regexp"
	"strings"

	"github.com/signet-kms/signet/audit"
)

// What tokens, secret ids and shares look like. People paste them into the wrong field, such
// as a key's name, and a record is kept for years.
//
//	a token          "sgt." and 43 characters of base64url
//	a secret id      "sgs." and as many
//	a signed token   base64url of {" and more, a dot, and more of it
//	a share, hex     96 digits
//	a share, base64  64 characters, the first an A, in both cases; any may be a slash
var (
	tokenOrHex  = regexp.MustCompile(`sg[ts]\.[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+|[0-9a-fA-F]{96}`)
	base64Share = regexp.MustCompile(`A[A-Za-z0-9+/]{63}`)
)

const (
	// shortestSecret is the length below which nothing is looked at.
	shortestSecret = 24
	redacted       = "[redacted]"
)

// Scrub returns s with every segment between slashes replaced that holds what
// looks like a token or a share, whole: what is left beside a match may be a part
// of the secret too. From a share with slashes in it on, nothing is left.
func Scrub(s string) string {
	if !LooksSecret(s) {
		return s
	}
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		if tokenOrHex.MatchString(segment) || shareAt(segment) >= 0 {
			segments[i] = redacted
		}
	}
	s = strings.Join(segments, "/")
	if at := shareAt(s); at >= 0 {
		s = s[:strings.LastIndexByte(s[:at], '/')+1] + redacted
	}
	return s
}

// shareAt is where a base64 share may begin in s, or -1. A name of 64 characters
// in one case, such as a hash in hex, is none.
func shareAt(s string) int {
	for _, m := range base64Share.FindAllStringIndex(s, -1) {
		run := s[m[0]:m[1]]
		if strings.ToLower(run) != run && strings.ToUpper(run) != run {
			return m[0]
		}
	}
	return -1
}

// LooksSecret says whether Scrub would change s.
func LooksSecret(s string) bool {
	return mayBeSecret(s) && (tokenOrHex.MatchString(s) || shareAt(s) >= 0)
}

// shortestShare is the length of a share in base64; one in hex is longer.
const shortestShare = 64

// mayBeSecret is whether s has what a match needs, for names and paths, which are
// looked at in every record and have none of it.
func mayBeSecret(s string) bool {
	if len(s) < shortestSecret {
		return false
	}
	return len(s) >= shortestShare || strings.Contains(s, "sgt.") || strings.Contains(s, "sgs.") || strings.Contains(s, "eyJ")
}

// scrub cleans what a caller may have chosen in a record.
func scrub(r *audit.Record) {
	path := r.Path
	r.Path = Scrub(path)
	hidden := strings.Contains(r.Path, redacted)
	for _, name := range []*string{&r.Key, &r.Issuer, &r.Profile, &r.JTI} {
		*name = Scrub(*name)
		if hidden && *name != "" {
			// A share may have slashes, and the names taken from a path are then
			// parts of it that look like nothing.
			*name = redacted
		}
	}
	for name, value := range r.Fields {
		if hidden && value != "" && strings.Contains(path, value) {
			r.Fields[name] = redacted
		}
		if LooksSecret(value) {
			r.Fields[name] = Scrub(value)
		}
		if LooksSecret(name) {
			r.Fields[Scrub(name)] = r.Fields[name]
			delete(r.Fields, name)
		}
	}
	scrubClaims(r.Claims)
	for i := range r.Hashes {
		scrubClaims(r.Hashes[i].Claims)
		r.Hashes[i].JTI = Scrub(r.Hashes[i].JTI)
	}
}

func scrubClaims(claims []audit.Claim) {
	for i := range claims {
		if LooksSecret(claims[i].Name) {
			claims[i].Name = Scrub(claims[i].Name)
		}
		if !strings.HasPrefix(claims[i].Value, audit.HashPrefix) {
			claims[i].Value = Scrub(claims[i].Value)
		}
	}
}
