package main

import "encoding/json"

// samples is what issue makes and every verifier reads.
type samples struct {
	Audience string   `json:"audience"` // what a verifier is: the one that tokens are for
	Subject  string   `json:"subject"`  // sub of every token but a forged one
	Issuers  []sample `json:"issuers"`  // one an algorithm
}

// sample is an issuer and what it issued.
type sample struct {
	Alg     string            `json:"alg"`
	Name    string            `json:"name"`   // in Signet's paths
	Issuer  string            `json:"issuer"` // iss of its tokens
	JWKS    json.RawMessage   `json:"jwks"`   // as served at
	JWKSURI string            `json:"jwks_uri"`
	Kept    bool              `json:"kept"`   // the key is a secret, which the JWKS does not have
	Tokens  map[string]string `json:"tokens"` // by kind
}

// The kinds of tokens, all with the issuer's kid.
const (
	good          = "good"
	access        = "access"         // as good, but an access token: typ at+jwt, two audiences, a scope
	forged        = "forged"         // another sub, by one bit of the payload
	flipped       = "flipped"        // one bit of the signature is another
	expired       = "expired"        // signed as it stands, but too old
	wrongAudience = "wrong_audience" // signed as it stands, but for somebody else
)

func kinds() []string { return []string{good, access, forged, flipped, expired, wrongAudience} }

// verdict is what one library makes of one token.
type verdict struct {
	Language string `json:"language"`
	Library  string `json:"library"`
	Version  string `json:"version"`
	Alg      string `json:"alg"`
	Kind     string `json:"kind"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"` // of a refusal; or why a library lacks or leaves something
	Error    string `json:"error"`  // of the library, for whoever looks for a fault
}

// The verdicts.
const (
	accepted = "accepted"
	refused  = "refused"
	lacking  = "lacking" // the library has no such algorithm
	left     = "left"    // the library leaves this check to its caller
)

// The reasons of a refusal. Anything else is not one of the five that a good
// verifier may give for these tokens.
const (
	badSignature = "signature"
	isExpired    = "expired"
	badAudience  = "audience"
)

// must tells the reason that each kind has to be refused for; the good ones have none.
func must(kind string) string {
	switch kind {
	case forged, flipped:
		return badSignature
	case expired:
		return isExpired
	case wrongAudience:
		return badAudience
	}
	return ""
}

// algs are all that an issuer can have, in the order of the table.
func algs() []string {
	return []string{
		"ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
		"EdDSA", "Ed25519", "HS256", "HS384", "HS512",
	}
}
