package api

import (
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func keyStatus(rq *request, _ *nothing) (*wire.BarrierStatus, error) {
	st, err := rq.s.kms.KeyStatus(rq.call)
	return &wire.BarrierStatus{Term: st.Term, InstallTime: st.Since, Encryptions: st.Commands}, err
}

func rotateTerm(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	_, err := rq.s.kms.RotateTerm(ctx, rq.call)
	return nothing{}, err
}

func readRotation(rq *request, _ *nothing) (*wire.RotationConfig, error) {
	r, err := rq.s.kms.ReadRotation(rq.call)
	return &wire.RotationConfig{Enabled: r.Enabled, MaxOperations: r.Commands, Interval: int64(r.Interval / time.Second)}, err
}

func configRotation(rq *request, in *wire.RotationRequest) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	var req kms.RotationRequest
	if in.Enabled.Set {
		req.Enabled = &in.Enabled.Value
	}
	if in.MaxOperations.Set {
		req.Commands = &in.MaxOperations.Value
	}
	if in.Interval.Set {
		req.Interval = &in.Interval.Value
	}
	return nothing{}, rq.s.kms.ConfigRotation(ctx, rq.call, req)
}
