package state

import (
	"fmt"
	"slices"
)

// bury puts tombstones on what the backup still has alive.
func (b *resurrecting) bury(t *Tombstones) {
	for _, d := range t.destroyed {
		b.buryKey(d)
	}
	for _, k := range t.keys {
		b.buryVersions(k, t.versionsOf(k.Mount, k.Name))
	}
	b.block(t)
	before := b.tx.issued.t.counts
	b.tx.mergeIssued(t.issued)
	for kind, n := range b.tx.issued.t.counts {
		b.out.Issued += n - before[kind]
	}
}

// block keeps from working who was blocked or deleted after the backup.
func (b *resurrecting) block(t *Tombstones) {
	since := make(map[string]int64, len(t.blocked)+len(t.allowed)) // 0: not blocked
	for _, a := range t.blocked {
		since[a.Name] = a.Since
	}
	for _, name := range t.allowed {
		since[name] = 0
	}
	var all []*Application
	b.tx.applications.Root().Walk(func(_ []byte, a *Application) bool { all = append(all, a); return false })
	for _, old := range all {
		at, known := since[old.Name]
		next := *old
		next.Blocked, next.Reason = at, "blocked after the backup that was restored"
		if !known {
			next.Blocked, next.Reason = b.tx.next.Time, restoredBlock
		}
		if next.Blocked != 0 && old.Blocked == 0 {
			b.tx.applications.Insert([]byte(old.Name), &next)
			b.out.Blocked++
		}
	}
}

// buryKey leaves a tombstone for a key that was destroyed. A key of that name is
// gone unless it was made after that.
func (b *resurrecting) buryKey(d *Tombstone) {
	tx := b.tx
	path := appendKeyPath(nil, d.Mount, d.Name)
	if k, ok := tx.keys.Get(path); ok && k.Latest <= d.Last {
		b.out.Destroyed++
		b.out.DestroyedKeys = keepName(b.out.DestroyedKeys, k.Name)
		tx.destroy(k)
	}
	b.mark(*d)
}

// mark puts a tombstone where none, or one that says less, is.
func (b *resurrecting) mark(d Tombstone) {
	path := appendKeyPath(nil, d.Mount, d.Name)
	if old, ok := b.tx.tombstones.Get(path); ok {
		if old.Last > d.Last {
			d.Last, d.Destroyed = old.Last, old.Destroyed
		}
		d.KIDs = union(old.KIDs, d.KIDs)
	}
	b.tx.tombstones.Insert(path, &d)
}

// union is a, and what b has besides, the newest last.
func union(a, b []string) []string {
	out := slices.DeleteFunc(slices.Clone(a), func(kid string) bool { return slices.Contains(b, kid) })
	out = append(out, b...)
	return out[max(0, len(out)-keepKIDs):]
}

// buryVersions brings a key to what became of it. A key that the backup does not
// have is lost, and so are the versions after the backup's last; their numbers are
// used.
func (b *resurrecting) buryVersions(l *LivingKey, ended []*EndedVersion) {
	tx, now := b.tx, b.tx.next.Time
	old, ok := tx.keys.Get(appendKeyPath(nil, l.Mount, l.Name))
	if !ok {
		b.out.Lost++
		b.out.LostKeys = keepName(b.out.LostKeys, l.Name)
		d := Tombstone{Mount: l.Mount, Name: l.Name, Last: l.Latest, Destroyed: now}
		if l.Issuer != "" {
			for _, v := range ended {
				d.KIDs = append(d.KIDs, v.KID)
			}
			d.KIDs = d.KIDs[max(0, len(d.KIDs)-keepKIDs):]
		}
		b.mark(d)
		return
	}
	k := *old
	for n := max(k.Latest+1, l.MinAvailable); n <= l.Latest && n != 0; n++ {
		tx.putVersion(&KeyVersion{Mount: k.Mount, Name: k.Name, Number: n, Type: k.Type, State: Destroyed, Created: now, Destroyed: now})
		b.out.LostVersions++
	}
	if l.Latest > k.Latest {
		k.Signer, k.Latest = k.SignerNumber(), l.Latest
	}
	for _, e := range ended {
		b.endVersion(&k, e)
	}
	for n := k.MinAvailable; n < min(l.MinAvailable, old.Latest+1); n++ {
		if _, erased := tx.versions.Delete(appendVersionPath(nil, k.Mount, k.Name, n)); erased {
			b.out.Ended++
			b.out.EndedKeys = keepName(b.out.EndedKeys, versionText(k.Name, n))
		}
	}
	k.MinAvailable = max(k.MinAvailable, l.MinAvailable)
	k.MinDecryption = max(k.MinDecryption, l.MinDecryption, k.MinAvailable)
	k.MinEncryption = max(k.MinEncryption, l.MinEncryption)
	if k.Deleted != l.Deleted || k.DestroyAt != l.DestroyAt {
		k.Deleted, k.DestroyAt = l.Deleted, l.DestroyAt
		if i, ok := tx.issuers.Get([]byte(k.Issuer)); ok {
			next := *i
			next.Deleted = l.Deleted
			tx.issuers.Insert([]byte(next.Name), &next)
		}
	}
	b.schedule(old, &k)
}

// endVersion brings a version to where it had come. States only go on: what is
// destroyed or compromised in the backup stays so.
func (b *resurrecting) endVersion(k *Key, e *EndedVersion) {
	v := b.tx.version(k, e.Number)
	if v == nil {
		return // erased in the backup already
	}
	next := *v
	if next.KID == "" {
		next.KID = e.KID // of a version that is lost
	}
	set := func(to *int64, from int64) {
		if *to == 0 {
			*to = from
		}
	}
	set(&next.Retired, e.Retired)
	set(&next.RemoveAt, e.RemoveAt)
	set(&next.Compromised, e.Compromised)
	switch {
	case v.State == Destroyed:
	case e.State == Destroyed:
		next.State, next.Sealed, next.Destroyed = Destroyed, nil, e.Destroyed
	case v.State == Compromised:
	case e.State == Compromised:
		next.State, next.Suspended = Compromised, 0
	case e.State == Suspended:
		next.State, next.Suspended = Suspended, e.Suspended
	case v.State == Active && e.State == Retired:
		next.State = Retired
	}
	if next.State != v.State {
		b.out.Ended++
		b.out.EndedKeys = keepName(b.out.EndedKeys, versionText(k.Name, v.Number))
	}
	b.tx.putVersion(&next)
}

func versionText(key string, number uint32) string { return fmt.Sprintf("%s version %d", key, number) }
