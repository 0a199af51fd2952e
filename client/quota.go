package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

const quotaPath = "sys/quotas/rate-limit"

// Quota is a rate limit. A request must have room at every quota that covers its
// path.
type Quota struct {
	// Path is "" for everything, a mount or another path for it and all below, or
	// the beginning of paths and "*".
	Path string
	// PerToken counts each token, after authentication; otherwise each source
	// address is counted, before it.
	PerToken bool
	// PerApplication counts each application, all its tokens together; a caller
	// without one is not limited. Not with PerToken.
	PerApplication bool
	// Rate is how many requests an interval has. As many may come at once.
	Rate float64
	// Interval is 1 ms to 24 h; 0 means 1 s.
	Interval time.Duration
	// Block is how long whoever goes over the limit is refused everything.
	Block time.Duration
}

// ListQuotas returns the names of all rate limits.
func (s Sys) ListQuotas(ctx context.Context) ([]string, error) {
	return list(ctx, s.c, quotaPath)
}

// ReadQuota returns a rate limit, or an error that matches [ErrNotFound].
func (s Sys) ReadQuota(ctx context.Context, name string) (wire.QuotaData, error) {
	path, err := join(quotaPath, name)
	if err != nil {
		return wire.QuotaData{}, err
	}
	return fetch[wire.QuotaData](ctx, s.c, call{method: http.MethodGet, path: path})
}

// WriteQuota creates or replaces a rate limit. It holds for every request begun
// after the return.
func (s Sys) WriteQuota(ctx context.Context, name string, q Quota) error {
	path, err := join(quotaPath, name)
	if err != nil {
		return err
	}
	body := wire.QuotaRequest{Path: wire.StringOf(q.Path), Rate: wire.FloatOf(q.Rate)}
	switch {
	case q.PerToken && q.PerApplication:
		return errors.New("a quota is per token or per application")
	case q.PerToken:
		body.Per = wire.StringOf(wire.QuotaPerToken)
	case q.PerApplication:
		body.Per = wire.StringOf(wire.QuotaPerApplication)
	}
	if q.Interval != 0 {
		body.Interval = wire.DurationOf(q.Interval)
	}
	if q.Block != 0 {
		body.BlockInterval = wire.DurationOf(q.Block)
	}
	return s.c.run(ctx, call{method: http.MethodPut, path: path, effect: true, body: body})
}

// DeleteQuota removes a rate limit; one that does not exist is no error.
func (s Sys) DeleteQuota(ctx context.Context, name string) error {
	path, err := join(quotaPath, name)
	if err != nil {
		return err
	}
	return s.c.run(ctx, call{method: http.MethodDelete, path: path, effect: true})
}
