package state

func (tx *txn) key(mount, name string) (*Key, error) {
	k, ok := tx.keys.Get(appendKeyPath(nil, mount, name))
	if !ok {
		return nil, ErrKeyMissing
	}
	return k, nil
}

// usable finds a key that is not deleted and serves no issuer.
func (tx *txn) usable(mount, name string) (*Key, error) {
	k, err := tx.key(mount, name)
	switch {
	case err != nil:
		return nil, err
	case k.Issuer != "":
		return nil, ErrKeyBound
	case k.Deleted != 0:
		return nil, ErrKeyDeleted
	}
	return k, nil
}

// put replaces the record of a key, and is the result.
func (tx *txn) put(k *Key) {
	tx.keys.Insert(appendKeyPath(nil, k.Mount, k.Name), k)
	tx.result = k
}

func (tx *txn) recallKey(mount, name string) any {
	if k, err := tx.key(mount, name); err == nil {
		return k
	}
	return nil
}

func (c *CreateKey) recall(tx *txn) any   { return tx.recallKey(c.Key.Mount, c.Key.Name) }
func (c *RotateKey) recall(tx *txn) any   { return tx.recallKey(c.Version.Mount, c.Version.Name) }
func (c *ConfigKey) recall(tx *txn) any   { return tx.recallKey(c.Mount, c.Name) }
func (c *DeleteKey) recall(tx *txn) any   { return tx.recallKey(c.Mount, c.Name) }
func (c *UndeleteKey) recall(tx *txn) any { return tx.recallKey(c.Mount, c.Name) }
func (c *TrimKey) recall(tx *txn) any     { return tx.recallKey(c.Mount, c.Name) }
func (c *ReserveEncryptions) recall(tx *txn) any {
	if v, ok := tx.versions.Get(appendVersionPath(nil, c.Mount, c.Name, c.Number)); ok {
		return v
	}
	return nil
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
	if old, exists := tx.keys.Get(path); exists {
		switch {
		case old.Issuer != "":
			return ErrKeyBound
		case old.Deleted != 0:
			return ErrKeyDeleted
		}
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
	tx.versions.Insert(appendVersionPath(nil, v.Mount, v.Name, v.Number), &v)
	tx.put(&k)
	return nil
}

func (c *RotateKey) apply(tx *txn) error {
	old, err := tx.usable(c.Version.Mount, c.Version.Name)
	if err != nil {
		return err
	}
	if c.Version.Number != old.Latest+1 || c.Version.Type != old.Type {
		return ErrVersionConflict
	}
	if latest := tx.version(old, old.Latest); latest != nil && latest.State == Pending {
		return ErrRotationPending
	}
	k, v := *old, c.Version
	if err := k.bring(v.Imported, c.KeySize); err != nil {
		return err
	}
	if k.Lead > 0 {
		v.pend(tx.next.Time, nanos(k.Lead))
		k.Signer = k.SignerNumber()
	} else {
		v.Created, k.Signer = tx.next.Time, 0
	}
	k.Latest = v.Number
	tx.versions.Insert(appendVersionPath(nil, v.Mount, v.Name, v.Number), &v)
	tx.put(&k)
	return nil
}

func (c *ConfigKey) apply(tx *txn) error {
	old, err := tx.usable(c.Mount, c.Name)
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
	// The version that signs and encrypts must be within its own minima.
	if k.MinDecryption > k.SignerNumber() || k.MinEncryption > k.SignerNumber() ||
		k.MinEncryption != 0 && k.MinEncryption < k.MinDecryption {
		return ErrBadMinimum
	}
	if c.DeletionAllowed != nil {
		k.DeletionAllowed = *c.DeletionAllowed
	}
	if c.AutoRotate != nil {
		k.AutoRotate = *c.AutoRotate
	}
	if c.Lead != nil {
		k.Lead = max(*c.Lead, 0)
	}
	tx.put(&k)
	return nil
}

func (c *DeleteKey) apply(tx *txn) error {
	old, err := tx.usable(c.Mount, c.Name)
	if err != nil {
		return err
	}
	if !old.DeletionAllowed {
		return ErrDeletionNotAllowed
	}
	if c.Grace <= 0 {
		tx.destroy(old)
		return nil
	}
	k := *old
	k.Deleted, k.DestroyAt = tx.next.Time, tx.next.Time+c.Grace
	if k.DestroyAt < k.Deleted {
		return corrupt("a grace period of %d nanoseconds", c.Grace)
	}
	tx.deleted.Insert(timed(k.DestroyAt, appendKeyPath(nil, k.Mount, k.Name)), struct{}{})
	tx.put(&k)
	return nil
}

func (c *UndeleteKey) apply(tx *txn) error {
	old, err := tx.key(c.Mount, c.Name)
	if err != nil {
		return err
	}
	switch {
	case old.Issuer != "":
		return ErrKeyBound
	case old.Deleted == 0:
		return ErrKeyNotDeleted
	}
	tx.deleted.Delete(timed(old.DestroyAt, appendKeyPath(nil, old.Mount, old.Name)))
	k := *old
	k.Deleted, k.DestroyAt = 0, 0
	tx.put(&k)
	return nil
}

func (c *DestroyKey) apply(tx *txn) error {
	k, err := tx.key(c.Mount, c.Name)
	if err != nil {
		return err
	}
	switch {
	case k.Deleted == 0:
		return ErrKeyNotDeleted
	case c.Early && k.Issuer != "":
		return ErrKeyBound
	case !c.Early && tx.next.Time < k.DestroyAt:
		return ErrGraceNotOver
	}
	tx.destroy(k)
	return nil
}

// destroy erases a key and all its versions and leaves a tombstone.
func (tx *txn) destroy(k *Key) {
	path := appendKeyPath(nil, k.Mount, k.Name)
	if k.Deleted != 0 {
		tx.deleted.Delete(timed(k.DestroyAt, path))
	}
	tx.keys.Delete(path)
	tx.tombstones.Insert(path, &Tombstone{Mount: k.Mount, Name: k.Name, Last: k.Latest, Destroyed: tx.next.Time, KIDs: tx.spentKIDs(k)})
	deleteAll(tx.versions, append(appendKeyPath(nil, k.Mount, k.Name), 0))
	if k.Issuer != "" {
		tx.destroyIssuer(k.Issuer)
	}
}

func (c *TrimKey) apply(tx *txn) error {
	old, err := tx.usable(c.Mount, c.Name)
	if err != nil {
		return err
	}
	// With a minimum for encryption of 0 an old version may still be asked for by
	// its number: whoever trims says first that none is.
	if c.MinAvailable < old.MinAvailable || c.MinAvailable > old.MinDecryption || c.MinAvailable > old.MinEncryption {
		return ErrBadTrim
	}
	for n := old.MinAvailable; n < c.MinAvailable; n++ {
		tx.versions.Delete(appendVersionPath(nil, c.Mount, c.Name, n))
	}
	k := *old
	k.MinAvailable = c.MinAvailable
	tx.put(&k)
	return nil
}

func (c *ReserveEncryptions) apply(tx *txn) error {
	if _, err := tx.usable(c.Mount, c.Name); err != nil {
		return err
	}
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
