package state

import "encoding/binary"

// How long what was done is remembered, by replicated time.
const (
	onceKept = 24 * 60 * 60 * 1e9 // nanoseconds
	maxOnce  = 10_000             // records of one caller: a further one takes the place of the oldest
)

// Replay is the result of a command that took effect before: what the first one
// gave, as far as that can be told again.
type Replay struct{ Result any }

// recaller is a command whose result can be told again from the state.
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
			var result any
			if c, ok := n.Command.(recaller); ok {
				result = c.recall(tx)
			}
			tx.result = Replay{result}
			return nil
		}
	}
	if n.Once == nil {
		return nil
	}
	if len(n.Once.Key) != 32 || len(n.Once.Request) != 32 || n.Once.Caller == "" {
		return corrupt("a command to take effect once, without caller or hashes")
	}
	r, known := tx.once.Get(oncePath(n.Once.Caller, n.Once.Key))
	if !known {
		return nil
	}
	tx.replayed = true
	if err := r.Repeats(n.Once.Request); err != nil {
		return err
	}
	tx.result = Replay{r.result(tx)}
	return nil
}

// result is what the first command gave.
func (r *OnceRecord) result(tx *txn) any {
	switch {
	case r.Key != nil:
		return r.Key
	case len(r.Token) != 0:
		if t, ok := tx.tokens.Get(r.Token); ok {
			return t
		}
	}
	return nil
}

// Result is what the first command gave, as s knows it: *Key, *Token, or nil.
func (r *OnceRecord) Result(s *State) any {
	switch {
	case r.Key != nil:
		return r.Key
	case len(r.Token) != 0:
		if t := s.Token(r.Token); t != nil {
			return t
		}
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
