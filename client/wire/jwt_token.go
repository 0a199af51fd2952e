package wire

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// JWTSignRequest is POST jwt/sign/:issuer/:profile. The members of JWTSignInput are
// those of a single token and absent where BatchInput is present (not nil: [] is
// present).
type JWTSignRequest struct {
	JWTSignInput
	// Context is what the caller knows of the end user's request (ip, user_agent and
	// so on): it is recorded, at most 16 members of 256 bytes each, and in no token.
	Context    map[string]string  `json:"context,omitzero"`
	BatchInput Batch[JWTSignItem] `json:"batch_input,omitzero"`
}

// JWTSignInput is what is asked for in one token.
type JWTSignInput struct {
	Subject   *string        `json:"sub,omitzero"`
	Audience  Audience       `json:"aud,omitzero"`
	Scope     string         `json:"scope,omitzero"`  // scopes with one space between them
	TTL       Duration       `json:"ttl,omitzero"`    // from nbf to exp; absent: the profile's
	NotBefore Duration       `json:"nbf,omitzero"`    // from now
	Claims    jsontext.Value `json:"claims,omitzero"` // an object, whose bytes are kept
}

// JWTSignItem is one token of a batch.
type JWTSignItem struct {
	JWTSignInput
	Reference string `json:"reference,omitzero"` // comes back with the result
}

// JWTSignData is a token that was issued.
type JWTSignData struct {
	Token     Secret    `json:"token"`
	JTI       string    `json:"jti"`
	KID       string    `json:"kid"`
	ExpiresAt time.Time `json:"expires_at"`
}

// JWTSignResult is one result of a batch of sign.
type JWTSignResult struct {
	Token     Secret    `json:"token,omitzero"`
	JTI       string    `json:"jti,omitzero"`
	KID       string    `json:"kid,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	ItemError
	Reference string `json:"reference"`
}

// JWTVerifyRequest is POST jwt/verify/:issuer. Token is required unless BatchInput is
// present; all else is asked of each token.
type JWTVerifyRequest struct {
	Token      Secret               `json:"token,omitzero"`
	Audience   string               `json:"audience,omitzero"`   // must be in aud
	Typ        string               `json:"typ,omitzero"`        // absent: that of Profile, or of any profile of the issuer
	Profile    string               `json:"profile,omitzero"`    // which it must fit: typ, aud, sub, scope and forced claims
	Scope      string               `json:"scope,omitzero"`      // scopes that it must all have
	MaxAge     Duration             `json:"max_age,omitzero"`    // since iat at most
	SingleUse  bool                 `json:"single_use,omitzero"` // active once only
	BatchInput Batch[JWTVerifyItem] `json:"batch_input,omitzero"`
}

// JWTVerifyItem is one token of a batch.
type JWTVerifyItem struct {
	Token     Secret `json:"token,omitzero"`
	Reference string `json:"reference,omitzero"` // comes back with the result
}

// JWTVerifyData is a verdict: Active with the claims and the header as they stand in
// the token, byte for byte, or a Reason.
type JWTVerifyData struct {
	Active bool           `json:"active"`
	Reason JWTReason      `json:"reason,omitzero"`
	Claims jsontext.Value `json:"claims,omitzero"`
	Header jsontext.Value `json:"header,omitzero"`
}

// JWTVerifyResult is one result of a batch of verify.
type JWTVerifyResult struct {
	JWTVerifyData
	ItemError
	Reference string `json:"reference"`
}

// JWTReason says why a token is not active. New ones may come.
type JWTReason string

// The reasons, in the order in which they are looked for.
const (
	ReasonMalformed         JWTReason = "malformed"          // no signed token, or its claims are none
	ReasonBadSignature      JWTReason = "bad_signature"      // not signed by the key that it names, or with another algorithm
	ReasonUnknownKey        JWTReason = "unknown_key"        // of no version of the issuer's key that still verifies
	ReasonWrongType         JWTReason = "wrong_type"         // typ is not the one that is asked for
	ReasonWrongIssuer       JWTReason = "wrong_issuer"       // iss is not the issuer
	ReasonWrongAudience     JWTReason = "wrong_audience"     // aud is not the one that is asked for
	ReasonExpired           JWTReason = "expired"            // or older than max_age
	ReasonNotYetValid       JWTReason = "not_yet_valid"      // before nbf, or issued in the future
	ReasonRevoked           JWTReason = "revoked"            // by its jti, subject or client
	ReasonKeyCompromised    JWTReason = "key_compromised"    // anybody may have signed it
	ReasonInsufficientScope JWTReason = "insufficient_scope" // a scope that is asked for is missing
	ReasonReplayed          JWTReason = "replayed"           // used before
)

// ErrWantAudience is returned for an aud that is neither text nor a list of texts.
var ErrWantAudience = errors.New("want text, or a list of texts")

// Audience is aud as a request has it: one text, or a list of texts. Null is the
// same as an absent member, nil; an empty list is present.
type Audience []string

// UnmarshalJSONFrom returns [ErrWantAudience] for anything else.
func (a *Audience) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case 'n':
		*a = nil
		return dec.SkipValue()
	case '"':
		text, err := dec.ReadToken()
		if err != nil {
			return err
		}
		*a = Audience{text.String()}
		return nil
	case '[':
	default:
		return ErrWantAudience
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	list := Audience{}
	for dec.PeekKind() == '"' {
		text, err := dec.ReadToken()
		if err != nil {
			return err
		}
		list = append(list, text.String())
	}
	if dec.PeekKind() != ']' {
		return ErrWantAudience
	}
	*a = list
	_, err := dec.ReadToken()
	return err
}

// MarshalJSONTo writes null for nil, and a list otherwise.
func (a Audience) MarshalJSONTo(enc *jsontext.Encoder) error {
	if a == nil {
		return enc.WriteToken(jsontext.Null)
	}
	return json.MarshalEncode(enc, []string(a))
}
