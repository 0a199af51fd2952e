package state

import (
	"encoding/binary"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// How long what was done is remembered, by replicated time.
const (
	onceKept = 24 * 60 * 60 * 1e9 // nanoseconds
	maxOnce  = 10_000             // records of one caller: a further one takes the place of the oldest
)

// Replay is the result of a command that took effect before: what the first one
// gave, as far as that can be told again.
type Replay struct {
	Result any
	Asked  bool // by a repeated request; if not, the very same proposal came again
}

// recaller is a command whose result can be told again from the state; nil when
// what it was about is gone.
type recaller interface {
	recall(tx *txn) any
}

// repeated finds out whether n took effect, or was refused, before. It sets
// tx.replayed and the result, or returns the refusal of the first.
func (tx *txn) repeated(n *Numbered) error {
	if n.Again {
		if refusal, known := tx.findProposal(n.Proposal); known {
			tx.replayed = true
			if refusal != "" {
				return refusal
			}
			tx.result = Replay{Result: tx.recall(n)}
			return nil
		}
	}
	if n.Once == nil {
		return nil
	}
	r, known := tx.once.Get(oncePath(n.Once.Caller, n.Once.Key))
	if !known {
		return nil
	}
	tx.replayed = true
	if err := r.Repeats(n.Once.Request); err != nil {
		return err
	}
	result, err := r.result(tx.tokens.Root())
	tx.result = Replay{Result: result, Asked: true}
	return err
}

// recall is what n gave when it took effect: as its Once record has it, or else
// as the state is now.
func (tx *txn) recall(n *Numbered) any {
	if n.Once != nil {
		if r, known := tx.once.Get(oncePath(n.Once.Caller, n.Once.Key)); known && r.Key != nil && r.Repeats(n.Once.Request) == nil {
			return r.Key
		}
	}
	if c, ok := n.Command.(recaller); ok {
		return c.recall(tx)
	}
	return nil
}

// Result is what the first command gave, as s knows it: *Key, *Token, or nil.
// Error: ErrTokenMissing when the token that it renewed is gone since.
func (r *OnceRecord) Result(s *State) (any, error) { return r.result(s.tokens.Root()) }

func (r *OnceRecord) result(tokens *iradix.Node[*Token]) (any, error) {
	switch {
	case r.Key != nil:
		return r.Key, nil
	case len(r.Token) != 0:
		if t, ok := tokens.Get(r.Token); ok {
			return t, nil
		}
		return nil, ErrTokenMissing
	}
	return nil, nil
}

// check refuses a Once that no leader makes. It is asked before a command is
// proposed, as part of Decode: in the log it would stop every node.
func (o *Once) check() error {
	if o != nil && (len(o.Key) != 32 || len(o.Request) != 32 || o.Caller == "") {
		return corrupt("a command to take effect once, without caller or hashes")
	}
	return nil
}

// remember keeps what n did for those who repeat it.
func (tx *txn) remember(n *Numbered) {
	tx.rememberProposal(n, "")
	if n.Once == nil {
		return
	}
	r := &OnceRecord{Once: *n.Once, Time: tx.next.Time}
	switch c := n.Command.(type) {
	case *CreateToken:
		r.Accessor = c.Token.Accessor
	case *CreateSecretID:
		r.Accessor = c.SecretID.Accessor
	case *RenewToken:
		r.Token = c.Hash
	default:
		r.Key, _ = tx.result.(*Key)
	}
	tx.insertOnce(r)
}

// rememberProposal keeps the outcome of a proposal. Those that no request waits
// for are never sent again.
func (tx *txn) rememberProposal(n *Numbered, refusal Refusal) {
	switch n.Command.(type) {
	case *Genesis, *Epoch, *Tick:
		return
	}
	if len(n.Proposal) == 0 || tx.replayed {
		return
	}
	tx.addProposal(n.Proposal, refusal)
}

func (tx *txn) insertOnce(r *OnceRecord) {
	caller := []byte(r.Once.Caller)
	path := oncePath(r.Once.Caller, r.Once.Key)
	count, _ := tx.onceCount.Get(caller)
	if count >= maxOnce {
		tx.removeOldestOnce(caller)
		count--
	}
	tx.once.Insert(path, r)
	tx.onceTimes.Insert(timed(r.Time, path), struct{}{})
	tx.onceOrder.Insert(onceOrderPath(caller, r.Time, r.Once.Key), struct{}{})
	tx.onceCount.Insert(caller, count+1)
}

func (tx *txn) removeOldestOnce(caller []byte) {
	prefix := append(append([]byte(nil), caller...), 0)
	var oldest []byte
	tx.onceOrder.Root().WalkPrefix(prefix, func(k []byte, _ struct{}) bool {
		oldest = k[len(prefix)+8:]
		return true
	})
	if oldest != nil {
		tx.removeOnce(oncePath(string(caller), oldest))
	}
}

func (tx *txn) removeOnce(path []byte) {
	r, ok := tx.once.Delete(path)
	if !ok {
		return
	}
	caller := []byte(r.Once.Caller)
	tx.onceTimes.Delete(timed(r.Time, path))
	tx.onceOrder.Delete(onceOrderPath(caller, r.Time, r.Once.Key))
	if count, _ := tx.onceCount.Get(caller); count > 1 {
		tx.onceCount.Insert(caller, count-1)
	} else {
		tx.onceCount.Delete(caller)
	}
}

// forgetAtOnce bounds how many old records of each sort one command removes.
const forgetAtOnce = 1000

// forget removes what was remembered long enough, by replicated time.
func (tx *txn) forget() {
	tx.forgetProposals()
	for range forgetAtOnce {
		first, _, ok := tx.onceTimes.Root().Minimum()
		if !ok || timeOf(first) > tx.next.Time-onceKept {
			return
		}
		tx.removeOnce(first[8:])
	}
}

// timed is the key of an index by time.
func timed(at int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(key)), uint64(at)), key...)
}

func timeOf(indexKey []byte) int64 { return int64(binary.BigEndian.Uint64(indexKey)) }

func onceOrderPath(caller []byte, at int64, key []byte) []byte {
	return append(append(append([]byte(nil), caller...), 0), timed(at, key)...)
}
