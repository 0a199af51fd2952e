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
	if v.Imported && tx.kidTaken(&k, v.KID) {
		return ErrKIDTaken
	}
	if k.Imported = v.Imported; c.KeySize != 0 {
		k.KeySize = c.KeySize
	}
	v.pend(tx.next.Time, i.lead(tx.next.Time))
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

// pend makes v one that becomes active after lead, in nanoseconds. It was never
// anything else, whatever the command says.
func (v *KeyVersion) pend(now, lead int64) {
	v.State, v.Created, v.ActiveAt = Pending, now, now+lead
	v.Activated, v.Suspended, v.Retired, v.RemoveAt, v.Compromised, v.Destroyed = 0, 0, 0, 0, 0, 0
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
	r.Retired, r.RemoveAt = tx.next.Time, tx.next.Time+i.Lifetime()
	tx.putVersion(&r)
}

// keepLonger puts the end of every version that is on its way out off, since
// tokens under them are accepted for longer than was known at its retirement.
func (tx *txn) keepLonger(i *Issuer, more int64) {
	for _, v := range tx.versionsOf(i.Mount, i.Name) {
		if v.RemoveAt != 0 && v.State != Destroyed {
			later := *v
			later.RemoveAt += more
			tx.putVersion(&later)
		}
	}
}

// versionsOf lists the records of a key's versions, in order.
func (tx *txn) versionsOf(mount, name string) (all []*KeyVersion) {
	tx.versions.Root().WalkPrefix(append(appendKeyPath(nil, mount, name), 0), func(_ []byte, v *KeyVersion) bool {
		all = append(all, v)
		return false
	})
	return all
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

// destroyVersion erases a private half and keeps the record; of very many records
// those go that were destroyed first.
func (tx *txn) destroyVersion(k *Key, v *KeyVersion) {
	tx.erase(v)
	all := tx.versionsOf(k.Mount, k.Name)
	excess := len(all) - keepDestroyed
	for i := 0; i < len(all) && excess > 0; i++ {
		if all[i].State == Destroyed {
			tx.versions.Delete(appendVersionPath(nil, k.Mount, k.Name, all[i].Number))
			all = append(all[:i], all[i+1:]...)
			i, excess = i-1, excess-1
		}
	}
	k.MinAvailable = max(k.MinAvailable, all[0].Number) // not all of them are destroyed
	k.MinDecryption = max(k.MinDecryption, k.MinAvailable)
}

// erase drops the private half of a version for good. What it was stays on record.
func (tx *txn) erase(v *KeyVersion) {
	d := *v
	d.State, d.Sealed, d.Destroyed = Destroyed, nil, tx.next.Time
	tx.putVersion(&d)
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
			made.pend(tx.next.Time, 0)
			next, k.Latest, k.Imported = &made, made.Number, false
		}
	}
	bad := *v
	bad.State, bad.Compromised, bad.RemoveAt = Compromised, tx.next.Time, tx.next.Time+i.Lifetime()
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
