package kms

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/state"
)

// maxIdempotencyKey is how long a caller's idempotency key may be, in bytes.
const maxIdempotencyKey = 255

// Idempotent asks that the call's write takes effect once, however often it is
// sent: the same key, caller and request give the same result again, for a day
// and the caller's last 10,000. What a write refuses is not remembered, so it may
// be sent again under the same key. key is 1 to 255 printable ASCII characters;
// request is all that makes the request what it is. It has no effect on verbs
// that change nothing.
//
// The write then also returns ErrIdempotencyMismatch, when the key came with
// another request before, and ErrIdempotencySpent, when the first one made a
// token. Error here: ErrBadRequest.
func (c *Call) Idempotent(key string, request ...[]byte) error {
	if len(key) == 0 || len(key) > maxIdempotencyKey {
		return saying(ErrBadRequest, "an idempotency key has 1 to %d characters", maxIdempotencyKey)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return saying(ErrBadRequest, "an idempotency key holds printable ASCII characters alone")
		}
	}
	asked := sha256.New()
	for _, part := range request {
		fmt.Fprintf(asked, "%d:", len(part)) // so that no two splits read the same
		asked.Write(part)
	}
	hashed := sha256.Sum256([]byte("signet idempotency key v1\x00" + key))
	c.once = &state.Once{Caller: c.Caller.Accessor, Key: hashed[:], Request: asked.Sum(nil)}
	return nil
}

// repeated finds what the call's request did when it was sent before. The state
// machine decides again, should two be under way at once. Errors:
// ErrIdempotencyMismatch, ErrIdempotencySpent.
func (c *Call) repeated(a *gate.Admission) (result any, again bool, err error) {
	first := c.earlier()
	if first == nil {
		return nil, false, nil
	}
	note(a, "idempotent", "repeated")
	if err = first.Repeats(c.once.Request); err == nil {
		result, err = first.Result(c.view.State)
	}
	c.replayed = err == nil
	return result, true, translate(spent(err))
}

// earlier is what was done under the call's idempotency key before, or nil.
func (c *Call) earlier() *state.OnceRecord {
	if c.once == nil {
		return nil
	}
	return c.view.Once(c.once.Caller, c.once.Key)
}

// note adds a field to the record of a verb.
func note(a *gate.Admission, name, value string) {
	if a.Record.Fields == nil {
		a.Record.Fields = map[string]string{}
	}
	a.Record.Fields[name] = value
}

// spentError is ErrIdempotencySpent with the accessor of what is shown once.
type spentError struct{ accessor string }

func (e *spentError) Error() string {
	return "this request was carried out before, and the token or secret id it made is shown once; revoke or destroy that one by its accessor " + e.accessor + ", and ask again under another key"
}

func (*spentError) Unwrap() error { return ErrIdempotencySpent }

// Accessor names the token or secret id that a request made before, if err says so; "" if not.
func Accessor(err error) string {
	if e := (*spentError)(nil); errors.As(err, &e) {
		return e.accessor
	}
	return ""
}

// spent gives the state machine's answer the words of this package.
func spent(err error) error {
	if e := (*state.Spent)(nil); errors.As(err, &e) {
		return &spentError{e.Accessor}
	}
	return err
}
