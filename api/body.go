package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// Limits on bodies, in bytes.
const (
	strangersBody = 1 << 20   // without a token
	callersBody   = 32 << 20  // with one
	bodiesBudget  = 256 << 20 // of all requests together
	maxDepth      = 64        // of nested JSON
)

// budget is the memory that bodies may take at once.
type budget struct{ used atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > bodiesBudget {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// buffers holds read buffers of the usual size; larger ones are not kept.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const pooledBuffer = 64 << 10

// readBody reads a whole body into a buffer, which the caller returns with
// dropBody. Memory is booked before it is used: the stated length, or what the
// route allows when none is stated.
func (s *Server) readBody(r *http.Request, limit int64) (*bytes.Buffer, int64, error) {
	booked := r.ContentLength
	if booked > limit {
		return nil, 0, errTooLarge
	}
	if booked < 0 {
		booked = limit
	}
	if !s.bodies.take(booked) {
		return nil, 0, errOverloaded
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if booked <= pooledBuffer {
		buf.Grow(int(booked) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1))
	switch {
	case n > limit:
		err = errTooLarge
	case err != nil:
		err = errBodyBroken
	}
	if err != nil {
		s.dropBody(buf, booked)
		return nil, 0, err
	}
	return buf, booked, nil
}

func (s *Server) dropBody(buf *bytes.Buffer, booked int64) {
	s.bodies.give(booked)
	if buf.Cap() <= 2*pooledBuffer {
		clear(buf.Bytes()) // inputs and shares do not stay behind in a pool
		buffers.Put(buf)
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
	wire.ErrWantInt, wire.ErrWantBool, wire.ErrWantDuration, wire.ErrWantText, wire.ErrWantList, wire.ErrWantMap, wire.ErrWantBase64,
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
