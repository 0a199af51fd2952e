package state

// KindEnableRestored puts a key back to use after a restore into an empty directory.
const KindEnableRestored Kind = 59

// ErrNotRestored: no version of the key waits for it.
const ErrNotRestored Refusal = "the restore suspended no version of this key, or they were all enabled or given up since"

// EnableRestored puts every version of a key that a restore into an empty directory
// suspended back to what it was: active, or retired. One that was suspended before, or
// by somebody since, stays so. Result: int, how many.
type EnableRestored struct {
	Mount string `codec:"m"`
	Name  string `codec:"n"`
}

// Kind is KindEnableRestored.
func (*EnableRestored) Kind() Kind { return KindEnableRestored }

// A proposal that comes again and took effect before has enabled them.
func (*EnableRestored) recall(*txn) any { return 0 }

// restored says whether the restore suspended v, and nobody touched it since.
func (r *Revival) restored(v *KeyVersion) bool {
	return r != nil && v.State == Suspended && v.Suspended == r.Time
}

// Waits says whether a version waits for EnableRestored. Nothing follows it by itself
// meanwhile: a key whose versions are out of use gets none that is not.
func (s *State) Waits(v *KeyVersion) bool { return s.Revival.restored(v) }

func (c *EnableRestored) apply(tx *txn) error {
	k, err := tx.key(c.Mount, c.Name)
	switch {
	case err != nil:
		return err
	case k.Deleted != 0:
		return ErrKeyDeleted
	}
	n := 0
	for _, v := range tx.versionsOf(k.Mount, k.Name) {
		if !tx.next.Revival.restored(v) {
			continue
		}
		to := Active
		if v.Retired != 0 {
			to = Retired
		}
		tx.move(v, to)
		n++
	}
	if n == 0 {
		return ErrNotRestored
	}
	if old, ok := tx.issuers.Get([]byte(k.Issuer)); ok {
		i := *old
		tx.putIssuer(&i)
	}
	tx.result = n
	return nil
}

// Restored calls fn for each key in use of which a restore suspended versions that
// nobody has touched since, with how many they are.
func (s *State) Restored(fn func(k *Key, versions int)) {
	if s.Revival == nil {
		return
	}
	s.Keys(func(k *Key) {
		n := 0
		s.EachVersion(k, func(v *KeyVersion) {
			if s.Revival.restored(v) {
				n++
			}
		})
		if n > 0 && k.Deleted == 0 {
			fn(k, n)
		}
	})
}
