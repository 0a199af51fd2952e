package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

const (
	issuerMount = "transit" // where the keys of issuers are
	maxIssuers  = 1000
)

// IssuerRequest makes an issuer, or changes what is not nil of one. URL, Alg and
// KeyType are for life.
type IssuerRequest struct {
	URL     *string // required for a new issuer
	Alg     *string // nil or "": ES256
	KeyType *string // nil or "": what Alg has by default

	JWKSURI         *string        // "" for the issuer URL with /jwks.json
	MaxAge          *time.Duration // of the JWKS; of a new issuer 5 minutes
	Leeway          *time.Duration // of a new issuer 30 s
	Lead            *time.Duration // of a new issuer twice MaxAge
	Period          *time.Duration // 0: no rotation by itself
	DeletionAllowed *bool

	Import *KeyImport // of a new issuer: the key that it is made with; nil: one that is made here
}

// IssuerInfo describes an issuer. It holds no private half.
type IssuerInfo struct {
	*state.Issuer
	Key      *state.Key
	Versions []*state.KeyVersion // those on record, in order
	Signer   uint32              // the version that signs; 0 none
	JWKS     string              // the URL where verifiers find the keys; "" of a shared secret, which nobody finds
}

func issuerInfo(v *view, i *state.Issuer) IssuerInfo {
	found := v.viewOf(i)
	out := IssuerInfo{Issuer: i, Key: found.key, Versions: found.versions}
	if !jose.Alg(i.Alg).Symmetric() {
		out.JWKS = found.jwksURI()
	}
	if found.signer != nil {
		out.Signer = found.signer.Number
	}
	return out
}

// writtenIssuer describes an issuer as a write of this request left it.
func (c *Call) writtenIssuer(name string, result any) (IssuerInfo, error) {
	i, ok := result.(*state.Issuer)
	if !ok {
		if i = c.view.Issuer(name); i == nil {
			return IssuerInfo{}, ErrIssuerNotFound
		}
	}
	return issuerInfo(c.view, i), nil
}

// claimIssuer takes the lock of an issuer and its key, and moves the call to the
// newest view. It returns the UUID of the mount that the key is on.
func (s *Service) claimIssuer(ctx context.Context, c *Call, name, operation string) (mount string, unlock func(), err error) {
	return s.claim(ctx, c, KeyRef{Mount: issuerMount, Name: name}, operation)
}

// WriteIssuer makes an issuer with its key, or changes the settings of one. It
// needs update, or create if the issuer does not exist.
//
// Errors: ErrBadRequest, ErrUnknownKeyType, ErrKeyDeleted for a deleted issuer.
func (s *Service) WriteIssuer(ctx context.Context, c *Call, name string, req IssuerRequest) (IssuerInfo, error) {
	const operation = "jwt/issuers/write"
	if err := s.mayWait(c, operation); err != nil {
		return IssuerInfo{}, err
	}
	// One at a time, so that all of them together keep the limit on their number.
	unlockAll, err := s.keyLocks.lock(ctx, "jwt/issuers")
	if err != nil {
		s.Reject(c.Origin, c, err)
		return IssuerInfo{}, err
	}
	defer unlockAll()
	mount, unlock, err := s.claimIssuer(ctx, c, name, operation)
	if err != nil {
		return IssuerInfo{}, err
	}
	defer unlock()
	old := c.view.Issuer(name)
	v := verb{operation: operation, need: policy.Update}
	if old == nil {
		v.action, v.key = req.Import.action(), mount+"/"+name
	}
	// Whoever made it with create alone may hear of it again.
	if (old == nil || c.earlier() != nil) && c.Caller.Allow(c.Path, policy.Create) {
		v.need = policy.Create
	}
	result, err := s.write(ctx, c, v, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = name
		if old == nil {
			return s.newIssuer(ctx, c, a, mount, name, &req)
		}
		return req.change(c, old, a)
	})
	if err != nil {
		return IssuerInfo{}, err
	}
	return c.writtenIssuer(name, result)
}

func (s *Service) newIssuer(ctx context.Context, c *Call, a *gate.Admission, mount, name string, r *IssuerRequest) (state.Command, error) {
	set := settings{maxAge: int64(defaultMaxAge / time.Second), lead: 2 * int64(defaultMaxAge/time.Second), leeway: int64(defaultLeeway / time.Second)}
	if r.MaxAge != nil {
		set.lead = 2 * int64(*r.MaxAge/time.Second)
		set.maxAge = set.lead / 2
	}
	if err := set.apply(r); err != nil {
		return nil, err
	}
	alg := defaultAlg
	if r.Alg != nil && *r.Alg != "" {
		alg = jose.Alg(*r.Alg)
	}
	typ, size, err := keyOf(alg, text(r.KeyType))
	if err != nil {
		return nil, err
	}
	switch {
	case gate.LooksSecret(name):
		return nil, saying(ErrBadRequest, "the issuer's name looks like a token or a share, and names are shown to everybody")
	case text(r.URL) == "":
		return nil, saying(ErrBadRequest, "'issuer' is missing: the URL that tokens name as their iss, such as https://%s.example", name)
	case c.view.Key(mount, name) != nil:
		return nil, saying(ErrBadRequest, "a transit key named %s exists, and an issuer makes its own key of its name; choose another name", name)
	case c.view.IssuerCount() >= maxIssuers:
		return nil, saying(ErrBadRequest, "there are %d issuers already, deleted ones included; that is the limit", maxIssuers)
	}
	if err := checkWebURL("issuer", *r.URL, false); err != nil {
		return nil, err
	}
	if c.view.IssuerURLTaken(*r.URL) {
		return nil, saying(ErrBadRequest, "another issuer has this issuer URL, or one that differs in a slash at its end: verifiers could not tell their tokens apart")
	}
	a.Record.Alg = string(alg)
	a.Record.Fields = map[string]string{"issuer": *r.URL, "key_type": string(typ)}
	set.note(a)
	v, size, err := s.issuerVersion(ctx, c, a, versionID{mount, name, c.view.FirstVersion(mount, name)}, typ, alg, size, r.Import)
	if err != nil {
		return nil, err
	}
	return &state.CreateIssuer{
		Issuer: state.Issuer{
			Name: name, UUID: newUUID(), Mount: mount, URL: *r.URL, Alg: string(alg), JWKSURI: set.jwksURI,
			MaxAge: set.maxAge, Leeway: set.leeway, Lead: set.lead, Period: set.period,
			DeletionAllowed: r.DeletionAllowed != nil && *r.DeletionAllowed,
		},
		Key:     state.Key{Mount: mount, Name: name, Type: typ, Issuer: name, KeySize: uint32(size), Imported: v.Imported, ImportRotation: true},
		Version: *v,
	}, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// note puts the settings into the record.
func (s *settings) note(a *gate.Admission) {
	note(a, "jwks_max_age", fmt.Sprint(s.maxAge))
	note(a, "leeway", fmt.Sprint(s.leeway))
	note(a, "lead_time", fmt.Sprint(s.lead))
	note(a, "period", fmt.Sprint(s.period))
	if s.jwksURI != "" {
		note(a, "jwks_uri", s.jwksURI)
	}
}

// change makes the command that changes what r says of an issuer, or nil when
// nothing would change.
func (r *IssuerRequest) change(c *Call, old *state.Issuer, a *gate.Admission) (state.Command, error) {
	if old.Deleted != 0 {
		return nil, deletedIssuer(c.view, old)
	}
	if r.Import != nil {
		return nil, saying(ErrBadRequest, "the issuer %s exists, with its key; bring its next one in with jwt/rotate/%s", old.Name, old.Name)
	}
	typ := ""
	if k := c.view.Key(old.Mount, old.Name); k != nil {
		typ = string(k.Type)
	}
	for _, f := range []struct {
		name, is string
		asked    *string
	}{{"issuer", old.URL, r.URL}, {"alg", old.Alg, r.Alg}, {"key_type", typ, r.KeyType}} {
		if f.asked != nil && *f.asked != "" && *f.asked != f.is {
			return nil, saying(ErrBadRequest, "'%s' is for life, and of the issuer %s it is %s; make another issuer", f.name, old.Name, f.is)
		}
	}
	was := settings{old.MaxAge, old.Leeway, old.Lead, old.Period, old.JWKSURI}
	set := was
	if err := set.apply(r); err != nil {
		return nil, err
	}
	cmd := &state.ConfigIssuer{
		Name: old.Name, MaxAge: differs(was.maxAge, set.maxAge), Leeway: differs(was.leeway, set.leeway),
		Lead: differs(was.lead, set.lead), Period: differs(was.period, set.period), JWKSURI: differs(was.jwksURI, set.jwksURI),
	}
	if r.DeletionAllowed != nil {
		cmd.DeletionAllowed = differs(old.DeletionAllowed, *r.DeletionAllowed)
		note(a, "deletion_allowed", fmt.Sprint(*r.DeletionAllowed))
	}
	set.note(a)
	if *cmd == (state.ConfigIssuer{Name: old.Name}) {
		return nil, nil
	}
	return cmd, nil
}

// differs is the new value, or nil if it is the old one.
func differs[T comparable](old, now T) *T {
	if old == now {
		return nil
	}
	return &now
}

// ReadIssuer describes an issuer. It needs read. Error: ErrNotFound.
func (s *Service) ReadIssuer(c *Call, name string) (IssuerInfo, error) {
	var out IssuerInfo
	err := s.act(c, verb{operation: "jwt/issuers/read", need: policy.Read}, func(a *gate.Admission) error {
		a.Record.Key = name
		i := c.view.Issuer(name)
		switch {
		case i == nil:
			return ErrNotFound
		case i.Deleted != 0:
			return saying(ErrNotFound, "%s", deletedIssuer(c.view, i).Error())
		}
		out = issuerInfo(c.view, i)
		return nil
	})
	return out, err
}

// ListIssuers returns the names of the issuers in use, sorted. It needs list.
// Error: ErrNotFound when there are none.
func (s *Service) ListIssuers(c *Call) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "jwt/issuers/list", need: policy.List}, func(*gate.Admission) error {
		c.view.Issuers(func(i *state.Issuer) {
			if i.Deleted == 0 {
				names = append(names, i.Name)
			}
		})
		if names == nil {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}
