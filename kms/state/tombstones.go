package state

import (
	"slices"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// Tombstones is what a restore must not bring back to life, as one cluster knew it
// at one index: keys and versions that were destroyed, given up or taken out of use,
// minimum versions, blocked applications, and what was revoked of tokens of issuers.
// Nothing in it is secret, and it names every key and application that there is: a key
// that a backup does not know is lost, and an application that only the backup knows was
// deleted.
//
// It is the state's own records, or what Add read, in the order in which Each gives
// them.
type Tombstones struct {
	destroyed []*Tombstone
	keys      []*LivingKey
	versions  []*EndedVersion
	blocked   []*BlockedApplication
	allowed   []string // names of the other applications that there are
	issued    *issuedTable

	adding *issuedTxn // of issued, while lines are added
	last   place      // of the last line that was added
}

// LivingKey is what a restore must know of a key that there is.
type LivingKey struct {
	Mount         string `json:"mount"` // the mount's UUID
	Name          string `json:"name"`
	Issuer        string `json:"issuer,omitempty"` // "" of a transit key
	Latest        uint32 `json:"latest"`           // the highest version number ever used
	MinAvailable  uint32 `json:"min_available"`    // older versions are erased
	MinDecryption uint32 `json:"min_decryption"`
	MinEncryption uint32 `json:"min_encryption"`
	Deleted       int64  `json:"deleted,omitempty"`    // unix nanoseconds since when; 0 in use
	DestroyAt     int64  `json:"destroy_at,omitempty"` // unix nanoseconds
}

// EndedVersion is a version that does less than a new one. Times are unix
// nanoseconds, 0 for what did not happen.
type EndedVersion struct {
	Mount       string       `json:"mount"`
	Name        string       `json:"name"`
	Number      uint32       `json:"version"`
	State       VersionState `json:"state"`
	KID         string       `json:"kid,omitempty"`
	Suspended   int64        `json:"suspended,omitempty"`
	Retired     int64        `json:"retired,omitempty"`
	RemoveAt    int64        `json:"remove_at,omitempty"`
	Compromised int64        `json:"compromised,omitempty"`
	Destroyed   int64        `json:"destroyed,omitempty"`
}

// BlockedApplication is an application that may not do anything.
type BlockedApplication struct {
	Name  string `json:"name"`
	Since int64  `json:"since"` // unix nanoseconds
}

// ended says whether tombstones tell of a version in a state.
func ended(s VersionState) bool { return s != Active && s != Pending }

// Tombstones are those of s. They share its records.
func (s *State) Tombstones() *Tombstones {
	t := &Tombstones{issued: s.issued}
	s.tombstones.Root().Walk(func(_ []byte, d *Tombstone) bool {
		t.destroyed = append(t.destroyed, d)
		return false
	})
	s.keys.Root().Walk(func(_ []byte, k *Key) bool {
		t.keys = append(t.keys, &LivingKey{
			Mount: k.Mount, Name: k.Name, Issuer: k.Issuer, Latest: k.Latest, MinAvailable: k.MinAvailable,
			MinDecryption: k.MinDecryption, MinEncryption: k.MinEncryption, Deleted: k.Deleted, DestroyAt: k.DestroyAt,
		})
		return false
	})
	s.versions.Root().Walk(func(_ []byte, v *KeyVersion) bool {
		if ended(v.State) {
			t.versions = append(t.versions, &EndedVersion{
				Mount: v.Mount, Name: v.Name, Number: v.Number, State: v.State, KID: v.KID,
				Suspended: v.Suspended, Retired: v.Retired, RemoveAt: v.RemoveAt, Compromised: v.Compromised, Destroyed: v.Destroyed,
			})
		}
		return false
	})
	s.applications.Root().Walk(func(_ []byte, a *Application) bool {
		if a.Blocked != 0 {
			t.blocked = append(t.blocked, &BlockedApplication{a.Name, a.Blocked})
		} else {
			t.allowed = append(t.allowed, a.Name)
		}
		return false
	})
	return t
}

// TombstoneCounts is how much tombstones tell of.
type TombstoneCounts struct {
	Destroyed    int // keys that were destroyed, by their names
	Keys         int // that there are
	Versions     int // of those, that are destroyed, compromised, retired or suspended
	Applications int // that are blocked
	Issued       int // tokens that are revoked or spent, and cut-offs
}

// Counts says how much t tells of.
func (t *Tombstones) Counts() TombstoneCounts {
	n := TombstoneCounts{Destroyed: len(t.destroyed), Keys: len(t.keys), Versions: len(t.versions), Applications: len(t.blocked)}
	for _, of := range t.issued.counts {
		n.Issued += of
	}
	return n
}

// versionsOf are the ended versions of a key, in order. They are sorted by their
// path, so those of one key lie together.
func (t *Tombstones) versionsOf(mount, name string) []*EndedVersion {
	from, _ := slices.BinarySearchFunc(t.versions, appendVersionPath(nil, mount, name, 0), func(v *EndedVersion, path []byte) int {
		return slices.Compare(appendVersionPath(nil, v.Mount, v.Name, v.Number), path)
	})
	to := from
	for to < len(t.versions) && t.versions[to].Mount == mount && t.versions[to].Name == name {
		to++
	}
	return t.versions[from:to]
}

// eachIssued calls fn for every entry about a token of an issuer.
func (t *issuedTable) each(fn func(entry []byte)) {
	for _, node := range t.nodes {
		if node == nil {
			continue
		}
		for p := range node.pages {
			page := &node.pages[p]
			for i := range page.len() {
				fn(page.entry(i))
			}
		}
	}
}

// mergeIssued remembers of tokens what another table remembers as well.
func (tx *txn) mergeIssued(o *issuedTable) {
	o.each(func(e []byte) {
		id := IssuedID(e[:16])
		tx.issued.put(&id, untilOf(e), markOf(e))
	})
}

// emptied is a tree without anything in it, open for change.
func emptied[T any]() *iradix.Txn[T] { return iradix.New[T]().Txn() }
