package state

import "math"

// How long an entry is kept beyond the end of what it refuses, in seconds: the
// longest leeway that any issuer can be set to, and time for clocks that differ.
const (
	issuedLeeway = 60
	issuedMargin = 5 * 60
)

// issuerOf is an issuer that is in use, if it is the one with that UUID.
func (tx *txn) issuerOf(name, uuid string) (*Issuer, error) {
	i, err := tx.issuer(name)
	if err == nil && i.UUID != uuid {
		return nil, ErrIssuerMissing
	}
	return i, err
}

// lastAccepted is until when some token that was issued until now can be accepted,
// unix nanoseconds: under the version that signs, or one that is retired.
func (tx *txn) lastAccepted(i *Issuer) int64 {
	last := later(tx.next.Time, i.Lifetime())
	k, ok := tx.keys.Get(appendKeyPath(nil, i.Mount, i.Name))
	if !ok {
		return last
	}
	path := appendVersionPath(nil, k.Mount, k.Name, 0)
	tx.versions.Root().WalkPrefix(path[:len(path)-4], func(_ []byte, v *KeyVersion) bool {
		last = max(last, v.RemoveAt)
		return false
	})
	return last
}

// later is a time and a duration, or the end of time.
func later(at, by int64) int64 {
	if at > math.MaxInt64-by {
		return math.MaxInt64
	}
	return at + by
}

func secondsToNanos(seconds int64) int64 {
	return min(seconds, math.MaxInt64/1_000_000_000) * 1_000_000_000
}

// keptForToken is the until of an entry about a token that expires at exp.
func keptForToken(exp int64) uint32 {
	return minutesUp(secondsToNanos(exp + issuedLeeway + issuedMargin))
}

func (c *RevokeIssued) apply(tx *txn) error {
	i, err := tx.issuerOf(c.Issuer, c.UUID)
	if err != nil {
		return err
	}
	// iat is in whole seconds: what was issued until now has the running one at most.
	now := tx.next.Time/1e9 + 1
	for n := range c.Entries {
		if c.Entries[n].Before > now {
			return ErrCutOffAhead
		}
	}
	longest := minutesUp(later(tx.lastAccepted(i), (issuedLeeway+issuedMargin)*1e9))
	for n := range c.Entries {
		e := &c.Entries[n]
		id, until := IssuedID(e.ID), longest
		mark := markRevoked
		switch {
		case e.CutOff:
			before := e.Before
			if before == 0 {
				before = now
			}
			mark = markCutOff | issuedMark(before)
		case e.Exp != 0:
			until = keptForToken(e.Exp)
		}
		tx.issued.put(&id, until, mark)
	}
	tx.result = c.recall(tx)
	return nil
}

func (c *RevokeIssued) recall(tx *txn) any {
	out := make([]Kept, len(c.Entries))
	for n := range c.Entries {
		id := IssuedID(c.Entries[n].ID)
		until, mark, _ := tx.issued.t.get(&id)
		out[n] = Kept{CutOff: mark.cutOff(), Until: int64(until) * nanosAMinute}
	}
	return out
}

func (c *SpendIssued) apply(tx *txn) error {
	if _, err := tx.issuerOf(c.Issuer, c.UUID); err != nil {
		return err
	}
	if tx.next.Time >= secondsToNanos(c.Exp+issuedLeeway) {
		return ErrIssuedOver // what is remembered of it may be gone
	}
	id := IssuedID(c.ID)
	switch _, mark, _ := tx.issued.t.get(&id); {
	case mark&markRevoked != 0:
		return ErrIssuedRevoked
	case mark&markSpent != 0:
		return ErrIssuedSpent
	}
	tx.issued.put(&id, keptForToken(c.Exp), markSpent)
	tx.result = true
	return nil
}

// A proposal that comes again and took effect before was the first.
func (*SpendIssued) recall(*txn) any { return true }
