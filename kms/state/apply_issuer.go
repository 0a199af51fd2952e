package state

import (
	"strings"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// keepDestroyed is how many destroyed versions of an issuer's key stay on record.
const keepDestroyed = 64

func (tx *txn) issuer(name string) (*Issuer, error) {
	i, ok := tx.issuers.Get([]byte(name))
	switch {
	case !ok:
		return nil, ErrIssuerMissing
	case i.Deleted != 0:
		return nil, ErrIssuerDeleted
	}
	return i, nil
}

// putIssuer replaces the record of an issuer under its next revision, and is the
// result.
func (tx *txn) putIssuer(i *Issuer) {
	i.Revision++
	tx.issuers.Insert([]byte(i.Name), i)
	tx.result = i
}

// issuerKey is an issuer with its key.
func (tx *txn) issuerKey(name string) (*Issuer, *Key, error) {
	i, err := tx.issuer(name)
	if err != nil {
		return nil, nil, err
	}
	k, ok := tx.keys.Get(appendKeyPath(nil, i.Mount, i.Name))
	if !ok || k.Issuer != i.Name {
		return nil, nil, corrupt("the issuer %s has no key of its own", i.Name)
	}
	return i, k, nil
}

func (tx *txn) version(k *Key, number uint32) *KeyVersion {
	v, _ := tx.versions.Get(appendVersionPath(nil, k.Mount, k.Name, number))
	return v
}

func (tx *txn) putVersion(v *KeyVersion) {
	tx.versions.Insert(appendVersionPath(nil, v.Mount, v.Name, v.Number), v)
}

func (tx *txn) recallIssuer(name string) any {
	if i, ok := tx.issuers.Get([]byte(name)); ok {
		return i
	}
	return nil
}

func (c *CreateIssuer) recall(tx *txn) any      { return tx.recallIssuer(c.Issuer.Name) }
func (c *ConfigIssuer) recall(tx *txn) any      { return tx.recallIssuer(c.Name) }
func (c *RotateIssuer) recall(tx *txn) any      { return tx.recallIssuer(c.Issuer) }
func (c *CancelRotation) recall(tx *txn) any    { return tx.recallIssuer(c.Issuer) }
func (c *CompromiseVersion) recall(tx *txn) any { return tx.recallIssuer(c.Issuer) }

func (c *CreateIssuer) apply(tx *txn) error {
	i, k, v := c.Issuer, c.Key, c.Version
	if !tx.mounted(i.Mount) {
		return ErrMountMissing
	}
	if _, exists := tx.issuers.Get([]byte(i.Name)); exists {
		return ErrIssuerExists
	}
	if urlTaken(tx.issuers.Root(), i.URL) {
		return ErrIssuerTaken
	}
	path := appendKeyPath(nil, k.Mount, k.Name)
	if _, exists := tx.keys.Get(path); exists {
		return ErrKeyExists
	}
	first := uint32(1)
	if t, ok := tx.tombstones.Get(path); ok {
		first = t.Last + 1
	}
	if v.Number != first || v.Mount != k.Mount || v.Name != k.Name || v.Type != k.Type {
		return ErrVersionConflict
	}
	if v.Imported && tx.kidTaken(&k, v.KID) {
		return ErrKIDTaken
	}
	if k.Mount != i.Mount || k.Name != i.Name || k.Issuer != i.Name || i.UUID == "" || i.MaxAge <= 0 {
		return corrupt("the issuer %s comes with the key of another", i.Name)
	}
	k.Latest, k.MinAvailable, k.MinDecryption = first, first, first
	// Nobody holds a JWKS without it yet, so it signs at once.
	v.State, v.Activated, v.Created, k.Created, i.Created = Active, tx.next.Time, tx.next.Time, tx.next.Time, tx.next.Time
	i.Revision, i.Marks, i.Deleted = 0, i.marks(), 0
	tx.putVersion(&v)
	tx.keys.Insert(path, &k)
	tx.putIssuer(&i)
	return nil
}

// urlTaken says whether an issuer, deleted ones included, has this URL or the one
// that differs in a slash at its end: their tokens would be told apart by kid
// alone, and their documents would have one address.
func urlTaken(issuers *iradix.Node[*Issuer], url string) bool {
	url = strings.TrimSuffix(url, "/")
	taken := false
	issuers.Walk(func(_ []byte, i *Issuer) bool {
		taken = strings.TrimSuffix(i.URL, "/") == url
		return taken
	})
	return taken
}

// marks are the issuer's own settings as marks.
func (i *Issuer) marks() Marks { return Marks{Leeway: i.Leeway, MaxAge: i.MaxAge} }

func (c *ConfigIssuer) apply(tx *txn) error {
	old, err := tx.issuer(c.Name)
	if err != nil {
		return err
	}
	i := *old
	if c.MaxAge != nil {
		if *c.MaxAge < i.MaxAge {
			i.lowerMaxAge(tx.next.Time)
		}
		i.MaxAge = *c.MaxAge
	}
	set(&i.Leeway, c.Leeway)
	set(&i.Lead, c.Lead)
	set(&i.Period, c.Period)
	set(&i.JWKSURI, c.JWKSURI)
	set(&i.DeletionAllowed, c.DeletionAllowed)
	if i.MaxAge <= 0 || i.Lead < 2*i.MaxAge {
		return ErrBadLead
	}
	if more := i.Leeway - i.Marks.Leeway; more > 0 {
		tx.keepLonger(&i, nanos(more))
	}
	i.Marks = i.Marks.raised(i.marks())
	tx.putIssuer(&i)
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (c *DeleteIssuer) apply(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Name)
	if err != nil {
		return err
	}
	if !old.DeletionAllowed {
		return ErrDeletionNotAllowed
	}
	i, k := *old, *oldKey
	i.Deleted = tx.next.Time
	k.Deleted, k.DestroyAt = tx.next.Time, tx.next.Time+max(c.Grace, 0)
	if k.DestroyAt < k.Deleted {
		return corrupt("a grace period of %d nanoseconds", c.Grace)
	}
	path := appendKeyPath(nil, k.Mount, k.Name)
	tx.deleted.Insert(timed(k.DestroyAt, path), struct{}{})
	tx.keys.Insert(path, &k)
	tx.putIssuer(&i)
	return nil
}

func (c *UndeleteIssuer) apply(tx *txn) error {
	old, ok := tx.issuers.Get([]byte(c.Name))
	if !ok {
		return ErrIssuerMissing
	}
	path := appendKeyPath(nil, old.Mount, old.Name)
	oldKey, ok := tx.keys.Get(path)
	if !ok || old.Deleted == 0 || oldKey.Deleted == 0 {
		return ErrKeyNotDeleted
	}
	i, k := *old, *oldKey
	tx.deleted.Delete(timed(k.DestroyAt, path))
	i.Deleted, k.Deleted, k.DestroyAt = 0, 0, 0
	tx.keys.Insert(path, &k)
	tx.putIssuer(&i)
	return nil
}

// destroyIssuer ends an issuer whose key is destroyed.
func (tx *txn) destroyIssuer(name string) {
	tx.issuers.Delete([]byte(name))
	deleteAll(tx.profiles, profilePath(name, ""))
}

func (c *PutProfile) apply(tx *txn) error {
	old, err := tx.issuer(c.Profile.Issuer)
	if err != nil {
		return err
	}
	p, i := c.Profile, *old
	p.Created, p.Updated = tx.next.Time, tx.next.Time
	path := profilePath(p.Issuer, p.Name)
	if before, exists := tx.profiles.Get(path); exists {
		p.Created = before.Created
	}
	i.Marks = i.Marks.raised(Marks{TTL: p.MaxTTL, NotBefore: p.MaxNBF})
	tx.profiles.Insert(path, &p)
	tx.putIssuer(&i)
	return nil
}

func (c *DeleteProfile) apply(tx *txn) error {
	old, err := tx.issuer(c.Issuer)
	if err != nil {
		return err
	}
	if _, existed := tx.profiles.Delete(profilePath(c.Issuer, c.Name)); !existed {
		return ErrProfileMissing
	}
	i := *old // its marks stay: tokens of the profile may be alive
	tx.putIssuer(&i)
	return nil
}
