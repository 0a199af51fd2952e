package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

const policyPath = "sys/policies/acl"

// ListPolicies returns the names of all policies.
func (s Sys) ListPolicies(ctx context.Context) ([]string, error) {
	return list(ctx, s.c, policyPath)
}

// ReadPolicy returns the text of a policy, or an error that matches [ErrNotFound].
func (s Sys) ReadPolicy(ctx context.Context, name string) (string, error) {
	path, err := join(policyPath, name)
	if err != nil {
		return "", err
	}
	out, err := fetch[wire.PolicyData](ctx, s.c, call{method: http.MethodGet, path: path})
	return out.Policy, err
}

// WritePolicy creates or replaces a policy. The new text holds for every
// request begun after the return.
func (s Sys) WritePolicy(ctx context.Context, name, policy string) error {
	path, err := join(policyPath, name)
	if err != nil {
		return err
	}
	return s.c.run(ctx, call{
		method: http.MethodPut, path: path, effect: true, body: wire.PolicyRequest{Policy: wire.StringOf(policy)},
	})
}

// DeletePolicy removes a policy; tokens that name it lose what it granted.
func (s Sys) DeletePolicy(ctx context.Context, name string) error {
	path, err := join(policyPath, name)
	if err != nil {
		return err
	}
	return s.c.run(ctx, call{method: http.MethodDelete, path: path, effect: true})
}

// Capabilities returns path → what the token of this client may do there.
func (s Sys) Capabilities(ctx context.Context, paths ...string) (wire.Capabilities, error) {
	return fetch[wire.Capabilities](ctx, s.c, call{
		method: http.MethodPost, path: "sys/capabilities-self", body: wire.CapabilitiesRequest{Paths: paths},
	})
}

// CapabilitiesOf is Capabilities of another token.
func (s Sys) CapabilitiesOf(ctx context.Context, token Secret, paths ...string) (wire.Capabilities, error) {
	return fetch[wire.Capabilities](ctx, s.c, call{
		method: http.MethodPost, path: "sys/capabilities", body: wire.TokenCapabilitiesRequest{Token: token, Paths: paths},
	})
}

// CapabilitiesOfAccessor is Capabilities of the token that accessor stands for.
func (s Sys) CapabilitiesOfAccessor(ctx context.Context, accessor string, paths ...string) (wire.Capabilities, error) {
	return fetch[wire.Capabilities](ctx, s.c, call{
		method: http.MethodPost, path: "sys/capabilities-accessor",
		body: wire.AccessorCapabilitiesRequest{Accessor: wire.StringOf(accessor), Paths: paths},
	})
}

const checkPath = "sys/policies/check"

// CheckPolicy explains which rule decides a path, and why. A negative verdict is
// an answer and not an error.
func (s Sys) CheckPolicy(ctx context.Context, req wire.PolicyCheckRequest) (wire.PolicyCheckData, error) {
	return fetch[wire.PolicyCheckData](ctx, s.c, call{method: http.MethodPost, path: checkPath, body: req})
}

// CheckPolicyText returns how many rules the text of a policy holds, without
// writing it. A text that does not parse is an [*Error] with the code
// [wire.BadPolicy], whose text names the place.
func (s Sys) CheckPolicyText(ctx context.Context, policy string) (rules int, err error) {
	out, err := fetch[wire.PolicyTextData](ctx, s.c, call{
		method: http.MethodPost, path: checkPath, body: wire.PolicyCheckRequest{Policy: wire.StringOf(policy)},
	})
	return out.Rules, err
}
