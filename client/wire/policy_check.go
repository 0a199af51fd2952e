package wire

// PolicyCheckRequest is POST sys/policies/check. At most one of Token, Accessor,
// Policies and Policy says who is asked about; none is the token of the header.
// Unknown members are refused.
type PolicyCheckRequest struct {
	Path         string     `json:"path,omitzero"` // without /v1/; may be absent with Policy alone
	Capability   StringList `json:"capability,omitzero"`
	Capabilities StringList `json:"capabilities,omitzero"` // they add up with Capability; none: what may be done at all
	Token        Secret     `json:"token,omitzero"`
	Accessor     String     `json:"accessor,omitzero"`
	Policies     StringList `json:"policies,omitzero"` // by name, without default unless it is named
	Policy       String     `json:"policy,omitzero"`   // the text of one that need not be written
}

// PolicyCheckData is the data of its answer, if a path was asked about.
type PolicyCheckData struct {
	Allowed      bool          `json:"allowed"` // without Needed: whether anything may be done
	Path         string        `json:"path"`
	Needed       []string      `json:"needed"`
	Capabilities []string      `json:"capabilities"` // what the rule gives; ["deny"] for nothing, ["root"] for root
	Rule         *PolicyRule   `json:"rule"`         // that decided; null: none matches
	Reason       string        `json:"reason"`       // a sentence
	Others       []PolicyOther `json:"others"`       // that match and do not count, best first, at most 32
	More         int           `json:"more"`         // further ones that are left out
	Hints        []string      `json:"hints"`        // sentences
}

// PolicyRule is a rule in [PolicyCheckData].
type PolicyRule struct {
	Policy       string   `json:"policy"` // or several, comma-separated, that share the path
	Path         string   `json:"path"`   // as it was written; "" for root
	Capabilities []string `json:"capabilities"`
}

// PolicyOther is a rule that matches and does not count.
type PolicyOther struct {
	PolicyRule
	Why string `json:"why"`
}

// PolicyTextData is the data of POST sys/policies/check without a path: the text
// parses. One that does not is an error, [BadPolicy], that names the place.
type PolicyTextData struct {
	Valid bool `json:"valid"`
	Rules int  `json:"rules"` // one for each path
}
