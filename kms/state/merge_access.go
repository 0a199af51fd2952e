package state

import iradix "github.com/hashicorp/go-immutable-radix/v2"

// mergeDefinitions puts back what only says who may do what, and is worth nothing
// without a credential. What was made since stays.
func (m *merging) mergeDefinitions() {
	m.b.policies.Root().Walk(func(path []byte, o *Policy) bool {
		if own, there := m.policies.Get(path); m.differs(OfPolicies, o.Name, there, there && own.Text == o.Text) {
			m.policies.Insert(path, &Policy{Name: o.Name, Text: o.Text, Updated: m.next.Time})
		}
		return false
	})
	putBack(m, OfTokenRoles, m.b.roles, m.roles, func(r *TokenRole) string { return r.Name })
	putBack(m, OfQuotas, m.b.quotas, m.quotas, func(q *Quota) string { return q.Name })
	if m.next.Rotation != m.b.Rotation {
		m.next.Rotation = m.b.Rotation
		m.of(OfSettings).Changed.add("rotation of the barrier")
	}
}

// differs says whether a record has to be put back, and notes it.
func (m *merging) differs(what, name string, there, alike bool) bool {
	switch {
	case alike:
		return false
	case there:
		m.of(what).Changed.add(name)
	default:
		m.of(what).Restored.add(name)
	}
	return true
}

// shared notes what becomes of a record that both have, once: what stays as it is now in
// any respect is not as the backup has it, whatever else changes.
func (m *merging) shared(what, name string, changed, held bool) {
	switch {
	case held:
		m.of(what).Withheld.add(name)
	case changed:
		m.of(what).Changed.add(name)
	}
}

func putBack[T any](m *merging, what string, from *iradix.Tree[*T], to *iradix.Txn[*T], name func(*T) string) {
	from.Root().Walk(func(path []byte, o *T) bool {
		if own, there := to.Get(path); m.differs(what, name(o), there, there && same(own, o)) {
			to.Insert(path, o)
		}
		return false
	})
}

// restoredBlock is the reason of the block that an application comes back with.
const restoredBlock = "restored from a backup after it was deleted; unblock it to have it served again"

// mergeApplications puts back what is said about applications. A block in either
// holds. Whoever deleted one took everything from it: it comes back blocked.
func (m *merging) mergeApplications() {
	m.b.applications.Root().Walk(func(path []byte, o *Application) bool {
		a := *o
		own, there := m.applications.Get(path)
		held := there && own.Blocked != 0 && o.Blocked == 0 // it stays blocked
		switch {
		case there:
			a.Created, a.Updated = own.Created, own.Updated
			if own.Activated != 0 {
				a.Activated = own.Activated
			}
			if own.Blocked != 0 {
				a.Blocked, a.Reason = own.Blocked, own.Reason
			}
		case a.Blocked == 0:
			a.Blocked, a.Reason = m.next.Time, restoredBlock
		}
		alike := there && same(&a, own)
		if !alike {
			a.Updated = m.next.Time
			m.applications.Insert(path, &a)
		}
		if there {
			m.shared(OfApplications, a.Name, !alike, held)
		} else {
			m.of(OfApplications).Restored.add(a.Name)
		}
		return false
	})
}

// mergeAppRoles puts roles back. A role id that was changed or given to another role
// stays so, and no role whose logins want a secret id, or which was deleted, is
// satisfied with its role id afterwards.
func (m *merging) mergeAppRoles() {
	m.b.approles.Root().Walk(func(path []byte, o *AppRole) bool {
		r := *o
		own, there := m.approles.Get(path)
		if there {
			r.RoleID = own.RoleID
		}
		r.NoSecretID = o.NoSecretID && there && own.NoSecretID
		if holder, taken := m.roleIDs.Get([]byte(r.RoleID)); taken && holder != r.Name {
			m.of(OfAppRoles).Withheld.add(r.Name) // its id is another role's by now
			return false
		}
		alike := there && same(&r, own)
		if !alike {
			m.roleIDs.Insert([]byte(r.RoleID), r.Name)
			m.approles.Insert(path, &r)
		}
		held := r.NoSecretID != o.NoSecretID || r.RoleID != o.RoleID // not all of it came back
		m.shared(OfAppRoles, r.Name, there && !alike, held)
		if !there {
			m.of(OfAppRoles).Restored.add(r.Name)
		}
		return false
	})
}

// mergeSecretIDs keeps those that both have. They are credentials, of which a backup
// brings none back, and after it nobody knows who had got those that came since.
func (m *merging) mergeSecretIDs() {
	var since []*SecretID
	m.secretIDs.Root().Walk(func(path []byte, s *SecretID) bool {
		if _, known := m.b.secretIDs.Get(path); !known {
			since = append(since, s)
		}
		return false
	})
	for _, s := range since {
		m.removeSecretID(s)
		m.of(OfSecretIDs).Revoked.add(s.Accessor)
	}
	m.b.secretIDs.Root().Walk(func(path []byte, s *SecretID) bool {
		if _, there := m.secretIDs.Get(path); !there && !s.Expired(m.next.Time) {
			m.of(OfSecretIDs).Withheld.add(s.Accessor)
		}
		return false
	})
}

// mergeTokens keeps those that both have, as they are now, and the caller's own, with
// those that it depends on.
func (m *merging) mergeTokens() {
	chain := map[string]bool{}
	for hash := m.caller; len(hash) != 0 && !chain[string(hash)]; {
		chain[string(hash)] = true
		t, ok := m.tokens.Get(hash)
		if !ok {
			break
		}
		hash = t.Parent
	}
	var since []*Token
	m.tokens.Root().Walk(func(hash []byte, t *Token) bool {
		if _, known := m.b.tokens.Get(hash); !known && !chain[string(hash)] {
			since = append(since, t)
		}
		return false
	})
	for _, t := range since {
		m.removeTree(t.Hash) // a child is younger than its parent, so it came since as well
		m.of(OfTokens).Revoked.add(t.Accessor)
	}
	m.b.tokens.Root().Walk(func(hash []byte, t *Token) bool {
		if _, there := m.tokens.Get(hash); !there && !t.Expired(m.next.Time) {
			m.of(OfTokens).Withheld.add(t.Accessor)
		}
		return false
	})
}

// mergeJoinTokens keeps those that both have, and those that were used: they are good
// for nothing but the node that has come with them.
func (m *merging) mergeJoinTokens() {
	var kept []JoinToken
	for _, t := range m.next.Membership.JoinTokens {
		if t.Used != "" || m.b.JoinToken(t.ID) != nil {
			kept = append(kept, t)
			continue
		}
		m.of(OfJoinTokens).Revoked.add(t.ID)
	}
	m.next.Membership.JoinTokens = kept
}

// mergeIssued remembers all that either remembers of tokens of issuers, each entry for
// as long as the one that does so longer.
func (m *merging) mergeIssued() {
	now := minutesOver(m.next.Time)
	for _, node := range m.b.issued.nodes {
		if node == nil {
			continue
		}
		for i := range node.pages {
			page := &node.pages[i]
			for n := range page.len() {
				e := page.entry(n)
				id := IssuedID(e[:16])
				if untilOf(e) > now && m.issued.put(&id, untilOf(e), markOf(e)) {
					m.of(OfRevocations).Restored.Count++ // an id is a hash, and no name
				}
			}
		}
	}
}
