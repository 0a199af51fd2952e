package wire

import "github.com/go-json-experiment/json/jsontext"

// Envelope wraps every answer that is not bare (bare ones are in sys.go). All
// members are always present. T is a pointer to, or a map of, the data: nil
// becomes null, which is what an answer with Auth alone has.
type Envelope[T any] struct {
	RequestID     string    `json:"request_id"`
	LeaseID       string    `json:"lease_id"`       // always ""
	Renewable     bool      `json:"renewable"`      // always false; see Auth
	LeaseDuration int       `json:"lease_duration"` // always 0; see Auth
	Data          T         `json:"data"`
	WrapInfo      *struct{} `json:"wrap_info"` // always null: no response wrapping
	Warnings      Warnings  `json:"warnings"`
	Auth          *Auth     `json:"auth"`
}

// Warnings are sentences for people: the request was done, and this should be
// known about it. No warnings are null on the wire, not [].
type Warnings []string

// MarshalJSONTo writes null for none.
func (w Warnings) MarshalJSONTo(enc *jsontext.Encoder) error {
	if len(w) == 0 {
		return enc.WriteToken(jsontext.Null)
	}
	return writeStrings(enc, w)
}

// Auth is the token just created or renewed. It is complete whenever it is
// present: renew-self callers treat a partial one as a failure.
type Auth struct {
	ClientToken      Secret            `json:"client_token"`
	Accessor         string            `json:"accessor"`
	Policies         []string          `json:"policies"`
	TokenPolicies    []string          `json:"token_policies"`
	IdentityPolicies []string          `json:"identity_policies"`
	Metadata         map[string]string `json:"metadata"`
	LeaseDuration    int64             `json:"lease_duration"` // seconds; 0: does not expire
	Renewable        bool              `json:"renewable"`
	Orphan           bool              `json:"orphan"`
	EntityID         string            `json:"entity_id"`
	TokenType        string            `json:"token_type"`      // "service"
	NumUses          int64             `json:"num_uses"`        // left; 0: no limit
	MFARequirement   *struct{}         `json:"mfa_requirement"` // always null
}

// ErrorBody is every answer of status 400 and above. The answer to a batch of
// which an item failed with status 400 is an [Envelope] of batch results instead.
type ErrorBody struct {
	// Errors are sentences for people; empty for a GET of something missing.
	Errors []string `json:"errors"`
	// Code is stable and for programs. "" comes only from something between
	// client and server that is not Signet.
	Code Code `json:"code"`
	// RequestID is the one in the audit record.
	RequestID string `json:"request_id"`
	// Accessor names the token that the first request made, with the code
	// [IdempotencySpent] alone.
	Accessor string `json:"accessor,omitzero"`
}

// Keys is the data of every LIST.
type Keys struct {
	Keys []string `json:"keys"`
}

func writeStrings(enc *jsontext.Encoder, list []string) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, s := range list {
		if err := enc.WriteToken(jsontext.String(s)); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}
