package kms

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Application is a machine that asks, with the names of the roles through which it
// logs in. Its times are unix nanoseconds.
type Application struct {
	state.Application
	Roles []string
}

// ApplicationChange sets what is not nil of an application; a new one has the zero
// value of the rest.
type ApplicationChange struct {
	Owner       *string
	Description *string
	Policies    []string          // of its tokens, beside those of the role of each login
	Metadata    map[string]string // replaces all that there was
}

// Limits of what is said about an application.
const (
	maxOwner       = 256
	maxDescription = 1024
	maxReason      = 256
)

// WriteApplication registers an application, or changes what is said about one;
// tokens that it has keep their policies. It needs create for a new one and update
// for one that exists. Errors: ErrBadRequest.
//
// Whoever may write an application and log in as it has every policy but root.
func (s *Service) WriteApplication(ctx context.Context, c *Call, name string, change ApplicationChange) error {
	const operation = "identity/applications/write"
	unlock, err := s.lockToWrite(ctx, c, operation, "identity/applications/"+name)
	if err != nil {
		return err
	}
	defer unlock()
	old := c.view.Application(name)
	_, err = s.write(ctx, c, verb{operation: operation, need: c.writing(old != nil)}, func(a *gate.Admission) (state.Command, error) {
		if gate.LooksSecret(name) {
			return nil, errSecretName
		}
		a.Record.Fields = map[string]string{"application": name}
		next := state.Application{Name: name}
		if old != nil {
			next = *old
		}
		if err := change.apply(&next); err != nil {
			return nil, err
		}
		a.Record.Fields["application_policies"] = joined(next.Policies)
		if change.Policies != nil {
			c.warnOfPolicies(next.Policies)
		}
		return &state.PutApplication{Application: next}, nil
	})
	return err
}

var errSecretName = saying(ErrBadRequest, "the name looks like a token, a secret id or a share, and names are shown to everybody who may list them")

// lockToWrite holds what is to be changed from the look at it until its change is
// applied: two changes at once must not undo each other. The call moves to the
// newest view.
func (s *Service) lockToWrite(ctx context.Context, c *Call, operation, what string) (unlock func(), err error) {
	if err := s.mayWait(c, operation); err != nil {
		return nil, err
	}
	unlock, err = s.keyLocks.lock(ctx, what)
	if err != nil {
		err = saying(ErrBusy, "other requests are changing this; nothing was done, try again")
		s.Reject(c.Origin, c, err)
		return nil, err
	}
	s.refresh(c)
	return unlock, nil
}

// writing is what a write needs, as in Vault: create for what is new, update for
// what exists. A request that is sent again changes nothing, and is allowed what
// the first one was.
func (c *Call) writing(exists bool) policy.Capability {
	if !exists || c.earlier() != nil && c.Caller.Allow(c.Path, policy.Create) {
		return policy.Create
	}
	return policy.Update
}

func (r *ApplicationChange) apply(a *state.Application) error {
	for _, text := range []struct {
		field string
		from  *string
		to    *string
		most  int
	}{{"owner", r.Owner, &a.Owner, maxOwner}, {"description", r.Description, &a.Description, maxDescription}} {
		if text.from == nil {
			continue
		}
		if err := checkText(text.field, *text.from, text.most); err != nil {
			return err
		}
		*text.to = *text.from
	}
	if r.Policies != nil {
		policies, err := loginPolicies("policies", r.Policies)
		if err != nil {
			return err
		}
		a.Policies = policies
	}
	if r.Metadata != nil {
		if err := checkMetadata(r.Metadata); err != nil {
			return err
		}
		for name := range r.Metadata {
			if name == "" || !validSuffix(name) {
				return saying(ErrBadRequest, "metadata: a name is 1 to 128 characters of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or a digit, so that templates can name it")
			}
		}
		a.Metadata = maps.Clone(r.Metadata)
	}
	return nil
}

func checkText(field, text string, most int) error {
	switch {
	case len(text) > most:
		return saying(ErrBadRequest, "%s has at most %d bytes", field, most)
	case gate.LooksSecret(text):
		return saying(ErrBadRequest, "%s looks like a token, a secret id or a share, and is stored and shown in clear", field)
	}
	return nil
}

// checkMetadata refuses metadata that is too long, or that holds what looks like a
// secret: it is stored and shown in clear.
func checkMetadata(meta map[string]string) error {
	size := 0
	for k, v := range meta {
		size += len(k) + len(v)
		if gate.LooksSecret(k) || gate.LooksSecret(v) {
			return saying(ErrBadRequest, "metadata looks like a token, a secret id or a share, and is stored and shown in clear")
		}
	}
	if len(meta) > maxMeta || size > maxMetaBytes {
		return saying(ErrBadRequest, "at most %d entries of metadata, of %d bytes together", maxMeta, maxMetaBytes)
	}
	return nil
}

// loginPolicies brings the policies that a login gives to their form. Root is never
// among them, whoever asks: what logs in is a machine whose credentials others hand
// out, and Vault has the same rule.
func loginPolicies(field string, names []string) ([]string, error) {
	policies, err := canonicalList(names, policy.CanonicalName)
	if err != nil {
		return nil, saying(ErrBadRequest, "%s: %v", field, err)
	}
	for _, name := range policies {
		if name == policy.RootName {
			return nil, saying(ErrBadRequest, "%s: no login gives the policy root; a root token comes from another one", field)
		}
	}
	return policies, nil
}

// BlockApplication refuses everything to an application: its tokens, its logins and
// its credentials, from the next request on, until UnblockApplication. One that is
// blocked already gets the new reason. It needs update. Errors: ErrNotFound,
// ErrBadRequest without a reason.
func (s *Service) BlockApplication(ctx context.Context, c *Call, name, reason string) error {
	return s.setBlocked(ctx, c, "identity/applications/block", &state.SetApplicationState{Name: name, Blocked: true, Reason: reason})
}

// UnblockApplication ends a block: tokens that did not expire meanwhile are good
// again. It needs update. Errors: ErrNotFound; ErrBadTransition for one that is not
// blocked.
func (s *Service) UnblockApplication(ctx context.Context, c *Call, name string) error {
	return s.setBlocked(ctx, c, "identity/applications/unblock", &state.SetApplicationState{Name: name})
}

func (s *Service) setBlocked(ctx context.Context, c *Call, operation string, cmd *state.SetApplicationState) error {
	_, err := s.write(ctx, c, verb{operation: operation, need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"application": cmd.Name}
		if cmd.Blocked {
			if strings.TrimSpace(cmd.Reason) == "" {
				return nil, saying(ErrBadRequest, "'reason' is missing: it is shown to whoever finds the application blocked")
			}
			if err := checkText("reason", cmd.Reason, maxReason); err != nil {
				return nil, err
			}
			a.Record.Fields["reason"] = cmd.Reason
		}
		if c.view.Application(cmd.Name) == nil {
			return nil, ErrNotFound
		}
		return cmd, nil
	})
	if errors.Is(err, state.ErrApplicationMissing) {
		return ErrNotFound
	}
	return err
}

// ReadApplication describes an application. It needs read. Errors: ErrNotFound.
func (s *Service) ReadApplication(c *Call, name string) (Application, error) {
	var out Application
	err := s.act(c, verb{operation: "identity/applications/read", need: policy.Read}, func(*gate.Admission) error {
		a := c.view.Application(name)
		if a == nil {
			return ErrNotFound
		}
		out = Application{*a, c.view.AppRolesOf(name)}
		return nil
	})
	return out, err
}

// ListApplications returns the names of the applications, sorted; ErrNotFound if
// there are none. It needs list.
func (s *Service) ListApplications(c *Call) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "identity/applications/list", need: policy.List}, func(*gate.Admission) error {
		if names = c.view.ApplicationNames(); len(names) == 0 {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}

// DeleteApplication removes an application that no role names, and revokes every
// token it has: an application that is registered under the name later must not
// find them alive. One that does not exist is no error. It needs delete. Errors:
// ErrBadRequest while roles name it.
func (s *Service) DeleteApplication(ctx context.Context, c *Call, name string) error {
	_, err := s.write(ctx, c, verb{operation: "identity/applications/delete", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"application": name}
		return &state.DeleteApplication{Name: name}, nil
	})
	return err
}
