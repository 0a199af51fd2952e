package state

// mergeKeys goes through the backup's keys. Those made since stay as they are.
func (m *merging) mergeKeys() {
	m.b.Keys(func(o *Key) {
		own, there := m.keys.Get(appendKeyPath(nil, o.Mount, o.Name))
		t := m.tombstone(o)
		switch {
		case t != nil && t.Last >= o.MinAvailable:
			m.of(OfKeys).Withheld.add(m.keyName(o.Mount, o.Name)) // destroyed; its name may be another key's by now
		case !there:
			m.missingKey(o)
		case own.Created != o.Created || own.Issuer != o.Issuer || own.Type != o.Type:
			m.of(OfKeys).Withheld.add(m.keyName(o.Mount, o.Name)) // another key has the name
		default:
			m.sharedKey(own, o)
		}
	})
	m.b.wrapping.Root().Walk(func(path []byte, v *KeyVersion) bool {
		if _, there := m.wrapping.Get(path); !there && m.mounted(v.Mount) {
			m.wrapping.Insert(path, v)
			m.of(OfKeys).Restored.add(m.keyName(v.Mount, v.Name))
		}
		return false
	})
}

// missingKey brings back a key that the cluster lost: no tombstone says that it was
// destroyed. An issuer comes back with its key, or not at all.
func (m *merging) missingKey(o *Key) {
	if !m.mounted(o.Mount) || o.Issuer != "" && !m.missingIssuer(o) {
		m.of(OfKeys).Withheld.add(m.keyName(o.Mount, o.Name))
		return
	}
	m.putKey(o)
	if o.Deleted != 0 {
		m.deleted.Insert(timed(o.DestroyAt, appendKeyPath(nil, o.Mount, o.Name)), struct{}{})
	}
	m.b.EachVersion(o, m.bringVersion)
	m.of(OfKeys).Restored.add(m.keyName(o.Mount, o.Name))
}

// bringVersion brings a version of the backup back that the cluster lost. How often it
// has encrypted since the backup nobody knows: it is due for rotation.
func (m *merging) bringVersion(o *KeyVersion) {
	v := *o
	if v.Type.ShortNonce() {
		v.Encryptions = max(v.Encryptions, RotateEncryptions)
	}
	if r := m.next.Revival; r != nil && m.b.Index < r.At {
		v.await(r, m.next.Time)
	}
	m.putVersion(&v)
	m.of(OfVersions).Restored.add(m.versionName(&v))
}

// await takes a version out of use that comes from before the cluster was restored into
// an empty directory, as that restore would have: what became of it in the former
// cluster nobody knows.
func (v *KeyVersion) await(r *Revival, now int64) {
	switch v.State {
	case Active, Retired:
		v.State, v.Suspended = Suspended, r.Time
	case Pending:
		v.State, v.Sealed, v.Destroyed = Destroyed, nil, now
	}
	if v.Type.ShortNonce() {
		v.Encryptions = MaxEncryptions
	}
}

// sharedKey merges a key that both have.
func (m *merging) sharedKey(own, o *Key) {
	k := *own
	m.mergeVersions(&k, o)
	if k.Issuer == "" {
		k.mergeSettings(own, o)
	}
	name := m.keyName(k.Mount, k.Name)
	changed := !same(&k, own)
	if changed {
		m.putKey(&k)
	}
	limited := k.MinDecryption > o.MinDecryption || k.MinEncryption > o.MinEncryption || o.DeletionAllowed && !k.DeletionAllowed
	m.shared(OfKeys, name, changed, own.Deleted != 0 && o.Deleted == 0 || limited && k.Issuer == "") // it stays deleted, or limited
}

// mergeSettings puts the settings of a transit key back, but none that would allow
// more than is allowed now.
func (k *Key) mergeSettings(own, o *Key) {
	k.AutoRotate, k.Lead = o.AutoRotate, o.Lead
	k.DeletionAllowed = own.DeletionAllowed && o.DeletionAllowed
	k.MinDecryption = max(own.MinDecryption, o.MinDecryption)
	k.MinEncryption = max(own.MinEncryption, o.MinEncryption)
	if k.MinEncryption != 0 {
		k.MinEncryption = max(k.MinEncryption, k.MinDecryption)
	}
	// The version that signs and encrypts must be within its own minima.
	if signer := k.SignerNumber(); k.MinDecryption > signer || k.MinEncryption > signer {
		k.MinDecryption, k.MinEncryption = own.MinDecryption, own.MinEncryption
	}
}

// mergeVersions merges the versions of a key that both have. A number that this
// state has used is its own: a version that is not on record any more was destroyed.
// Later ones of the backup come back if they follow from what is here.
func (m *merging) mergeVersions(k, o *Key) {
	forked := false
	m.b.EachVersion(o, func(v *KeyVersion) {
		own := m.version(k, v.Number)
		switch {
		case v.Number > k.Latest:
		case own == nil:
			if v.State != Destroyed {
				m.of(OfVersions).Withheld.add(m.versionName(v))
			}
		case own.KID != v.KID:
			forked = true
			m.of(OfVersions).Withheld.add(m.versionName(v))
		default:
			m.sharedVersion(k, own, v)
		}
	})
	if o.Latest <= k.Latest || forked {
		return
	}
	m.b.Versions(o.Mount, o.Name, k.Latest+1, o.Latest, m.bringVersion)
	k.Latest, k.Signer, k.Imported = o.Latest, o.Signer, o.Imported
	m.touch(k)
	m.ahead[k.Issuer] = true
}

// sharedVersion merges a version that both have. What is further along in its life
// holds, and a suspended one stays so.
func (m *merging) sharedVersion(k *Key, own, o *KeyVersion) {
	v := *own
	if along(o.State) > along(own.State) && (own.State != Suspended || along(o.State) > along(Retired)) {
		v = *o
	}
	v.Encryptions = max(own.Encryptions, o.Encryptions)
	v.RemoveAt = max(own.RemoveAt, o.RemoveAt)
	if v.Retired == 0 {
		v.Retired = o.Retired
	}
	changed := !same(&v, own)
	if changed {
		m.putVersion(&v)
		m.touch(k)
	}
	stays := along(own.State) > along(o.State) || own.State == Suspended && o.State != Suspended
	m.shared(OfVersions, m.versionName(&v), changed, stays)
}

// along is how far along in its life a version in state s is. Suspended and back is no
// way ahead.
func along(s VersionState) int {
	switch s {
	case Active, Suspended:
		return 1
	case Retired:
		return 2
	case Compromised:
		return 3
	case Destroyed:
		return 4
	}
	return 0
}
