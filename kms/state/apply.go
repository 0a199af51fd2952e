package state

import (
	"encoding/binary"
	"errors"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// Apply carries s over one command, at log index index, and returns the state
// after it and the command's result: see Applier.Apply. After a *Corruption the
// state returned is s itself.
func Apply(s *State, index uint64, n *Numbered) (*State, any, error) {
	a := NewApplier(s)
	result, err := a.Apply(index, n)
	if corruption := (*Corruption)(nil); errors.As(err, &corruption) {
		return s, nil, err
	}
	return a.State(), result, err
}

// Applier carries a state over many commands. It costs less than as many calls of
// Apply, and ends in the same state. It is used by one goroutine.
type Applier struct{ tx *txn }

// NewApplier begins at s, which stays as it is.
func NewApplier(s *State) *Applier { return &Applier{newTxn(s)} }

// Apply carries the state over one command, at log index index, and returns the
// command's result.
//
// A command that took effect before, by its proposal or under its Once, has none
// again: the result is a Replay with what the first one gave, or its refusal.
//
// A Refusal is a result like any other: the command changed nothing, and the state
// moved on in its index, number and time and in what it remembers of the proposal; in
// its index alone after ErrOvertaken.
// After a *Corruption the node must stop, and the Applier is of no more use.
func (a *Applier) Apply(index uint64, n *Numbered) (any, error) {
	tx := a.tx
	if err := follows(&tx.next, n); err != nil {
		if err == ErrOvertaken {
			tx.next.Index = index
			tx.next.TermUses++
		}
		return nil, err
	}
	tx.begin(index, n)
	err := tx.repeated(n)
	if err == nil && !tx.replayed {
		// A command decides before it changes anything: nothing is undone here.
		if err = tx.authorised(n); err == nil {
			err = n.Command.apply(tx)
		}
		if err == nil {
			tx.remember(n)
		}
	}
	var refusal Refusal
	switch {
	case err == nil:
		return tx.result, nil
	case errors.As(err, &refusal):
		tx.rememberProposal(n, refusal)
	}
	return nil, err
}

// Term is the barrier's active term.
func (a *Applier) Term() uint64 { return a.tx.next.Term }

// RosterVersion is the version of the roster in force.
func (a *Applier) RosterVersion() uint64 { return a.tx.next.Membership.Version }

// Level is the feature level of the cluster.
func (a *Applier) Level() uint64 { return a.tx.next.Membership.Level }

// State returns the state after all that was applied.
func (a *Applier) State() *State { return a.tx.commit() }

// begin moves the state to n's place, and ends what its time ends.
func (tx *txn) begin(index uint64, n *Numbered) {
	tx.result, tx.replayed = nil, false
	tx.next.Index, tx.next.Epoch, tx.next.Seq = index, n.Epoch, n.Seq
	before := tx.next.Time
	tx.next.Time = max(before, n.At)
	if before != 0 && n.At-before > Leap {
		tx.next.Leapt = n.At
	}
	tx.next.TermUses++
	tx.expire()
	tx.expireSecretIDs()
	tx.forget()
	tx.forgetIssued()
	tx.forgetStaging()
}

// Leap is how far replicated time goes ahead at once, in nanoseconds, before State
// remembers it. Either nobody wrote anything for so long, or a clock was set.
const Leap = 10 * 60 * 1e9

// follows demands a number strictly greater than the last one. A gap is legal: a
// leader may lose a proposal that it numbered.
//
// A command of an epoch that is over, and an epoch that another leader opened already,
// are refused: a node may lose the lead and have it again between the moment in which
// it numbers a command and the one in which raft takes it. Its command did nothing, and
// must not stop every node for ever. Nobody else can bring one: it is sealed.
func follows(s *State, n *Numbered) error {
	_, genesis := n.Command.(*Genesis)
	if s.Cluster.ID == "" && !genesis {
		return corrupt("command %T before genesis", n.Command)
	}
	_, epoch := n.Command.(*Epoch)
	if n.Epoch < s.Epoch || n.Epoch == s.Epoch && epoch {
		return ErrOvertaken
	}
	if n.Epoch == s.Epoch && n.Seq <= s.Seq {
		return corrupt("command number %d.%d does not follow %d.%d", n.Epoch, n.Seq, s.Epoch, s.Seq)
	}
	if !epoch && !genesis && n.Epoch != s.Epoch {
		return corrupt("command number %d.%d opens an epoch without an epoch command", n.Epoch, n.Seq)
	}
	return nil
}

// txn is an Applier at work: the trees of the next state, open for change.
type txn struct {
	next     State
	result   any
	replayed bool // the command took effect before

	mounts     *iradix.Txn[*Mount]
	keys       *iradix.Txn[*Key]
	versions   *iradix.Txn[*KeyVersion]
	tombstones *iradix.Txn[*Tombstone]
	policies   *iradix.Txn[*Policy]
	tokens     *iradix.Txn[*Token]
	accessors  *iradix.Txn[[]byte]
	children   *iradix.Txn[struct{}]
	expiries   *iradix.Txn[struct{}]
	roles      *iradix.Txn[*TokenRole]
	quotas     *iradix.Txn[*Quota]
	deleted    *iradix.Txn[struct{}]

	wrapping       *iradix.Txn[*KeyVersion]
	issuers        *iradix.Txn[*Issuer]
	profiles       *iradix.Txn[*Profile]
	issued         *issuedTxn
	applications   *iradix.Txn[*Application]
	approles       *iradix.Txn[*AppRole]
	roleIDs        *iradix.Txn[string]
	secretIDs      *iradix.Txn[*SecretID]
	secretExpiries *iradix.Txn[struct{}]

	proposals *iradix.Txn[*proposalChunk]
	once      *iradix.Txn[*OnceRecord]
	onceTimes *iradix.Txn[struct{}]
	onceOrder *iradix.Txn[struct{}]
	onceCount *iradix.Txn[int]

	page *proposalChunk // the last of proposals if it was made here, and nobody else has it yet; else nil
}

func newTxn(s *State) *txn {
	return &txn{
		next: *s, mounts: s.mounts.Txn(), keys: s.keys.Txn(), versions: s.versions.Txn(),
		tombstones: s.tombstones.Txn(), policies: s.policies.Txn(), tokens: s.tokens.Txn(),
		accessors: s.accessors.Txn(), children: s.children.Txn(), expiries: s.expiries.Txn(),
		roles: s.roles.Txn(), quotas: s.quotas.Txn(), deleted: s.deleted.Txn(),
		issuers: s.issuers.Txn(), profiles: s.profiles.Txn(), issued: newIssuedTxn(s.issued),
		applications: s.applications.Txn(), approles: s.approles.Txn(), roleIDs: s.roleIDs.Txn(),
		secretIDs: s.secretIDs.Txn(), secretExpiries: s.secretExpiries.Txn(),
		wrapping: s.wrapping.Txn(), proposals: s.proposals.Txn(),
		once: s.once.Txn(), onceTimes: s.onceTimes.Txn(), onceOrder: s.onceOrder.Txn(), onceCount: s.onceCount.Txn(),
	}
}

func (tx *txn) commit() *State {
	n := tx.next
	tx.page = nil
	n.mounts, n.keys, n.versions = tx.mounts.Commit(), tx.keys.Commit(), tx.versions.Commit()
	n.tombstones, n.policies, n.tokens = tx.tombstones.Commit(), tx.policies.Commit(), tx.tokens.Commit()
	n.accessors, n.children, n.expiries = tx.accessors.Commit(), tx.children.Commit(), tx.expiries.Commit()
	n.roles, n.quotas, n.deleted = tx.roles.Commit(), tx.quotas.Commit(), tx.deleted.Commit()
	n.issuers, n.profiles = tx.issuers.Commit(), tx.profiles.Commit()
	n.issued = tx.issued.commit()
	n.applications, n.approles, n.roleIDs = tx.applications.Commit(), tx.approles.Commit(), tx.roleIDs.Commit()
	n.secretIDs, n.secretExpiries = tx.secretIDs.Commit(), tx.secretExpiries.Commit()
	n.wrapping, n.proposals = tx.wrapping.Commit(), tx.proposals.Commit()
	n.once, n.onceTimes, n.onceOrder, n.onceCount = tx.once.Commit(), tx.onceTimes.Commit(), tx.onceOrder.Commit(), tx.onceCount.Commit()
	return &n
}

// deleteAll removes what lies under a prefix. The tree's own DeletePrefix does not count
// what was inserted since the last commit: its length would be too high from then on,
// and a snapshot would claim records that it does not have.
func deleteAll[T any](tx *iradix.Txn[T], prefix []byte) {
	var paths [][]byte
	tx.Root().WalkPrefix(prefix, func(path []byte, _ T) bool {
		paths = append(paths, path)
		return false
	})
	for _, path := range paths {
		tx.Delete(path)
	}
}

// expireAtOnce bounds how many expired tokens one command removes, each with its
// children.
const expireAtOnce = 1000

// expire removes tokens whose time is over by replicated time. They were refused
// from their expiry on; removal only frees the memory. Children go with their
// parent.
func (tx *txn) expire() {
	for range expireAtOnce {
		first, _, ok := tx.expiries.Root().Minimum()
		if !ok || int64(binary.BigEndian.Uint64(first)) > tx.next.Time {
			return
		}
		tx.removeTree(first[8:])
	}
}

func (*Epoch) apply(*txn) error { return nil }
func (*Tick) apply(*txn) error  { return nil }

func (c *Genesis) apply(tx *txn) error {
	if tx.next.Cluster.ID != "" {
		return ErrGenesisTwice
	}
	if c.Cluster.ID == "" || len(c.Cluster.TokenKey) != 32 || len(c.Cluster.AuditKey) != 32 {
		return corrupt("genesis without cluster id or keys")
	}
	tx.next.Cluster = c.Cluster
	tx.next.TermSince = tx.next.Time
	tx.next.Membership.Level = c.Level
	mount, policy := c.Mount, c.Default
	tx.mounts.Insert([]byte(mount.Path), &mount)
	tx.policies.Insert([]byte(policy.Name), &policy)
	return tx.insertToken(c.Root)
}

func (c *PutPolicy) apply(tx *txn) error {
	p := c.Policy
	p.Updated = tx.next.Time
	tx.policies.Insert([]byte(p.Name), &p)
	return nil
}

func (c *DeletePolicy) apply(tx *txn) error {
	_, existed := tx.policies.Delete([]byte(c.Name))
	tx.result = existed
	return nil
}
