package wire

// TokenRoleRequest is POST auth/token/roles/:name. Absent fields of a role that
// exists stay as they are. Where a limit has an old and a new name, the one with
// "token_" wins.
type TokenRoleRequest struct {
	AllowedPolicies        StringList `json:"allowed_policies,omitzero"` // none, and no glob: those of whoever makes the token
	DisallowedPolicies     StringList `json:"disallowed_policies,omitzero"`
	AllowedPoliciesGlob    StringList `json:"allowed_policies_glob,omitzero"` // '*' is any text
	DisallowedPoliciesGlob StringList `json:"disallowed_policies_glob,omitzero"`
	Orphan                 Bool       `json:"orphan,omitzero"`
	Renewable              Bool       `json:"renewable,omitzero"`   // absent in a new role: true
	PathSuffix             String     `json:"path_suffix,omitzero"` // of the path that the tokens show
	TokenType              String     `json:"token_type,omitzero"`  // "service" or "default-service"

	TokenTTL             Duration   `json:"token_ttl,omitzero"` // of tokens that ask for none
	TokenExplicitMaxTTL  Duration   `json:"token_explicit_max_ttl,omitzero"`
	ExplicitMaxTTL       Duration   `json:"explicit_max_ttl,omitzero"` // old name
	TokenPeriod          Duration   `json:"token_period,omitzero"`
	Period               Duration   `json:"period,omitzero"` // old name
	TokenNumUses         Int        `json:"token_num_uses,omitzero"`
	TokenBoundCIDRs      StringList `json:"token_bound_cidrs,omitzero"` // addresses and prefixes
	BoundCIDRs           StringList `json:"bound_cidrs,omitzero"`       // old name
	TokenNoDefaultPolicy Bool       `json:"token_no_default_policy,omitzero"`

	// What follows is known in order to be refused unless it says nothing:
	// ignored, the tokens would live longer, or be able to do more, than was
	// meant.
	TokenMaxTTL          Duration   `json:"token_max_ttl,omitzero"`
	TokenPolicies        StringList `json:"token_policies,omitzero"`
	AllowedEntityAliases StringList `json:"allowed_entity_aliases,omitzero"`
}

// TokenRoleData is the data of GET auth/token/roles/:name. LIST has [Keys].
// Lifetimes are in seconds; 0 is none. Old names repeat the new ones.
type TokenRoleData struct {
	Name                   string   `json:"name"`
	AllowedPolicies        []string `json:"allowed_policies"`
	DisallowedPolicies     []string `json:"disallowed_policies"`
	AllowedPoliciesGlob    []string `json:"allowed_policies_glob"`
	DisallowedPoliciesGlob []string `json:"disallowed_policies_glob"`
	AllowedEntityAliases   []string `json:"allowed_entity_aliases"` // always empty
	Orphan                 bool     `json:"orphan"`
	Renewable              bool     `json:"renewable"`
	PathSuffix             string   `json:"path_suffix"`
	TokenType              string   `json:"token_type"` // "default-service"
	TokenTTL               int64    `json:"token_ttl"`
	TokenExplicitMaxTTL    int64    `json:"token_explicit_max_ttl"`
	ExplicitMaxTTL         int64    `json:"explicit_max_ttl"`
	TokenPeriod            int64    `json:"token_period"`
	Period                 int64    `json:"period"`
	TokenNumUses           int64    `json:"token_num_uses"`
	TokenBoundCIDRs        []string `json:"token_bound_cidrs,omitempty"`
	BoundCIDRs             []string `json:"bound_cidrs,omitempty"`
	TokenNoDefaultPolicy   bool     `json:"token_no_default_policy"`
}
