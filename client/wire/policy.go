package wire

// PolicyRequest is PUT sys/policies/acl/:name. Policy is required.
type PolicyRequest struct {
	Policy String `json:"policy,omitzero"` // HCL; the Vault syntax
}

// PolicyData is the data of GET sys/policies/acl/:name. LIST has [Keys].
type PolicyData struct {
	Name   string `json:"name"`
	Policy string `json:"policy"`
}

// CapabilitiesRequest is POST sys/capabilities-self. The token asked about is
// the one in the header. One of the two members is required; they add up.
type CapabilitiesRequest struct {
	Path  StringList `json:"path,omitzero"`
	Paths StringList `json:"paths,omitzero"`
}

// TokenCapabilitiesRequest is POST sys/capabilities. The token is required.
type TokenCapabilitiesRequest struct {
	Token Secret     `json:"token,omitzero"`
	Path  StringList `json:"path,omitzero"`
	Paths StringList `json:"paths,omitzero"`
}

// AccessorCapabilitiesRequest is POST sys/capabilities-accessor. The accessor is
// required.
type AccessorCapabilitiesRequest struct {
	Accessor String     `json:"accessor,omitzero"`
	Path     StringList `json:"path,omitzero"`
	Paths    StringList `json:"paths,omitzero"`
}

// Capabilities is the data of their answer: path → sorted capabilities, ["deny"]
// where there are none. If exactly one path was asked for, the member
// [CapabilitiesMember] repeats its list.
type Capabilities map[string][]string

// CapabilitiesMember is the extra name in [Capabilities].
const CapabilitiesMember = "capabilities"
