package api

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client/wire"
)

// nothing is the request or the response of a route that has none.
type nothing struct{}

// bare is a response without the envelope.
type bare[T any] struct{ value T }

// issued is a response whose auth block carries a token; its data is null.
type issued struct{ auth *wire.Auth }

// handle is the one way from HTTP to a verb: read the body within the route's
// limit, decode it, call do, write what it says. Every handler is the few lines
// of its do.
func handle[Req, Resp any](do func(rq *request, in *Req) (Resp, error)) func(rq *request) error {
	return func(rq *request) error {
		var in Req
		if err := rq.decode(&in); err != nil {
			rq.s.kms.Reject(rq.origin, rq.call, err)
			return err
		}
		out, err := do(rq, &in)
		if err != nil {
			return err
		}
		rq.reply(out)
		return nil
	}
}

// decode reads the body into in, unless the route takes none.
func (rq *request) decode(in any) error {
	if _, none := in.(*nothing); none || rq.r.Body == nil || rq.r.Body == http.NoBody {
		return rq.idempotent(nil)
	}
	from := &rq.s.bodies
	if rq.call == nil {
		from = &rq.s.strangers
	}
	b, err := rq.body(from)
	if err != nil {
		return err
	}
	defer rq.letGo(b)
	if from == &rq.s.bodies {
		// What the body decodes to, and the answer, are about as long, and stay
		// until the client has taken the answer.
		rq.booked += b.booked
		b.booked = 0
	}
	if err := rq.idempotent(b.buf); err != nil {
		return err
	}
	return decodeBody(b.buf, in, rq.route.own)
}

// idempotent hands a caller's Idempotency-Key on, with what the request is: its
// path, query and body. POST and PUT are the same request.
func (rq *request) idempotent(body []byte) error {
	keys := rq.r.Header[wire.HeaderIdempotencyKey]
	if len(keys) == 0 || rq.call == nil {
		return nil
	}
	if len(keys) > 1 {
		return errTwoKeys
	}
	method := rq.origin.Method
	if method == http.MethodPut {
		method = http.MethodPost
	}
	return rq.call.Idempotent(keys[0], []byte(method), []byte(rq.origin.Path), []byte(rq.r.URL.RawQuery), body)
}

// Answers that wait for slow readers.
const (
	largeAnswer   = 64 << 10         // bytes; a longer answer is booked like a body
	largePatience = 10 * time.Second // for any of them
	slowestReader = 256 << 10        // bytes a second that a reader of a large one takes
)

// book takes memory for this request from the budget of callers' bodies. Error:
// errOverloaded.
func (rq *request) book(n int64) error {
	if !rq.s.bodies.take(n) {
		return errOverloaded
	}
	rq.booked += n
	return nil
}

// release gives back what the request booked, when its answer has left.
func (rq *request) release() {
	if rq.held != nil {
		rq.held.drop()
		rq.held = nil
	}
	rq.s.bodies.used.Add(-rq.booked)
	rq.booked = 0
}

// withholds says whether an answer may be kept back for want of memory: that of a
// verb which changed nothing, so that it can be asked for again. A write that is
// done is answered.
func (rq *request) withholds() bool { return rq.call != nil && rq.route.timeout == quick }

// reply writes a success.
func (rq *request) reply(out any) {
	status := rq.status
	if status == 0 {
		status = http.StatusOK
	}
	switch v := out.(type) {
	case nothing:
		if warnings := rq.warnings(); warnings != nil {
			rq.write(status, &wire.Envelope[*nothing]{RequestID: rq.origin.RequestID, Warnings: warnings})
			return
		}
		rq.head(http.StatusNoContent)
	case selfWriting:
		rq.send(status, appendEnvelope(v, rq.origin.RequestID, rq.warnings()))
	case interface{ bareValue() any }:
		rq.write(status, v.bareValue())
	case issued:
		rq.write(status, &wire.Envelope[*nothing]{RequestID: rq.origin.RequestID, Warnings: rq.warnings(), Auth: v.auth})
	default:
		rq.write(status, &wire.Envelope[any]{RequestID: rq.origin.RequestID, Data: rq.withEffect(out), Warnings: rq.warnings()})
	}
}

func (b bare[T]) bareValue() any { return b.value }

func (rq *request) warnings() wire.Warnings {
	if rq.call == nil {
		return nil
	}
	return rq.call.Warnings
}

func (rq *request) write(status int, v any) {
	out, err := json.Marshal(v)
	if err != nil {
		rq.s.log.Error("an answer does not encode", "request_id", rq.origin.RequestID, "error", err)
		rq.head(http.StatusInternalServerError)
		return
	}
	rq.send(status, out)
}

// send writes an answer that is encoded.
func (rq *request) send(status int, out []byte) {
	if len(out) > largeAnswer {
		if err := rq.book(int64(len(out))); err != nil && rq.withholds() {
			rq.s.kms.Withhold(rq.call, err)
			rq.fail(err)
			return
		}
		// Who does not read must not keep the memory for long.
		patience := largePatience + time.Duration(len(out)/slowestReader)*time.Second
		_ = http.NewResponseController(rq.w).SetWriteDeadline(time.Now().Add(min(patience, writeTimeout)))
	}
	rq.head(status)
	if rq.r.Method == http.MethodHead {
		return
	}
	_, _ = rq.w.Write(append(out, '\n')) // the client is gone if this fails; its audit record stands
}
