package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

var (
	errIndex       = refuse(http.StatusBadRequest, wire.BadRequest, wire.HeaderIndex+" is the decimal number of an earlier answer, once")
	errConsistency = refuse(http.StatusBadRequest, wire.BadRequest, wire.HeaderConsistency+" knows one value, strict")
)

// run has a request decided, and decided again where the node that it came to was
// behind what another one had acknowledged: see kms.Doubted.
func (s *Server) run(rq *request) {
	start := time.Now()
	defer rq.release()
	err := rq.readDemand()
	if err != nil {
		s.kms.Reject(rq.origin, nil, err)
	} else if err = s.decide(rq); kms.Doubted(err) {
		rq.demand.Latest, rq.status = true, 0
		err = s.decide(rq)
	}
	if err != nil {
		rq.fail(err)
	}
	rq.route.observe(time.Since(start), err)
}

// readDemand reads how new the state must be that the request is decided on. Behind a
// gateway headers are the end user's, who demands nothing.
func (rq *request) readDemand() error {
	if rq.route.auth == gateway {
		return nil
	}
	if given := rq.r.Header[wire.HeaderConsistency]; given != nil {
		if len(given) != 1 || given[0] != "strict" {
			return errConsistency
		}
		rq.demand.Latest = true
	}
	given := rq.r.Header[wire.HeaderIndex]
	if given == nil {
		return nil
	}
	if len(given) != 1 || given[0] == "" || given[0][0] == '+' {
		return errIndex
	}
	index, err := strconv.ParseUint(given[0], 10, 64)
	if err != nil {
		return errIndex
	}
	rq.demand.Index = index
	return nil
}

// decide authenticates where the route asks for it, then hands over to the route.
func (s *Server) decide(rq *request) error {
	err := s.authenticate(rq)
	switch {
	case err == nil:
		return rq.route.serve(rq)
	case kms.Doubted(err): // no record yet
	case rq.route.auth == public || rq.call == nil:
		s.kms.Reject(rq.origin, nil, err)
	default:
		s.kms.Reject(rq.origin, rq.call, err)
	}
	return err
}

// authenticate takes the view that the request is decided on, and then finds the
// caller, from the headers alone: no byte of the body is read for a stranger.
func (s *Server) authenticate(rq *request) error {
	if rq.route.auth == public {
		return nil
	}
	call, err := rq.begin(rq.route.auth == always)
	if rq.call = call; err != nil {
		return err
	}
	switch rq.route.auth {
	case client:
		return rq.authenticateClient()
	case gateway:
		return rq.authenticateGateway()
	}
	return rq.authenticateToken()
}

// begin takes a view that is as new as is asked for. late: see kms.BeginUnaudited.
func (rq *request) begin(late bool) (*kms.Call, error) {
	d := rq.demand
	d.Late, d.After = late, rq.call
	ctx := rq.r.Context()
	if d.Latest || d.Index > 0 { // only that is waited for
		var cancel context.CancelFunc
		ctx, cancel = rq.context()
		defer cancel()
	}
	return rq.s.kms.BeginAt(ctx, rq.origin, d)
}

// document is a public document of the issuer in the path.
func (rq *request) document(kind kms.DocumentKind) (kms.Document, error) {
	call, err := rq.begin(true)
	if err != nil {
		return kms.Document{}, err
	}
	d, err := rq.s.kms.IssuerDocument(call, rq.vars.get("issuer"), kind)
	rq.call = call
	return d, err
}

// body reads the body, once.
func (rq *request) body(from *budget) (*body, error) {
	if rq.held != nil {
		return rq.held, nil
	}
	b, err := readBody(rq.r, rq.route.body, from)
	if err == nil && rq.s.kms.MayDoubt() && !rq.demand.Latest {
		rq.held = b
	}
	return b, err
}

// letGo drops a body that was decoded, unless it may be needed again.
func (rq *request) letGo(b *body) {
	if b != rq.held {
		b.drop()
	}
}

// head begins the answer, and says which state it was decided on. A gateway's answers
// say nothing of it: it may pass their headers on to end users.
func (rq *request) head(status int) {
	if c := rq.call; c != nil && rq.route.auth != gateway {
		h := rq.w.Header()
		h[wire.HeaderIndex] = []string{strconv.FormatUint(c.StateIndex(), 10)}
		if took, everywhere := c.Everywhere(); everywhere {
			h[wire.HeaderEffective] = effectiveEverywhere
			h[wire.HeaderBarrierMS] = []string{strconv.FormatInt(milliseconds(took), 10)}
		}
	}
	rq.w.WriteHeader(status)
}

var effectiveEverywhere = []string{wire.Everywhere}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// withEffect adds to the data of one of our own paths that its write is in force
// everywhere. Vault's clients get that in headers alone.
func (rq *request) withEffect(out any) any {
	if rq.call == nil || !rq.route.own {
		return out
	}
	took, everywhere := rq.call.Everywhere()
	if !everywhere {
		return out
	}
	data, err := json.Marshal(out)
	var has wire.Effective
	if err != nil || len(data) < 2 || data[0] != '{' || json.Unmarshal(data, &has) != nil {
		return out
	}
	effect := wire.Effective{Effective: wire.Everywhere, BarrierMS: milliseconds(took)}
	if has.Effective != "" { // the verb says it itself
		effect.Effective = ""
	}
	more, err := json.Marshal(&effect)
	if err != nil {
		return out
	}
	if string(data) == "{}" {
		return jsontext.Value(more)
	}
	more[0] = ',' // two objects become one
	return jsontext.Value(append(data[:len(data)-1], more...))
}
