package api

import (
	"net/http"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func rotateIssuer(rq *request, in *wire.RotateIssuerRequest) (*wire.RotationData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return rotationData(rq.s.kms.RotateIssuer(ctx, rq.call, rq.vars.get("issuer"), issuerImport(in.Import)))
}

func readIssuerRotation(rq *request, _ *nothing) (*wire.RotationData, error) {
	return rotationData(rq.s.kms.Rotation(rq.call, rq.vars.get("issuer")))
}

func cancelRotation(rq *request, _ *struct{}) (*wire.RotationData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return rotationData(rq.s.kms.CancelRotation(ctx, rq.call, rq.vars.get("issuer")))
}

func compromiseVersion(rq *request, in *wire.CompromiseRequest) (*wire.CompromiseData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	done, err := rq.s.kms.CompromiseVersion(ctx, rq.call, rq.vars.get("issuer"), kms.CompromiseRequest{KID: in.KID.Value, DryRun: in.DryRun.Value})
	if err != nil {
		return nil, err
	}
	schedule, _ := rotationData(done.Schedule, nil)
	return &wire.CompromiseData{
		DryRun: in.DryRun.Value, Version: int(done.Version.Number), KID: done.Version.KID, State: string(done.Version.State),
		SignedSince: timeOf(done.SignedSince), SignedUntil: timeOf(done.SignedUntil), TokensEnd: timeOf(done.TokensEnd), CachedUntil: timeOf(done.CachedUntil),
		NextVersion: int(done.Signer), NextKID: done.KID, NextUnknown: done.Unknown, Profiles: append([]string{}, done.Profiles...), Rotation: *schedule,
	}, nil
}

func setIssuerState(rq *request, in *wire.VersionStateRequest) (*wire.IssuerData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return issuerData(rq.s.kms.SetIssuerState(ctx, rq.call, rq.vars.get("issuer"), stateRequest(in)))
}

func setKeyState(rq *request, in *wire.VersionStateRequest) (*wire.KeyData, error) {
	if in.KID.Set {
		err := refuse(http.StatusBadRequest, wire.UnknownField, "a version of a transit key is named by 'version'")
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nil, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	return keyData(rq.s.kms.SetKeyState(ctx, rq.call, rq.key(), stateRequest(in)))
}

func stateRequest(in *wire.VersionStateRequest) kms.StateRequest {
	return kms.StateRequest{Version: in.Version.Value, KID: in.KID.Value, State: in.State.Value, Reason: in.Reason.Value}
}

// rotationData is a schedule in the words of the wire.
func rotationData(s kms.Schedule, err error) (*wire.RotationData, error) {
	if err != nil {
		return nil, err
	}
	out := &wire.RotationData{Issuer: s.Issuer.Name, Timeline: make([]wire.RotationEvent, len(s.Moments))}
	if s.Active != nil {
		out.ActiveVersion = int(s.Active.Number)
	}
	if s.Pending != nil {
		out.PendingVersion, out.ActiveAt = int(s.Pending.Number), timeOf(s.Pending.ActiveAt)
	}
	for i, m := range s.Moments {
		out.Timeline[i] = wire.RotationEvent{Time: timeOf(m.At), Event: m.What, Version: int(m.Version), KID: m.KID, Expected: m.Expected, Imported: m.Imported}
		if m.Expected && m.What == kms.MomentPublished {
			out.NextRotation = timeOf(m.At)
		}
	}
	return out, nil
}
