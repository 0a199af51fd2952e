package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// next decides whether to make another attempt after err, and how long to wait
// before it. attempt counts from 0.
//
// The rule: a call is repeated when the failure is one that passes. One with
// lasting effect carries an idempotency key, under which the server carries it
// out once. Without such a key it is repeated only when the failure proves that
// nothing happened: no connection, or a code of which
// [wire.Code.NothingHappened] says so. A time-out proves nothing.
//
// A rate limit that wants a longer wait than MaxWait is the caller's to wait for:
// [Error.RetryAfter] has it.
func (c *Client) next(cl call, err error, got *answer, attempt int) (time.Duration, bool) {
	untried := attempt+1 < len(c.addresses)
	limit := c.retry.Attempts
	if limit > 1 && limit < len(c.addresses) {
		limit = len(c.addresses) // every node is asked before giving up
	}
	if attempt+1 >= limit || !passes(cl, err, untried) {
		return 0, false
	}
	if untried {
		return 0, true // another node, which has not been asked yet
	}
	wait := backOff(c.retry, attempt-(len(c.addresses)-1))
	if got == nil {
		return wait, true
	}
	if limited(err) {
		// To come earlier would be refused for certain, and may count. All who
		// share a token were told the same time, so each comes a little later.
		return min(got.retryAfter+wait, max(got.retryAfter, c.retry.MaxWait)), got.retryAfter <= c.retry.MaxWait
	}
	if got.retryAfter > wait {
		wait = min(got.retryAfter, c.retry.MaxWait)
	}
	return wait, true
}

// limited reports a refusal by a rate limit, which says when it ends.
func limited(err error) bool {
	answered := (*Error)(nil)
	return errors.As(err, &answered) && answered.Code == wire.RateLimited
}

// passes reports that repeating the call is safe and may help.
func passes(cl call, err error, untried bool) bool {
	if network := (*NetworkError)(nil); errors.As(err, &network) {
		return (!network.mayHaveHappened || cl.keyed()) && !permanent(network.Err)
	}
	answered := (*Error)(nil)
	if !errors.As(err, &answered) {
		return false
	}
	if answered.Code == wire.Sealed {
		return untried // only a person can help this node, so do not wait for it
	}
	if answered.Code.NothingHappened() {
		return true
	}
	if answered.Code == wire.OutcomeUnknown {
		return cl.keyed()
	}
	if cl.effect && !cl.keyed() || answered.Code != "" {
		return false
	}
	switch answered.Status { // of something between us and the server
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// permanent reports a network error that will be the same next time, or that
// the caller's own context caused.
func permanent(err error) bool {
	var (
		unknownCA  x509.UnknownAuthorityError
		hostname   x509.HostnameError
		invalid    x509.CertificateInvalidError
		verify     *tls.CertificateVerificationError
		noTLS      tls.RecordHeaderError
		alert      tls.AlertError
		lookup     *net.DNSError
		dnsMissing = errors.As(err, &lookup) && lookup.IsNotFound
	)
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, ErrBadAnswer) || errors.Is(err, http.ErrSchemeMismatch) || dnsMissing ||
		errors.As(err, &unknownCA) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		errors.As(err, &verify) || errors.As(err, &noTLS) || errors.As(err, &alert)
}

// backOff doubles MinWait n times, up to MaxWait, and takes a random part of at
// least half of it, so that clients that failed together do not return together.
func backOff(r Retry, n int) time.Duration {
	wait := r.MinWait
	for range max(n, 0) {
		if wait >= r.MaxWait {
			break
		}
		wait *= 2
	}
	wait = min(wait, r.MaxWait)
	return wait/2 + rand.N(wait/2+1)
}

// retryAfter reads the header of RFC 9110 section 10.2.3, 0 if absent or odd.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get(wire.HeaderRetryAfter)
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// fits reports that the context still lives after wait: an error now says more
// than a deadline exceeded later.
func fits(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) > wait)
}

func sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
