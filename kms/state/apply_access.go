package state

func (c *PutTokenRole) apply(tx *txn) error {
	r := c.Role
	if r.Name == "" {
		return corrupt("a token role without a name")
	}
	tx.roles.Insert([]byte(r.Name), &r)
	return nil
}

func (c *DeleteTokenRole) apply(tx *txn) error {
	_, existed := tx.roles.Delete([]byte(c.Name))
	tx.result = existed
	return nil
}

func (c *PutQuota) apply(tx *txn) error {
	q := c.Quota
	if q.Name == "" || q.Interval <= 0 || q.Rate <= 0 {
		return corrupt("a quota without name, rate or interval")
	}
	tx.quotas.Insert([]byte(q.Name), &q)
	return nil
}

func (c *DeleteQuota) apply(tx *txn) error {
	_, existed := tx.quotas.Delete([]byte(c.Name))
	tx.result = existed
	return nil
}

func (c *RotateTerm) apply(tx *txn) error {
	if c.Term != tx.next.Term+1 {
		return ErrBadTerm
	}
	if c.Seal != tx.next.SealRevision {
		return ErrBadSeal
	}
	tx.next.Term, tx.next.TermSince, tx.next.TermUses = c.Term, tx.next.Time, 0
	return nil
}

func (c *ConfigRotation) apply(tx *txn) error {
	tx.next.Rotation = c.Rotation
	return nil
}
