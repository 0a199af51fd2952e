package client

import (
	"context"
	"encoding/base64"

	"github.com/signet-kms/signet/client/wire"
)

// Random returns n random bytes, from 1 to [wire.MaxRandom].
func (t Transit) Random(ctx context.Context, n int) ([]byte, error) {
	req := wire.RandomRequest{Bytes: wire.IntOf(n), Format: wire.FormatBase64}
	out, err := use[wire.RandomData](ctx, t, req, "random")
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(out.RandomBytes.Reveal())
	if err != nil || len(b) != n {
		return nil, t.missing("random bytes of the length asked for", "random")
	}
	return b, nil
}

// Hash returns the hash of Input of req as text, in hex unless Format says
// otherwise; BatchInput must be nil.
func (t Transit) Hash(ctx context.Context, req wire.HashRequest) (string, error) {
	out, err := use[wire.HashData](ctx, t, req, "hash")
	if err == nil && out.Sum == "" {
		err = t.missing("sum", "hash")
	}
	return out.Sum, err
}
