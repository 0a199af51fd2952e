package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// JWTRevokeRequest is POST jwt/revoke/:issuer. The members of JWTRevocation are those
// of a single one and absent where BatchInput is present.
type JWTRevokeRequest struct {
	JWTRevocation
	BatchInput Batch[JWTRevokeItem] `json:"batch_input,omitzero"`
}

// JWTRevocation names what to revoke: one of Token, JTI, Subject and ClientID.
type JWTRevocation struct {
	Token        Secret `json:"token,omitzero"`
	JTI          string `json:"jti,omitzero"`
	Expires      Int    `json:"exp,omitzero"`           // of JTI, in seconds since 1970, if it is known
	Subject      string `json:"sub,omitzero"`           // everything that was issued for it
	ClientID     string `json:"client_id,omitzero"`     // everything that was issued to it
	IssuedBefore Int    `json:"issued_before,omitzero"` // of Subject and ClientID, in seconds since 1970; absent: until now
}

// JWTRevokeItem is one revocation of a batch.
type JWTRevokeItem struct {
	JWTRevocation
	Reference string `json:"reference,omitzero"` // comes back with the result
}

// EffectiveEverywhere says that no node accepts the token any more.
const EffectiveEverywhere = "everywhere"

// JWTRevokeData says what is revoked.
type JWTRevokeData struct {
	JTI          string     `json:"jti,omitzero"`           // of the token
	IssuedBefore int64      `json:"issued_before,omitzero"` // tokens with an iat before it are refused, in seconds since 1970
	KeptUntil    *time.Time `json:"kept_until,omitzero"`    // from then on nothing that it refuses would be accepted anyway
	Expired      bool       `json:"expired,omitzero"`       // the token has expired, and nothing was recorded
	Effective    string     `json:"effective"`              // EffectiveEverywhere
}

// JWTRevokeBatch is the answer to a batch.
type JWTRevokeBatch struct {
	Results []JWTRevokeResult `json:"batch_results"`
}

// JWTRevokeResult is one result of a batch.
type JWTRevokeResult struct {
	JWTRevokeData
	ItemError
	Reference string `json:"reference"`
}

// Introspection is the answer of POST jwt/introspect/:issuer (RFC 7662, section 2.2).
// For a token that is not active it has nothing but Active.
type Introspection struct {
	Active    bool     `json:"active"`
	TokenType string   `json:"token_type,omitzero"`
	Issuer    string   `json:"iss,omitzero"`
	Subject   string   `json:"sub,omitzero"`
	Audience  Audience `json:"aud,omitzero"`
	ClientID  string   `json:"client_id,omitzero"`
	Scope     string   `json:"scope,omitzero"`
	JTI       string   `json:"jti,omitzero"`
	Expires   int64    `json:"exp,omitzero"` // seconds since 1970
	NotBefore int64    `json:"nbf,omitzero"`
	IssuedAt  int64    `json:"iat,omitzero"`

	Claims jsontext.Value `json:"-"` // of the SDK: the whole answer
}
