package jose

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Request is what a caller asks for in a token.
type Request struct {
	Subject    string
	HasSubject bool     // an empty Subject that was sent is refused, one that was not is absent
	Audience   []string // nil is absent
	Scope      string   // scopes with one space between them; empty asks for none
	TTL        int64    // seconds that the token is good for; 0 is the profile's default
	NotBefore  int64    // seconds from now until it is; 0 is at once
	Claims     []byte   // one JSON object as it was sent, or nil
}

// Facts are what the server knows: nothing in them comes from the request.
type Facts struct {
	Issuer             string // iss
	Now                int64  // seconds since 1970
	Backdate           int64  // seconds that nbf lies before now, so that a verifier whose clock is behind takes a fresh token
	JTI                string // 128 random bits at least, as text
	ClientID           string
	Application, Owner string            // of the caller; empty if it has none
	Metadata           map[string]string // of the application
	TokenMetadata      map[string]string // of the caller's token
	Overhead           int               // bytes of the compact token beside its encoded payload: Protected.CompactLen(0, size of a signature)
}

// Issued are the claims of a token to be signed.
type Issued struct {
	Payload []byte // the JSON to sign, byte for byte
	Expires int64  // exp, seconds since 1970
	Audit   []AuditClaim
}

// AuditClaim is one claim for the audit log. Value shares the payload's bytes.
type AuditClaim struct {
	Name     string
	Value    []byte // JSON
	Readable bool   // recorded as it is; otherwise a keyed hash of Value is
}

// errFacts is a mistake of the server, not of the caller.
var errFacts = errors.New("issuer, jti and client id of a token must be text in UTF-8, and the time between 1970 and 2^53 seconds later")

// Build makes the claims that q asks for if the profile allows them. The caller's
// values stand in the payload byte for byte and in the caller's order, behind the
// server's and the forced ones. q and f are not kept, but for the texts.
// Errors: *ClaimError for what the profile does not allow; others are the server's
// own mistakes.
func (r *Rules) Build(q *Request, f *Facts) (*Issued, error) {
	if !tokenText(f.Issuer) || !tokenText(f.JTI) || !tokenText(f.ClientID) || f.Now < 1 || f.Now > MaxDate/2 {
		return nil, errFacts
	}
	ttl, err := r.lifetime(q)
	if err != nil {
		return nil, err
	}
	w := &payload{buf: make([]byte, 0, 384+len(q.Claims)), marks: make([]mark, 0, 12+len(r.forced))}
	nbf := f.Now + q.NotBefore
	exp := nbf + ttl
	if q.NotBefore == 0 {
		nbf = max(nbf-f.Backdate, 1)
	}
	w.text("iss", f.Issuer)
	if err := r.targets(w, q); err != nil {
		return nil, err
	}
	w.text("client_id", f.ClientID)
	w.number("iat", f.Now)
	w.number("nbf", nbf)
	w.number("exp", exp)
	w.text("jti", f.JTI)
	if err := r.ownClaims(w, q.Claims, f); err != nil {
		return nil, err
	}
	w.buf = append(w.buf, '}')
	if err := r.final(w, f); err != nil {
		return nil, err
	}
	return &Issued{Payload: w.buf, Expires: exp, Audit: w.audit(r.audited)}, nil
}

// lifetime returns the seconds between nbf and exp. Nothing is cut short in
// silence: who asks for too much is told.
func (r *Rules) lifetime(q *Request) (int64, error) {
	ttl := q.TTL
	if ttl == 0 {
		ttl = r.ttl
	}
	if ttl < 1 || ttl > r.maxTTL {
		return 0, refuseValue("ttl", fmt.Sprintf("must be 1 to %d seconds", r.maxTTL), strconv.FormatInt(q.TTL, 10))
	}
	if q.NotBefore < 0 || q.NotBefore > r.maxNBF {
		return 0, refuseValue("nbf", fmt.Sprintf("must be 0 to %d seconds from now", r.maxNBF), strconv.FormatInt(q.NotBefore, 10))
	}
	return ttl, nil
}

// ownClaims writes the forced claims, and the caller's behind them.
func (r *Rules) ownClaims(w *payload, claims []byte, f *Facts) error {
	var err error
	for i := range r.forced {
		own := &r.forced[i]
		w.name(own.name)
		if w.buf, err = appendForced(w.buf, own.name, own.pieces, f); err != nil {
			return err
		}
		w.end()
	}
	if len(claims) == 0 {
		return nil
	}
	if err := checkObject(claims); err != nil {
		return refuse("claims", err.Error())
	}
	first := len(w.marks)
	for m := membersOf(claims); ; {
		quoted, value, ok := m.next()
		if !ok {
			return nil
		}
		name, ok := textOf(quoted)
		if !ok {
			return refuse("claims", errNotObject.Error())
		}
		if err := r.mayHave(name, w.marks[first:]); err != nil {
			return err
		}
		w.name(name)
		w.buf = append(w.buf, value...)
		w.end()
	}
}

// mayHave says whether a caller may send a claim of this name beside those it has
// sent already.
func (r *Rules) mayHave(name string, before []mark) error {
	key := foldName(name)
	if why, closed := r.closed[key]; closed {
		return refuse(name, why)
	}
	switch {
	case r.anyClaim && !plainName(name):
		return refuse(name, "has a name that is not of printable ASCII without spaces: the profile must allow it by name")
	case !r.anyClaim && !slices.Contains(r.allowed, name):
		return refuse(name, "is not among the claims that the profile allows")
	case len(before) >= MaxOwnClaims:
		return refuse("claims", "must not have more than "+strconv.Itoa(MaxOwnClaims)+" members")
	}
	for _, m := range before {
		if foldName(m.name) == key {
			return refuse(name, "stands twice, in another case")
		}
	}
	return nil
}

// final checks what can be known of the whole alone.
func (r *Rules) final(w *payload, f *Facts) error {
	for _, name := range r.required {
		if !slices.ContainsFunc(w.marks, func(m mark) bool { return m.name == name }) {
			return refuse(name, "is required by the profile")
		}
	}
	// RFC 4648, section 3.2, without padding: four characters for three bytes.
	if size := int64(f.Overhead) + (int64(len(w.buf))*4+2)/3; size > r.maxToken {
		return refuse("token", fmt.Sprintf("would be %d bytes long, and the profile allows %d", size, r.maxToken))
	}
	if r.schema != nil {
		return r.schema.check(w.buf)
	}
	return nil
}

// payload is a claims set being written.
type payload struct {
	buf   []byte
	marks []mark
}

// mark says where a claim's value stands.
type mark struct {
	name       string
	start, end int
}

func (w *payload) name(name string) {
	sep := byte(',')
	if len(w.buf) == 0 {
		sep = '{'
	}
	w.buf = append(appendText(append(w.buf, sep), name), ':')
	w.marks = append(w.marks, mark{name: name, start: len(w.buf)})
}

func (w *payload) end() { w.marks[len(w.marks)-1].end = len(w.buf) }

func (w *payload) text(name, text string) {
	w.name(name)
	w.buf = appendText(w.buf, text)
	w.end()
}

func (w *payload) number(name string, n int64) {
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, n, 10)
	w.end()
}

func (w *payload) texts(name string, list []string) {
	w.name(name)
	for i, s := range list {
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		w.buf = appendText(append(w.buf, sep), s)
	}
	w.buf = append(w.buf, ']')
	w.end()
}

func (w *payload) audit(readable []string) []AuditClaim {
	list := make([]AuditClaim, len(w.marks))
	for i, m := range w.marks {
		list[i] = AuditClaim{Name: m.name, Value: w.buf[m.start:m.end:m.end], Readable: slices.Contains(readable, m.name)}
	}
	return list
}
