package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
)

// maxAnswer bounds an answer: the longest request is 32 MiB, and base64 and the
// envelope add to it.
const maxAnswer = 64 << 20

// call is one call of the API, before any attempt.
type call struct {
	method string
	path   string // below /v1/, every segment checked by join
	query  url.Values
	body   any  // nil: none; url.Values: a form
	effect bool // changes something that lasts: see retry.go
	open   bool // needs no token, and none is sent

	unkeyed bool // no idempotency key helps: see idempotency.go
	here    bool // about one node, that of the first address, and sent to no other
	// accept names statuses above 299 whose body is an answer and not an error.
	accept func(status int, body []byte) bool
}

// answer is a whole HTTP answer.
type answer struct {
	status     int
	retryAfter time.Duration
	body       []byte
}

// send makes the attempts of one call. The error is an [*Error], a
// [*NetworkError], or comes from the token source or from encoding.
func (c *Client) send(ctx context.Context, cl call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.tokenFor(ctx, cl)
	if err != nil {
		return nil, err
	}
	var body []byte
	if form, ok := cl.body.(url.Values); ok {
		body = []byte(form.Encode())
	} else if cl.body != nil {
		if body, err = json.Marshal(cl.body); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	trip := c.newTrip(cl)
	once, maybe := cl.idempotencyKey(ctx), false
	var said *Error
	for {
		demanded := c.index.Load()
		got, err := c.try(ctx, cl, trip.at, token, once, body)
		if unknownIndex(err) {
			c.forgetIndex(demanded)
			got, err = c.try(ctx, cl, trip.at, token, once, body)
		}
		if err == nil {
			return got, nil
		}
		maybe = remain(err, maybe)
		said = latest(said, err)
		wait, again := trip.next(err, got)
		if !again || !fits(ctx, wait) || c.sleep(ctx, wait) != nil {
			return nil, telling(said, err, maybe)
		}
	}
}

// try makes one attempt at a node, and learns from it what the node is worth. The
// answer is there beside an [*Error].
func (c *Client) try(ctx context.Context, cl call, at int, token Secret, once string, body []byte) (*answer, error) {
	base := c.nodes.all[at].base
	limit := c.patience(ctx, cl)
	short, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	got, reached, err := c.attempt(short, cl, base, token, once, body)
	if err == nil {
		err = cl.judge(got)
	} else {
		if short.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w within %v", errNoAnswer, limit.Round(time.Millisecond))
		}
		err = &NetworkError{Method: cl.method, Path: cl.path, Address: base.String(), Err: err, mayHaveHappened: cl.effect && reached}
	}
	c.learn(cl, at, err, time.Since(begin))
	return got, err
}

// latest is the answer that a node gave last, nil while none did.
func latest(said *Error, err error) *Error {
	if answered := (*Error)(nil); errors.As(err, &answered) {
		return answered
	}
	return said
}

// telling returns the error of a call that failed at each node: where the last attempt
// found nobody and a node said before why it does not serve, that says more.
func telling(said *Error, err error, maybe bool) error {
	network := (*NetworkError)(nil)
	if said == nil || said.Code == "" || !errors.As(err, &network) || ended(network.Err) || misconfigured(network.Err) {
		return err
	}
	said.mayHaveHappened = maybe
	return said
}

// remain carries on from attempt to attempt that an earlier one may have had its
// effect: an attempt that certainly had none leaves that open. It returns what is
// known after err.
func remain(err error, maybe bool) bool {
	if network := (*NetworkError)(nil); errors.As(err, &network) {
		network.mayHaveHappened = network.mayHaveHappened || maybe
		return network.mayHaveHappened
	}
	answered := (*Error)(nil)
	if !errors.As(err, &answered) {
		return maybe
	}
	switch code := answered.Code; {
	case !maybe:
	case code.NothingHappened(), code == "", code == wire.InvalidToken, code == wire.PermissionDenied, code == wire.IndexUnknown:
		// Refused before anybody looked what an earlier attempt did.
		answered.mayHaveHappened = true
	}
	return answered.mayHaveHappened
}

func (c *Client) tokenFor(ctx context.Context, cl call) (Secret, error) {
	if cl.open {
		return Secret{}, nil
	}
	if c.token == nil {
		return Secret{}, ErrNoToken
	}
	token, err := c.token(ctx)
	if err != nil {
		return Secret{}, err
	}
	return checkToken(token.Reveal())
}

// attempt sends the request once. reached reports that a connection was there
// to send it on: without one, the server knows nothing of the call.
func (c *Client) attempt(ctx context.Context, cl call, base *url.URL, token Secret, once string, body []byte) (got *answer, reached bool, err error) {
	var connected atomic.Bool // net/http may call the hook from another goroutine
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	target := *base
	target.Path = "/v1/" + cl.path
	target.RawQuery = cl.query.Encode()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, target.String(), reader)
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "signet-client")
	req.Header.Set(wire.HeaderRequest, "true")
	if body != nil {
		req.Header.Set("Content-Type", cl.contentType())
	}
	if !token.IsZero() {
		req.Header.Set(wire.HeaderToken, token.Reveal())
	}
	if once != "" {
		req.Header.Set(wire.HeaderIdempotencyKey, once)
	}
	c.demandIndex(cl, req.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, connected.Load(), withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.noteIndex(resp.Header)
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, true, withoutURL(err)
	}
	if len(content) > maxAnswer {
		return nil, true, fmt.Errorf("%w: longer than %d MiB", ErrBadAnswer, maxAnswer>>20)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, true, fmt.Errorf("%w: a redirect (status %d), which is never followed", ErrBadAnswer, resp.StatusCode)
	}
	return &answer{status: resp.StatusCode, retryAfter: retryAfter(resp.Header, time.Now()), body: content}, true, nil
}

func (cl call) contentType() string {
	if _, form := cl.body.(url.Values); form {
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

// judge returns the error that an answer is, or nil.
func (cl call) judge(got *answer) error {
	if got.status < 300 || (cl.accept != nil && cl.accept(got.status, got.body)) {
		return nil
	}
	out := &Error{Method: cl.method, Path: cl.path, Status: got.status, RetryAfter: got.retryAfter}
	var body wire.ErrorBody
	if err := json.Unmarshal(got.body, &body); err == nil && body.Code != "" {
		out.Code, out.Errors, out.RequestID, out.Accessor = body.Code, body.Errors, body.RequestID, body.Accessor
	} else if text := oneLine(string(got.body)); text != "" {
		out.Errors = []string{text} // of a proxy, or of TLS expected elsewhere
	}
	out.mayHaveHappened = cl.effect && (out.Code == wire.OutcomeUnknown || (got.status >= 500 && !isRefusal(out.Code)))
	return out
}

// isRefusal reports a code known to mean that the request was turned away. No
// code, or one of a newer server, proves nothing.
func isRefusal(code wire.Code) bool {
	return code != wire.Internal && code != wire.OutcomeUnknown && slices.Contains(wire.Codes(), code)
}

// withoutURL strips net/http's repetition of method and URL.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// do sends a call and decodes the answer into out, a pointer, or nil to drop it.
func (c *Client) do(ctx context.Context, cl call, out any) error {
	got, err := c.send(ctx, cl)
	if err != nil || out == nil {
		return err
	}
	return cl.decode(got, out)
}

// fetch sends a call whose answer is an envelope, hands its warnings on and
// returns its data, which must be there.
func fetch[T any](ctx context.Context, c *Client, cl call) (T, error) {
	var env wire.Envelope[*T]
	var zero T
	if err := c.do(ctx, cl, &env); err != nil {
		return zero, err
	}
	c.warnAll(env.Warnings)
	if env.Data == nil {
		return zero, cl.badAnswer("no data in it")
	}
	return *env.Data, nil
}

// run sends a call whose answer carries nothing but, maybe, warnings.
func (c *Client) run(ctx context.Context, cl call) error {
	got, err := c.send(ctx, cl)
	if err != nil || len(got.body) == 0 {
		return err
	}
	var env wire.Envelope[jsontext.Value]
	if err := cl.decode(got, &env); err != nil {
		return err
	}
	c.warnAll(env.Warnings)
	return nil
}

func (c *Client) warnAll(warnings []string) {
	for _, w := range warnings {
		if c.warn != nil {
			c.warn(oneLine(w))
		}
	}
}

// decode names the place of a mistake in an answer but not the value there,
// which may be a secret.
func (cl call) decode(got *answer, out any) error {
	err := json.Unmarshal(got.body, out)
	if err == nil {
		return nil
	}
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) && semantic.JSONPointer != "" {
		return cl.badAnswer("unexpected value at " + string(semantic.JSONPointer))
	}
	return cl.badAnswer("no JSON as expected")
}

func (cl call) badAnswer(why string) error {
	return &NetworkError{
		Method: cl.method, Path: cl.path, Address: "the server",
		Err: fmt.Errorf("%w: %s", ErrBadAnswer, why), mayHaveHappened: cl.effect,
	}
}
