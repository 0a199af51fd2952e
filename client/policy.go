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
