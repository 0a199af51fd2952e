package state

import "slices"

// WrappingName is the name of a mount's wrapping key. No key that anybody makes
// has it: their names do not begin with a dot.
const WrappingName = ".wrapping"

// keepKIDs is how many kids the tombstone of an issuer's key remembers.
const keepKIDs = 4 * keepDestroyed

// PutWrappingKey stores the key of a mount that others wrap theirs for. The first
// one counts and stays: what was wrapped for it must unwrap. Result: *KeyVersion,
// the one that counts.
type PutWrappingKey struct {
	Version KeyVersion `codec:"v"`
}

// Kind is KindPutWrappingKey.
func (*PutWrappingKey) Kind() Kind { return KindPutWrappingKey }

func (c *PutWrappingKey) check() error {
	if v := &c.Version; v.Name != WrappingName || v.Number != 1 || v.Type != RSA4096 || len(v.Public) == 0 || len(v.Sealed) == 0 {
		return corrupt("a wrapping key %s of type %s", v.Name, v.Type)
	}
	return nil
}

func (c *PutWrappingKey) recall(tx *txn) any {
	if v, ok := tx.wrapping.Get([]byte(c.Version.Mount)); ok {
		return v
	}
	return nil
}

func (c *PutWrappingKey) apply(tx *txn) error {
	if !tx.mounted(c.Version.Mount) {
		return ErrMountMissing
	}
	if first, ok := tx.wrapping.Get([]byte(c.Version.Mount)); ok {
		tx.result = first
		return nil
	}
	v := c.Version
	v.State, v.Created = Active, tx.next.Time
	tx.wrapping.Insert([]byte(v.Mount), &v)
	tx.result = &v
	return nil
}

// WrappingKey returns the key of a mount that others wrap theirs for; nil before
// somebody asked for it.
func (s *State) WrappingKey(mount string) *KeyVersion {
	v, _ := s.wrapping.Get([]byte(mount))
	return v
}

// bring holds the next version of k to where the ones before it come from. A key
// that was brought in and rotates here is from then on like one made here. Errors:
// ErrImportedKey, ErrNotImported.
func (k *Key) bring(imported bool, size uint32) error {
	switch {
	case imported && !k.Imported:
		return ErrNotImported
	case !imported && k.Imported && !k.ImportRotation:
		return ErrImportedKey
	}
	if k.Imported = imported; size != 0 {
		k.KeySize = size
	}
	return nil
}

// kidTaken says whether a version of an issuer's key has or had kid, earlier
// issuers of the name included: a token names its key by nothing else. What is made
// here has a kid that nothing else has.
func (tx *txn) kidTaken(k *Key, kid string) bool {
	for _, v := range tx.versionsOf(k.Mount, k.Name) {
		if v.KID == kid {
			return true
		}
	}
	if t, ok := tx.tombstones.Get(appendKeyPath(nil, k.Mount, k.Name)); ok {
		return t.has(kid)
	}
	return false
}

func (t *Tombstone) has(kid string) bool { return slices.Contains(t.KIDs, kid) }

// KIDTaken is what makes a version of k with this kid be refused.
func (s *State) KIDTaken(mount, name, kid string) bool {
	if k := s.Key(mount, name); k != nil {
		taken := false
		s.EachVersion(k, func(v *KeyVersion) { taken = taken || v.KID == kid })
		if taken {
			return true
		}
	}
	t := s.Tombstone(mount, name)
	return t != nil && t.has(kid)
}

// spentKIDs are those that a tombstone of k remembers; nil for a transit key.
func (tx *txn) spentKIDs(k *Key) (kids []string) {
	if k.Issuer == "" {
		return nil
	}
	if t, ok := tx.tombstones.Get(appendKeyPath(nil, k.Mount, k.Name)); ok {
		kids = append(kids, t.KIDs...)
	}
	for _, v := range tx.versionsOf(k.Mount, k.Name) {
		kids = append(kids, v.KID)
	}
	return kids[max(0, len(kids)-keepKIDs):]
}
