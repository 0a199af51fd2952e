package state

import "slices"

// defaultPolicy is the policy that logins have unless their role declines it.
const defaultPolicy = "default"

// LoginPolicies are the policies that logins by the role have, those of its
// application among them, sorted. a is nil where it has none.
func (r *AppRole) LoginPolicies(a *Application) []string {
	policies := slices.Clone(r.Policies)
	if a != nil {
		policies = append(policies, a.Policies...)
	}
	if !r.NoDefault {
		policies = append(policies, defaultPolicy)
	}
	slices.Sort(policies)
	return slices.Compact(policies)
}

// gives says whether a login by the role, with a secret id that is nil where the role
// wants none, gives a token like t, or one that may do more.
func (r *AppRole) gives(a *Application, s *SecretID, t *Token) bool {
	allowed := r.LoginPolicies(a)
	for _, p := range t.Policies {
		if _, ok := slices.BinarySearch(allowed, p); !ok {
			return false
		}
	}
	if !boundWithin(t.BoundCIDRs, r.TokenCIDRs) || s != nil && !boundWithin(t.BoundCIDRs, s.TokenCIDRs) {
		return false
	}
	// Without a period a token lives for the role's TTL at most.
	if r.Period == 0 && (t.Period != 0 || !limited(t.TTL, r.TTL)) {
		return false
	}
	return limited(t.Period, r.Period) && limited(t.TTL, r.Period) && limited(t.TTL, r.MaxTTL) &&
		limited(t.ExplicitMax, r.ExplicitMax) && limited(t.TTL, r.ExplicitMax) && limited(t.Uses, r.Uses)
}

// boundWithin says whether who is bound to some addresses is bound to those that are
// allowed. No addresses are all.
func boundWithin(bound, allowed []string) bool {
	return len(allowed) == 0 || len(bound) != 0 && BoundsInside(bound, allowed)
}

// limited says whether n keeps to a limit; 0 is none.
func limited(n, limit int64) bool { return limit == 0 || n != 0 && n <= limit }
