package jose

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Defaults and bounds of a profile. Times are seconds.
const (
	DefaultType     = "at+jwt" // an access token of RFC 9068
	DefaultTTL      = 15 * 60
	DefaultMaxTTL   = 60 * 60
	MaxTTL          = 10 * 366 * 24 * 60 * 60 // keys stay published as long as their tokens live
	MaxNBF          = 366 * 24 * 60 * 60
	DefaultMaxToken = 8 << 10 // what a header of a common web server takes
	LargestMaxToken = 64 << 10
	maxProfileList  = 1024 // members of each list
)

// Profile says what tokens of one kind may hold. The zero Profile is one: access
// tokens of RFC 9068, 15 minutes, for any audience the caller names, without
// scopes, with any claims that are not reserved.
//
// Its JSON is canonical: reading and writing it again gives the same bytes.
// Durations are seconds.
type Profile struct {
	// Typ is the typ of the header: a media type without "application/" and
	// without parameters. Empty is DefaultType.
	Typ string `json:"typ"`
	// TTL is how long a token lives when the request does not say, MaxTTL the most
	// it may ask for. 0 is the default.
	TTL    int64 `json:"ttl"`
	MaxTTL int64 `json:"max_ttl"`
	// Audience lists the audiences there may be. Empty means any, and the request
	// must name one where the typ asks for it.
	Audience []string `json:"audience"`
	// Subject is a regular expression (RE2) that sub must contain a match of: "^"
	// and "$" are its author's. Empty means any.
	Subject string `json:"subject"`
	// Scopes lists the scopes a request may ask for.
	Scopes []string   `json:"scopes"`
	Claims ClaimRules `json:"claims"`
	// MaxNBF is how far in the future nbf may be.
	MaxNBF int64 `json:"max_nbf"`
	// MaxTokenBytes bounds the compact token. 0 is DefaultMaxToken.
	MaxTokenBytes int64 `json:"max_token_bytes"`
	// Encrypt makes nested tokens; nil makes signed ones.
	Encrypt *Encrypt `json:"encrypt"`
	// AuditClaims are recorded readable in the audit log, all others as keyed hashes.
	AuditClaims []string `json:"audit_claims"`
}

// ClaimRules are what a profile says of claims.
type ClaimRules struct {
	// Forced are values that the server sets, whatever the caller sends. Strings in
	// them may hold templates, see template.go.
	Forced Forced `json:"forced"`
	// Required must be in the token, reserved ones too.
	Required []string `json:"required"`
	// Allowed is what a caller may send, byte for byte. Nil (absent, or null) allows
	// every name of printable ASCII that is not reserved, forced or forbidden; an
	// empty list allows none.
	Allowed []string `json:"allowed,omitzero"`
	// Forbidden names no token has, in any case.
	Forbidden []string `json:"forbidden"`
	// Schema is a JSON Schema (2020-12) that the final claims must meet; nil or
	// null asks nothing.
	Schema jsontext.Value `json:"schema"`
}

// Forced maps names of claims to JSON values with templates.
type Forced map[string]jsontext.Value

// MarshalJSONTo writes the claims sorted by name.
func (f Forced) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, map[string]jsontext.Value(f), json.Deterministic(true))
}

// ProfileError is a fault of a profile.
type ProfileError struct {
	Field string // the member, as "claims.allowed"; empty for the profile's JSON as a whole
	Why   string // lower case
}

// Error gives "profile: field: why".
func (e *ProfileError) Error() string {
	if e.Field == "" {
		return "profile: " + e.Why
	}
	return "profile: " + e.Field + ": " + e.Why
}

func fault(field, format string, args ...any) error {
	return &ProfileError{Field: field, Why: fmt.Sprintf(format, args...)}
}

// ParseProfile reads a profile's JSON. Members that are not known are refused, as
// is a name that stands twice. It does not Compile. Errors: *ProfileError.
func ParseProfile(text []byte) (*Profile, error) {
	if len(text) > 4*MaxClaimsText {
		return nil, fault("", "must not be longer than 256 KiB")
	}
	if jsontext.Value(text).Kind() != '{' { // null would be a profile of defaults
		return nil, fault("", "must be a JSON object")
	}
	p := &Profile{}
	if err := json.Unmarshal(text, p, json.RejectUnknownMembers(true)); err != nil {
		var semantic *json.SemanticError
		if errors.As(err, &semantic) {
			return nil, fault("", "%s at %s is of a wrong type or not known", showName(semantic.JSONPointer.LastToken()), showName(string(semantic.JSONPointer)))
		}
		return nil, fault("", "must be JSON in UTF-8, without names that stand twice")
	}
	return p, nil
}

// Canonical returns the profile's JSON: ParseProfile and Canonical give the same
// bytes again.
func (p *Profile) Canonical() ([]byte, error) { return json.Marshal(p) }
