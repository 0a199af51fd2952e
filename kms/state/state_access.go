package state

import "time"

// TokenRole returns a token role by its name, or nil.
func (s *State) TokenRole(name string) *TokenRole {
	r, _ := s.roles.Get([]byte(name))
	return r
}

// TokenRoleNames returns the names of the token roles, sorted.
func (s *State) TokenRoleNames() []string {
	var names []string
	s.roles.Root().Walk(func(_ []byte, r *TokenRole) bool { names = append(names, r.Name); return false })
	return names
}

// Quota returns a rate limit by its name, or nil.
func (s *State) Quota(name string) *Quota {
	q, _ := s.quotas.Get([]byte(name))
	return q
}

// Quotas calls fn for each rate limit, in the order of their names.
func (s *State) Quotas(fn func(*Quota)) {
	s.quotas.Root().Walk(func(_ []byte, q *Quota) bool { fn(q); return false })
}

// SameQuotas says whether both states hold the same rate limits.
func (s *State) SameQuotas(o *State) bool { return s.quotas.Root() == o.quotas.Root() }

// When the barrier's term rotates by itself unless somebody configured it. Nonces
// of 192 bits set no limit to the number of uses; a term that is replaced from
// time to time bounds what one key in the wrong hands opens.
const (
	DefaultRotationInterval = 90 * 24 * time.Hour
	DefaultRotationCommands = 1 << 32
)

// RotationNow is the rotation in force: the configured one, or the default.
func (s *State) RotationNow() Rotation {
	if s.Rotation == (Rotation{}) {
		return Rotation{Interval: int64(DefaultRotationInterval), Commands: DefaultRotationCommands}
	}
	return s.Rotation
}

// Once returns what was done under a caller's idempotency key, or nil when it is
// new or forgotten.
func (s *State) Once(caller string, key []byte) *OnceRecord {
	r, _ := s.once.Get(oncePath(caller, key))
	return r
}

// Repeats holds a repeated request to the first one. Errors: ErrOnceMismatch for
// another request under the same key; *Spent when the first made a token.
func (r *OnceRecord) Repeats(request []byte) error {
	switch {
	case string(r.Once.Request) != string(request):
		return ErrOnceMismatch
	case r.Accessor != "":
		return &Spent{r.Accessor}
	}
	return nil
}

func oncePath(caller string, key []byte) []byte {
	return append(append([]byte(caller), 0), key...)
}
