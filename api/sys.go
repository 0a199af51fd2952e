package api

import (
	"net/http"
	"strconv"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func initStatus(rq *request, _ *nothing) (bare[wire.InitStatus], error) {
	rq.s.kms.Count("sys/init")
	return bare[wire.InitStatus]{wire.InitStatus{Initialized: rq.s.kms.Initialized()}}, nil
}

func initCluster(rq *request, in *wire.InitRequest) (bare[*wire.InitResponse], error) {
	var none bare[*wire.InitResponse]
	if len(in.PGPKeys) > 0 || len(in.RecoveryPGPKeys) > 0 || in.RootTokenPGPKey != "" ||
		in.StoredShares.Value != 0 {
		err := refuse(http.StatusBadRequest, wire.Unsupported, "PGP keys and stored shares are not supported; shares come in clear, once")
		rq.s.kms.Reject(rq.origin, nil, err)
		return none, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	asked := kms.InitRequest{Shares: int(in.SecretShares.Value), Threshold: int(in.SecretThreshold.Value)}
	if recovery := (kms.InitRequest{Shares: int(in.RecoveryShares.Value), Threshold: int(in.RecoveryThreshold.Value), Recovery: true}); recovery.Shares != 0 || recovery.Threshold != 0 {
		if asked.Shares != 0 || asked.Threshold != 0 {
			err := refuse(http.StatusBadRequest, wire.BadRequest, "give either secret_shares and secret_threshold, or recovery_shares and recovery_threshold")
			rq.s.kms.Reject(rq.origin, nil, err)
			return none, err
		}
		asked = recovery
	}
	made, err := rq.s.kms.Init(ctx, rq.origin, asked)
	if err != nil {
		return none, err
	}
	out := &wire.InitResponse{RootToken: wire.SecretOf(made.RootToken.Reveal())}
	hex, base64 := make([]wire.Secret, 0, len(made.Shares)), make([]wire.Secret, 0, len(made.Shares))
	for _, s := range made.Shares {
		hex, base64 = append(hex, wire.SecretOf(s.Hex())), append(base64, wire.SecretOf(s.Base64()))
	}
	if made.Recovery {
		out.Keys, out.KeysBase64, out.RecoveryKeys, out.RecoveryKeysBase64 = []wire.Secret{}, []wire.Secret{}, hex, base64
	} else {
		out.Keys, out.KeysBase64 = hex, base64
	}
	return bare[*wire.InitResponse]{out}, nil
}

func sealStatus(rq *request, _ *nothing) (bare[*wire.SealStatus], error) {
	rq.s.kms.Count("sys/seal-status")
	return rq.sealStatus(rq.s.kms.SealStatus()), nil
}

func (rq *request) sealStatus(st kms.SealStatus) bare[*wire.SealStatus] {
	return bare[*wire.SealStatus]{&wire.SealStatus{
		Type: st.Type, Initialized: st.Initialized, Sealed: st.Sealed, T: st.Threshold, N: st.Shares, Progress: st.Progress,
		Nonce: st.Nonce, Version: st.Version, BuildDate: rq.s.cfg.BuildDate, ClusterName: st.ClusterName, ClusterID: st.ClusterID,
		StorageType: "raft", RecoverySeal: st.Recovery, Migration: st.Migration, Waiting: st.Waiting,
	}}
}

func unseal(rq *request, in *wire.UnsealRequest) (bare[*wire.SealStatus], error) {
	var none bare[*wire.SealStatus]
	if in.Migrate.Value {
		err := refuse(http.StatusBadRequest, wire.Unsupported, "an unseal does not migrate the seal: give the shares without migrate, then call sys/migrate-seal")
		rq.s.kms.Reject(rq.origin, nil, err)
		return none, err
	}
	if in.Reset.Value {
		st, err := rq.s.kms.ResetUnseal(rq.origin)
		if err != nil || in.Key.Reveal() == "" {
			return rq.sealStatus(st), err
		}
	}
	ctx, cancel := rq.context()
	defer cancel()
	st, err := rq.s.kms.Unseal(ctx, rq.origin, in.Key.Reveal())
	if err != nil {
		return none, err
	}
	return rq.sealStatus(st), nil
}

func verifyShare(rq *request, in *wire.VerifyShareRequest) (*wire.VerifyShareData, error) {
	info, err := rq.s.kms.VerifyShare(rq.origin, in.Key.Reveal())
	return &wire.VerifyShareData{Index: info.Index, Generation: uint64(info.Generation)}, err
}

func sealNode(rq *request, _ *nothing) (nothing, error) {
	return nothing{}, rq.s.kms.Seal(rq.call)
}

// health answers with the status of the node's state, which each load balancer
// may choose for itself: 200, 429 a node that serves and does not lead, 501 not
// initialized, 503 sealed, not serving, or stopping.
func health(rq *request, _ *nothing) (bare[*wire.Health], error) {
	rq.s.kms.Count("sys/health")
	h := rq.s.kms.Health()
	q := rq.r.URL.Query()
	status := func(name string, fallback int) int {
		if n, err := strconv.Atoi(q.Get(name)); err == nil && n >= 200 && n <= 599 {
			return n
		}
		return fallback
	}
	switch {
	case !h.Initialized:
		rq.status = status("uninitcode", http.StatusNotImplemented)
	case h.Sealed:
		rq.status = status("sealedcode", http.StatusServiceUnavailable)
	case h.Serving && rq.s.draining.Load():
		rq.status, h.Reason, h.Why = http.StatusServiceUnavailable, string(reasonStopping), whyStopping
	case !h.Serving:
		rq.status = http.StatusServiceUnavailable
	case h.Standby && !q.Has("standbyok") && !q.Has("perfstandbyok"):
		rq.status = status("standbycode", http.StatusTooManyRequests)
	default:
		rq.status = status("activecode", http.StatusOK)
	}
	out := &wire.Health{
		Initialized: h.Initialized, Sealed: h.Sealed, Standby: h.Standby, ServerTimeUTC: h.Now.Unix(), Version: h.Version, ClusterName: h.ClusterName, ClusterID: h.ClusterID,
		Reason: wire.Code(h.Reason), Why: h.Why, FeatureLevel: h.Level,
	}
	return bare[*wire.Health]{out}, nil
}

func leader(rq *request, _ *nothing) (bare[*wire.Leader], error) {
	rq.s.kms.Count("sys/leader")
	l := rq.s.kms.Leader()
	return bare[*wire.Leader]{&wire.Leader{
		HAEnabled: true, IsSelf: l.Self, ActiveTime: l.ActiveSince.UTC(), LeaderAddress: l.APIAddress,
		LeaderClusterAddress: l.ClusterAddress, RaftCommittedIndex: l.Committed, RaftAppliedIndex: l.Applied,
	}}, nil
}

func mounts(rq *request, _ *nothing) (wire.Mounts, error) {
	list, err := rq.s.kms.Mounts(rq.call)
	if err != nil {
		return nil, err
	}
	out := wire.Mounts{
		"sys/": {Type: "system", Description: "the server itself", Accessor: "system_0", Options: map[string]string{}},
	}
	for _, m := range list {
		out[m.Path] = wire.Mount{Type: m.Type, Description: m.Description, Accessor: m.Accessor, UUID: m.UUID, Options: map[string]string{}}
	}
	return out, nil
}
