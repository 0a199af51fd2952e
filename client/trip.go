package client

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// trip is the way of one call from node to node. It goes in rounds: in each, every
// node is asked once at the most, one after the other without a wait; between two
// rounds it waits.
type trip struct {
	c  *Client
	cl call
	at int // index of the node that is asked now

	attempts int           // so far
	rounds   int           // that are over
	asked    []bool        // index of a node → not to be asked (again) in this round
	limited  []bool        // index of a node → a rate limit refused the call there
	longest  time.Duration // that a rate limit wants to be waited for

	// Of this round.
	hope  bool          // a failure was one that passes
	least time.Duration // shortest Retry-After of the nodes that will serve again, or noWait
}

const noWait = time.Duration(-1)

func (c *Client) newTrip(cl call) *trip {
	n := len(c.nodes.all)
	t := &trip{c: c, cl: cl, asked: make([]bool, n), limited: make([]bool, n)}
	t.begin()
	return t
}

// choose returns the node to ask next in this round, or -1.
func (t *trip) choose(first bool) int {
	switch {
	case !t.cl.here:
		return t.c.nodes.pick(t.asked, t.cl.effect, first)
	case first:
		return 0
	}
	return -1
}

// begin starts a round. Where a rate limit refused the call it is not asked again
// while another node is left.
func (t *trip) begin() {
	t.hope, t.least = false, noWait
	if t.everyLimited() {
		clear(t.limited)
	}
	copy(t.asked, t.limited)
	t.at = t.choose(true)
}

// next decides whether to make another attempt after err, and how long to wait
// before it. got is the answer, or nil if there was none.
//
// A rate limit that wants a longer wait than MaxWait is the caller's to wait for:
// [Error.RetryAfter] has it.
func (t *trip) next(err error, got *answer) (time.Duration, bool) {
	t.attempts++
	judged := verdictOn(t.cl, err)
	if judged == final || t.attempts >= t.most() {
		return 0, false
	}
	t.asked[t.at] = true
	t.hope = t.hope || judged == passing
	if limited(err) {
		t.limited[t.at] = true
		t.longest = max(t.longest, got.retryAfter)
	} else if got != nil && judged == passing && (t.least == noWait || got.retryAfter < t.least) {
		t.least = got.retryAfter
	}
	if at := t.choose(false); at >= 0 {
		t.at = at
		return 0, true // another node, which has not been asked yet
	}
	if !t.hope {
		return 0, false
	}
	wait, again := t.pause()
	t.rounds++
	t.begin()
	return wait, again
}

// pause is the wait between two rounds.
func (t *trip) pause() (time.Duration, bool) {
	r := t.c.retry
	wait := backOff(r, t.rounds)
	if t.everyLimited() {
		// To come earlier would be refused for certain, and may count. All who
		// share a token were told the same time, so each comes a little later.
		return min(t.longest+wait, max(t.longest, r.MaxWait)), t.longest <= r.MaxWait
	}
	if t.least > wait {
		wait = min(t.least, r.MaxWait)
	}
	return wait, true
}

func (t *trip) everyLimited() bool {
	if t.cl.here {
		return t.limited[0]
	}
	return !slices.Contains(t.limited, false)
}

// most is how many attempts the call has.
func (t *trip) most() int {
	n := len(t.asked)
	if t.cl.here {
		n = 1
	}
	switch most := t.c.retry.Attempts; {
	case most == 0 && n == 1:
		return 4
	case most == 0:
		return math.MaxInt // the deadline is the bound: some node will serve again
	case most == 1:
		return 1
	default:
		return max(most, n) // every node is asked before giving up
	}
}

// errNoAnswer ends an attempt while the call has time left for another one.
var errNoAnswer = errors.New("no answer")

// patience is how long one attempt may take: where another node can take over, a
// third of the time that is left, so that one that hangs does not use up the call.
func (c *Client) patience(ctx context.Context, cl call) time.Duration {
	deadline, _ := ctx.Deadline() // send sets one
	left := time.Until(deadline)
	if len(c.nodes.all) == 1 || cl.here || cl.effect && !cl.keyed() {
		return left
	}
	return max(left/3, min(left, shortest))
}

// shortest is the least that an attempt gets.
const shortest = 250 * time.Millisecond

// learn keeps what an attempt says about the node.
func (c *Client) learn(cl call, at int, err error, took time.Duration) {
	if cl.here {
		return // a sealed node answers such calls, too
	}
	network, answered := (*NetworkError)(nil), (*Error)(nil)
	switch {
	case errors.As(err, &network):
		timeout := net.Error(nil)
		slow := errors.Is(err, errNoAnswer) || errors.As(network.Err, &timeout) && timeout.Timeout()
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, ErrBadAnswer):
		case errors.Is(err, context.DeadlineExceeded) && took < time.Second:
			// The caller had no more time; the node may be as good as any.
		default:
			c.nodes.bad(at, slow)
		}
	case errors.As(err, &answered) && doesNotServe(answered):
		c.nodes.bad(at, false)
	case !cl.open:
		c.nodes.good(at) // it judged the request, and maybe refused that
	}
}

// doesNotServe reports an answer that the node would give to other calls as well.
func doesNotServe(err *Error) bool {
	switch err.Code {
	case wire.NoLease, wire.Sealed, wire.NoLeader, wire.AuditUnavailable:
		return true
	case wire.NotInitialized:
		return err.Status == http.StatusServiceUnavailable
	case "":
		return ofGateway(err.Status)
	}
	return false
}
