package api

import (
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func revocationOf(in *wire.JWTRevocation) kms.JWTRevocation {
	return kms.JWTRevocation{
		Token: in.Token.Reveal(), JTI: in.JTI, Expires: in.Expires.Value, Subject: in.Subject, ClientID: in.ClientID, IssuedBefore: in.IssuedBefore.Value,
	}
}

func revokeJWT(rq *request, in *wire.JWTRevokeRequest) (any, error) {
	items, batch := make([]kms.JWTRevocation, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	switch {
	case !batch:
		items = append(items, revocationOf(&in.JWTRevocation))
	case !in.Token.IsZero() || in.JTI != "" || in.Expires.Set || in.Subject != "" || in.ClientID != "" || in.IssuedBefore.Set:
		rq.s.kms.Reject(rq.origin, rq.call, errBesideBatch)
		return nil, errBesideBatch
	}
	for i := range in.BatchInput {
		items = append(items, revocationOf(&in.BatchInput[i].JWTRevocation))
	}
	ctx, cancel := rq.context()
	defer cancel()
	results, err := rq.s.kms.RevokeJWT(ctx, rq.call, rq.vars.get("issuer"), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return revokedData(&results[0]), nil
	}
	out := &wire.JWTRevokeBatch{Results: make([]wire.JWTRevokeResult, len(results))}
	for i := range results {
		to := &out.Results[i]
		if to.Reference = in.BatchInput[i].Reference; results[i].Err != nil {
			_, code, texts := answerTo(results[i].Err)
			to.ItemError = wire.ItemError{Error: texts[0], Code: code}
			continue
		}
		to.JWTRevokeData = *revokedData(&results[i])
	}
	return out, nil
}

func revokedData(r *kms.RevokedJWT) *wire.JWTRevokeData {
	d := &wire.JWTRevokeData{JTI: r.JTI, IssuedBefore: r.IssuedBefore, Expired: r.Expired, Effective: wire.EffectiveEverywhere}
	if !r.KeptUntil.IsZero() {
		until := r.KeptUntil.Truncate(time.Second)
		d.KeptUntil = &until
	}
	return d
}
