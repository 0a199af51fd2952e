package api

import (
	"net/http"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func createToken(rq *request, in *wire.TokenCreateRequest) (issued, error) {
	return rq.create(in, "", false)
}

func createOrphan(rq *request, in *wire.TokenCreateRequest) (issued, error) {
	return rq.create(in, "", true)
}

func (rq *request) create(in *wire.TokenCreateRequest, role string, orphan bool) (issued, error) {
	if err := creatable(in); err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return issued{}, err
	}
	ttl := in.TTL.Value
	if !in.TTL.Set {
		ttl = in.Lease.Value
	}
	ctx, cancel := rq.context()
	defer cancel()
	token, info, err := rq.s.kms.CreateToken(ctx, rq.call, kms.TokenRequest{
		Policies: in.Policies, Meta: in.Meta, DisplayName: in.DisplayName, TTL: ttl, Period: in.Period.Value,
		ExplicitMax: in.ExplicitMaxTTL.Value, Uses: in.NumUses.Value, NotRenewable: !in.Renewable.Or(true),
		NoDefaultPolicy: in.NoDefaultPolicy.Value, Orphan: orphan || in.NoParent.Value, OrphanPath: orphan, Role: role,
	})
	if err != nil {
		return issued{}, err
	}
	return issued{authOf(info, token.Reveal())}, nil
}

// creatable refuses what Vault's clients may ask for and this server does not
// do: ignoring it would give out a token that lives longer, or can do more, than
// was asked for.
func creatable(in *wire.TokenCreateRequest) error {
	unsupported := func(what string) error {
		return refuse(http.StatusBadRequest, wire.Unsupported, what+" is not supported for tokens")
	}
	switch {
	case in.ID.Reveal() != "":
		return unsupported("a token id of the caller's choice")
	case in.EntityAlias != "":
		return unsupported("entity_alias")
	case in.Type != "" && in.Type != "service" && in.Type != "default-service" && in.Type != "default":
		return unsupported("this type")
	}
	return nil
}

func authOf(t kms.TokenInfo, token string) *wire.Auth {
	meta := t.Meta
	if meta == nil {
		meta = map[string]string{}
	}
	return &wire.Auth{
		ClientToken: wire.SecretOf(token), Accessor: t.Accessor, Policies: t.Policies, TokenPolicies: t.Policies,
		IdentityPolicies: []string{}, Metadata: meta, LeaseDuration: int64(t.Left / time.Second), Renewable: t.Renewable,
		Orphan: t.Orphan, TokenType: "service", NumUses: t.Uses,
	}
}

func lookupSelf(rq *request, _ *nothing) (*wire.TokenData, error) {
	return rq.lookup(kms.TokenRef{Self: true}, rq.token)
}

func lookup(rq *request, in *wire.TokenRequest) (*wire.TokenData, error) {
	return rq.lookup(kms.TokenRef{Token: kms.TokenFrom(in.Token.Reveal())}, in.Token.Reveal())
}

func lookupAccessor(rq *request, in *wire.AccessorRequest) (*wire.TokenData, error) {
	return rq.lookup(byAccessor(in.Accessor), "")
}

// byAccessor never falls back to another way of naming a token: an absent
// accessor names none.
func byAccessor(accessor string) kms.TokenRef {
	if accessor == "" {
		accessor = " "
	}
	return kms.TokenRef{Accessor: accessor}
}

func (rq *request) lookup(ref kms.TokenRef, token string) (*wire.TokenData, error) {
	t, err := rq.s.kms.LookupToken(rq.call, ref)
	if err != nil {
		return nil, err
	}
	d := &wire.TokenData{
		ID: wire.SecretOf(token), Accessor: t.Accessor, Policies: t.Policies, Path: t.Path, Meta: t.Meta,
		DisplayName: t.DisplayName, Orphan: t.Orphan, CreationTime: t.Created.Unix(), CreationTTL: int64(t.TTL / time.Second),
		IssueTime: t.Created, TTL: int64(t.Left / time.Second), Type: "service", Renewable: t.Renewable,
		NumUses: t.Uses, Period: int64(t.Period / time.Second), ExplicitMaxTTL: int64(t.ExplicitMax / time.Second),
		Role: t.Role, BoundCIDRs: t.BoundCIDRs, Application: t.Application,
	}
	if !t.Renewed.IsZero() {
		d.LastRenewal, d.LastRenewalTime = &t.Renewed, t.Renewed.Unix()
	}
	if !t.Expires.IsZero() {
		d.ExpireTime = &t.Expires
	}
	return d, nil
}

func renewSelf(rq *request, in *wire.RenewRequest) (issued, error) {
	return rq.renew(kms.TokenRef{Self: true}, in, rq.token)
}

func renew(rq *request, in *wire.RenewRequest) (issued, error) {
	return rq.renew(kms.TokenRef{Token: kms.TokenFrom(in.Token.Reveal())}, in, in.Token.Reveal())
}

func renewAccessor(rq *request, in *wire.RenewRequest) (issued, error) {
	return rq.renew(byAccessor(in.Accessor), in, "")
}

func (rq *request) renew(ref kms.TokenRef, in *wire.RenewRequest, token string) (issued, error) {
	ctx, cancel := rq.context()
	defer cancel()
	t, err := rq.s.kms.RenewToken(ctx, rq.call, ref, in.Increment.Value)
	if err != nil {
		return issued{}, err
	}
	return issued{authOf(t, token)}, nil
}

func revokeSelf(rq *request, _ *nothing) (nothing, error) {
	return rq.revoke(kms.TokenRef{Self: true}, false)
}

func revoke(rq *request, in *wire.TokenRequest) (nothing, error) {
	return rq.revoke(kms.TokenRef{Token: kms.TokenFrom(in.Token.Reveal())}, false)
}

func revokeAccessor(rq *request, in *wire.AccessorRequest) (nothing, error) {
	return rq.revoke(byAccessor(in.Accessor), false)
}

func revokeOrphan(rq *request, in *wire.TokenRequest) (nothing, error) {
	return rq.revoke(kms.TokenRef{Token: kms.TokenFrom(in.Token.Reveal())}, true)
}

func (rq *request) revoke(ref kms.TokenRef, orphan bool) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.RevokeToken(ctx, rq.call, ref, orphan)
}
