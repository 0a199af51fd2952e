package state

// authorised says whether the token that authorised a command is still one. A write is
// decided on one view of the state and applied up to some seconds later, while a leader
// is elected perhaps; a revocation that was applied in between holds for it too, and what
// was asked for with the token does not outlive it. Whether the policies of the token
// still allow the command is not asked: they are no part of this room.
//
// A command that took effect before is not asked again, or who revokes its own token
// would be refused its own answer. Without a caller are the commands of the cluster
// itself, those of logins and of nodes that join, and all that were written below
// feature level 1. Errors: ErrCallerGone, ErrApplicationBlocked.
func (tx *txn) authorised(n *Numbered) error {
	if len(n.Caller) == 0 {
		return nil
	}
	t, ok := tx.tokens.Get(n.Caller)
	if !ok || t.Expired(tx.next.Time) {
		return ErrCallerGone
	}
	if t.Application == "" {
		return nil
	}
	switch a, ok := tx.applications.Get([]byte(t.Application)); {
	case !ok:
		return ErrCallerGone
	case a.Blocked != 0:
		return ErrApplicationBlocked
	}
	return nil
}

// Authorises says what a command with the caller would be told by s now: see
// Numbered.Caller. It is for changes that begin outside the state.
func (s *State) Authorises(caller []byte) error {
	return newTxn(s).authorised(&Numbered{Caller: caller})
}
