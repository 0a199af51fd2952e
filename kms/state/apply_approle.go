package state

import "encoding/binary"

func (c *PutAppRole) apply(tx *txn) error {
	r := c.Role
	if r.Name == "" || r.RoleID == "" {
		return corrupt("a role without name or role id")
	}
	if holder, taken := tx.roleIDs.Get([]byte(r.RoleID)); taken && holder != r.Name {
		return ErrRoleIDTaken
	}
	if _, ok := tx.applications.Get([]byte(r.Application)); !ok && r.Application != "" {
		return ErrApplicationMissing
	}
	if old, ok := tx.approles.Get([]byte(r.Name)); ok {
		tx.roleIDs.Delete([]byte(old.RoleID))
	}
	tx.roleIDs.Insert([]byte(r.RoleID), r.Name)
	tx.approles.Insert([]byte(r.Name), &r)
	return nil
}

func (c *DeleteAppRole) apply(tx *txn) error {
	tx.result = false
	r, existed := tx.approles.Delete([]byte(c.Name))
	if !existed {
		return nil
	}
	tx.result = true
	tx.roleIDs.Delete([]byte(r.RoleID))
	var theirs []*SecretID
	tx.secretIDs.Root().WalkPrefix(secretPath(c.Name, nil), func(_ []byte, s *SecretID) bool { theirs = append(theirs, s); return false })
	for _, s := range theirs {
		tx.removeSecretID(s)
	}
	return nil
}

func (c *CreateSecretID) apply(tx *txn) error {
	s := c.SecretID
	if len(s.Hash) != 32 || s.Accessor == "" || s.Uses < 0 {
		return corrupt("a secret id without hash or accessor")
	}
	r, ok := tx.approles.Get([]byte(s.Role))
	if !ok || r.NoSecretID {
		return ErrRoleMissing // deleted, or changed, since the request's view
	}
	path := secretPath(s.Role, s.Hash)
	if _, exists := tx.secretIDs.Get(path); exists {
		return ErrSecretIDExists
	}
	tx.secretIDs.Insert(path, &s)
	if s.Expire != 0 {
		tx.secretExpiries.Insert(expiryPath(s.Expire, path), struct{}{})
	}
	return nil
}

func (c *DeleteSecretID) apply(tx *txn) error {
	s, existed := tx.secretIDs.Get(secretPath(c.Role, c.Hash))
	if existed {
		tx.removeSecretID(s)
	}
	tx.result = existed
	return nil
}

func (tx *txn) removeSecretID(s *SecretID) {
	path := secretPath(s.Role, s.Hash)
	tx.secretIDs.Delete(path)
	if s.Expire != 0 {
		tx.secretExpiries.Delete(expiryPath(s.Expire, path))
	}
}

// expireSecretIDs removes secret ids whose time is over by replicated time, as
// many at once as tokens.
func (tx *txn) expireSecretIDs() {
	for range expireAtOnce {
		first, _, ok := tx.secretExpiries.Root().Minimum()
		if !ok || int64(binary.BigEndian.Uint64(first)) > tx.next.Time {
			return
		}
		tx.secretExpiries.Delete(first)
		tx.secretIDs.Delete(first[8:])
	}
}

func (c *LoginAppRole) apply(tx *txn) error {
	r, s, err := tx.credentials(c.Role, c.RoleID, c.Hash)
	if err != nil {
		return err
	}
	if c.Token.Application != r.Application {
		return ErrLogin // the role was given to another application meanwhile
	}
	a, _ := tx.applications.Get([]byte(r.Application))
	if !r.gives(a, s, &c.Token) {
		return ErrRoleChanged // the token was made as the role was in the request's view
	}
	if err := tx.insertToken(c.Token); err != nil {
		return err
	}
	tx.spendSecretID(s)
	if a != nil && a.Activated == 0 {
		active := *a
		active.Activated = tx.next.Time
		tx.applications.Insert([]byte(active.Name), &active)
	}
	return nil
}

func (c *UseSecretID) apply(tx *txn) error {
	_, s, err := tx.credentials(c.Role, c.RoleID, c.Hash)
	if err != nil {
		return err
	}
	tx.spendSecretID(s)
	return nil
}

// credentials finds what a login shows, and refuses what is not good any more: it
// was when the node looked. The secret id is nil where the role wants none.
func (tx *txn) credentials(role, roleID string, hash []byte) (*AppRole, *SecretID, error) {
	r, ok := tx.approles.Get([]byte(role))
	if !ok || r.RoleID != roleID || r.NoSecretID != (len(hash) == 0) {
		return nil, nil, ErrLogin
	}
	var s *SecretID
	if !r.NoSecretID {
		if s, ok = tx.secretIDs.Get(secretPath(role, hash)); !ok || s.Expired(tx.next.Time) {
			return nil, nil, ErrLogin
		}
	}
	if a, ok := tx.applications.Get([]byte(r.Application)); ok && a.Blocked != 0 {
		return nil, nil, ErrApplicationBlocked
	}
	return r, s, nil
}

// spendSecretID takes a use from a secret id whose uses are limited; with the last
// one it goes.
func (tx *txn) spendSecretID(old *SecretID) {
	if old == nil {
		return
	}
	s := *old
	tx.result = &s
	switch {
	case s.Uses == 0: // unlimited: nothing to spend
	case s.Uses == 1:
		s.Uses = 0
		tx.removeSecretID(old)
	default:
		s.Uses--
		s.Updated = tx.next.Time
		tx.secretIDs.Insert(secretPath(s.Role, s.Hash), &s)
	}
}

// indexCredentials makes the indexes over roles and secret ids.
func (tx *txn) indexCredentials() error {
	repeated := false
	tx.approles.Root().Walk(func(_ []byte, r *AppRole) bool {
		_, repeated = tx.roleIDs.Insert([]byte(r.RoleID), r.Name)
		return repeated
	})
	if repeated {
		return corrupt("two roles have the same role id")
	}
	tx.secretIDs.Root().Walk(func(path []byte, s *SecretID) bool {
		if s.Expire != 0 {
			tx.secretExpiries.Insert(expiryPath(s.Expire, path), struct{}{})
		}
		return false
	})
	return nil
}
