package kms

import (
	"context"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// WrappingKey returns the RSA key of a mount that keys are wrapped for to be
// imported. The first who asks has it made, which takes seconds; it is one for the
// life of the cluster. It needs read. The result is not to be changed.
func (s *Service) WrappingKey(ctx context.Context, c *Call, mount string) (*state.KeyVersion, error) {
	read := verb{operation: "transit/wrapping-key", need: policy.Read}
	m, err := c.mount(KeyRef{Mount: mount})
	if err != nil {
		return nil, s.refuse(c, read, err)
	}
	if found := c.view.WrappingKey(m.UUID); found != nil || !c.Caller.Allow(c.Path, policy.Read) {
		return s.shown(c, read, found)
	}
	// Those who come meanwhile wait for this one and for nothing else: no key that is
	// used has this name.
	unlock, err := s.keyLocks.lock(ctx, m.UUID+"/"+state.WrappingName)
	if err != nil {
		s.Reject(c.Origin, c, err)
		return nil, err
	}
	defer unlock()
	s.refresh(c)
	if found := c.view.WrappingKey(m.UUID); found != nil {
		return s.shown(c, read, found)
	}
	making := read
	making.action, making.key = pass.Generate, m.UUID+"/"+state.WrappingName
	result, err := s.write(ctx, c, making, func(a *gate.Admission) (state.Command, error) {
		v, err := s.generate(ctx, a, m.UUID, state.WrappingName, 1, state.RSA4096, 0)
		if err != nil {
			return nil, err
		}
		return &state.PutWrappingKey{Version: *v}, nil
	})
	if err != nil {
		return nil, err
	}
	made, ok := result.(*state.KeyVersion)
	if !ok {
		return nil, ErrNotFound
	}
	return made, nil
}

func (s *Service) shown(c *Call, read verb, found *state.KeyVersion) (*state.KeyVersion, error) {
	return found, s.act(c, read, func(a *gate.Admission) error {
		if found == nil {
			return ErrPermissionDenied // admit said so before
		}
		a.Record.KeyVersion, a.Record.KID = found.Number, found.KID
		return nil
	})
}
