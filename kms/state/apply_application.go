package state

func (c *PutApplication) apply(tx *txn) error {
	a := c.Application
	if a.Name == "" {
		return corrupt("an application without a name")
	}
	a.Created, a.Activated, a.Blocked, a.Reason = tx.next.Time, 0, 0, ""
	if old, ok := tx.applications.Get([]byte(a.Name)); ok {
		a.Created, a.Activated, a.Blocked, a.Reason = old.Created, old.Activated, old.Blocked, old.Reason
	}
	a.Updated = tx.next.Time
	tx.applications.Insert([]byte(a.Name), &a)
	tx.result = &a
	return nil
}

func (c *SetApplicationState) apply(tx *txn) error {
	old, ok := tx.applications.Get([]byte(c.Name))
	switch {
	case !ok:
		return ErrApplicationMissing
	case !c.Blocked && old.Blocked == 0:
		return ErrNotBlocked
	}
	a := *old
	a.Reason = c.Reason
	switch {
	case !c.Blocked:
		a.Blocked, a.Reason = 0, ""
	case a.Blocked == 0:
		a.Blocked = tx.next.Time
	}
	tx.applications.Insert([]byte(a.Name), &a)
	tx.result = &a
	return nil
}

func (c *PutApplication) recall(tx *txn) any      { return tx.recallApplication(c.Application.Name) }
func (c *SetApplicationState) recall(tx *txn) any { return tx.recallApplication(c.Name) }

func (tx *txn) recallApplication(name string) any {
	if a, ok := tx.applications.Get([]byte(name)); ok {
		return a
	}
	return nil
}

// apply goes through all tokens, which an index would spare: but the index would
// cost every login and every unseal, and applications are rarely deleted.
func (c *DeleteApplication) apply(tx *txn) error {
	if len(rolesOf(tx.approles.Root(), c.Name)) != 0 {
		return ErrApplicationInUse
	}
	tx.applications.Delete([]byte(c.Name))
	var theirs [][]byte
	tx.tokens.Root().Walk(func(_ []byte, t *Token) bool {
		if t.Application == c.Name {
			theirs = append(theirs, t.Hash)
		}
		return false
	})
	removed := 0
	for _, hash := range theirs {
		removed += tx.removeTree(hash)
	}
	tx.result = removed
	return nil
}
