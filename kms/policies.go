package kms

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// aclCache holds what the policies of one state compile to, by the set of policy
// names. A state with other policies gets a new one, so nothing in it is stale.
type aclCache struct {
	bySet sync.Map // "a\x00b" → *policy.ACL
}

func (c *aclCache) get(s *state.State, t *state.Token) *policy.ACL {
	return c.bySetOf(s, t.PolicySet(), t.Policies)
}

// of is get for a caller without a token; policies are sorted.
func (c *aclCache) of(s *state.State, policies []string) *policy.ACL {
	return c.bySetOf(s, strings.Join(policies, "\x00"), policies)
}

func (c *aclCache) bySetOf(s *state.State, set string, policies []string) *policy.ACL {
	if acl, ok := c.bySet.Load(set); ok {
		return acl.(*policy.ACL)
	}
	parsed, _, _ := parsePolicies(s, policies)
	acl := policy.Compile(parsed...)
	c.bySet.Store(set, acl)
	return acl
}

// parsePolicies parses policies by their names. One that is missing was not
// written, or deleted, and grants nothing, as in Vault.
//
// A text that does not parse was written by another build; the error says which.
// It grants nothing, and what it denied other policies might grant, so then none
// is returned.
func parsePolicies(s *state.State, names []string) (parsed []*policy.Policy, missing []string, err error) {
	for _, name := range names {
		p := s.Policy(name)
		if p == nil {
			missing = append(missing, name)
			continue
		}
		q, err := policy.Parse(name, p.Text)
		if err != nil {
			return nil, missing, err
		}
		parsed = append(parsed, q)
	}
	return parsed, missing, nil
}

// WritePolicy stores a policy under a name. It needs update. Errors:
// ErrBadPolicy with the place, ErrPolicyProtected for root.
func (s *Service) WritePolicy(ctx context.Context, c *Call, name, text string) error {
	if err := s.canonicalPolicy(c, name); err != nil {
		return err
	}
	_, err := s.write(ctx, c, verb{operation: "sys/policy/write", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		if err := policy.ValidName(name); err != nil {
			return nil, err
		}
		if gate.LooksSecret(name) {
			return nil, saying(ErrBadPolicy, "the policy's name looks like a token or a share, and names are shown to everybody who may list them")
		}
		a.Record.Fields = map[string]string{"policy": name, "text": s.gate.Hash([]byte(text))}
		if strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("%w: 'policy' is missing or empty", ErrBadRequest)
		}
		if _, err := policy.Parse(name, text); err != nil {
			return nil, err
		}
		return &state.PutPolicy{Policy: state.Policy{Name: name, Text: text}}, nil
	})
	return err
}

// canonicalPolicy refuses every spelling of a policy's name but the one it is
// stored under. Policy was asked, or will be, about the path as it came: taking
// another spelling for the same policy would walk around a rule that denies it.
func (s *Service) canonicalPolicy(c *Call, name string) error {
	canonical, err := policy.CanonicalName(name)
	if err == nil && canonical != name {
		err = saying(ErrBadPolicy, "policy names are lower case and without spaces: use %s", state.Quote(canonical))
	}
	if err = translate(err); err != nil {
		s.Reject(c.Origin, c, err)
	}
	return err
}

// ReadPolicy returns a policy's text as written. It needs read. Root has none.
func (s *Service) ReadPolicy(c *Call, name string) (text string, err error) {
	if err := s.canonicalPolicy(c, name); err != nil {
		return "", err
	}
	err = s.act(c, verb{operation: "sys/policy/read", need: policy.Read}, func(*gate.Admission) error {
		if name == policy.RootName {
			text = "# The root policy is built in: it allows everything.\n"
			return nil
		}
		p := c.view.Policy(name)
		if p == nil {
			return ErrNotFound
		}
		text = p.Text
		return nil
	})
	return text, err
}

// ListPolicies returns the names of all policies, root included. It needs list.
func (s *Service) ListPolicies(c *Call) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "sys/policy/list", need: policy.List}, func(*gate.Admission) error {
		names = append(c.view.PolicyNames(), policy.RootName)
		return nil
	})
	return names, err
}

// DeletePolicy removes a policy; one that does not exist is no error. It needs
// delete. Errors: ErrPolicyProtected for root and default.
func (s *Service) DeletePolicy(ctx context.Context, c *Call, name string) error {
	if err := s.canonicalPolicy(c, name); err != nil {
		return err
	}
	_, err := s.write(ctx, c, verb{operation: "sys/policy/delete", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
		if err := policy.Deletable(name); err != nil {
			return nil, err
		}
		a.Record.Fields = map[string]string{"policy": name}
		return &state.DeletePolicy{Name: name}, nil
	})
	return err
}
