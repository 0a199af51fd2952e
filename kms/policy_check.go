package kms

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// maxCheckedPath is more than any path of a request has.
const maxCheckedPath = 2048

// maxCheckedPaths is how many are asked about at once.
const maxCheckedPaths = 1000

// PolicyQuestion asks what policies say of a path. Tokens, Policies and Text say
// whose; more than one is an error, and none means the caller's own token.
type PolicyQuestion struct {
	// Path is without /v1/. It may be empty with Text alone.
	Path string
	// Capabilities are Vault's words for what is needed, all of them. None asks
	// what may be done at all.
	Capabilities []string

	Tokens   []TokenRef // another token, in one spelling
	Policies []string   // policies by name, and no others, not even default
	Text     *string    // a policy that need not be written
}

// CheckPolicy explains what policies say of a path: see policy.Explanation. It
// needs update. Whoever may ask may ask about its own token and about a text;
// about another token, or named policies, only with sudo there too, or with read
// on sys/policies/acl/<name> for each of the policies: the answer shows their
// rules. Without that a token that does not exist is refused like one that does.
//
// Errors: ErrBadRequest, ErrBadPolicy with the place in Text, ErrTokenNotFound.
func (s *Service) CheckPolicy(c *Call, q PolicyQuestion) (policy.Explanation, error) {
	var out policy.Explanation
	err := s.act(c, verb{operation: "sys/policy/check", need: policy.Update}, func(a *gate.Admission) error {
		need, err := q.check()
		if err != nil {
			return err
		}
		a.Record.Fields = map[string]string{"path": q.Path, "needed": strings.Join(q.Capabilities, ",")}
		if q.Text != nil {
			a.Record.Fields["text"] = s.gate.Hash([]byte(*q.Text))
			p, err := parseUnwritten(*q.Text)
			if err != nil {
				return err
			}
			out = policy.Explain([]*policy.Policy{p}, q.Path, need)
			return nil
		}
		names, err := s.askedAbout(c, a, q)
		if err != nil {
			return err
		}
		out = explain(c.view.State, names, q.Path, need)
		return nil
	})
	scrubExplanation(&out)
	return out, err
}

// CheckPolicyText says how many rules the text of a policy holds that need not be
// written. It needs update. Errors: ErrBadPolicy with the place.
func (s *Service) CheckPolicyText(c *Call, text string) (rules int, err error) {
	err = s.act(c, verb{operation: "sys/policy/check", need: policy.Update}, func(a *gate.Admission) error {
		a.Record.Fields = map[string]string{"text": s.gate.Hash([]byte(text))}
		p, err := parseUnwritten(text)
		if err == nil {
			rules = p.Rules()
		}
		return err
	})
	return rules, err
}

// parseUnwritten parses a text that has no name yet. Errors call it "policy", and
// so does an Explanation.
func parseUnwritten(text string) (*policy.Policy, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%w: 'policy' is empty; it is the text of a policy", ErrBadRequest)
	}
	return policy.Parse("policy", text)
}

// check checks the form of a question and gives what is needed.
func (q *PolicyQuestion) check() (policy.Capability, error) {
	whose := len(q.Tokens)
	if q.Policies != nil {
		whose++
	}
	if q.Text != nil {
		whose++
	}
	switch {
	case whose > 1:
		return 0, fmt.Errorf("%w: at most one of 'token', 'accessor', 'policies' and 'policy' says who is asked about", ErrBadRequest)
	case q.Path == "":
		return 0, fmt.Errorf("%w: 'path' is missing", ErrBadRequest)
	case len(q.Path) > maxCheckedPath:
		return 0, fmt.Errorf("%w: 'path' is longer than %d bytes", ErrBadRequest, maxCheckedPath)
	case q.Policies != nil && (len(q.Policies) == 0 || len(q.Policies) > maxPolicies):
		return 0, fmt.Errorf("%w: 'policies' names 1 to %d policies", ErrBadRequest, maxPolicies)
	}
	need, err := policy.Needed(q.Capabilities)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return need, nil
}

// askedAbout names the policies that a question is about, if the caller may ask.
func (s *Service) askedAbout(c *Call, a *gate.Admission, q PolicyQuestion) ([]string, error) {
	if q.Policies == nil {
		ref := TokenRef{Self: true}
		if len(q.Tokens) > 0 {
			ref = q.Tokens[0]
		}
		t, err := s.tokenAskedAbout(c, ref)
		if err != nil {
			return nil, err
		}
		a.Record.Fields["accessor"] = t.Accessor
		return t.Policies, nil
	}
	var names []string
	for _, name := range q.Policies {
		canonical, err := policy.CanonicalName(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
		}
		names = append(names, canonical)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	a.Record.Fields["policies"] = strings.Join(names, ",")
	if !c.mayLearn(names) {
		return nil, ErrPermissionDenied
	}
	return names, nil
}

// tokenAskedAbout finds a token that the caller may ask about: its own, or one
// whose policies it may learn. Without sudo, one that does not exist is refused
// like one that does.
func (s *Service) tokenAskedAbout(c *Call, ref TokenRef) (*state.Token, error) {
	t, err := s.resolve(c, ref)
	switch {
	case err == nil && (bytes.Equal(t.Hash, c.token.Hash) || c.mayLearn(t.Policies)):
		return t, nil
	case err != nil && c.Caller.Allow(c.Path, policy.Sudo):
		return nil, err
	}
	return nil, ErrPermissionDenied
}

// mayLearn says whether the caller may learn what the policies say: with sudo on
// the path it asks at, or where it may read each of them anyway.
func (c *Call) mayLearn(policies []string) bool {
	if c.Caller.Allow(c.Path, policy.Sudo) {
		return true
	}
	for _, name := range policies {
		if !c.Caller.Allow("sys/policies/acl/"+name, policy.Read) {
			return false
		}
	}
	return len(policies) > 0
}

// explain explains what the named policies say of a path, and names those that
// say nothing because they are not there.
func explain(s *state.State, names []string, path string, need policy.Capability) policy.Explanation {
	for _, name := range names {
		if name == policy.RootName {
			return policy.ExplainRoot(path, need)
		}
	}
	parsed, missing, err := parsePolicies(s, names)
	out := policy.Explain(parsed, path, need)
	if err != nil {
		out.Reason = "nothing is allowed, since a policy was written by another build and does not parse in this one: " + err.Error()
	}
	switch len(missing) {
	case 0:
	case 1:
		out.Hints = append(out.Hints, "the policy "+missing[0]+" does not exist and grants nothing")
	default:
		out.Hints = append(out.Hints, "the policies "+joined(missing)+" do not exist and grant nothing")
	}
	return out
}

// scrubExplanation redacts what looks like a token or a share: paths and rules
// are where people paste one by mistake, and answers are kept.
func scrubExplanation(e *policy.Explanation) {
	e.Path, e.Reason, e.Rule.Pattern = gate.Scrub(e.Path), gate.Scrub(e.Reason), gate.Scrub(e.Rule.Pattern)
	for i := range e.Others {
		e.Others[i].Pattern = gate.Scrub(e.Others[i].Pattern)
	}
	for i := range e.Hints {
		e.Hints[i] = gate.Scrub(e.Hints[i])
	}
}

// Capabilities says what a token may do at each path, in Vault's words. It needs
// update; who may ask about which token is said at CheckPolicy. Errors:
// ErrBadRequest, ErrTokenNotFound.
func (s *Service) Capabilities(c *Call, ref TokenRef, paths []string) (map[string][]string, error) {
	operation := "sys/capabilities"
	switch {
	case ref.Self:
		operation = "sys/capabilities-self"
	case ref.Accessor != "":
		operation = "sys/capabilities-accessor"
	}
	out := make(map[string][]string, len(paths))
	err := s.act(c, verb{operation: operation, need: policy.Update}, func(a *gate.Admission) error {
		if len(paths) == 0 {
			return fmt.Errorf("%w: 'paths' is missing", ErrBadRequest)
		}
		if len(paths) > maxCheckedPaths {
			return fmt.Errorf("%w: 'paths' holds %d paths; at most %d are taken at once", ErrBadRequest, len(paths), maxCheckedPaths)
		}
		for _, p := range paths {
			if len(p) > maxCheckedPath {
				return fmt.Errorf("%w: a path is longer than %d bytes", ErrBadRequest, maxCheckedPath)
			}
		}
		of := c.Caller
		if !ref.Self {
			t, err := s.tokenAskedAbout(c, ref)
			if err != nil {
				return err
			}
			a.Record.Fields = map[string]string{"accessor": t.Accessor, "paths": strconv.Itoa(len(paths))}
			of = policy.Caller{Root: t.Root(), ACL: c.view.acls.get(c.view.State, t)}
		}
		for _, p := range paths {
			out[p] = of.Capabilities(strings.TrimPrefix(p, "/")).Strings()
		}
		return nil
	})
	return out, err
}
