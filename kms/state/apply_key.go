package state

func (tx *txn) key(mount, name string) (*Key, error) {
	k, ok := tx.keys.Get(appendKeyPath(nil, mount, name))
	if !ok {
		return nil, ErrKeyMissing
	}
	return k, nil
}

func (tx *txn) mounted(uuid string) bool {
	found := false
	tx.mounts.Root().Walk(func(_ []byte, m *Mount) bool {
		found = m.UUID == uuid
		return found
	})
	return found
}

// FirstVersion is the number that the first version of a new key takes: 1, or
// the one after all that a destroyed key of the same name ever used.
func (s *State) FirstVersion(mount, name string) uint32 {
	if t := s.Tombstone(mount, name); t != nil {
		return t.Last + 1
	}
	return 1
}

func (c *CreateKey) apply(tx *txn) error {
	if !tx.mounted(c.Key.Mount) {
		return ErrMountMissing
	}
	path := appendKeyPath(nil, c.Key.Mount, c.Key.Name)
	if _, exists := tx.keys.Get(path); exists {
		return ErrKeyExists
	}
	first := uint32(1)
	if t, ok := tx.tombstones.Get(path); ok {
		first = t.Last + 1
	}
	if c.Version.Number != first || c.Version.Mount != c.Key.Mount || c.Version.Name != c.Key.Name || c.Version.Type != c.Key.Type {
		return ErrVersionConflict
	}
	k, v := c.Key, c.Version
	k.Latest, k.MinAvailable, k.MinDecryption, k.MinEncryption = first, first, first, 0
	k.Created, v.Created = tx.next.Time, tx.next.Time
	tx.keys.Insert(path, &k)
	tx.versions.Insert(appendVersionPath(nil, v.Mount, v.Name, v.Number), &v)
	tx.result = &k
	return nil
}

func (c *RotateKey) apply(tx *txn) error {
	old, err := tx.key(c.Version.Mount, c.Version.Name)
	if err != nil {
		return err
	}
	if c.Version.Number != old.Latest+1 || c.Version.Type != old.Type {
		return ErrVersionConflict
	}
	k, v := *old, c.Version
	k.Latest = v.Number
	v.Created = tx.next.Time
	tx.keys.Insert(appendKeyPath(nil, k.Mount, k.Name), &k)
	tx.versions.Insert(appendVersionPath(nil, v.Mount, v.Name, v.Number), &v)
	tx.result = &k
	return nil
}

func (c *ConfigKey) apply(tx *txn) error {
	old, err := tx.key(c.Mount, c.Name)
	if err != nil {
		return err
	}
	k := *old
	if c.MinDecryption != nil {
		k.MinDecryption = max(*c.MinDecryption, k.MinAvailable)
	}
	if c.MinEncryption != nil {
		k.MinEncryption = *c.MinEncryption
	}
	if k.MinDecryption > k.Latest || k.MinEncryption > k.Latest ||
		k.MinEncryption != 0 && k.MinEncryption < k.MinDecryption {
		return ErrBadMinimum
	}
	if c.DeletionAllowed != nil {
		k.DeletionAllowed = *c.DeletionAllowed
	}
	if c.AutoRotate != nil {
		k.AutoRotate = *c.AutoRotate
	}
	tx.keys.Insert(appendKeyPath(nil, k.Mount, k.Name), &k)
	tx.result = &k
	return nil
}

func (c *DeleteKey) apply(tx *txn) error {
	k, err := tx.key(c.Mount, c.Name)
	if err != nil {
		return err
	}
	if !k.DeletionAllowed {
		return ErrDeletionNotAllowed
	}
	path := appendKeyPath(nil, c.Mount, c.Name)
	tx.keys.Delete(path)
	tx.versions.DeletePrefix(append(path, 0))
	tx.tombstones.Insert(appendKeyPath(nil, c.Mount, c.Name), &Tombstone{Mount: c.Mount, Name: c.Name, Last: k.Latest, Destroyed: tx.next.Time})
	return nil
}

func (c *ReserveEncryptions) apply(tx *txn) error {
	path := appendVersionPath(nil, c.Mount, c.Name, c.Number)
	old, ok := tx.versions.Get(path)
	if !ok {
		return ErrKeyMissing
	}
	if c.Count == 0 || c.Count > MaxEncryptions-min(old.Encryptions, MaxEncryptions) {
		return ErrEncryptionsSpent
	}
	v := *old
	v.Encryptions += c.Count
	tx.versions.Insert(path, &v)
	tx.result = &v
	return nil
}
