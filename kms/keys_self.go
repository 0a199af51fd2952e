package kms

import (
	"context"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// autoRotate rotates the keys whose period is over, as the node itself.
func (s *Service) autoRotate(ctx context.Context, v *view, now int64) {
	v.Keys(func(k *state.Key) {
		if v.RotationDue(k, now) && mayRotate(k) == nil && ctx.Err() == nil {
			s.rotateByItself(ctx, v, k)
		}
	})
}

// rotateByItself rotates a key as the node: its period is over, or its version
// has made half of the encryptions that are safe.
func (s *Service) rotateByItself(ctx context.Context, v *view, k *state.Key) {
	mount := mountOf(v, k)
	c, err := s.asNode("auto-rotate", "POST", mount+"/keys/"+k.Name+"/rotate")
	if err == nil {
		_, err = s.rotate(ctx, c, KeyRef{Mount: mount, Name: k.Name}, k.Latest)
	}
	if err != nil {
		s.log.Warn("could not rotate a key that is due, trying again", "key", k.Name, "error", err)
	}
}

// mountOf is where a key's engine is mounted, without the slash.
func mountOf(v *view, k *state.Key) (path string) {
	v.Mounts(func(m *state.Mount) {
		if m.UUID == k.Mount {
			path = m.Path[:len(m.Path)-1]
		}
	})
	return path
}

// asNode begins a request that the node makes by itself, under a name that stands
// in its records.
func (s *Service) asNode(name, method, path string) (*Call, error) {
	c, err := s.Begin(Origin{RequestID: newUUID(), Method: method, Path: path})
	if err == nil {
		c.Caller = policy.Caller{Root: true, DisplayName: name}
		c.fenced = true // by the leader itself, which opened its epoch on all there was
	}
	return c, err
}

// destroyDue destroys the deleted keys whose grace period is over by replicated
// time and by this node's clock, unless that clock jumped a short while ago: what
// is destroyed does not come back when the clock is put right.
func (s *Service) destroyDue(ctx context.Context, now int64) {
	for ctx.Err() == nil {
		v := s.view.Load()
		if v == nil || !s.leading() {
			return
		}
		k := v.NextDestroy()
		if k == nil || now < k.DestroyAt || !s.clock.steady() {
			return
		}
		mount := mountOf(v, k)
		c, err := s.asNode("auto-destroy", "DELETE", mount+"/keys/"+k.Name)
		if err == nil {
			_, err = s.write(ctx, c, verb{operation: "transit/keys/destroy", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
				a.Record.Key = k.Name
				return &state.DestroyKey{Mount: k.Mount, Name: k.Name}, nil
			})
		}
		if err != nil {
			s.log.Warn("could not destroy a deleted key that is due, trying again", "key", k.Name, "error", err)
			return
		}
		s.forget(k.Mount, k.Name)
		s.log.Info("destroyed a deleted key whose grace period is over", "key", k.Name)
	}
}
