package api

import (
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func writeIssuer(rq *request, in *wire.IssuerRequest) (*wire.IssuerData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return issuerData(rq.s.kms.WriteIssuer(ctx, rq.call, rq.vars.get("issuer"), kms.IssuerRequest{
		URL: given(in.Issuer.Set, in.Issuer.Value), Alg: given(in.Alg.Set, in.Alg.Value), KeyType: given(in.KeyType.Set, in.KeyType.Value),
		JWKSURI: given(in.JWKSURI.Set, in.JWKSURI.Value), MaxAge: duration(in.JWKSMaxAge), Leeway: duration(in.Leeway),
		Lead: duration(in.Rotation.LeadTime), Period: duration(in.Rotation.Period),
		DeletionAllowed: given(in.DeletionAllowed.Set, in.DeletionAllowed.Value), Import: issuerImport(in.Import),
	}))
}

func readIssuer(rq *request, _ *nothing) (*wire.IssuerData, error) {
	return issuerData(rq.s.kms.ReadIssuer(rq.call, rq.vars.get("issuer")))
}

// listIssuers lists the issuers in use; with ?deleted=true those that are deleted
// and not destroyed yet.
func listIssuers(rq *request, _ *nothing) (any, error) {
	if rq.r.URL.RawQuery == "" || rq.r.URL.Query().Get("deleted") != "true" {
		names, err := rq.s.kms.ListIssuers(rq.call)
		return &wire.Keys{Keys: names}, err
	}
	deleted, err := rq.s.kms.DeletedIssuers(rq.call)
	if err != nil {
		return nil, err
	}
	out := &wire.DeletedIssuers{KeyInfo: make(map[string]wire.DeletedKey, len(deleted))}
	for _, i := range deleted {
		out.Keys = append(out.Keys, i.Name)
		out.KeyInfo[i.Name] = wire.DeletedKey{DeletionTime: timeOf(i.Deleted), DestroyTime: timeOf(i.Key.DestroyAt)}
	}
	return out, nil
}

func deleteIssuer(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	grace, err := rq.grace()
	if err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nothing{}, err
	}
	return nothing{}, rq.s.kms.DeleteIssuer(ctx, rq.call, rq.vars.get("issuer"), grace)
}

func undeleteIssuer(rq *request, _ *struct{}) (*wire.IssuerData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return issuerData(rq.s.kms.UndeleteIssuer(ctx, rq.call, rq.vars.get("issuer")))
}

// issuerData is an issuer in the words of the wire.
func issuerData(i kms.IssuerInfo, err error) (*wire.IssuerData, error) {
	if err != nil {
		return nil, err
	}
	d := &wire.IssuerData{
		Name: i.Name, Issuer: i.URL, Alg: i.Alg, KeyType: string(i.Key.Type), JWKSURI: i.JWKS,
		JWKSMaxAge: secondsOf(i.MaxAge), Leeway: secondsOf(i.Leeway),
		Rotation:        wire.IssuerRotation{Period: secondsOf(i.Period), LeadTime: secondsOf(i.Lead)},
		DeletionAllowed: i.DeletionAllowed, CreationTime: timeOf(i.Created), ActiveVersion: int(i.Signer), LatestVersion: int(i.Key.Latest),
		Versions: make([]wire.IssuerVersion, len(i.Versions)), Revision: i.Revision, Documents: wire.DocumentsOf(i.Name),
	}
	for n, v := range i.Versions {
		d.Versions[n] = wire.IssuerVersion{
			Version: int(v.Number), KID: v.KID, State: string(v.State), CreationTime: timeOf(v.Created), ActiveAt: timeOf(v.ActiveAt),
			ActivationTime: timeOf(v.Activated), SuspensionTime: timeOf(v.Suspended), RetirementTime: timeOf(v.Retired),
			RemoveAt: timeOf(v.RemoveAt), CompromiseTime: timeOf(v.Compromised), DestructionTime: timeOf(v.Destroyed),
			Imported: v.Imported,
		}
	}
	return d, nil
}

func secondsOf(n int64) wire.Duration { return wire.DurationOf(time.Duration(n) * time.Second) }

// timeOf is a time in UTC; 0 is none.
func timeOf(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
