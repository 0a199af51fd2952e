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

// verdict is what a failure says about another attempt.
type verdict int

const (
	final     verdict = iota // it would be the same, or is not safe
	elsewhere                // only another node can help: this one needs a person
	passing                  // time helps, here too
)

// verdictOn judges a failure.
//
// The rule: a call is repeated when the failure is one that passes. One with
// lasting effect carries an idempotency key, under which the cluster carries it
// out once, whichever nodes it was sent to. Without such a key it is repeated only
// when the failure proves that nothing happened: no connection, or a code of which
// [wire.Code.NothingHappened] says so. A time-out proves nothing.
func verdictOn(cl call, err error) verdict {
	if network := (*NetworkError)(nil); errors.As(err, &network) {
		switch {
		case network.mayHaveHappened && !cl.keyed(), ended(network.Err):
			return final
		case misconfigured(network.Err):
			return elsewhere
		}
		return passing
	}
	answered := (*Error)(nil)
	if !errors.As(err, &answered) {
		return final
	}
	switch {
	case answered.Code == wire.Sealed, answered.Code == wire.NotInitialized && answered.Status == http.StatusServiceUnavailable:
		return elsewhere // only a person can help this node, so do not wait for it
	case answered.Code.NothingHappened():
		return passing
	case answered.Code == wire.OutcomeUnknown && cl.keyed():
		return passing
	case answered.Code != "", cl.effect && !cl.keyed():
		return final
	case ofGateway(answered.Status), answered.Status == http.StatusTooManyRequests:
		return passing
	}
	return final
}

// ofGateway reports a status with which something between us and the server says
// that it does not reach it.
func ofGateway(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// limited reports a refusal by a rate limit, which says when it ends.
func limited(err error) bool {
	answered := (*Error)(nil)
	return errors.As(err, &answered) && answered.Code == wire.RateLimited
}

// ended reports that the caller's own context ended, or that what answers is no
// Signet server, which it will not become.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrBadAnswer)
}

// misconfigured reports a network error that will be the same next time at this
// address: of its name or of its TLS.
func misconfigured(err error) bool {
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
	return errors.Is(err, http.ErrSchemeMismatch) || dnsMissing ||
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

// anyOf returns one of 0 to n-1.
func anyOf(n int) int { return rand.IntN(n) }

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
