package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// Limits on bodies, in bytes.
const (
	strangersBody = 1 << 20  // without a token
	controlBody   = 1 << 20  // with one, where nothing long is sent
	callersBody   = 32 << 20 // where inputs and batches are sent
	maxDepth      = 64       // of nested JSON

	callersBudget   = 256 << 20 // of all bodies at once
	strangersBudget = 32 << 20  // of those without a token, so that they cannot use up the other
)

// budget is the memory that bodies may take at once.
type budget struct {
	most int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

// buffers holds read buffers of the usual size; larger ones are not kept.
var buffers = sync.Pool{New: func() any { return &body{buf: make([]byte, 0, block)} }}

// block is the step in which memory for a body is booked, as its bytes arrive: a
// length that is stated and never sent costs nothing.
const block = 32 << 10

// body is a request's body, read whole.
type body struct {
	buf    []byte
	booked int64
	from   *budget
}

// readBody reads at most limit bytes. The caller drops the body.
func readBody(r *http.Request, limit int64, from *budget) (*body, error) {
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	b := buffers.Get().(*body)
	b.buf, b.booked, b.from = b.buf[:0], 0, from
	for {
		if int64(len(b.buf)) == b.booked {
			step := max(block, b.booked/2)
			if rest := r.ContentLength + 1 - b.booked; rest > step && b.booked >= r.ContentLength/4 {
				// A quarter is here, so the rest is believed: growing on in steps would
				// copy it thrice, and what was copied stays until the next collection.
				step = rest
			}
			if !from.take(step) {
				b.drop()
				return nil, errOverloaded
			}
			b.booked += step
			b.buf = slices.Grow(b.buf, int(step))
		}
		n, err := r.Body.Read(b.buf[len(b.buf):min(int64(cap(b.buf)), b.booked)])
		b.buf = b.buf[:len(b.buf)+n]
		switch {
		case int64(len(b.buf)) > limit:
			err = errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			err = errBodyBroken
		default:
			continue
		}
		b.drop()
		return nil, err
	}
}

// drop gives the memory back. Inputs and shares do not stay behind in the pool.
func (b *body) drop() {
	b.from.used.Add(-b.booked)
	b.booked = 0
	if cap(b.buf) <= 2*block {
		clear(b.buf)
		buffers.Put(b)
	}
}

// Vault's clients send members that we do not know and, through proxies, members
// twice; our own paths take neither. Names are matched exactly in both.
var (
	lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true))
	strict  = json.JoinOptions(json.RejectUnknownMembers(true))
)

// decodeBody decodes a body; none, "null" and "{}" are all "no fields".
func decodeBody(body []byte, into any, own bool) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "null" {
		return nil
	}
	if body[0] != '{' {
		return errNotObject
	}
	if tooDeep(body) {
		return errTooDeep
	}
	opts := lenient
	if own {
		opts = strict
	}
	err := json.Unmarshal(body, into, opts)
	if err == nil {
		return nil
	}
	return badBody(err)
}

// badBody says which member is wrong and what was wanted, but not what was there:
// it may be a secret in the wrong place.
func badBody(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		where := string(semantic.JSONPointer)
		if errors.Is(err, json.ErrUnknownName) {
			return refuse(http.StatusBadRequest, wire.UnknownField, "unknown field "+kms.Quote(where)+"; this path refuses fields that it does not know")
		}
		why := "wrong type"
		for _, want := range wireErrors {
			if errors.Is(err, want) {
				why = want.Error()
			}
		}
		return refuse(http.StatusBadRequest, wire.BadRequest, "field "+kms.Quote(where)+": "+why)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return refuse(http.StatusBadRequest, wire.InvalidJSON, "the body names a field twice")
	}
	return refuse(http.StatusBadRequest, wire.InvalidJSON, "the body is not valid JSON")
}

var wireErrors = []error{
	wire.ErrBatchTooLong, wire.ErrWantBatch, wire.ErrWantInt, wire.ErrWantNumber, wire.ErrWantBool, wire.ErrWantDuration, wire.ErrWantText, wire.ErrWantList, wire.ErrWantMap, wire.ErrWantBase64, wire.ErrWantAudience, wire.ErrWantKeyValues,
}

// tooDeep counts brackets outside of strings, before anything is decoded.
func tooDeep(b []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			// Most of a body is one long base64 string: jump to its end.
			if end := bytes.IndexByte(b[i+1:], '"'); end >= 0 && bytes.IndexByte(b[i+1:i+1+end], '\\') < 0 {
				i += end + 1
			} else {
				inString = true
			}
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
