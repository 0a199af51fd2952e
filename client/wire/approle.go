package wire

import "time"

// AppRoleRequest is POST auth/approle/role/:role, and of one of its members the
// paths below it. Absent fields of a role that exists stay as they are. Where a
// setting has an old and a new name, the one with "token_" or "secret_id_" wins.
type AppRoleRequest struct {
	// Application is our own: the tokens of the role's logins belong to it.
	Application String `json:"application,omitzero"`

	RoleID             String     `json:"role_id,omitzero"`        // absent in a new role: a random one
	BindSecretID       Bool       `json:"bind_secret_id,omitzero"` // absent in a new role: true
	SecretIDBoundCIDRs StringList `json:"secret_id_bound_cidrs,omitzero"`
	BoundCIDRList      StringList `json:"bound_cidr_list,omitzero"` // old name
	SecretIDNumUses    Int        `json:"secret_id_num_uses,omitzero"`
	SecretIDTTL        Duration   `json:"secret_id_ttl,omitzero"`

	TokenTTL             Duration   `json:"token_ttl,omitzero"`
	TokenMaxTTL          Duration   `json:"token_max_ttl,omitzero"`
	TokenPolicies        StringList `json:"token_policies,omitzero"`
	Policies             StringList `json:"policies,omitzero"` // old name
	TokenBoundCIDRs      StringList `json:"token_bound_cidrs,omitzero"`
	TokenExplicitMaxTTL  Duration   `json:"token_explicit_max_ttl,omitzero"`
	TokenNoDefaultPolicy Bool       `json:"token_no_default_policy,omitzero"`
	TokenNumUses         Int        `json:"token_num_uses,omitzero"`
	TokenPeriod          Duration   `json:"token_period,omitzero"`
	Period               Duration   `json:"period,omitzero"`     // old name
	TokenType            String     `json:"token_type,omitzero"` // "default", "service" or "default-service"

	// LocalSecretIDs is known in order to be refused unless it is false.
	LocalSecretIDs Bool `json:"local_secret_ids,omitzero"`
}

// AppRoleData is the data of GET auth/approle/role/:role. LIST has [Keys].
// Lifetimes are in seconds; 0 is none. Old names repeat the new ones.
type AppRoleData struct {
	Application          string   `json:"application"`
	BindSecretID         bool     `json:"bind_secret_id"`
	SecretIDBoundCIDRs   []string `json:"secret_id_bound_cidrs"`
	SecretIDNumUses      int64    `json:"secret_id_num_uses"`
	SecretIDTTL          int64    `json:"secret_id_ttl"`
	LocalSecretIDs       bool     `json:"local_secret_ids"` // always false
	TokenTTL             int64    `json:"token_ttl"`
	TokenMaxTTL          int64    `json:"token_max_ttl"`
	TokenPolicies        []string `json:"token_policies"`
	Policies             []string `json:"policies"`
	TokenBoundCIDRs      []string `json:"token_bound_cidrs"`
	TokenExplicitMaxTTL  int64    `json:"token_explicit_max_ttl"`
	TokenNoDefaultPolicy bool     `json:"token_no_default_policy"`
	TokenNumUses         int64    `json:"token_num_uses"`
	TokenPeriod          int64    `json:"token_period"`
	Period               int64    `json:"period"`
	TokenType            string   `json:"token_type"` // "default"
}

// RoleIDData is the data of GET auth/approle/role/:role/role-id.
type RoleIDData struct {
	RoleID string `json:"role_id"`
}

// SecretIDRequest is POST auth/approle/role/:role/secret-id, and of
// custom-secret-id beside it, which has SecretID too.
type SecretIDRequest struct {
	SecretID        Secret     `json:"secret_id,omitzero"`
	Metadata        KeyValues  `json:"metadata,omitzero"`          // of the tokens
	CIDRList        StringList `json:"cidr_list,omitzero"`         // where logins may come from
	TokenBoundCIDRs StringList `json:"token_bound_cidrs,omitzero"` // instead of the role's
	TTL             Duration   `json:"ttl,omitzero"`               // absent: as the role has it
	NumUses         Int        `json:"num_uses,omitzero"`          // absent: as the role has it
}

// SecretIDCreated is the answer to it: the only time that a secret id is shown.
type SecretIDCreated struct {
	SecretID Secret `json:"secret_id"`
	Accessor string `json:"secret_id_accessor"`
	NumUses  int64  `json:"secret_id_num_uses"` // 0: no limit
	TTL      int64  `json:"secret_id_ttl"`      // seconds; 0: does not expire
}

// SecretIDRef names a secret id: POST secret-id/lookup and secret-id/destroy, and
// by its accessor secret-id-accessor/lookup and secret-id-accessor/destroy.
type SecretIDRef struct {
	SecretID Secret `json:"secret_id,omitzero"`
	Accessor string `json:"secret_id_accessor,omitzero"`
}

// SecretIDData is the data of both lookups. LIST of secret-id has [Keys], which are
// accessors.
type SecretIDData struct {
	Accessor        string            `json:"secret_id_accessor"`
	NumUses         int64             `json:"secret_id_num_uses"` // left; 0: no limit
	TTL             int64             `json:"secret_id_ttl"`      // seconds, as granted
	CreationTime    time.Time         `json:"creation_time"`
	ExpirationTime  time.Time         `json:"expiration_time"` // year 1: never
	LastUpdatedTime time.Time         `json:"last_updated_time"`
	Metadata        map[string]string `json:"metadata"`
	CIDRList        []string          `json:"cidr_list"`
	TokenBoundCIDRs []string          `json:"token_bound_cidrs"`
}

// LoginRequest is POST auth/approle/login. The answer is an [Envelope] with Auth.
type LoginRequest struct {
	RoleID   String `json:"role_id,omitzero"`
	SecretID Secret `json:"secret_id,omitzero"`
}
