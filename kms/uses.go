package kms

import (
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/state"
)

// overtaken is how long after the retirement of an issuer's version a token under
// it may still leave. state.Issuer.Lifetime allows for more.
const overtaken = 3 * time.Second

// uses notes a version that makes something for the answer. A body may arrive
// slowly, and the view is taken before it: what was suspended, given up or deleted
// meanwhile must not sign once more, see Confirm.
func (c *Call) uses(v *state.KeyVersion) {
	if n := len(c.used); n == 0 || c.used[n-1] != v {
		c.used = append(c.used, v)
	}
}

// stillProduce says whether all versions that a call used may be used now.
func (s *Service) stillProduce(c *Call) error {
	if len(c.used) == 0 {
		return nil
	}
	v := s.view.Load()
	if v == nil {
		return ErrSealed
	}
	if v == c.view {
		return nil
	}
	for _, u := range c.used {
		if err := mayProduce(v, u, v.Version(u.Mount, u.Name, u.Number)); err != nil {
			return err
		}
	}
	return nil
}

// mayProduce says whether what u made may leave; now is the version as it is now in
// v, or nil.
func mayProduce(v *view, u, now *state.KeyVersion) error {
	k := v.Key(u.Mount, u.Name)
	switch {
	case k == nil || k.Deleted != 0 || now == nil:
		return saying(ErrKeyDeleted, "the key %s was deleted while the request was under way", u.Name)
	case now.State == state.Retired && now.RemoveAt != 0:
		// A rotation breaks nobody: a request that it overtakes is within what the
		// version's end allows for, unless it took very long.
		if wall.Now().UnixNano()-now.Retired > int64(overtaken) {
			return saying(ErrBusy, "the key of the issuer %s rotated while the request was under way; nothing was answered, ask again", u.Name)
		}
	case !now.State.Produces():
		return saying(ErrVersionState, "version %d of the key %s became %s while the request was under way; nothing was answered, ask again", u.Number, u.Name, now.State)
	}
	return nil
}
