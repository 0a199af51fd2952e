package state

func (tx *txn) insertToken(t Token) error {
	if len(t.Hash) != 32 || t.Accessor == "" {
		return corrupt("token without hash or accessor")
	}
	if _, exists := tx.tokens.Get(t.Hash); exists {
		return ErrTokenExists
	}
	if _, exists := tx.applications.Get([]byte(t.Application)); !exists && t.Application != "" {
		// It was deleted between the request's view and now, and its tokens with
		// it.
		return ErrApplicationMissing
	}
	if len(t.Parent) != 0 {
		if _, exists := tx.tokens.Get(t.Parent); !exists {
			// The parent was revoked between the request's view and now: a
			// child made after that would survive the revocation.
			return ErrTokenMissing
		}
		tx.children.Insert(childPath(t.Parent, t.Hash), struct{}{})
	}
	t.derive()
	tx.tokens.Insert(t.Hash, &t)
	if !selfNamed(t.Accessor, t.Hash) {
		tx.accessors.Insert([]byte(t.Accessor), t.Hash)
	}
	if t.Expire != 0 {
		tx.expiries.Insert(expiryPath(t.Expire, t.Hash), struct{}{})
	}
	return nil
}

func (c *CreateToken) apply(tx *txn) error { return tx.insertToken(c.Token) }

func (c *RenewToken) apply(tx *txn) error {
	old, ok := tx.tokens.Get(c.Hash)
	if !ok || old.Expired(tx.next.Time) {
		return ErrTokenMissing
	}
	t := *old
	if t.Expire != 0 {
		tx.expiries.Delete(expiryPath(t.Expire, t.Hash))
		t.Expire = c.Expire
		tx.expiries.Insert(expiryPath(t.Expire, t.Hash), struct{}{})
	}
	t.Renewed = tx.next.Time
	tx.tokens.Insert(t.Hash, &t)
	tx.result = &t
	return nil
}

func (c *RenewToken) recall(tx *txn) any { return tx.recallToken(c.Hash) }
func (c *UseToken) recall(tx *txn) any   { return tx.recallToken(c.Hash) }

func (tx *txn) recallToken(hash []byte) any {
	if t, ok := tx.tokens.Get(hash); ok {
		return t
	}
	return nil
}

func (c *UseToken) apply(tx *txn) error {
	old, ok := tx.tokens.Get(c.Hash)
	if !ok || old.Expired(tx.next.Time) {
		return ErrTokenMissing
	}
	t := *old
	tx.result = &t
	switch {
	case t.Uses == 0: // unlimited: nothing to spend
	case t.Uses == 1:
		t.Uses = 0
		tx.removeTree(c.Hash)
	default:
		t.Uses--
		tx.tokens.Insert(t.Hash, &t)
	}
	return nil
}

func (c *RevokeToken) apply(tx *txn) error {
	if _, ok := tx.tokens.Get(c.Hash); !ok {
		return ErrTokenMissing
	}
	if c.Orphan {
		for _, child := range tx.childrenOf(c.Hash) {
			tx.children.Delete(childPath(c.Hash, child))
			if old, ok := tx.tokens.Get(child); ok {
				t := *old
				t.Parent = nil
				tx.tokens.Insert(child, &t)
			}
		}
	}
	tx.result = tx.removeTree(c.Hash)
	return nil
}

func (tx *txn) childrenOf(hash []byte) [][]byte {
	var out [][]byte
	tx.children.Root().WalkPrefix(hash, func(k []byte, _ struct{}) bool {
		out = append(out, append([]byte(nil), k[len(hash):]...))
		return false
	})
	return out
}

// removeTree removes a token and all its descendants and returns how many went.
// The list of those still to visit replaces recursion: a chain of a million
// tokens, each the child of the one before, must not overflow a stack.
func (tx *txn) removeTree(hash []byte) int {
	removed := 0
	for todo := [][]byte{append([]byte(nil), hash...)}; len(todo) > 0; {
		h := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], tx.childrenOf(h)...)
		t, ok := tx.tokens.Delete(h)
		if !ok {
			continue
		}
		removed++
		tx.accessors.Delete([]byte(t.Accessor))
		if t.Expire != 0 {
			tx.expiries.Delete(expiryPath(t.Expire, h))
		}
		if len(t.Parent) != 0 {
			tx.children.Delete(childPath(t.Parent, h))
		}
	}
	return removed
}
