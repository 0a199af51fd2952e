package wire

import "time"

// RotationData is the data of GET jwt/rotation/:issuer, and of jwt/rotate and
// jwt/rotation/:issuer/cancel: what happened and what will happen to the versions
// of the issuer's key that are not over. Times are exact.
type RotationData struct {
	Issuer         string          `json:"issuer"`                   // its name
	ActiveVersion  int             `json:"active_version"`           // which signs; 0 none
	PendingVersion int             `json:"pending_version,omitzero"` // of the rotation that is under way
	ActiveAt       time.Time       `json:"active_at,omitzero"`       // when the pending version begins to sign
	NextRotation   time.Time       `json:"next_rotation,omitzero"`   // when the next version is published by itself
	Timeline       []RotationEvent `json:"timeline"`                 // by time
}

// RotateIssuerRequest is POST jwt/rotate/:issuer. The answer has [RotationData].
type RotateIssuerRequest struct {
	Import *IssuerImport `json:"import,omitzero"` // the next key, in place of one that is made for it
}

// What happens to a version.
const (
	EventPublished   = "published"   // in the JWKS from here on
	EventActive      = "active"      // signs from here on
	EventSuspended   = "suspended"   // neither signs nor verifies; out of the JWKS until it is put back
	EventRetired     = "retired"     // verifies only, from here on
	EventCompromised = "compromised" // out of the JWKS, and nothing under it is accepted
	EventRemoved     = "removed"     // out of the JWKS, and the private half is erased
)

// RotationEvent is one point of the time line.
type RotationEvent struct {
	Time     time.Time `json:"time"`
	Event    string    `json:"event"` // one of the Event constants
	Version  int       `json:"version"`
	KID      string    `json:"kid,omitzero"`      // absent of a version that is not made yet
	Expected bool      `json:"expected,omitzero"` // not yet: then or a little later, never before
	Imported bool      `json:"imported,omitzero"` // the version's private half was made elsewhere
}

// CompromiseRequest is POST jwt/compromise/:issuer. The answer has
// [CompromiseData].
type CompromiseRequest struct {
	KID    String `json:"kid,omitzero"`     // of the version that is given up; required
	DryRun Bool   `json:"dry_run,omitzero"` // change nothing, and say what would be
}

// CompromiseData says what is affected.
type CompromiseData struct {
	DryRun      bool         `json:"dry_run"`
	Version     int          `json:"version"`
	KID         string       `json:"kid"`
	State       string       `json:"state"`                 // of the version now
	SignedSince time.Time    `json:"signed_since,omitzero"` // absent: it never signed
	SignedUntil time.Time    `json:"signed_until,omitzero"`
	TokensEnd   time.Time    `json:"tokens_end,omitzero"` // no token that it signed is valid later; all are refused from now on
	CachedUntil time.Time    `json:"cached_until"`        // until then verifiers elsewhere may keep a JWKS that has it
	NextVersion int          `json:"next_version"`        // which signs from then on; 0 none, or one that is made for it
	NextKID     string       `json:"next_kid,omitzero"`
	NextUnknown bool         `json:"next_unknown"` // verifiers that keep a JWKS learn of the next version until cached_until
	Profiles    []string     `json:"profiles"`     // that tokens under it may be of
	Rotation    RotationData `json:"rotation"`     // the schedule now
}

// VersionStateRequest is POST <mount>/keys/:name/state with Version, and POST
// jwt/issuers/:issuer/state with KID or Version. The answers have [KeyData] and
// [IssuerData].
type VersionStateRequest struct {
	Version Int    `json:"version,omitzero"`
	KID     String `json:"kid,omitzero"`    // of an issuer's key
	State   String `json:"state,omitzero"`  // one of the State constants
	Reason  String `json:"reason,omitzero"` // for the audit log; at most 256 bytes
}
