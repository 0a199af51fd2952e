package state

// IssuedClaims is what one token says by which something is remembered of it. What
// is empty is not asked for.
type IssuedClaims struct {
	JTI         string
	Payload     []byte // what the token says, asked for where it has no jti
	Subject     string
	Application string
}

// Remembered is what is remembered of a token.
type Remembered struct {
	Revoked bool
	Spent   bool  // it was used, where it is good for one use
	CutOff  int64 // the later one of its subject and its application, in seconds since 1970, or 0: what was issued before is refused
}

// Remembered looks up all that is remembered of a token of the issuer whose key k is.
// It is in the way of every verification. What there is none of is not even hashed;
// and what costs is memory that is far apart, so each page is asked for as soon as it
// is known, and read when all are on their way.
func (s *State) Remembered(k *IssuedKey, c *IssuedClaims) (out Remembered) {
	t := s.issued
	var token, subject, application issuedSeek
	if t.counts[aboutToken] != 0 {
		switch {
		case c.JTI != "":
			token.start(t, k.Token(c.JTI))
		case len(c.Payload) != 0:
			token.start(t, k.Payload(c.Payload))
		}
	}
	if t.counts[aboutSubject] != 0 && c.Subject != "" {
		subject.start(t, k.Subject(c.Subject))
	}
	if t.counts[aboutApplication] != 0 && c.Application != "" {
		application.start(t, k.Application(c.Application))
	}
	mark := token.mark()
	out.Revoked, out.Spent = mark&markRevoked != 0, mark&markSpent != 0
	out.CutOff = max(subject.mark().cutOff(), application.mark().cutOff())
	return out
}

// issuedSeek is a search that has begun.
type issuedSeek struct {
	id   IssuedID
	page *issuedPage // nil: there is nothing to find
	at   int         // where the id should be
	near uint32      // the key there
}

// start finds the page of id, and reads from it without looking at what it read: the
// processor goes on with the next id while the memory answers.
func (k *issuedSeek) start(t *issuedTable, id IssuedID) {
	page := t.page(&id)
	if page == nil || len(page.keys) == 0 {
		return
	}
	at := page.guess(keyOf(id[:]))
	k.id, k.page, k.at, k.near = id, page, at, page.keys[at]
}

// mark is what the entry says, 0 where there is none.
func (k *issuedSeek) mark() issuedMark {
	if k.page == nil {
		return 0
	}
	at, found := k.page.findFrom(&k.id, k.at, k.near)
	if !found {
		return 0
	}
	return markOf(k.page.entry(at))
}

// Issued says what is remembered about a token: that it is revoked, and that it
// was used where it is good for one use.
func (s *State) Issued(id IssuedID) (revoked, spent bool) {
	_, mark, _ := s.issued.get(&id)
	return mark&markRevoked != 0, mark&markSpent != 0
}

// CutOff is the cut-off with an id, in seconds since 1970, or 0: tokens issued
// before it are refused.
func (s *State) CutOff(id IssuedID) int64 {
	_, mark, _ := s.issued.get(&id)
	return mark.cutOff()
}

// KeptUntil is when an entry leaves, unix nanoseconds; 0 when there is none.
func (s *State) KeptUntil(id IssuedID) int64 {
	until, _, found := s.issued.get(&id)
	if !found {
		return 0
	}
	return int64(until) * nanosAMinute
}

// IssuedCounts is how many entries there are. Those whose time is over and that are
// not removed yet count, and are in force.
type IssuedCounts struct{ Tokens, Subjects, Applications int }

// All is how many there are of all kinds.
func (n IssuedCounts) All() int { return n.Tokens + n.Subjects + n.Applications }

// CountIssued is how many entries there are about tokens, and how many cut-offs of
// subjects and of applications.
func (s *State) CountIssued() IssuedCounts {
	n := &s.issued.counts
	return IssuedCounts{n[aboutToken], n[aboutSubject], n[aboutApplication]}
}
