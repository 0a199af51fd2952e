// Package client owns the way from a Go program to a Signet server: addresses,
// TLS, the token, retries, typed errors, every call of package wire as a
// method, and [Signer], a crypto.Signer whose private key stays in the server.
//
// It never logs, never follows a redirect, never sends a token in clear text to
// another host, never reads an answer of unbounded size, and never shares code
// with the server beyond package wire.
//
// The invariant it keeps: a call that has a lasting effect has it once. It is sent
// again, to this node or another one, under the idempotency key of the first time;
// a call that has none only when the previous attempt certainly had no effect. When
// all that is known leaves it open (a time-out, a broken answer, a 5xx without a
// code of ours), the error matches [ErrOutcomeUnknown], and the caller reads before
// it writes again. Calls without a lasting effect (reads, sign, verify, encrypt,
// decrypt) are repeated with exponential back-off and jitter within the deadline.
//
// Start reading at config.go ([New], [FromEnvironment]), then call.go (one call
// from end to end), retry.go (who may be repeated), trip.go and nodes.go (where).
package client
