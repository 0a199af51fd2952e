package kms

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// grantable returns the sorted policies of the token to be made, or an error if
// the caller may not give them away.
//
// A role that lists policies it allows decides alone, whatever the caller has:
// that is what roles are for. Without such a list the caller gives what it has,
// or anything if it has sudo on the path. What the role disallows is refused in
// both cases. Root is given by root alone, and by no pattern.
func grantable(c *Call, req *TokenRequest, role *state.TokenRole) ([]string, error) {
	if role == nil {
		role = &state.TokenRole{}
	}
	listed := len(role.Allowed)+len(role.AllowedGlobs) != 0
	asked := req.Policies
	if asked == nil {
		if asked = c.Caller.Policies; listed {
			asked = role.Allowed
		}
	}
	set := map[string]bool{}
	for _, name := range asked {
		name, err := policy.CanonicalName(name)
		if err != nil {
			return nil, fmt.Errorf("%w: policy %w", ErrBadRequest, err)
		}
		if gate.LooksSecret(name) {
			return nil, fmt.Errorf("%w: a policy's name looks like a token or a share, and would stand in every record of the new token", ErrBadRequest)
		}
		set[name] = true
	}
	withDefault(c, req, role, set)
	for name := range set {
		if err := mayGive(c, role, listed, name); err != nil {
			return nil, err
		}
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("%w: a token needs at least one policy", ErrBadRequest)
	}
	policies := make([]string, 0, len(set))
	for name := range set {
		policies = append(policies, name)
	}
	slices.Sort(policies)
	return policies, nil
}

// withDefault adds the default policy, or takes it out, before anything is
// checked. It is added where nobody declines it, except that a caller that went
// without cannot give it to a child.
func withDefault(c *Call, req *TokenRequest, role *state.TokenRole, set map[string]bool) {
	listed := len(role.Allowed)+len(role.AllowedGlobs) != 0
	has := listed || maySudo(c) || slices.Contains(c.Caller.Policies, policy.DefaultName)
	switch {
	case req.NoDefaultPolicy, role.NoDefault && req.Policies == nil && !slices.Contains(role.Allowed, policy.DefaultName):
		delete(set, policy.DefaultName)
	case role.NoDefault, set[policy.RootName], disallows(role, policy.DefaultName):
	case has:
		set[policy.DefaultName] = true
	}
}

func maySudo(c *Call) bool { return c.Caller.Capabilities(c.Path).Has(policy.Sudo) }

func mayGive(c *Call, role *state.TokenRole, listed bool, name string) error {
	switch {
	case name == policy.RootName && !c.Caller.Root:
		return saying(ErrBadRequest, "root tokens may not be created without parent token being root")
	case disallows(role, name):
		return saying(ErrBadRequest, "token policy %s is disallowed by this role", Quote(name))
	case listed && !allows(role, name):
		return saying(ErrBadRequest, "token policies must be a subset of those that the role allows, and %s is not", Quote(name))
	case !listed && !maySudo(c) && !slices.Contains(c.Caller.Policies, name):
		return saying(ErrBadRequest, "child policies must be subset of parent, and %s is not; a role gives others if it lists them in allowed_policies or allowed_policies_glob", Quote(name))
	}
	return nil
}

// allows is asked only where a role has lists. Default is allowed unless the role
// declines it.
func allows(role *state.TokenRole, name string) bool {
	switch {
	case slices.Contains(role.Allowed, name):
		return true
	case name == policy.RootName:
		return false
	case name == policy.DefaultName && !role.NoDefault:
		return true
	}
	return anyGlob(role.AllowedGlobs, name)
}

func disallows(role *state.TokenRole, name string) bool {
	return slices.Contains(role.Disallowed, name) || anyGlob(role.DisallowedGlobs, name)
}

func anyGlob(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool { return matchGlob(glob, name) })
}

// matchGlob says whether glob matches all of name. '*' stands for any text, the
// empty one included, wherever it is; everything else for itself.
func matchGlob(glob, name string) bool {
	parts := strings.Split(glob, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return glob == name
	}
	rest, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	// Each part as early as it is found leaves the most for those after it.
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, last)
}
