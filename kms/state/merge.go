package state

import (
	"bytes"
	"fmt"
)

// Change is what a merge does to one sort of record.
type Change struct {
	What     string
	Restored Names // they were missing, and come back
	Changed  Names // they are again as the backup has them
	Revoked  Names // credentials that were made since the backup: they go
	Withheld Names // of the backup, and do not come back, or not as they were: destroyed, revoked or limited since
}

// MaxNames is how many names a Change lists of each sort.
const MaxNames = 50

// Names counts records, and lists the first of them.
type Names struct {
	Count int
	First []string
}

func (n *Names) add(name string) {
	if n.Count++; len(n.First) < MaxNames {
		n.First = append(n.First, name)
	}
}

// The sorts of record that a Change is about.
const (
	OfKeys         = "keys"
	OfVersions     = "key_versions"
	OfIssuers      = "issuers"
	OfProfiles     = "profiles"
	OfPolicies     = "policies"
	OfTokenRoles   = "token_roles"
	OfQuotas       = "quotas"
	OfApplications = "applications"
	OfAppRoles     = "approles"
	OfSecretIDs    = "secret_ids"
	OfTokens       = "tokens"
	OfJoinTokens   = "join_tokens"
	OfRevocations  = "revocations"
	OfSettings     = "settings"
)

// Merge is the state after a backup is restored into s, a state of the same cluster:
// what is missing comes back, and definitions are as the backup has them, but nothing
// comes back that was destroyed, revoked, given up, blocked or limited since, and
// nothing that was made since is lost but credentials. caller is the hash of a token
// that stays, with those above it. Neither the numbers of the state nor its time nor
// its generation change. The same two states always give the same third, and to merge
// a backup twice is to merge it once. DESIGN.md has the table.
func Merge(s, backup *State, caller []byte) (*State, []Change) {
	tx := newTxn(s)
	changes := tx.merge(backup, caller)
	return tx.commit(), changes
}

// merging is a merge at work. What it was given is not changed.
type merging struct {
	*txn
	b       *State
	caller  []byte
	mounts  map[string]string // UUID → path
	touched map[string]bool   // names of issuers of whose key a version changed
	ahead   map[string]bool   // names of issuers of whose key the backup has later versions
	changes map[string]*Change
}

func (tx *txn) merge(b *State, caller []byte) []Change {
	m := &merging{txn: tx, b: b, caller: caller, mounts: map[string]string{}, touched: map[string]bool{}, ahead: map[string]bool{}, changes: map[string]*Change{}}
	m.mergeMounts()
	m.mergeTombstones()
	m.mergeKeys()
	m.mergeIssuers()
	m.mergeDefinitions()
	m.mergeApplications()
	m.mergeAppRoles()
	m.mergeSecretIDs()
	m.mergeTokens()
	m.mergeJoinTokens()
	m.mergeIssued()
	var out []Change
	for _, what := range []string{
		OfKeys, OfVersions, OfIssuers, OfProfiles, OfPolicies, OfTokenRoles, OfQuotas, OfApplications, OfAppRoles, OfSecretIDs, OfTokens, OfJoinTokens, OfRevocations, OfSettings,
	} {
		if c := m.changes[what]; c != nil {
			out = append(out, *c)
		}
	}
	return out
}

func (m *merging) of(what string) *Change {
	c := m.changes[what]
	if c == nil {
		c = &Change{What: what}
		m.changes[what] = c
	}
	return c
}

// same says whether two records are written alike.
func same(a, b any) bool {
	x, err := encode(a)
	if err != nil {
		return false
	}
	y, err := encode(b)
	return err == nil && bytes.Equal(x, y)
}

// keyName is a key's name for people.
func (m *merging) keyName(mount, name string) string { return m.mounts[mount] + name }

func (m *merging) versionName(v *KeyVersion) string {
	return fmt.Sprintf("%s:%d", m.keyName(v.Mount, v.Name), v.Number)
}

// mergeMounts brings mounts back whose path and UUID nobody has.
func (m *merging) mergeMounts() {
	note := func(_ []byte, o *Mount) bool { m.mounts[o.UUID] = o.Path; return false }
	m.txn.mounts.Root().Walk(note)
	m.b.Mounts(func(o *Mount) {
		_, taken := m.txn.mounts.Get([]byte(o.Path))
		if _, there := m.mounts[o.UUID]; !there && !taken {
			m.txn.mounts.Insert([]byte(o.Path), o)
			m.mounts[o.UUID] = o.Path
			m.of(OfSettings).Restored.add("mount " + o.Path)
		}
	})
}

// mergeTombstones has every tombstone of both, at the higher of their numbers, and
// destroys what only the backup knows to be destroyed.
func (m *merging) mergeTombstones() {
	m.b.tombstones.Root().Walk(func(path []byte, o *Tombstone) bool {
		t := *o
		if own, ok := m.tombstones.Get(path); ok {
			t.Last, t.Destroyed = max(t.Last, own.Last), max(t.Destroyed, own.Destroyed)
			t.KIDs = bothKIDs(own.KIDs, o.KIDs)
			if same(&t, own) {
				return false
			}
		}
		m.tombstones.Insert(path, &t)
		if k, ok := m.keys.Get(path); ok && k.Created <= o.Destroyed {
			m.buryVersions(k, o.Last)
		}
		return false
	})
}

// bothKIDs has the newest of both lists; own ones stay longest.
func bothKIDs(own, others []string) []string {
	t := Tombstone{KIDs: own}
	var all []string
	for _, kid := range others {
		if !t.has(kid) {
			all = append(all, kid)
		}
	}
	all = append(all, own...)
	return all[max(0, len(all)-keepKIDs):]
}

// buryVersions erases the versions of k up to last, and k itself if no other is left.
func (m *merging) buryVersions(k *Key, last uint32) {
	if k.Latest <= last {
		kept := *m.tombstone(k) // destroy writes its own, of the highest number of this state alone
		m.destroy(k)
		t := *m.tombstone(k)
		t.Last, t.Destroyed = max(t.Last, kept.Last), kept.Destroyed
		t.KIDs = bothKIDs(t.KIDs, kept.KIDs)
		m.tombstones.Insert(appendKeyPath(nil, k.Mount, k.Name), &t)
		m.of(OfKeys).Revoked.add(m.keyName(k.Mount, k.Name))
		return
	}
	for _, v := range m.versionsOf(k.Mount, k.Name) {
		if v.Number <= last && v.State != Destroyed {
			m.erase(v)
			m.touch(k)
			m.of(OfVersions).Revoked.add(m.versionName(v))
		}
	}
}

func (m *merging) tombstone(k *Key) *Tombstone {
	t, _ := m.tombstones.Get(appendKeyPath(nil, k.Mount, k.Name))
	return t
}

// touch notes that a version of k changed, which is a change of its issuer.
func (m *merging) touch(k *Key) {
	if k.Issuer != "" {
		m.touched[k.Issuer] = true
	}
}
