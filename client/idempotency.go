package client

import (
	"context"
	"crypto/rand"
)

// contextKey is the key of a context's idempotency key.
type contextKey struct{}

// WithIdempotencyKey returns a context under which a call with lasting effect
// takes effect once, whoever sends it again with the same token, key and request:
// this process after a time-out, or the next one after a crash. Such a call gives
// the result of the first one; where that was a token, which is shown once, it
// gives an [*Error] with the code [wire.IdempotencySpent] and the accessor. The
// server remembers a day, and a caller's last 10,000.
//
// Without it each call has a random key of its own, so that its own attempts have
// one effect.
//
// key is 1 to 255 printable ASCII characters, and belongs to one request: under
// another one it is refused with [wire.IdempotencyMismatch].
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, contextKey{}, key)
}

// keyed reports that the server carries a call out once, however often it is sent
// under one key. What needs no token, and sealing, know no such key.
func (cl call) keyed() bool { return cl.effect && !cl.open && !cl.unkeyed }

func (cl call) idempotencyKey(ctx context.Context) string {
	if !cl.keyed() {
		return ""
	}
	if key, ok := ctx.Value(contextKey{}).(string); ok {
		return key
	}
	return rand.Text() // 128 bits
}
