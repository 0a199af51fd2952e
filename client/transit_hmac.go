package client

import (
	"context"

	"github.com/signet-kms/signet/client/wire"
)

// HMAC makes the HMAC of Input of req with the HMAC key that a key of any type
// has; BatchInput must be nil.
func (t Transit) HMAC(ctx context.Context, key string, req wire.HMACRequest) (string, error) {
	out, err := use[wire.HMACData](ctx, t, req, "hmac", key)
	if err == nil && out.HMAC == "" {
		err = t.missing("hmac", "hmac", key)
	}
	return out.HMAC, err
}

// HMACBatch makes the HMACs of BatchInput of req: one result an item, in order,
// each with its own error.
func (t Transit) HMACBatch(ctx context.Context, key string, req wire.HMACRequest) ([]wire.HMACResult, error) {
	return batch[wire.HMACResult](ctx, t, req, len(req.BatchInput), "hmac", key)
}

// VerifyHMAC reports whether mac, as [Transit.HMAC] returned it, is the HMAC of
// Input of req. The hash is that of req, and everything else in it counts for
// nothing. A malformed mac is an error.
func (t Transit) VerifyHMAC(ctx context.Context, key, mac string, req wire.HMACRequest) (bool, error) {
	return t.Verify(ctx, key, wire.VerifyRequest{
		SignOptions: wire.SignOptions{HashAlgorithm: req.HashAlgorithm, Algorithm: req.Algorithm},
		Input:       req.Input, HMAC: mac, Context: req.Context,
	})
}
