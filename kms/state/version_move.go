package state

import "fmt"

// CheckMove says whether an operator may put v, a version of k, into state to.
// What time, a rotation and jwt/compromise do by themselves is not theirs to do.
// The error wraps ErrBadMove and says why not.
func (k *Key) CheckMove(v *KeyVersion, to VersionState) error {
	no := func(why string) error {
		return fmt.Errorf("%w: version %d of %s is %s and cannot become %s, %s", ErrBadMove, v.Number, k.Name, v.State, to, why)
	}
	switch from := v.State; {
	case !to.Known():
		return fmt.Errorf("%w: %s is no state; use one of %v", ErrBadMove, Quote(string(to)), VersionStates())
	case from == to:
		return no("which it is already")
	case from == Destroyed:
		return no("its private half is erased")
	case from == Pending && to == Active:
		return no("because it becomes so by itself when its lead time is over")
	case !from.MayBecome(to):
		return no(refusals[to])
	case to == Active && v.Retired != 0:
		return no("because it was retired meanwhile; it comes back as retired")
	case k.Issuer == "":
		return nil
	case to == Compromised:
		return no("because the issuer needs another one at once; use jwt/compromise/" + k.Issuer)
	case from == Pending:
		return no("because a rotation is under way; cancel it with jwt/rotation/" + k.Issuer + "/cancel")
	case to == Retired && v.Retired == 0:
		return no("because an issuer's version retires when the next one becomes active; use jwt/rotate/" + k.Issuer)
	}
	return nil
}

// refusals is why a version cannot be put into a state from where it is.
var refusals = map[VersionState]string{
	Pending:     "because only a new version is pending",
	Active:      "because only a suspended version can be put back; rotate to have an active one",
	Suspended:   "because only one that is active or retired is suspended",
	Retired:     "because only one that is active or suspended is retired",
	Compromised: "because it is of no more use anyway",
	Destroyed:   "because it must be retired or compromised first: what it made would be lost at once",
}

// SetVersionState puts a version into another state, as far as CheckMove allows.
// Issuer names whose key it is; "" is a transit key. Result: *Key of a transit key,
// *Issuer of an issuer's.
type SetVersionState struct {
	Mount  string       `codec:"m"`
	Name   string       `codec:"n"`
	Issuer string       `codec:"i,omitempty"`
	Number uint32       `codec:"v"`
	State  VersionState `codec:"s"`
}

// ActivateVersion makes the pending version of a transit key the one that signs
// and encrypts, when its time has come. Result: *Key.
type ActivateVersion struct {
	Mount  string `codec:"m"`
	Name   string `codec:"n"`
	Number uint32 `codec:"v"`
}

func (*SetVersionState) Kind() Kind { return KindSetVersionState }
func (*ActivateVersion) Kind() Kind { return KindActivateVersion }

func (c *ActivateVersion) recall(tx *txn) any { return tx.recallKey(c.Mount, c.Name) }
func (c *SetVersionState) recall(tx *txn) any {
	if c.Issuer != "" {
		return tx.recallIssuer(c.Issuer)
	}
	return tx.recallKey(c.Mount, c.Name)
}

func (c *SetVersionState) apply(tx *txn) error {
	if c.Issuer != "" {
		return c.applyToIssuer(tx)
	}
	k, err := tx.usable(c.Mount, c.Name)
	if err != nil {
		return err
	}
	v := tx.version(k, c.Number)
	if v == nil {
		return ErrKeyMissing
	}
	if err := k.CheckMove(v, c.State); err != nil {
		return err
	}
	tx.move(v, c.State)
	tx.result = k
	return nil
}

func (c *SetVersionState) applyToIssuer(tx *txn) error {
	old, oldKey, err := tx.issuerKey(c.Issuer)
	if err != nil {
		return err
	}
	v := tx.version(oldKey, c.Number)
	if v == nil {
		return ErrKeyMissing
	}
	if err := oldKey.CheckMove(v, c.State); err != nil {
		return err
	}
	i, k := *old, *oldKey
	if c.State == Destroyed {
		tx.destroyVersion(&k, v)
		tx.putKey(&k)
	} else {
		tx.move(v, c.State)
	}
	tx.putIssuer(&i)
	return nil
}

// move puts v into a state that CheckMove allows.
func (tx *txn) move(v *KeyVersion, to VersionState) {
	if to == Destroyed {
		tx.erase(v)
		return
	}
	m := *v
	m.State, m.Suspended = to, 0
	switch to {
	case Suspended:
		m.Suspended = tx.next.Time
	case Retired:
		if m.Retired == 0 {
			m.Retired = tx.next.Time
		}
	case Compromised:
		m.Compromised = tx.next.Time
	}
	tx.putVersion(&m)
}

func (c *ActivateVersion) apply(tx *txn) error {
	old, err := tx.usable(c.Mount, c.Name)
	if err != nil {
		return err
	}
	v := tx.version(old, c.Number)
	switch {
	case v == nil || v.State != Pending || v.Number != old.Latest:
		return ErrNotPending
	case tx.next.Time < v.ActiveAt:
		return ErrTooEarly
	}
	next, k := *v, *old
	next.State, next.Activated = Active, tx.next.Time
	k.Signer = 0 // the latest
	tx.putVersion(&next)
	tx.put(&k)
	return nil
}
