package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// BarrierStatus describes the term of the barrier that seals everything new.
func (s Sys) BarrierStatus(ctx context.Context) (wire.BarrierStatus, error) {
	return fetch[wire.BarrierStatus](ctx, s.c, call{method: http.MethodGet, path: "sys/key-status"})
}

// RotateBarrier makes a new term of the barrier the active one. Shares and keys
// stay what they are. The token needs sudo on sys/rotate.
func (s Sys) RotateBarrier(ctx context.Context) error {
	return s.c.run(ctx, call{method: http.MethodPost, path: "sys/rotate", effect: true})
}

// Rotation says when the barrier rotates by itself.
func (s Sys) Rotation(ctx context.Context) (wire.RotationConfig, error) {
	return fetch[wire.RotationConfig](ctx, s.c, call{method: http.MethodGet, path: "sys/rotate/config"})
}

// ConfigureRotation changes when the barrier rotates by itself; what is unset in
// req stays as it is. The token needs sudo on sys/rotate/config.
func (s Sys) ConfigureRotation(ctx context.Context, req wire.RotationRequest) error {
	return s.c.run(ctx, call{method: http.MethodPost, path: "sys/rotate/config", effect: true, body: req})
}
