package jose

// Reason says why a token is not accepted. The words are a contract with clients:
// they are added to, never changed.
type Reason string

const (
	ReasonNone              Reason = "" // the token is valid
	ReasonMalformed         Reason = "malformed"
	ReasonBadSignature      Reason = "bad_signature"
	ReasonUnknownKey        Reason = "unknown_key"
	ReasonWrongType         Reason = "wrong_type"
	ReasonWrongIssuer       Reason = "wrong_issuer"
	ReasonWrongAudience     Reason = "wrong_audience"
	ReasonExpired           Reason = "expired"
	ReasonNotYetValid       Reason = "not_yet_valid"
	ReasonRevoked           Reason = "revoked"
	ReasonKeyCompromised    Reason = "key_compromised"
	ReasonInsufficientScope Reason = "insufficient_scope"
	ReasonReplayed          Reason = "replayed"
)

// Reasons returns every reason there is, in the order in which they are looked
// for: of several that hold, the first is told.
func Reasons() []Reason {
	return []Reason{
		ReasonMalformed, ReasonBadSignature, ReasonUnknownKey, ReasonWrongType, ReasonWrongIssuer, ReasonWrongAudience,
		ReasonExpired, ReasonNotYetValid, ReasonRevoked, ReasonKeyCompromised, ReasonInsufficientScope, ReasonReplayed,
	}
}
