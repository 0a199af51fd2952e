package kms

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// SecretIDInfo is a secret id without the secret id.
type SecretIDInfo struct {
	Accessor   string
	Created    time.Time
	Updated    time.Time         // when a use was spent last
	Expires    time.Time         // zero never
	TTL        time.Duration     // granted; 0 never expires
	Uses       int64             // left; 0 no limit
	Metadata   map[string]string // of the tokens
	CIDRs      []string          // where logins may come from; empty: as the role has it
	TokenCIDRs []string          // instead of the role's
}

func secretInfo(s *state.SecretID) SecretIDInfo {
	info := SecretIDInfo{
		Accessor: s.Accessor, Created: time.Unix(0, s.Created).UTC(), Updated: time.Unix(0, s.Updated).UTC(), TTL: inSeconds(s.TTL), Uses: s.Uses,
		Metadata: s.Metadata, CIDRs: s.CIDRs, TokenCIDRs: s.TokenCIDRs,
	}
	if s.Expire != 0 {
		info.Expires = time.Unix(0, s.Expire).UTC()
	}
	return info
}

// SecretIDRequest asks for a secret id.
type SecretIDRequest struct {
	Custom     *SecretIDText // nil: a random one
	Metadata   map[string]string
	CIDRs      []string       // within those of the role
	TokenCIDRs []string       // within those of the role
	TTL        *time.Duration // nil: as the role has it; not longer
	Uses       *int64         // nil: as the role has it; not more
}

// CreateSecretID makes a secret id of a role. It needs update. Errors: ErrNotFound
// without the role, ErrBadRequest.
func (s *Service) CreateSecretID(ctx context.Context, c *Call, role string, req SecretIDRequest) (SecretIDText, SecretIDInfo, error) {
	text := newSecretID(c.view.Cluster.TokenKey)
	if req.Custom != nil {
		text = *req.Custom
	}
	var record state.SecretID
	_, err := s.write(ctx, c, verb{operation: "auth/approle/secret-id/create", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"role": role}
		r := c.view.AppRole(role)
		switch {
		case r == nil:
			return nil, noRole(role)
		case r.NoSecretID:
			return nil, saying(ErrBadRequest, "bind_secret_id is not set on the role")
		}
		if err := req.check(r); err != nil {
			return nil, err
		}
		hash := text.hash(c.view.Cluster.TokenKey, role)
		now := c.now()
		record = state.SecretID{
			Role: role, Hash: hash, Accessor: state.SecretIDAccessor(hash, randomBytes(8)), Created: now, Updated: now,
			TTL: r.SecretTTL, Uses: r.SecretUses, Metadata: maps.Clone(req.Metadata), CIDRs: req.CIDRs, TokenCIDRs: req.TokenCIDRs,
		}
		if req.TTL != nil {
			record.TTL = int64(wholeSeconds(*req.TTL) / time.Second)
		}
		if req.Uses != nil {
			record.Uses = *req.Uses
		}
		if record.TTL = min(record.TTL, int64(MaxTTL/time.Second)); record.TTL != 0 { // Vault's cut
			record.Expire = now + int64(inSeconds(record.TTL))
		}
		a.Record.Fields["secret_id_accessor"] = record.Accessor
		return &state.CreateSecretID{SecretID: record}, nil
	})
	if err != nil {
		return SecretIDText{}, SecretIDInfo{}, err
	}
	return text, secretInfo(&record), nil
}

// check holds what is asked to what the role allows, and brings the lists to their
// form.
func (q *SecretIDRequest) check(r *state.AppRole) error {
	if err := q.checkCustom(); err != nil {
		return err
	}
	if err := checkMetadata(q.Metadata); err != nil {
		return err
	}
	switch {
	case q.Uses != nil && (*q.Uses < 0 || *q.Uses > maxUses):
		return saying(ErrBadRequest, "num_uses is between 0, which is no limit, and %d, not %d", int64(maxUses), *q.Uses)
	case q.Uses != nil && r.SecretUses > 0 && (*q.Uses == 0 || *q.Uses > r.SecretUses):
		return saying(ErrBadRequest, "num_uses cannot be higher than the role's secret_id_num_uses, %d; 0 is no limit, and %d was asked for", r.SecretUses, *q.Uses)
	case q.TTL != nil && (*q.TTL < 0 || *q.TTL > maxExplicit):
		return saying(ErrBadRequest, "ttl is between 0 and 876000h, not %s", *q.TTL)
	case q.TTL != nil && r.SecretTTL > 0 && (*q.TTL == 0 || *q.TTL > inSeconds(r.SecretTTL)):
		return saying(ErrBadRequest, "ttl cannot be longer than the role's secret_id_ttl, %s; 0 does not end, and %s was asked for", inSeconds(r.SecretTTL), *q.TTL)
	}
	for _, list := range []struct {
		field string
		asked *[]string
		role  []string
	}{{"cidr_list", &q.CIDRs, r.SecretCIDRs}, {"token_bound_cidrs", &q.TokenCIDRs, r.TokenCIDRs}} {
		out, err := canonicalList(*list.asked, canonicalBound)
		if err != nil {
			return saying(ErrBadRequest, "%s: %v", list.field, err)
		}
		if !state.BoundsInside(out, list.role) {
			return saying(ErrBadRequest, "%s is not within what the role allows", list.field)
		}
		*list.asked = out
	}
	return nil
}

func (q *SecretIDRequest) checkCustom() error {
	if q.Custom == nil {
		return nil
	}
	text := q.Custom.Reveal()
	switch {
	case text == "":
		return saying(ErrBadRequest, "missing secret_id")
	case len(text) < minCustomSecret || !visible(text, maxCustomSecret):
		return saying(ErrBadRequest, "a secret_id of one's own choice is %d to %d printable ASCII characters without spaces", minCustomSecret, maxCustomSecret)
	case gate.LooksSecret(text) || strings.HasPrefix(text, secretIDPrefix):
		return saying(ErrBadRequest, "the secret_id looks like a token, a share, or a secret id that Signet made, and must be another one")
	}
	return nil
}

// ListSecretIDs returns the accessors of a role's secret ids; ErrNotFound if it has
// none. It needs list.
func (s *Service) ListSecretIDs(c *Call, role string) ([]string, error) {
	var accessors []string
	err := s.act(c, verb{operation: "auth/approle/secret-id/list", need: policy.List}, func(a *gate.Admission) error {
		a.Record.Fields = map[string]string{"role": role}
		if c.view.AppRole(role) == nil {
			return noRole(role)
		}
		now := c.now()
		c.view.SecretIDs(role, func(id *state.SecretID) {
			if !id.Expired(now) {
				accessors = append(accessors, id.Accessor)
			}
		})
		if len(accessors) == 0 {
			return ErrNotFound
		}
		return nil
	})
	return accessors, err
}

// SecretIDRef names a secret id of a role: by itself, or by its accessor.
type SecretIDRef struct {
	Text     SecretIDText
	Accessor string // if it is not ""
}

// find returns what ref names, or nil. Errors: ErrNotFound, in words, without the
// role, or without what an accessor stands for.
func (c *Call) find(role string, ref SecretIDRef) (*state.SecretID, error) {
	if c.view.AppRole(role) == nil {
		return nil, noRole(role)
	}
	var id *state.SecretID
	if ref.Accessor != "" {
		id = c.view.SecretIDByAccessor(role, ref.Accessor)
	} else {
		id = c.view.SecretID(role, ref.Text.hash(c.view.Cluster.TokenKey, role))
	}
	if id != nil && id.Expired(c.now()) {
		id = nil
	}
	if id == nil && ref.Accessor != "" {
		return nil, saying(ErrNotFound, "failed to find accessor entry for secret_id_accessor: %s", Quote(ref.Accessor))
	}
	return id, nil
}

// LookupSecretID describes a secret id; nil if it is none of the role's. It needs
// update. Errors: ErrNotFound for an accessor that stands for none.
func (s *Service) LookupSecretID(c *Call, role string, ref SecretIDRef) (*SecretIDInfo, error) {
	var info *SecretIDInfo
	err := s.act(c, verb{operation: "auth/approle/secret-id/lookup", need: policy.Update}, func(a *gate.Admission) error {
		a.Record.Fields = map[string]string{"role": role}
		id, err := c.find(role, ref)
		if err != nil || id == nil {
			return err
		}
		a.Record.Fields["secret_id_accessor"] = id.Accessor
		found := secretInfo(id)
		info = &found
		return nil
	})
	return info, err
}

// DestroySecretID removes a secret id: no login that begins after it returns
// succeeds with it. A secret id that is none of the role's is no error. Tokens stay.
// It needs update, or delete where the request is a DELETE. Errors: ErrNotFound for
// an accessor that stands for none.
func (s *Service) DestroySecretID(ctx context.Context, c *Call, role string, ref SecretIDRef) error {
	need := policy.Update
	if c.Method == "DELETE" {
		need = policy.Delete
	}
	_, err := s.write(ctx, c, verb{operation: "auth/approle/secret-id/destroy", need: need}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"role": role}
		id, err := c.find(role, ref)
		if err != nil || id == nil {
			return nil, err
		}
		a.Record.Fields["secret_id_accessor"] = id.Accessor
		return &state.DeleteSecretID{Role: role, Hash: id.Hash}, nil
	})
	return err
}

// TidySecretIDs removes what is expired now. Every command does, and expired secret
// ids are refused anyway; the verb is there for those who call Vault's. It needs
// update.
func (s *Service) TidySecretIDs(ctx context.Context, c *Call) error {
	_, err := s.write(ctx, c, verb{operation: "auth/approle/tidy", need: policy.Update}, func(*gate.Admission) (state.Command, error) {
		return &state.Tick{}, nil
	})
	return err
}
