package client

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client/wire"
)

// Sys has the calls of sys/: the state of the node, init and unseal, mounts. What is
// about one node (Init, InitStatus, SealStatus, Unseal, ResetUnseal, VerifyShare,
// Seal, Health, Leader, Metrics) is asked of the first address of the configuration alone.
type Sys struct{ c *Client }

// Sys returns the calls of sys/.
func (c *Client) Sys() Sys { return Sys{c} }

// InitStatus reports whether the server is initialized. No token.
func (s Sys) InitStatus(ctx context.Context) (bool, error) {
	var out wire.InitStatus
	err := s.c.do(ctx, call{method: http.MethodGet, path: "sys/init", open: true, here: true}, &out)
	return out.Initialized, err
}

// Init initializes the server once and returns shares and root token, which
// nobody can ask for again. No token. After [ErrOutcomeUnknown] the server may
// be initialized with secrets that nobody has: wipe it and begin again.
func (s Sys) Init(ctx context.Context, shares, threshold int) (*wire.InitResponse, error) {
	cl := call{method: http.MethodPut, path: "sys/init", open: true, here: true, effect: true, body: wire.InitRequest{
		SecretShares: wire.IntOf(shares), SecretThreshold: wire.IntOf(threshold),
	}}
	out := new(wire.InitResponse)
	if err := s.c.do(ctx, cl, out); err != nil {
		return nil, err
	}
	if len(out.Keys) != shares || out.RootToken.Reveal() == "" {
		return nil, cl.badAnswer("shares or root token are missing")
	}
	return out, nil
}

// SealStatus returns the state of the seal. No token.
func (s Sys) SealStatus(ctx context.Context) (wire.SealStatus, error) {
	return s.sealStatus(ctx, call{method: http.MethodGet, path: "sys/seal-status", open: true, here: true})
}

// Unseal gives one share, as hex or base64, and returns the progress. No token.
// A bad share is an [*Error] with one of the share_ codes and does not count.
func (s Sys) Unseal(ctx context.Context, share Secret) (wire.SealStatus, error) {
	return s.sealStatus(ctx, call{
		method: http.MethodPut, path: "sys/unseal", open: true, here: true, effect: true, body: wire.UnsealRequest{Key: share},
	})
}

// ResetUnseal drops the shares given so far. No token.
func (s Sys) ResetUnseal(ctx context.Context) (wire.SealStatus, error) {
	return s.sealStatus(ctx, call{
		method: http.MethodPut, path: "sys/unseal", open: true, here: true, effect: true, body: wire.UnsealRequest{Reset: wire.BoolOf(true)},
	})
}

func (s Sys) sealStatus(ctx context.Context, cl call) (wire.SealStatus, error) {
	var out wire.SealStatus
	err := s.c.do(ctx, cl, &out)
	if err == nil && out.Type == "" {
		err = cl.badAnswer("no seal status in it")
	}
	return out, err
}

// VerifyShare checks a share without using it. No token.
func (s Sys) VerifyShare(ctx context.Context, share Secret) (wire.VerifyShareData, error) {
	return fetch[wire.VerifyShareData](ctx, s.c, call{
		method: http.MethodPut, path: "sys/verify-share", open: true, here: true, body: wire.VerifyShareRequest{Key: share},
	})
}

// Seal drops the keys from the server's memory.
func (s Sys) Seal(ctx context.Context) error {
	return s.c.run(ctx, call{method: http.MethodPut, path: "sys/seal", here: true, effect: true, unkeyed: true})
}

// Health returns what the node says of itself, sealed and standby nodes too.
// No token. An unhealthy answer is no error.
func (s Sys) Health(ctx context.Context) (wire.Health, error) {
	var out wire.Health
	err := s.c.do(ctx, call{method: http.MethodGet, path: "sys/health", open: true, here: true, accept: isHealth}, &out)
	return out, err
}

// isHealth tells a health answer from the error that a proxy gives with the
// same status.
func isHealth(status int, body []byte) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusNotImplemented, http.StatusServiceUnavailable:
		var probe struct {
			Sealed *bool `json:"sealed"`
		}
		return json.Unmarshal(body, &probe) == nil && probe.Sealed != nil
	}
	return false
}

// Leader returns who leads, as the node knows it. No token.
func (s Sys) Leader(ctx context.Context) (wire.Leader, error) {
	var out wire.Leader
	err := s.c.do(ctx, call{method: http.MethodGet, path: "sys/leader", open: true, here: true}, &out)
	return out, err
}

// Mounts returns path → mount; paths end with "/".
func (s Sys) Mounts(ctx context.Context) (wire.Mounts, error) {
	return fetch[wire.Mounts](ctx, s.c, call{method: http.MethodGet, path: "sys/mounts"})
}

// Metrics returns the metrics in the text format of Prometheus.
func (s Sys) Metrics(ctx context.Context) ([]byte, error) {
	got, err := s.c.send(ctx, call{method: http.MethodGet, path: "sys/metrics", here: true})
	if err != nil {
		return nil, err
	}
	return got.body, nil
}
