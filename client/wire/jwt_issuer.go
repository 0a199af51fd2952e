package wire

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// IssuerRequest is PUT jwt/issuers/:issuer. It makes an issuer with its key, or
// changes what is present of one: Issuer, Alg and KeyType are for life. The answer
// has [IssuerData].
type IssuerRequest struct {
	Issuer          String         `json:"issuer,omitzero"`       // the URL that tokens name as iss, byte for byte; required for a new one
	Alg             String         `json:"alg,omitzero"`          // of JOSE; default ES256
	KeyType         String         `json:"key_type,omitzero"`     // default: what Alg has, of RSA rsa-2048
	JWKSURI         String         `json:"jwks_uri,omitzero"`     // default: the issuer URL and /jwks.json
	JWKSMaxAge      Duration       `json:"jwks_max_age,omitzero"` // how long verifiers may keep the JWKS: 1 s to 24 h, default 5 min
	Leeway          Duration       `json:"leeway,omitzero"`       // what verify forgives of clocks: at most 60 s, default 30 s
	Rotation        IssuerRotation `json:"rotation,omitzero"`
	DeletionAllowed Bool           `json:"deletion_allowed,omitzero"`
	Import          *IssuerImport  `json:"import,omitzero"` // of a new one: its key, in place of one that is made for it
}

// IssuerImport is a private key for an issuer that was made elsewhere. Key and hash
// are as in [KeyImport].
type IssuerImport struct {
	Ciphertext   Bytes  `json:"ciphertext,omitzero"`    // required
	HashFunction String `json:"hash_function,omitzero"` // default SHA256
	KID          String `json:"kid,omitzero"`           // default: the RFC 7638 thumbprint; that of the former signer keeps its tokens verifying
}

// IssuerRotation says when an issuer's key rotates.
type IssuerRotation struct {
	Period   Duration `json:"period,omitzero"`    // between rotations; 0 never by itself
	LeadTime Duration `json:"lead_time,omitzero"` // from publication to the first signature; default and least twice JWKSMaxAge
}

// IssuerData is the data of GET jwt/issuers/:issuer, and of all that changes one.
type IssuerData struct {
	Name            string          `json:"name"`
	Issuer          string          `json:"issuer"`
	Alg             string          `json:"alg"`
	KeyType         string          `json:"key_type"`
	JWKSURI         string          `json:"jwks_uri,omitzero"` // as discovery has it; absent of an alg with a shared secret, whose JWKS is empty
	JWKSMaxAge      Duration        `json:"jwks_max_age"`      // seconds, like the durations below
	Leeway          Duration        `json:"leeway"`
	Rotation        IssuerRotation  `json:"rotation"`
	DeletionAllowed bool            `json:"deletion_allowed"`
	CreationTime    time.Time       `json:"creation_time"`
	ActiveVersion   int             `json:"active_version"` // which signs; 0 none
	LatestVersion   int             `json:"latest_version"`
	Versions        []IssuerVersion `json:"versions"` // in order
	Revision        uint64          `json:"revision"` // grows with every change of the issuer, its profiles and its versions
	Documents       IssuerDocuments `json:"documents"`
}

// IssuerVersion is a version of an issuer's key. Times that are not known, or will
// not come, are absent.
type IssuerVersion struct {
	Version         int       `json:"version"`
	KID             string    `json:"kid"`
	State           string    `json:"state"` // one of the States of a key version
	CreationTime    time.Time `json:"creation_time"`
	ActiveAt        time.Time `json:"active_at,omitzero"` // of a pending one: when it begins to sign
	ActivationTime  time.Time `json:"activation_time,omitzero"`
	SuspensionTime  time.Time `json:"suspension_time,omitzero"`
	RetirementTime  time.Time `json:"retirement_time,omitzero"`
	RemoveAt        time.Time `json:"remove_at,omitzero"` // when the last token under it has ended and it leaves the JWKS
	CompromiseTime  time.Time `json:"compromise_time,omitzero"`
	DestructionTime time.Time `json:"destruction_time,omitzero"`
	Imported        bool      `json:"imported,omitzero"` // the private half was made elsewhere
}

// IssuerDocuments are the paths of an issuer's public documents on this server.
type IssuerDocuments struct {
	JWKS                     string `json:"jwks"`
	OpenIDConfiguration      string `json:"openid_configuration"`
	OAuthAuthorizationServer string `json:"oauth_authorization_server"`
}

// DocumentsOf returns the paths of an issuer's documents, by its name.
func DocumentsOf(issuer string) IssuerDocuments {
	base := "/issuers/" + issuer
	return IssuerDocuments{base + "/jwks.json", base + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + base}
}

// DeletedIssuers is the data of LIST jwt/issuers?deleted=true.
type DeletedIssuers = DeletedKeys

// Profile is PUT jwt/issuers/:issuer/profiles/:profile, and in the answer of GET.
// A PUT replaces the profile whole. Each member that is absent has its default.
type Profile struct {
	Typ           String          `json:"typ,omitzero"`             // default at+jwt
	TTL           Duration        `json:"ttl,omitzero"`             // default 15 min
	MaxTTL        Duration        `json:"max_ttl,omitzero"`         // default 1 h
	Audience      []string        `json:"audience,omitzero"`        // those there may be; empty: any
	Subject       String          `json:"subject,omitzero"`         // a regular expression (RE2); empty: any
	Scopes        []string        `json:"scopes,omitzero"`          // those there may be
	Claims        ProfileClaims   `json:"claims,omitzero"`          //
	MaxNBF        Duration        `json:"max_nbf,omitzero"`         // how far ahead nbf may lie; default 0
	MaxTokenBytes Int             `json:"max_token_bytes,omitzero"` // default 8192
	Encrypt       *ProfileEncrypt `json:"encrypt,omitzero"`         // nil: signed alone
	AuditClaims   []string        `json:"audit_claims,omitzero"`    // recorded readable; all others as keyed hashes
}

// ProfileClaims are what a profile says of claims.
type ProfileClaims struct {
	Forced    map[string]jsontext.Value `json:"forced,omitzero"`    // what the server sets; strings may hold templates
	Required  []string                  `json:"required,omitzero"`  //
	Allowed   []string                  `json:"allowed,omitzero"`   // nil: any that is not reserved, forced or forbidden; empty: none
	Forbidden []string                  `json:"forbidden,omitzero"` //
	Schema    jsontext.Value            `json:"schema,omitzero"`    // a JSON Schema of the final claims
}

// ProfileEncrypt says how tokens are encrypted once they are signed: to Recipient,
// a public JWK, or with TransitKey.
type ProfileEncrypt struct {
	Recipient  jsontext.Value `json:"recipient,omitzero"`
	TransitKey String         `json:"transit_key,omitzero"`
	Alg        String         `json:"alg,omitzero"`
	Enc        String         `json:"enc,omitzero"`
}

// ProfileData is the data of GET jwt/issuers/:issuer/profiles/:profile and of PUT.
type ProfileData struct {
	Name         string    `json:"name"`
	Issuer       string    `json:"issuer"` // the issuer's name
	CreationTime time.Time `json:"creation_time"`
	UpdateTime   time.Time `json:"update_time"`
	Profile      Profile   `json:"profile"`
}
