package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// How long a deleted key can be undeleted.
const (
	DefaultGrace = 7 * 24 * time.Hour
	MaxGrace     = 365 * 24 * time.Hour
)

// inUse refuses a key that transit does nothing with: one that is deleted, or
// serves an issuer. Errors: ErrKeyDeleted, ErrKeyBound.
func inUse(k *state.Key) error {
	if err := unbound(k); err != nil {
		return err
	}
	if k.Deleted == 0 {
		return nil
	}
	return saying(ErrKeyDeleted, "the key %s is deleted and will be destroyed after %s; undelete it to use it", k.Name, wallTime(k.DestroyAt))
}

// unbound refuses an issuer's key to everybody, root included: whoever could sign
// bytes with it could mint any claims. Error: ErrKeyBound.
func unbound(k *state.Key) error {
	if k.Issuer == "" {
		return nil
	}
	return saying(ErrKeyBound, "the key %s serves the issuer %s, and nothing else uses or changes it; see jwt/issuers/%s", k.Name, k.Issuer, k.Issuer)
}

// found is inUse for those who only look: a deleted key is not there.
func found(k *state.Key) error {
	if k.Deleted == 0 {
		return nil
	}
	return saying(ErrNotFound, "the key %s is deleted and will be destroyed after %s; until then it can be undeleted", k.Name, wallTime(k.DestroyAt))
}

func wallTime(nanos int64) string { return time.Unix(0, nanos).UTC().Format(time.RFC3339) }

// DeleteKey takes a key out of use, if its settings allow that, and destroys it
// when the grace period is over; nil is DefaultGrace. A shorter one needs sudo
// too. With 0 the key, deleted before or not, is destroyed at once, and nothing
// brings it back. To delete a deleted key again changes nothing. It needs delete.
//
// Errors: ErrKeyNotFound, ErrDeletionNotAllowed, ErrBadRequest.
func (s *Service) DeleteKey(ctx context.Context, c *Call, ref KeyRef, grace *time.Duration) error {
	need, wait := policy.Delete, DefaultGrace
	if grace != nil {
		wait = *grace
	}
	if wait < DefaultGrace {
		need |= policy.Sudo
	}
	var mount string
	_, err := s.write(ctx, c, verb{operation: "transit/keys/delete", need: need}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		note(a, "grace", wait.String())
		if wait < 0 || wait > MaxGrace {
			return nil, saying(ErrBadRequest, "the grace period is 0 to %s", MaxGrace)
		}
		k, err := c.key(ref, saying(ErrKeyNotFound, "error deleting policy %s: key not found", gate.Scrub(ref.Name)))
		if err != nil {
			return nil, err
		}
		if err := unbound(k); err != nil {
			return nil, err
		}
		mount = k.Mount
		switch {
		case k.Deleted != 0 && wait == 0:
			return &state.DestroyKey{Mount: k.Mount, Name: k.Name, Early: true}, nil
		case k.Deleted != 0 && grace == nil:
			return nil, nil
		case k.Deleted != 0:
			return nil, saying(ErrBadRequest, "the key %s is deleted already; undelete it first to choose another grace period, or destroy it now with a grace period of 0", k.Name)
		case !k.DeletionAllowed:
			return nil, saying(ErrDeletionNotAllowed, "error deleting policy %s: deletion is not allowed for this key; set deletion_allowed with the key's config first", gate.Scrub(ref.Name))
		}
		return &state.DeleteKey{Mount: k.Mount, Name: k.Name, Grace: int64(wait)}, nil
	})
	if err == nil && mount != "" {
		s.forget(mount, ref.Name)
	}
	s.nudge() // a short grace period ends before the next look; and see forgetGone
	return err
}

// forgetGone drops from memory every clear version that the state does not have
// any more, that was erased or given up, or whose key is deleted, whoever knew of
// it.
func (s *Service) forgetGone() {
	v := s.view.Load()
	if v == nil {
		return
	}
	s.keys.Keep(func(mount, name string, number uint32) bool {
		if name == state.WrappingName {
			return v.WrappingKey(mount) != nil
		}
		k := v.Key(mount, name)
		if k == nil || k.Deleted != 0 {
			return false
		}
		version := v.Version(mount, name, number)
		return version != nil && version.State != state.Destroyed && version.State != state.Compromised
	})
}

// UndeleteKey puts a deleted key back to use, with all its versions. It needs
// update. Errors: ErrKeyNotFound, ErrBadRequest when it is not deleted.
func (s *Service) UndeleteKey(ctx context.Context, c *Call, ref KeyRef) (KeyInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "transit/keys/undelete", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, ErrKeyNotFound)
		if err == nil {
			err = unbound(k)
		}
		switch {
		case err != nil:
			return nil, err
		case k.Deleted == 0:
			return nil, saying(ErrBadRequest, "the key %s is not deleted", k.Name)
		}
		return &state.UndeleteKey{Mount: k.Mount, Name: k.Name}, nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return s.written(c, ref, result)
}

// DeletedKeys lists the keys of a mount that are deleted and not destroyed yet, in
// the order of their names. It needs list. Error: ErrNotFound when there are none.
func (s *Service) DeletedKeys(c *Call, mount string) ([]*state.Key, error) {
	var keys []*state.Key
	err := s.act(c, verb{operation: "transit/keys/list", need: policy.List}, func(*gate.Admission) error {
		m, err := c.mount(KeyRef{Mount: mount})
		if err != nil {
			return err
		}
		if keys = c.view.DeletedKeys(m.UUID); len(keys) == 0 {
			return ErrNotFound
		}
		return nil
	})
	return keys, err
}

// TrimKey erases the versions before minAvailable for good. It is at most
// min_decryption_version and min_encryption_version, which have to be raised
// first, and never falls. It needs update. Errors: ErrKeyNotFound, ErrBadRequest.
func (s *Service) TrimKey(ctx context.Context, c *Call, ref KeyRef, minAvailable int64) (KeyInfo, error) {
	var mount string
	result, err := s.write(ctx, c, verb{operation: "transit/keys/trim", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		note(a, "min_available_version", fmt.Sprint(minAvailable))
		k, err := c.key(ref, saying(ErrKeyNotFound, "no existing key named %s could be found", gate.Scrub(ref.Name)))
		if err == nil {
			err = inUse(k)
		}
		if err == nil {
			err = trimmable(k, minAvailable)
		}
		if err != nil || minAvailable == int64(k.MinAvailable) {
			return nil, err
		}
		mount = k.Mount
		return &state.TrimKey{Mount: k.Mount, Name: k.Name, MinAvailable: uint32(minAvailable)}, nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	if mount != "" {
		s.forget(mount, ref.Name)
	}
	return s.written(c, ref, result)
}

func trimmable(k *state.Key, to int64) error {
	switch {
	case to <= 0:
		return saying(ErrBadRequest, "min_available_version is missing or not positive")
	case to < int64(k.MinAvailable):
		return saying(ErrBadRequest, "min_available_version is %d already and never falls: what was trimmed is gone", k.MinAvailable)
	case k.MinEncryption == 0:
		return saying(ErrBadRequest, "min_available_version needs min_encryption_version to be set: with 0 any version may still encrypt and sign")
	case to > int64(k.MinDecryption), to > int64(k.MinEncryption):
		return saying(ErrBadRequest, "min_available_version is at most min_decryption_version (%d) and min_encryption_version (%d); raise those first", k.MinDecryption, k.MinEncryption)
	}
	return nil
}
