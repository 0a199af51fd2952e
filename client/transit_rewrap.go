package client

import (
	"context"

	"github.com/signet-kms/signet/client/wire"
)

// Rewrap encrypts Ciphertext of req anew, with the latest version of the key or
// the one in req; BatchInput must be nil. The plaintext stays on the server.
func (t Transit) Rewrap(ctx context.Context, key string, req wire.RewrapRequest) (wire.EncryptData, error) {
	out, err := use[wire.EncryptData](ctx, t, req, "rewrap", key)
	if err == nil && out.Ciphertext == "" {
		err = t.missing("ciphertext", "rewrap", key)
	}
	return out, err
}

// RewrapBatch encrypts BatchInput of req anew: one result an item, in order, each
// with its own error.
func (t Transit) RewrapBatch(ctx context.Context, key string, req wire.RewrapRequest) ([]wire.EncryptResult, error) {
	return batch[wire.EncryptResult](ctx, t, req, len(req.BatchInput), "rewrap", key)
}

// DataKey makes a key for the caller to encrypt with: in clear, and encrypted to be
// kept beside what it encrypts.
func (t Transit) DataKey(ctx context.Context, key string, req wire.DataKeyRequest) (wire.DataKeyData, error) {
	out, err := t.dataKey(ctx, "plaintext", key, req)
	if err == nil && !out.Plaintext.IsSet() {
		err = t.missing("plaintext", "datakey", "plaintext", key)
	}
	return out, err
}

// WrappedDataKey is DataKey without the key in clear: [Transit.Decrypt] gives it
// to whoever may decrypt.
func (t Transit) WrappedDataKey(ctx context.Context, key string, req wire.DataKeyRequest) (wire.DataKeyData, error) {
	return t.dataKey(ctx, "wrapped", key, req)
}

func (t Transit) dataKey(ctx context.Context, kind, key string, req wire.DataKeyRequest) (wire.DataKeyData, error) {
	out, err := use[wire.DataKeyData](ctx, t, req, "datakey", kind, key)
	if err == nil && out.Ciphertext == "" {
		err = t.missing("ciphertext", "datakey", kind, key)
	}
	return out, err
}
