package api

import (
	"net/http"
	"slices"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func login(rq *request, in *wire.LoginRequest) (issued, error) {
	call, err := rq.begin(false)
	if err != nil {
		rq.s.kms.Reject(rq.origin, nil, err)
		return issued{}, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	token, info, err := rq.s.kms.LoginAppRole(ctx, call, in.RoleID.Value, in.SecretID.Reveal())
	rq.call = call // for the warnings
	if err != nil {
		return issued{}, err
	}
	return issued{authOf(info, token.Reveal())}, nil
}

func writeAppRole(rq *request, in *wire.AppRoleRequest) (nothing, error) {
	if err := appRoleWritable(in); err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nothing{}, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.WriteAppRole(ctx, rq.call, rq.vars.get("role"), appRoleChange(in))
}

func appRoleChange(in *wire.AppRoleRequest) kms.AppRoleChange {
	change := kms.AppRoleChange{
		RoleID: given(in.RoleID.Set, in.RoleID.Value), Application: given(in.Application.Set, in.Application.Value),
		BindSecretID: given(in.BindSecretID.Set, in.BindSecretID.Value), SecretCIDRs: in.SecretIDBoundCIDRs,
		SecretUses: given(in.SecretIDNumUses.Set, in.SecretIDNumUses.Value), SecretTTL: duration(in.SecretIDTTL),
		Policies: in.TokenPolicies, NoDefault: given(in.TokenNoDefaultPolicy.Set, in.TokenNoDefaultPolicy.Value),
		TTL: duration(in.TokenTTL), MaxTTL: duration(in.TokenMaxTTL), ExplicitMax: duration(in.TokenExplicitMaxTTL),
		Period: duration(in.TokenPeriod, in.Period), Uses: given(in.TokenNumUses.Set, in.TokenNumUses.Value), TokenCIDRs: in.TokenBoundCIDRs,
	}
	if change.SecretCIDRs == nil {
		change.SecretCIDRs = in.BoundCIDRList
	}
	if change.Policies == nil {
		change.Policies = in.Policies
	}
	return change
}

// appRoleWritable refuses what Vault's clients may ask of a role and this server
// does not do.
func appRoleWritable(in *wire.AppRoleRequest) error {
	switch {
	case in.LocalSecretIDs.Value:
		return refuse(http.StatusBadRequest, wire.Unsupported, "local_secret_ids is not supported: secret ids are the cluster's")
	case !slices.Contains([]string{"", "default", "service", "default-service"}, in.TokenType.Value):
		return refuse(http.StatusBadRequest, wire.Unsupported, "this token_type is not supported: tokens are of the type service")
	}
	return nil
}

func readAppRole(rq *request, _ *nothing) (*wire.AppRoleData, error) {
	r, err := rq.s.kms.ReadAppRole(rq.call, rq.vars.get("role"))
	if err != nil {
		return nil, err
	}
	return &wire.AppRoleData{
		Application: r.Application, BindSecretID: !r.NoSecretID, SecretIDBoundCIDRs: r.SecretCIDRs, SecretIDNumUses: r.SecretUses, SecretIDTTL: r.SecretTTL,
		TokenTTL: r.TTL, TokenMaxTTL: r.MaxTTL, TokenPolicies: r.Policies, Policies: r.Policies, TokenBoundCIDRs: r.TokenCIDRs,
		TokenExplicitMaxTTL: r.ExplicitMax, TokenNoDefaultPolicy: r.NoDefault, TokenNumUses: r.Uses, TokenPeriod: r.Period, Period: r.Period,
		TokenType: "default",
	}, nil
}

func listAppRoles(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListAppRoles(rq.call)
	return &wire.Keys{Keys: names}, err
}

func deleteAppRole(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteAppRole(ctx, rq.call, rq.vars.get("role"))
}

func readRoleID(rq *request, _ *nothing) (*wire.RoleIDData, error) {
	r, err := rq.s.kms.ReadAppRole(rq.call, rq.vars.get("role"))
	return &wire.RoleIDData{RoleID: r.RoleID}, err
}
