package wire

import "github.com/go-json-experiment/json/jsontext"

// JWTDecryptRequest is POST jwt/decrypt/:issuer. Token is a compact JWE with a signed
// token in it; all else is asked of that one, as [JWTVerifyRequest] does.
type JWTDecryptRequest struct {
	Token     Secret   `json:"token,omitzero"`
	Audience  string   `json:"audience,omitzero"`
	Typ       string   `json:"typ,omitzero"`
	Profile   string   `json:"profile,omitzero"`
	Scope     string   `json:"scope,omitzero"`
	MaxAge    Duration `json:"max_age,omitzero"`
	SingleUse bool     `json:"single_use,omitzero"` // active once only
}

// JWTDecryptData is a verdict. Of an active token it says what was checked: Signed
// says who made it, and Encrypted alone would say nothing about that. Claims and
// Header are those of the signed token, byte for byte. Of any other token there is a
// Reason, and nothing of what is in it.
type JWTDecryptData struct {
	Active    bool           `json:"active"`
	Reason    JWTReason      `json:"reason,omitzero"`
	Signed    bool           `json:"signed,omitzero"`    // by the issuer
	Encrypted bool           `json:"encrypted,omitzero"` // with a key of Signet that a profile of the issuer names
	Claims    jsontext.Value `json:"claims,omitzero"`
	Header    jsontext.Value `json:"header,omitzero"`
}
