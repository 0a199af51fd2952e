package state

// The life of the versions of an issuer's key. Whatever changes one of them also
// raises the issuer's revision.

func (c *RotateIssuer) apply(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Issuer)
	if err != nil {
		return err
	}
	if latest := tx.version(oldKey, oldKey.Latest); latest != nil && latest.State == Pending {
		return ErrRotationPending
	}
	i, k, v := *old, *oldKey, c.Version
	if err := k.follows(&v); err != nil {
		return err
	}
	if v.ActiveAt = tx.next.Time + i.lead(tx.next.Time); v.ActiveAt < tx.next.Time {
		return corrupt("a lead time past the end of time")
	}
	v.State, v.Created = Pending, tx.next.Time
	k.Signer, k.Latest = k.SignerNumber(), v.Number
	tx.putVersion(&v)
	tx.putKey(&k)
	tx.putIssuer(&i)
	return nil
}

// follows says whether v can be the version after k's latest.
func (k *Key) follows(v *KeyVersion) error {
	if v.Number != k.Latest+1 || v.Type != k.Type || v.Mount != k.Mount || v.Name != k.Name {
		return ErrVersionConflict
	}
	return nil
}

func (tx *txn) putKey(k *Key) { tx.keys.Insert(appendKeyPath(nil, k.Mount, k.Name), k) }

func (c *ActivateIssuer) apply(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Issuer)
	if err != nil {
		return err
	}
	v := tx.version(oldKey, c.Number)
	switch {
	case v == nil || v.State != Pending:
		return ErrNotPending
	case tx.next.Time < v.ActiveAt:
		return ErrTooEarly
	}
	i, k := *old, *oldKey
	tx.activate(&i, &k, v)
	tx.putKey(&k)
	tx.putIssuer(&i)
	return nil
}

// activate makes v the version that signs, and retires the one before it.
func (tx *txn) activate(i *Issuer, k *Key, v *KeyVersion) {
	if before := tx.version(k, k.SignerNumber()); before != nil && before.Number != v.Number {
		tx.retire(i, before)
	}
	next := *v
	next.State, next.Activated = Active, tx.next.Time
	tx.putVersion(&next)
	k.Signer = next.Number
	i.Marks = i.marks()
	tx.profiles.Root().WalkPrefix(profilePath(i.Name, ""), func(_ []byte, p *Profile) bool {
		i.Marks = i.Marks.raised(Marks{TTL: p.MaxTTL, NotBefore: p.MaxNBF})
		return false
	})
}

// retire ends a version's signing. A suspended one stays so, and comes back
// retired.
func (tx *txn) retire(i *Issuer, v *KeyVersion) {
	switch v.State {
	case Active, Suspended:
	default:
		return
	}
	r := *v
	if r.State == Active {
		r.State = Retired
	}
	r.Retired, r.RemoveAt = tx.next.Time, tx.next.Time+i.lifetime()
	tx.putVersion(&r)
}

func (c *CancelRotation) apply(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Issuer)
	if err != nil {
		return err
	}
	v := tx.version(oldKey, oldKey.Latest)
	if v == nil || v.State != Pending {
		return ErrNotPending
	}
	i, k := *old, *oldKey
	tx.destroyVersion(&k, v)
	tx.putKey(&k)
	tx.putIssuer(&i)
	return nil
}

// destroyVersion erases a private half and keeps the record, as long as there
// are few of them.
func (tx *txn) destroyVersion(k *Key, v *KeyVersion) {
	d := *v
	d.State, d.Sealed, d.Destroyed = Destroyed, nil, tx.next.Time
	tx.putVersion(&d)
	for k.Latest-k.MinAvailable >= keepDestroyed {
		oldest := tx.version(k, k.MinAvailable)
		if oldest != nil && oldest.State != Destroyed {
			return
		}
		tx.versions.Delete(appendVersionPath(nil, k.Mount, k.Name, k.MinAvailable))
		k.MinAvailable++
		k.MinDecryption = max(k.MinDecryption, k.MinAvailable)
	}
}

func (c *UnpublishVersion) apply(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Issuer)
	if err != nil {
		return err
	}
	v := tx.version(oldKey, c.Number)
	switch {
	case v == nil:
		return ErrKeyMissing
	case v.RemoveAt == 0 || !v.State.MayBecome(Destroyed) || v.State == Pending:
		return ErrBadMove
	case tx.next.Time < v.RemoveAt:
		return ErrTooEarly
	}
	i, k := *old, *oldKey
	tx.destroyVersion(&k, v)
	tx.putKey(&k)
	tx.putIssuer(&i)
	return nil
}

func (c *CompromiseVersion) apply(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Issuer)
	if err != nil {
		return err
	}
	i, k := *old, *oldKey
	v := tx.version(&k, c.Number)
	switch {
	case v == nil:
		return ErrKeyMissing
	case !v.State.MayBecome(Compromised):
		return ErrBadMove
	}
	var next *KeyVersion
	if v.Number == k.SignerNumber() {
		if next = tx.version(&k, k.Latest); next == nil || next.State != Pending {
			if c.Next == nil {
				return ErrNoNextVersion
			}
			made := *c.Next
			if err := k.follows(&made); err != nil {
				return err
			}
			made.Created = tx.next.Time
			next, k.Latest = &made, made.Number
		}
	}
	bad := *v
	bad.State, bad.Compromised, bad.RemoveAt = Compromised, tx.next.Time, tx.next.Time+i.lifetime()
	if v.RemoveAt != 0 {
		bad.RemoveAt = v.RemoveAt // retired before: its last token is of then
	}
	tx.putVersion(&bad)
	if next != nil {
		tx.activate(&i, &k, next)
	}
	tx.putKey(&k)
	tx.putIssuer(&i)
	return nil
}
