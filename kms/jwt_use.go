package kms

import (
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
)

// useIssuer runs a verb that uses the key of an issuer and changes nothing in the
// cluster. Policy comes before anything is told of the issuer. do has the key
// opened for the action of v, once.
func (s *Service) useIssuer(c *Call, v verb, name string, do func(a *gate.Admission, i *issuerView, u *keyring.Use) error) error {
	i, missing := c.view.issuer(name)
	if missing == nil && i.key != nil {
		v.key = i.key.ID()
	} else {
		v.action = ""
	}
	return s.act(c, v, func(a *gate.Admission) error {
		a.Record.Issuer = name
		switch {
		case missing != nil:
			return missing
		case i.key == nil:
			return fmt.Errorf("the issuer %s has no key", name)
		}
		u, err := s.keys.Open(a.Pass(), v.action, v.key)
		if err != nil {
			return err
		}
		defer u.Close()
		return do(a, i, u)
	})
}

func checkJWTBatch(items int, batch bool) error {
	switch {
	case items > MaxBatch:
		return saying(ErrBadRequest, "batch_input holds %d items; at most %d are taken at once", items, MaxBatch)
	case batch && items == 0:
		return saying(ErrBadRequest, "missing batch input to process")
	}
	return nil
}
