package api

import (
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func createWithRole(rq *request, in *wire.TokenCreateRequest) (issued, error) {
	return rq.create(in, rq.vars.get("role"), false)
}

func writeTokenRole(rq *request, in *wire.TokenRoleRequest) (nothing, error) {
	if err := writable(in); err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nothing{}, err
	}
	change := kms.TokenRoleChange{
		Allowed: in.AllowedPolicies, Disallowed: in.DisallowedPolicies,
		AllowedGlobs: in.AllowedPoliciesGlob, DisallowedGlobs: in.DisallowedPoliciesGlob,
		Orphan: given(in.Orphan.Set, in.Orphan.Value), Renewable: given(in.Renewable.Set, in.Renewable.Value),
		NoDefault:  given(in.TokenNoDefaultPolicy.Set, in.TokenNoDefaultPolicy.Value),
		PathSuffix: given(in.PathSuffix.Set, in.PathSuffix.Value), Uses: given(in.TokenNumUses.Set, in.TokenNumUses.Value),
		TTL: duration(in.TokenTTL), ExplicitMax: duration(in.TokenExplicitMaxTTL, in.ExplicitMaxTTL), Period: duration(in.TokenPeriod, in.Period),
		BoundCIDRs: in.TokenBoundCIDRs,
	}
	if in.TokenBoundCIDRs == nil {
		change.BoundCIDRs = in.BoundCIDRs
	}
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.WriteTokenRole(ctx, rq.call, rq.vars.get("role"), change)
}

func given[T any](set bool, value T) *T {
	if !set {
		return nil
	}
	return &value
}

// duration is the first that is set.
func duration(names ...wire.Duration) *time.Duration {
	for _, d := range names {
		if d.Set {
			return &d.Value
		}
	}
	return nil
}

// writable refuses what Vault's clients may ask of a role and this server does
// not do.
func writable(in *wire.TokenRoleRequest) error {
	unsupported := func(what string) error {
		return refuse(http.StatusBadRequest, wire.Unsupported, what)
	}
	switch {
	case len(in.AllowedEntityAliases) != 0:
		return unsupported("allowed_entity_aliases is not supported: there are no entities")
	case in.TokenMaxTTL.Value != 0:
		return unsupported("token_max_ttl is not supported for token roles; use token_explicit_max_ttl")
	case len(in.TokenPolicies) != 0:
		return unsupported("token_policies is not supported for token roles; use allowed_policies")
	case in.TokenType.Value != "" && in.TokenType.Value != "service" && in.TokenType.Value != "default-service" && in.TokenType.Value != "default":
		return unsupported("this token_type is not supported: tokens are of the type service")
	}
	return nil
}

func readTokenRole(rq *request, _ *nothing) (*wire.TokenRoleData, error) {
	r, err := rq.s.kms.ReadTokenRole(rq.call, rq.vars.get("role"))
	if err != nil {
		return nil, err
	}
	return &wire.TokenRoleData{
		Name: r.Name, AllowedPolicies: r.Allowed, DisallowedPolicies: r.Disallowed,
		AllowedPoliciesGlob: r.AllowedGlobs, DisallowedPoliciesGlob: r.DisallowedGlobs,
		Orphan: r.Orphan, Renewable: !r.NotRenewable, PathSuffix: r.PathSuffix, TokenType: "default-service",
		TokenTTL: r.TTL, TokenExplicitMaxTTL: r.ExplicitMax, ExplicitMaxTTL: r.ExplicitMax, TokenPeriod: r.Period, Period: r.Period,
		TokenNumUses: r.Uses, TokenBoundCIDRs: r.BoundCIDRs, BoundCIDRs: r.BoundCIDRs, TokenNoDefaultPolicy: r.NoDefault,
	}, nil
}

func listTokenRoles(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListTokenRoles(rq.call)
	if err != nil {
		return nil, err
	}
	return &wire.Keys{Keys: names}, nil
}

func deleteTokenRole(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteTokenRole(ctx, rq.call, rq.vars.get("role"))
}

func listAccessors(rq *request, _ *nothing) (*wire.Keys, error) {
	accessors, err := rq.s.kms.ListAccessors(rq.call)
	if err != nil {
		return nil, err
	}
	return &wire.Keys{Keys: accessors}, nil
}
