package kms

import (
	"context"
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// RestoredKey is a key that a restore into an empty directory took out of use.
type RestoredKey struct {
	Mount    string // without the slash
	Name     string
	Issuer   string // "" of a transit key
	Versions int    // that wait to be enabled
}

// RestoredKeys lists the keys that wait to be enabled after a restore into an empty
// directory. It needs read and sudo on sys/storage/raft/restored.
func (s *Service) RestoredKeys(c *Call) ([]RestoredKey, error) {
	out := []RestoredKey{}
	err := s.act(c, verb{operation: "sys/storage/raft/restored", need: policy.Read | policy.Sudo}, func(*gate.Admission) error {
		c.view.Restored(func(k *state.Key, versions int) {
			out = append(out, RestoredKey{mountOf(c.view, k), k.Name, k.Issuer, versions})
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EnableRestored puts the versions of one key that a restore into an empty directory
// suspended back to what they were, and says how many those are. Versions that were
// suspended before stay so. It needs update and sudo on
// sys/storage/raft/restored/enable. Errors: ErrKeyNotFound, ErrKeyDeleted,
// ErrBadTransition when none waits.
func (s *Service) EnableRestored(ctx context.Context, c *Call, ref KeyRef) (int, error) {
	result, err := s.write(ctx, c, verb{operation: "sys/storage/raft/restored/enable", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, ErrKeyNotFound)
		if err != nil {
			return nil, err
		}
		waiting := 0
		c.view.Restored(func(o *state.Key, versions int) {
			if o.ID() == k.ID() {
				waiting = versions
			}
		})
		if waiting == 0 && k.Deleted == 0 {
			return nil, saying(ErrBadTransition, "%s", state.ErrNotRestored.Error())
		}
		note(a, "versions", fmt.Sprint(waiting))
		return &state.EnableRestored{Mount: k.Mount, Name: k.Name}, nil
	})
	if err != nil {
		return 0, err
	}
	s.nudge()
	n, _ := result.(int)
	return n, nil
}
