package api

import (
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func listPolicies(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListPolicies(rq.call)
	return &wire.Keys{Keys: names}, err
}

func readPolicy(rq *request, _ *nothing) (*wire.PolicyData, error) {
	name := rq.vars.get("policy")
	text, err := rq.s.kms.ReadPolicy(rq.call, name)
	return &wire.PolicyData{Name: name, Policy: text}, err
}

func writePolicy(rq *request, in *wire.PolicyRequest) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.WritePolicy(ctx, rq.call, rq.vars.get("policy"), in.Policy.Value)
}

func deletePolicy(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeletePolicy(ctx, rq.call, rq.vars.get("policy"))
}

// checkPolicy answers with a PolicyCheckData, or with a PolicyTextData to a text
// alone.
func checkPolicy(rq *request, in *wire.PolicyCheckRequest) (any, error) {
	q := kms.PolicyQuestion{Path: in.Path, Policies: in.Policies}
	q.Capabilities = append(append(q.Capabilities, in.Capability...), in.Capabilities...)
	alone := in.Path == "" && len(q.Capabilities) == 0 && in.Policies == nil && in.Token.IsZero() && !in.Accessor.Set
	if in.Policy.Set && alone {
		rules, err := rq.s.kms.CheckPolicyText(rq.call, in.Policy.Value)
		return &wire.PolicyTextData{Valid: true, Rules: rules}, err
	}
	if in.Policy.Set {
		q.Text = &in.Policy.Value
	}
	if !in.Token.IsZero() {
		q.Tokens = append(q.Tokens, kms.TokenRef{Token: kms.TokenFrom(in.Token.Reveal())})
	}
	if in.Accessor.Set {
		q.Tokens = append(q.Tokens, byAccessor(in.Accessor.Value))
	}
	e, err := rq.s.kms.CheckPolicy(rq.call, q)
	if err != nil {
		return nil, err
	}
	out := &wire.PolicyCheckData{
		Allowed: e.Allowed, Path: e.Path, Capabilities: e.Capabilities.Strings(), Reason: e.Reason, More: e.More, Hints: e.Hints,
	}
	if e.Need != 0 {
		out.Needed = e.Need.Strings()
	}
	if e.Rule.Policy != "" {
		out.Rule = &wire.PolicyRule{Policy: e.Rule.Policy, Path: e.Rule.Pattern, Capabilities: e.Rule.Capabilities.Strings()}
	}
	for _, o := range e.Others {
		rule := wire.PolicyRule{Policy: o.Policy, Path: o.Pattern, Capabilities: o.Capabilities.Strings()}
		out.Others = append(out.Others, wire.PolicyOther{PolicyRule: rule, Why: o.Why})
	}
	return out, nil
}

func capabilitiesSelf(rq *request, in *wire.CapabilitiesRequest) (wire.Capabilities, error) {
	return rq.capabilities(kms.TokenRef{Self: true}, in.Path, in.Paths)
}

func capabilities(rq *request, in *wire.TokenCapabilitiesRequest) (wire.Capabilities, error) {
	return rq.capabilities(kms.TokenRef{Token: kms.TokenFrom(in.Token.Reveal())}, in.Path, in.Paths)
}

func capabilitiesAccessor(rq *request, in *wire.AccessorCapabilitiesRequest) (wire.Capabilities, error) {
	return rq.capabilities(byAccessor(in.Accessor.Value), in.Path, in.Paths)
}

func (rq *request) capabilities(ref kms.TokenRef, path, paths []string) (wire.Capabilities, error) {
	paths = append(append([]string(nil), path...), paths...)
	caps, err := rq.s.kms.Capabilities(rq.call, ref, paths)
	if err != nil {
		return nil, err
	}
	out := wire.Capabilities(caps)
	if len(paths) == 1 {
		out[wire.CapabilitiesMember] = caps[paths[0]]
	}
	return out, nil
}
