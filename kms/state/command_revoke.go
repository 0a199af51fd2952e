package state

// RevokeIssued revokes tokens of an issuer, or everything that it issued for a
// subject or to an application until now, or before a time. It is kept for as long
// as such a token could be accepted. Result: []Kept, one for each entry.
type RevokeIssued struct {
	Issuer  string       `codec:"i"`
	UUID    string       `codec:"u"` // of the issuer
	Entries []Revocation `codec:"e"` // 1 to MaxRevocations
}

// Revocation is one entry of RevokeIssued.
type Revocation struct {
	ID     []byte `codec:"d"`           // 16 bytes: see IssuedKey
	CutOff bool   `codec:"c,omitempty"` // of a subject or an application; otherwise a token is revoked
	Before int64  `codec:"b,omitempty"` // of a cut-off: seconds since 1970; 0 up to now
	Exp    int64  `codec:"x,omitempty"` // of a token: seconds since 1970; 0 not known
}

// MaxRevocations is how many entries one RevokeIssued has at most.
const MaxRevocations = 1000

// Kept says what became of an entry of RevokeIssued.
type Kept struct {
	CutOff int64 // in force: seconds since 1970; 0 for a token
	Until  int64 // when the entry leaves, unix nanoseconds
}

// SpendIssued uses a token that is good for one use. The second one is refused with
// ErrIssuedSpent, and one of a token that nobody accepts any more with ErrIssuedOver.
// Result: true.
type SpendIssued struct {
	Issuer string `codec:"i"`
	UUID   string `codec:"u"` // of the issuer
	ID     []byte `codec:"d"` // 16 bytes: see IssuedKey
	Exp    int64  `codec:"x"` // seconds since 1970
}

// MaxCutOff bounds the seconds of a Revocation and of SpendIssued: the largest
// integer that every JSON number holds.
const MaxCutOff = 1 << 53

func (*RevokeIssued) Kind() Kind { return KindRevokeIssued }
func (*SpendIssued) Kind() Kind  { return KindSpendIssued }

func (c *RevokeIssued) check() error {
	if len(c.Entries) == 0 || len(c.Entries) > MaxRevocations {
		return corrupt("%d revocations in one command", len(c.Entries))
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		if len(e.ID) != len(IssuedID{}) || e.Before < 0 || e.Before > MaxCutOff || e.Exp < 0 || e.Exp > MaxCutOff {
			return corrupt("a revocation without an id, or with a time out of range")
		}
		if e.CutOff && e.Exp != 0 || !e.CutOff && e.Before != 0 {
			return corrupt("a revocation that is both of a token and a cut-off")
		}
		if e.CutOff != (kindOf(e.ID[0]) != aboutToken) {
			return corrupt("a revocation with the id of another kind")
		}
	}
	return nil
}

func (c *SpendIssued) check() error {
	if len(c.ID) != len(IssuedID{}) || kindOf(c.ID[0]) != aboutToken || c.Exp <= 0 || c.Exp > MaxCutOff {
		return corrupt("a use of a token without an id of one, or with a time out of range")
	}
	return nil
}
