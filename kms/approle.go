package kms

import (
	"context"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// AppRole says what a login gives that shows its role id, and a secret id of it.
// Its lifetimes are in seconds.
type AppRole struct{ state.AppRole }

// ReadAppRole describes a role, its role id included. It needs read. ErrNotFound if
// there is none.
func (s *Service) ReadAppRole(c *Call, name string) (AppRole, error) {
	var role AppRole
	err := s.act(c, verb{operation: "auth/approle/role/read", need: policy.Read}, func(a *gate.Admission) error {
		a.Record.Fields = map[string]string{"role": name}
		r := c.view.AppRole(name)
		if r == nil {
			return ErrNotFound
		}
		role = AppRole{*r}
		return nil
	})
	return role, err
}

// ListAppRoles returns the names of the roles, sorted; ErrNotFound if there are
// none. It needs list.
func (s *Service) ListAppRoles(c *Call) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "auth/approle/role/list", need: policy.List}, func(*gate.Admission) error {
		if names = c.view.AppRoleNames(); len(names) == 0 {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}

// DeleteAppRole removes a role and its secret ids; one that does not exist is no
// error. Tokens of its logins stay until they expire, and cannot be renewed. It
// needs delete.
func (s *Service) DeleteAppRole(ctx context.Context, c *Call, name string) error {
	_, err := s.write(ctx, c, verb{operation: "auth/approle/role/delete", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"role": name}
		return &state.DeleteAppRole{Name: name}, nil
	})
	return err
}

// RefuseAppRole ends a request about a role that a transport finds wrong: whoever
// may not make it hears ErrPermissionDenied, others err. It is recorded.
func (s *Service) RefuseAppRole(c *Call, err error) error {
	need := policy.Update
	if c.Method == "DELETE" {
		need = policy.Delete
	}
	return s.refuse(c, verb{operation: "auth/approle/role/refuse", need: need}, err)
}
