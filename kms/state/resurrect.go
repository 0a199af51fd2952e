package state

// Revival is how a cluster came back in an empty directory, out of a backup. The
// first unseal records it.
type Revival struct {
	At       uint64 `codec:"a"` // the index of the state that came out: nothing was applied since while the state has it
	Time     int64  `codec:"t"` // replicated, unix nanoseconds: versions that the restore suspended are suspended since
	Backup   []byte `codec:"b"` // SHA-256 of the backup's file
	Index    uint64 `codec:"i"` // of the backup
	Taken    int64  `codec:"m"` // replicated time of the backup, unix nanoseconds
	Epoch    uint64 `codec:"e"` // of the cluster, from then on
	Accepted bool   `codec:"r"` // that what ended since the backup comes back

	TombstonesIndex uint64 `codec:"x,omitempty"` // of the tombstones; 0 without
	TombstonesTime  int64  `codec:"y,omitempty"` // unix nanoseconds
}

// Resurrection is what Resurrect needs besides the backup. Time and randomness come
// in it.
type Resurrection struct {
	Now        int64       // unix nanoseconds
	Tombstones *Tombstones // nil: what ended since the backup is not known, and comes back
	Known      Known       // of the tombstones

	Term          uint64 // of the barrier, active from now on
	SealRevision  uint64 // of the seal record in force from now on
	RosterVersion uint64 // in force from now on
	CAKey         Secret // of the cluster's new CA
	Root          Token  // the one token that there is
	Revival       Revival
}

// Known is the place in the former cluster's history up to which tombstones know it.
type Known struct {
	Generation uint64
	Index      uint64
	Epoch      uint64 // of commands
	Time       int64  // replicated, unix nanoseconds
}

// ErrOlderTombstones: they cannot tell of anything that happened after the backup.
const ErrOlderTombstones Refusal = "the tombstones are older than the backup"

// indexStep separates the indexes of a cluster that came back from those before: an
// index that the former cluster gave somebody is behind from the start, and nobody
// waits for it.
const indexStep = 1_000_000_000

// restoredGrace is for how long a deleted key can be undeleted after a restore that
// does not know what became of it, in nanoseconds.
const restoredGrace = 7 * 24 * 60 * 60 * 1e9

// Resurrected is what Resurrect did. Names are of keys; each list has as many as
// keepNames.
type Resurrected struct {
	Keys      int      `json:"disabled_keys"`     // with versions that signed or accepted …
	Suspended int      `json:"disabled_versions"` // … and do not until somebody enables them
	Names     []string `json:"disabled_key_names"`
	Kept      int      `json:"suspended_before"` // versions that were suspended, and stay so apart from those

	Cancelled  int `json:"pending_erased"`      // versions that were pending: none of them ever signed
	Marked     int `json:"encryptions_spent"`   // versions that may have made any number of encryptions since the backup, and make no more
	Tokens     int `json:"tokens_revoked"`      // auth tokens
	SecretIDs  int `json:"secret_ids_revoked"`  // of approles
	JoinTokens int `json:"join_tokens_revoked"` // of nodes
	Roles      int `json:"roles_closed"`        // that took logins without a secret id, and do not any more

	Destroyed     int      `json:"keys_kept_destroyed"` // by the tombstones
	DestroyedKeys []string `json:"keys_kept_destroyed_names"`
	Ended         int      `json:"versions_kept_dead"` // destroyed, compromised, retired or suspended, by the tombstones
	EndedKeys     []string `json:"versions_kept_dead_names"`
	Lost          int      `json:"keys_lost"` // that were made since the backup
	LostKeys      []string `json:"keys_lost_names"`
	LostVersions  int      `json:"versions_lost"`        // that were made since the backup, of keys that are in it
	Blocked       int      `json:"applications_blocked"` // by the tombstones
	Issued        int      `json:"revocations_kept"`     // entries about tokens of issuers, by the tombstones
}

// keepNames bounds each list of names in Resurrected.
const keepNames = 50

func keepName(names []string, name string) []string {
	if len(names) >= keepNames || len(names) > 0 && names[len(names)-1] == name {
		return names
	}
	return append(names, name)
}

// Resurrect makes the state of a cluster that begins anew in an empty directory out
// of a backup: every version that could sign, verify or decrypt is suspended, every
// credential is gone but the one in r, and what the tombstones tell of stays dead.
// The backup stays as it is. Errors: ErrOlderTombstones, a *Corruption.
func Resurrect(backup *State, r *Resurrection) (*State, *Resurrected, error) {
	known := Known{Generation: backup.Generation, Index: backup.Index, Epoch: backup.Epoch, Time: backup.Time}
	if r.Tombstones != nil {
		if k := r.Known; k.Generation < known.Generation || k.Generation == known.Generation && k.Index < known.Index {
			return nil, nil, ErrOlderTombstones
		}
		known = r.Known
	}
	b := &resurrecting{tx: newTxn(backup), r: r, out: &Resurrected{Names: []string{}, DestroyedKeys: []string{}, EndedKeys: []string{}, LostKeys: []string{}}}
	b.begin(backup, known)
	b.forgetCredentials(backup)
	if r.Tombstones != nil {
		b.bury(r.Tombstones)
	}
	b.suspendAll()
	b.raiseIssuers()
	if err := b.tx.insertToken(r.Root); err != nil {
		return nil, nil, err
	}
	return b.tx.commit(), b.out, nil
}

// resurrecting is a Resurrect at work.
type resurrecting struct {
	tx  *txn
	r   *Resurrection
	out *Resurrected
}

// begin moves the state beyond all that the former cluster may have numbered.
func (b *resurrecting) begin(backup *State, known Known) {
	s := &b.tx.next
	suspended := max(backup.Time+1, known.Time+1, b.r.Now) // later than every suspension before it …
	s.Time = suspended + 1                                 // … and earlier than every one after it, however slow the clock
	s.Leapt = s.Time                                       // what cannot be undone waits
	s.Index = (max(backup.Index, known.Index)/indexStep + 1) * indexStep
	s.Epoch, s.Seq = max(backup.Epoch, known.Epoch)+1, 0
	s.Generation = max(backup.Generation, known.Generation) + 1
	s.staging = nil
	s.Cluster.Dev = false
	b.out.JoinTokens = len(s.Membership.JoinTokens)
	s.Membership.Version, s.Membership.CAKey, s.Membership.JoinTokens = b.r.RosterVersion, b.r.CAKey, nil
	s.Term, s.TermSince, s.TermUses, s.SealRevision = b.r.Term, s.Time, 0, b.r.SealRevision
	revival := b.r.Revival
	revival.At, revival.Time = s.Index, suspended
	revival.Index, revival.Taken, revival.Accepted = backup.Index, backup.Time, b.r.Tombstones == nil
	if b.r.Tombstones != nil {
		revival.TombstonesIndex, revival.TombstonesTime = known.Index, known.Time
	}
	s.Revival = &revival
}

// forgetCredentials takes from everybody what lets them in, and with it what was
// remembered for their retried requests.
func (b *resurrecting) forgetCredentials(backup *State) {
	tx := b.tx
	b.out.Tokens, b.out.SecretIDs = backup.tokens.Len(), backup.secretIDs.Len()
	tx.tokens, tx.accessors = emptied[*Token](), emptied[[]byte]()
	tx.children, tx.expiries = emptied[struct{}](), emptied[struct{}]()
	tx.secretIDs, tx.secretExpiries = emptied[*SecretID](), emptied[struct{}]()
	tx.proposals, tx.once = emptied[*proposalChunk](), emptied[*OnceRecord]()
	tx.page = nil
	tx.onceTimes, tx.onceOrder, tx.onceCount = emptied[struct{}](), emptied[struct{}](), emptied[int]()
	backup.approles.Root().Walk(func(path []byte, old *AppRole) bool {
		if old.NoSecretID {
			role := *old
			role.NoSecretID = false
			tx.approles.Insert(path, &role)
			b.out.Roles++
		}
		return false
	})
}

// suspendAll takes every version out of use. What was suspended before keeps its own
// time, by which it is told from what this suspends.
func (b *resurrecting) suspendAll() {
	now := b.tx.next.Time
	last := ""
	for _, v := range b.allVersions() {
		next := *v
		switch v.State {
		case Pending:
			b.out.Cancelled++
			b.tx.erase(v)
			continue
		case Active, Retired:
			next.State, next.Suspended = Suspended, b.tx.next.Revival.Time
			b.out.Suspended++
			b.out.Names = keepName(b.out.Names, v.Name)
			if id := v.ID(); id != last {
				b.out.Keys, last = b.out.Keys+1, id
			}
		case Suspended:
			b.out.Kept++
		default:
			continue
		}
		if v.Type.ShortNonce() {
			next.Encryptions = MaxEncryptions
			b.out.Marked++
		}
		b.tx.putVersion(&next)
	}
	if b.r.Tombstones != nil {
		return
	}
	for _, old := range b.allKeys() { // somebody may have undeleted it since
		if old.Deleted != 0 && old.DestroyAt < now+restoredGrace {
			k := *old
			k.DestroyAt = now + restoredGrace
			b.schedule(old, &k)
		}
	}
}

// schedule replaces a key whose end moves.
func (b *resurrecting) schedule(old, k *Key) {
	path := appendKeyPath(nil, k.Mount, k.Name)
	if old.Deleted != 0 {
		b.tx.deleted.Delete(timed(old.DestroyAt, path))
	}
	if k.Deleted != 0 {
		b.tx.deleted.Insert(timed(k.DestroyAt, path), struct{}{})
	}
	b.tx.keys.Insert(path, k)
}

func (b *resurrecting) allVersions() (all []*KeyVersion) {
	b.tx.versions.Root().Walk(func(_ []byte, v *KeyVersion) bool { all = append(all, v); return false })
	return all
}

func (b *resurrecting) allKeys() (all []*Key) {
	b.tx.keys.Root().Walk(func(_ []byte, k *Key) bool { all = append(all, k); return false })
	return all
}

// raiseIssuers gives every issuer its next revision: all of their versions changed.
func (b *resurrecting) raiseIssuers() {
	var all []*Issuer
	b.tx.issuers.Root().Walk(func(_ []byte, i *Issuer) bool { all = append(all, i); return false })
	for _, old := range all {
		i := *old
		b.tx.putIssuer(&i)
	}
}
