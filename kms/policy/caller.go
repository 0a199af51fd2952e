package policy

// Caller is who asks. It is made once, where the request is authenticated, and
// handed to every domain method as a value. The zero value is nobody, who is
// allowed nothing.
type Caller struct {
	// Root is set for a token of the root policy, which no rule restricts.
	Root bool
	// TokenID is the hash of the token in hex, never the token.
	TokenID string
	// Accessor names the token where the token itself must not appear.
	Accessor string
	// DisplayName is the readable name the token was created with.
	DisplayName string
	// Application names the application the token belongs to, or is empty.
	Application string
	// Policies are the canonical names of the token's policies.
	Policies []string
	// Remote is the address the request came from.
	Remote string
	// ACL is what Policies compile to. Nil allows nothing.
	ACL *ACL
}

// Allow says whether the caller may do all of need at path; see ACL.Allow.
func (c Caller) Allow(path string, need Capability) bool {
	if c.Root {
		return rootAll.Has(need)
	}
	return c.ACL.Allow(path, need)
}

// Capabilities gives all that the caller may do at path; see ACL.Capabilities.
func (c Caller) Capabilities(path string) Capability {
	if c.Root {
		return rootAll
	}
	return c.ACL.Capabilities(path)
}
