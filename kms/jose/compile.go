package jose

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rules are a profile made ready to build tokens with. They do not change and may
// be used by many at once.
type Rules struct {
	typ               string
	access            bool // an access token of RFC 9068, with what it requires
	ttl, maxTTL       int64
	maxNBF            int64
	maxToken          int64
	audience, scopes  []string
	subject           *pattern // nil: any
	forced            []forced // sorted by name
	required, audited []string
	allowed           []string
	anyClaim          bool              // there is no allow-list
	closed            map[string]string // folded name → why no caller sends it
	schema            *schema           // nil: none
	encrypt           *Encrypt          // nil: signed only
}

type forced struct {
	name   string
	pieces []piece
}

// Typ is the typ of the header, to be compared as RFC 7515, section 4.1.9, has it.
func (r *Rules) Typ() string { return r.typ }

// TTL returns how long a token lives by default and at most, in seconds.
func (r *Rules) TTL() (byDefault, most int64) { return r.ttl, r.maxTTL }

// MaxNBF returns how far in the future nbf may be, in seconds.
func (r *Rules) MaxNBF() int64 { return r.maxNBF }

// MaxTokenBytes returns how long a compact token may be.
func (r *Rules) MaxTokenBytes() int64 { return r.maxToken }

// Encryption returns how tokens are encrypted; nil if they are not. It is not to
// be changed.
func (r *Rules) Encryption() *Encrypt { return r.encrypt }

// Compile checks a profile and makes its rules. The rules share nothing that the
// profile's owner may change. Errors: *ProfileError, with the member and the reason.
func (p *Profile) Compile() (*Rules, error) {
	r := &Rules{}
	for _, step := range []func(*Profile) error{r.compileTyp, r.compileTimes, r.compileTargets, r.compileClaims, r.compileLists} {
		if err := step(p); err != nil {
			return nil, err
		}
	}
	if err := p.Encrypt.check(); err != nil {
		return nil, err
	}
	if p.Encrypt != nil {
		e := *p.Encrypt
		e.Recipient = slices.Clone(e.Recipient)
		r.encrypt = &e
	}
	return r, nil
}

func (r *Rules) compileTyp(p *Profile) error {
	typ := p.Typ
	if typ == "" {
		typ = DefaultType
	}
	// RFC 7515, section 4.1.9: without "application/" when no other "/" stands behind it.
	if head, tail, ok := strings.Cut(typ, "/"); ok && strings.EqualFold(head, "application") && !strings.Contains(tail, "/") {
		typ = tail
	}
	if !mediaType(typ) {
		return fault("typ", "must be JWT, at+jwt or another media type without parameters")
	}
	r.typ, r.access = typ, strings.EqualFold(typ, DefaultType)
	return nil
}

// mediaType checks a media type, or a subtype alone, by RFC 6838, section 4.2.
func mediaType(typ string) bool {
	parts := strings.Split(typ, "/")
	if len(parts) > 2 {
		return false
	}
	for _, name := range parts {
		if name == "" || len(name) > 127 || strings.ContainsRune("!#$&-^_.+", rune(name[0])) {
			return false
		}
		for i := 0; i < len(name); i++ {
			c := name[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("!#$&-^_.+", rune(c))) {
				return false
			}
		}
	}
	return true
}

func (r *Rules) compileTimes(p *Profile) error {
	r.ttl, r.maxTTL, r.maxNBF, r.maxToken = p.TTL, p.MaxTTL, p.MaxNBF, p.MaxTokenBytes
	if r.maxTTL == 0 {
		r.maxTTL = DefaultMaxTTL
	}
	if r.ttl == 0 {
		r.ttl = min(DefaultTTL, r.maxTTL)
	}
	if r.maxToken == 0 {
		r.maxToken = DefaultMaxToken
	}
	switch {
	case r.maxTTL < 1 || r.maxTTL > MaxTTL:
		return fault("max_ttl", "must be 1 second to 10 years; 0 is 1 hour")
	case r.ttl < 1:
		return fault("ttl", "must be at least 1 second; 0 is 15 minutes")
	case r.ttl > r.maxTTL:
		return fault("ttl", "is above max_ttl, which is %d seconds", r.maxTTL)
	case r.maxNBF < 0 || r.maxNBF > MaxNBF:
		return fault("max_nbf", "must be 0 seconds to 366 days")
	case r.maxToken < 256 || r.maxToken > LargestMaxToken:
		return fault("max_token_bytes", "must be 256 to %d; 0 is %d", LargestMaxToken, DefaultMaxToken)
	}
	return nil
}

func (r *Rules) compileTargets(p *Profile) error {
	if err := checkList("audience", p.Audience, func(a string) string {
		if !tokenText(a) {
			return "must be 1 to 1024 characters in UTF-8 that are no control characters"
		}
		return ""
	}); err != nil {
		return err
	}
	if err := checkList("scopes", p.Scopes, func(s string) string {
		if !checkScope(s) {
			return "must be 1 to 256 characters of printable ASCII without space, \" and \\ (RFC 6749, section 3.3)"
		}
		return ""
	}); err != nil {
		return err
	}
	r.audience, r.scopes = slices.Clone(p.Audience), slices.Clone(p.Scopes)
	if p.Subject == "" {
		return nil
	}
	var err error
	if r.subject, err = compilePattern(p.Subject); err != nil {
		return fault("subject", "%v", err)
	}
	return nil
}

// maxTokenText bounds a sub and an aud, in bytes.
const maxTokenText = 1024

// tokenText says whether s may be a sub or an aud.
func tokenText(s string) bool {
	if s == "" || len(s) > maxTokenText {
		return false
	}
	return plainText(s) || utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// checkList checks the members of a profile's list, each of which stands once.
// why says what is wrong with one.
func checkList(field string, list []string, why func(string) string) error {
	if len(list) > maxProfileList {
		return fault(field, "must not have more than %d members", maxProfileList)
	}
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if text := why(s); text != "" {
			return fault(field, "%s %s", showName(s), text)
		}
		if seen[s] {
			return fault(field, "%s stands twice", showName(s))
		}
		seen[s] = true
	}
	return nil
}
