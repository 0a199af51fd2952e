package api

import (
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func createSecretID(rq *request, in *wire.SecretIDRequest) (*wire.SecretIDCreated, error) {
	return rq.createSecretID(in, nil)
}

func createCustomSecretID(rq *request, in *wire.SecretIDRequest) (*wire.SecretIDCreated, error) {
	custom := kms.SecretIDFrom(in.SecretID.Reveal())
	return rq.createSecretID(in, &custom)
}

func (rq *request) createSecretID(in *wire.SecretIDRequest, custom *kms.SecretIDText) (*wire.SecretIDCreated, error) {
	ctx, cancel := rq.context()
	defer cancel()
	text, info, err := rq.s.kms.CreateSecretID(ctx, rq.call, rq.vars.get("role"), kms.SecretIDRequest{
		Custom: custom, Metadata: in.Metadata, CIDRs: in.CIDRList, TokenCIDRs: in.TokenBoundCIDRs,
		TTL: duration(in.TTL), Uses: given(in.NumUses.Set, in.NumUses.Value),
	})
	if err != nil {
		return nil, err
	}
	return &wire.SecretIDCreated{
		SecretID: wire.SecretOf(text.Reveal()), Accessor: info.Accessor, NumUses: info.Uses, TTL: int64(info.TTL / time.Second),
	}, nil
}

func listSecretIDs(rq *request, _ *nothing) (*wire.Keys, error) {
	accessors, err := rq.s.kms.ListSecretIDs(rq.call, rq.vars.get("role"))
	return &wire.Keys{Keys: accessors}, err
}

func lookupSecretID(rq *request, in *wire.SecretIDRef) (any, error) {
	return rq.lookupSecretID(in, rq.bySecretID)
}

func lookupSecretIDAccessor(rq *request, in *wire.SecretIDRef) (any, error) {
	return rq.lookupSecretID(in, rq.bySecretIDAccessor)
}

// lookupSecretID answers 204 for a secret id that is none of the role's, as Vault
// does.
func (rq *request) lookupSecretID(in *wire.SecretIDRef, by func(*wire.SecretIDRef) (kms.SecretIDRef, error)) (any, error) {
	ref, err := by(in)
	if err != nil {
		return nil, err
	}
	info, err := rq.s.kms.LookupSecretID(rq.call, rq.vars.get("role"), ref)
	if err != nil || info == nil {
		return nothing{}, err
	}
	return &wire.SecretIDData{
		Accessor: info.Accessor, NumUses: info.Uses, TTL: int64(info.TTL / time.Second), CreationTime: info.Created, ExpirationTime: info.Expires,
		LastUpdatedTime: info.Updated, Metadata: texts(info.Metadata), CIDRList: list(info.CIDRs), TokenBoundCIDRs: list(info.TokenCIDRs),
	}, nil
}

func destroySecretID(rq *request, in *wire.SecretIDRef) (nothing, error) {
	return rq.destroySecretID(in, rq.bySecretID)
}

func destroySecretIDAccessor(rq *request, in *wire.SecretIDRef) (nothing, error) {
	return rq.destroySecretID(in, rq.bySecretIDAccessor)
}

func (rq *request) destroySecretID(in *wire.SecretIDRef, by func(*wire.SecretIDRef) (kms.SecretIDRef, error)) (nothing, error) {
	ref, err := by(in)
	if err != nil {
		return nothing{}, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DestroySecretID(ctx, rq.call, rq.vars.get("role"), ref)
}

// bySecretID and bySecretIDAccessor each take the one name that their paths have;
// Vault's clients send that of a DELETE in the query.
func (rq *request) bySecretID(in *wire.SecretIDRef) (kms.SecretIDRef, error) {
	text := in.SecretID.Reveal()
	if text == "" && rq.r.Method == http.MethodDelete {
		text = rq.r.URL.Query().Get("secret_id")
	}
	if text == "" {
		return kms.SecretIDRef{}, rq.s.kms.RefuseAppRole(rq.call, refuse(http.StatusBadRequest, wire.BadRequest, "missing secret_id"))
	}
	return kms.SecretIDRef{Text: kms.SecretIDFrom(text)}, nil
}

func (rq *request) bySecretIDAccessor(in *wire.SecretIDRef) (kms.SecretIDRef, error) {
	accessor := in.Accessor
	if accessor == "" && rq.r.Method == http.MethodDelete {
		accessor = rq.r.URL.Query().Get("secret_id_accessor")
	}
	if accessor == "" {
		return kms.SecretIDRef{}, rq.s.kms.RefuseAppRole(rq.call, refuse(http.StatusBadRequest, wire.BadRequest, "missing secret_id_accessor"))
	}
	return kms.SecretIDRef{Accessor: accessor}, nil
}

func tidySecretIDs(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	err := rq.s.kms.TidySecretIDs(ctx, rq.call)
	if err == nil {
		rq.status = http.StatusAccepted
		rq.call.Warnings = append(rq.call.Warnings, "expired secret ids are removed all the time, by themselves")
	}
	return nothing{}, err
}
