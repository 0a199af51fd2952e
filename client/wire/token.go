package wire

import "time"

// TokenCreateRequest is POST auth/token/create, auth/token/create-orphan and
// auth/token/create/:role.
// The answer is an [Envelope] with Auth and null data.
type TokenCreateRequest struct {
	// ID would choose the token itself. It is known in order to be refused:
	// ignoring it would give the caller another token than it believes to have.
	ID              Secret     `json:"id,omitzero"`
	Policies        StringList `json:"policies,omitzero"` // absent: those of the parent
	Meta            Map        `json:"meta,omitzero"`
	TTL             Duration   `json:"ttl,omitzero"`
	Lease           Duration   `json:"lease,omitzero"` // old name of TTL
	ExplicitMaxTTL  Duration   `json:"explicit_max_ttl,omitzero"`
	Period          Duration   `json:"period,omitzero"`
	NoParent        Bool       `json:"no_parent,omitzero"`
	NoDefaultPolicy Bool       `json:"no_default_policy,omitzero"`
	Renewable       Bool       `json:"renewable,omitzero"` // absent: true
	DisplayName     string     `json:"display_name,omitzero"`
	NumUses         Int        `json:"num_uses,omitzero"` // 0 or absent: no limit
	Type            string     `json:"type,omitzero"`     // "", "service", "default-service"
	EntityAlias     string     `json:"entity_alias,omitzero"`
}

// TokenRequest names a token: POST auth/token/lookup, PUT auth/token/revoke and
// auth/token/revoke-orphan.
type TokenRequest struct {
	Token Secret `json:"token,omitzero"`
}

// AccessorRequest names a token by its accessor: POST
// auth/token/lookup-accessor and auth/token/revoke-accessor.
type AccessorRequest struct {
	Accessor string `json:"accessor,omitzero"`
}

// RenewRequest is PUT auth/token/renew, renew-self (Token ignored) and POST
// renew-accessor (Accessor instead of Token). The answer is an [Envelope] with
// a complete Auth.
type RenewRequest struct {
	Token     Secret   `json:"token,omitzero"`
	Accessor  string   `json:"accessor,omitzero"`
	Increment Duration `json:"increment,omitzero"` // absent or 0: the ttl at creation
}

// TokenData is the data of lookup, lookup-self and lookup-accessor.
type TokenData struct {
	// ID is the token that the caller itself sent, which Vault's login command
	// reads back. "" in the answer to lookup-accessor.
	ID             Secret            `json:"id"`
	Accessor       string            `json:"accessor"`
	Policies       []string          `json:"policies"`
	Path           string            `json:"path"` // where it was created
	Meta           map[string]string `json:"meta"`
	DisplayName    string            `json:"display_name"`
	NumUses        int64             `json:"num_uses"` // left; 0: no limit, -1: this request was the last
	Orphan         bool              `json:"orphan"`
	CreationTime   int64             `json:"creation_time"` // unix seconds
	CreationTTL    int64             `json:"creation_ttl"`  // seconds
	ExpireTime     *time.Time        `json:"expire_time"`   // null: never
	IssueTime      time.Time         `json:"issue_time"`
	TTL            int64             `json:"ttl"` // seconds left; 0: does not expire
	ExplicitMaxTTL int64             `json:"explicit_max_ttl"`
	Period         int64             `json:"period,omitzero"` // seconds that each renewal grants
	Role           string            `json:"role,omitzero"`   // it was made through
	BoundCIDRs     []string          `json:"bound_cidrs,omitempty"`
	Application    string            `json:"application,omitzero"` // that it belongs to
	LastRenewal    *time.Time        `json:"last_renewal,omitzero"`
	// LastRenewalTime is LastRenewal in unix seconds.
	LastRenewalTime int64  `json:"last_renewal_time,omitzero"`
	EntityID        string `json:"entity_id"`
	Type            string `json:"type"` // "service"
	Renewable       bool   `json:"renewable"`
}
