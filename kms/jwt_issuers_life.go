package kms

import (
	"context"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// deletedIssuer refuses an issuer that is deleted. Its key has the time of its end.
func deletedIssuer(v *view, i *state.Issuer) error {
	after := "its grace period"
	if k := v.Key(i.Mount, i.Name); k != nil {
		after = wallTime(k.DestroyAt)
	}
	return saying(ErrKeyDeleted, "the issuer %s is deleted and will be destroyed with its key after %s; until then it can be undeleted", i.Name, after)
}

// DeleteIssuer takes an issuer out of use with its profiles and its documents, if
// its settings allow that; with its key it is destroyed when the grace period is
// over. nil is DefaultGrace, and a shorter one needs sudo too. To delete a deleted
// issuer again changes nothing. It needs delete.
//
// Errors: ErrIssuerNotFound, ErrDeletionNotAllowed, ErrBadRequest.
func (s *Service) DeleteIssuer(ctx context.Context, c *Call, name string, grace *time.Duration) error {
	need, wait := policy.Delete, DefaultGrace
	if grace != nil {
		wait = *grace
	}
	if wait < DefaultGrace {
		need |= policy.Sudo
	}
	mount := ""
	_, err := s.write(ctx, c, verb{operation: "jwt/issuers/delete", need: need}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = name
		note(a, "grace", wait.String())
		if wait < 0 || wait > MaxGrace {
			return nil, saying(ErrBadRequest, "the grace period is 0 to %s", MaxGrace)
		}
		i := c.view.Issuer(name)
		switch {
		case i == nil:
			return nil, saying(ErrIssuerNotFound, "there is no issuer %s", gate.Scrub(name))
		case i.Deleted != 0 && grace == nil:
			return nil, nil
		case i.Deleted != 0:
			return nil, saying(ErrBadRequest, "the issuer %s is deleted already; undelete it first to choose another grace period", name)
		case !i.DeletionAllowed:
			return nil, saying(ErrDeletionNotAllowed, "deletion is not allowed for the issuer %s; set deletion_allowed first", name)
		}
		mount = i.Mount
		return &state.DeleteIssuer{Name: name, Grace: int64(wait)}, nil
	})
	if err == nil && mount != "" {
		s.forget(mount, name)
	}
	s.nudge() // a short grace period ends before the next look
	return err
}

// UndeleteIssuer puts a deleted issuer back to use, with its key and profiles. It
// needs update. Errors: ErrIssuerNotFound, ErrBadRequest when it is not deleted.
func (s *Service) UndeleteIssuer(ctx context.Context, c *Call, name string) (IssuerInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "jwt/issuers/undelete", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = name
		i := c.view.Issuer(name)
		switch {
		case i == nil:
			return nil, saying(ErrIssuerNotFound, "there is no issuer %s", gate.Scrub(name))
		case i.Deleted == 0:
			return nil, saying(ErrBadRequest, "the issuer %s is not deleted", name)
		}
		return &state.UndeleteIssuer{Name: name}, nil
	})
	if err != nil {
		return IssuerInfo{}, err
	}
	return c.writtenIssuer(name, result)
}

// DeletedIssuers lists the issuers that are deleted and not destroyed yet, in the
// order of their names, with their keys. It needs list. Error: ErrNotFound when
// there are none.
func (s *Service) DeletedIssuers(c *Call) ([]IssuerInfo, error) {
	var out []IssuerInfo
	err := s.act(c, verb{operation: "jwt/issuers/list", need: policy.List}, func(*gate.Admission) error {
		c.view.Issuers(func(i *state.Issuer) {
			if i.Deleted != 0 {
				out = append(out, issuerInfo(c.view, i))
			}
		})
		if out == nil {
			return ErrNotFound
		}
		return nil
	})
	return out, err
}
