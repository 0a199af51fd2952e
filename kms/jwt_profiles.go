package kms

import (
	"context"
	"errors"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Limits of profiles.
const (
	maxProfiles = 256       // of an issuer
	maxProfile  = 128 << 10 // bytes of a definition
)

// ProfileInfo describes a profile. Definition is its canonical JSON.
type ProfileInfo struct {
	*state.Profile
}

// compileProfile reads a definition and makes its rules. Errors: *jose.ProfileError.
func compileProfile(definition []byte) (*jose.Rules, error) {
	p, err := jose.ParseProfile(definition)
	if err != nil {
		return nil, err
	}
	return p.Compile()
}

// WriteProfile makes a profile of an issuer, or replaces it whole. definition is
// JSON as jose.Profile has it. It needs update, or create if the profile does not
// exist.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadRequest with the member that is
// wrong.
func (s *Service) WriteProfile(ctx context.Context, c *Call, issuer, name string, definition []byte) (ProfileInfo, error) {
	const operation = "jwt/profiles/write"
	mount, unlock, err := s.claimIssuer(ctx, c, issuer, operation)
	if err != nil {
		return ProfileInfo{}, err
	}
	defer unlock()
	need := policy.Update
	if (c.view.Profile(issuer, name) == nil || c.earlier() != nil) && c.Caller.Allow(c.Path, policy.Create) {
		need = policy.Create
	}
	_, err = s.write(ctx, c, verb{operation: operation, need: need}, func(a *gate.Admission) (state.Command, error) {
		noteProfile(a, issuer, name)
		i, err := c.view.issuer(issuer)
		if err != nil {
			return nil, err
		}
		if gate.LooksSecret(name) {
			return nil, saying(ErrBadRequest, "the profile's name looks like a token or a share, and names are shown to everybody who may list them")
		}
		if i.profiles[name] == nil && len(i.profiles) >= maxProfiles {
			return nil, saying(ErrBadRequest, "the issuer %s has %d profiles already, which is the limit", issuer, maxProfiles)
		}
		p, err := c.newProfile(mount, definition)
		if err != nil {
			return nil, err
		}
		p.Issuer, p.Name = issuer, name
		note(a, "definition", s.gate.Hash(p.Definition))
		return &state.PutProfile{Profile: *p}, nil
	})
	if err != nil {
		return ProfileInfo{}, err
	}
	p := c.view.Profile(issuer, name)
	if p == nil { // told again, and gone since
		return ProfileInfo{}, ErrProfileNotFound
	}
	return ProfileInfo{p}, nil
}

func noteProfile(a *gate.Admission, issuer, name string) {
	a.Record.Key = issuer
	note(a, "profile", name)
}

// newProfile checks a definition and makes the record of it. mount is where keys
// to encrypt with are.
func (c *Call) newProfile(mount string, definition []byte) (*state.Profile, error) {
	p, err := jose.ParseProfile(definition)
	if err != nil {
		return nil, badProfile(err)
	}
	rules, err := p.Compile()
	if err != nil {
		return nil, badProfile(err)
	}
	if err := c.checkEncrypt(mount, p.Encrypt); err != nil {
		return nil, err
	}
	// What a default is may change with a release, and a profile must not.
	p.Typ, p.MaxTokenBytes = rules.Typ(), rules.MaxTokenBytes()
	p.TTL, p.MaxTTL = rules.TTL()
	canonical, err := p.Canonical()
	if err != nil {
		return nil, saying(ErrBadRequest, "the profile is not JSON in UTF-8")
	}
	if len(canonical) > maxProfile {
		return nil, saying(ErrBadRequest, "the profile has %d bytes; at most %d are kept", len(canonical), maxProfile)
	}
	return &state.Profile{Definition: canonical, MaxTTL: p.MaxTTL, MaxNBF: p.MaxNBF}, nil
}

// badProfile gives an error of a profile's rules the sentinel it has here.
func badProfile(err error) error {
	if wrong := (*jose.ProfileError)(nil); errors.As(err, &wrong) {
		return saying(ErrBadRequest, "%s", wrong.Error())
	}
	return err
}

// checkEncrypt checks the key that tokens are encrypted with. Of a recipient's JWK
// only the public members are kept.
func (c *Call) checkEncrypt(mount string, e *jose.Encrypt) error {
	if e == nil {
		return nil
	}
	if e.TransitKey != "" {
		return c.checkTransitKey(mount, e)
	}
	bad := func(err error) error { return saying(ErrBadRequest, "profile: encrypt.recipient: %v", err) }
	k, err := jose.ParseJWK(e.Recipient)
	if err != nil {
		return bad(err)
	}
	if err := k.CheckEncrypt(jose.KeyAlg(e.Alg)); err != nil {
		return bad(err)
	}
	spki, err := k.SPKI()
	if err != nil {
		return bad(jose.ErrUnsupportedKey)
	}
	if e.Recipient, err = jose.RecipientJWK(spki, jose.KeyAlg(e.Alg), k.KID); err != nil {
		return bad(err)
	}
	return nil
}

func (c *Call) checkTransitKey(mount string, e *jose.Encrypt) error {
	k := c.view.Key(mount, e.TransitKey)
	if k == nil {
		return saying(ErrBadRequest, "profile: encrypt.transit_key: there is no transit key %s", gate.Scrub(e.TransitKey))
	}
	if err := inUse(k); err != nil {
		return err
	}
	if err := keyring.CheckJWE(k.Type, jose.KeyAlg(e.Alg), jose.Enc(e.Enc)); err != nil {
		return saying(ErrBadRequest, "profile: encrypt: the key %s is of type %s, which is not used with alg %s and enc %s", k.Name, k.Type, e.Alg, e.Enc)
	}
	return nil
}

// ReadProfile describes a profile. It needs read. Error: ErrNotFound, also when
// the issuer is not there or deleted.
func (s *Service) ReadProfile(c *Call, issuer, name string) (ProfileInfo, error) {
	var out ProfileInfo
	err := s.act(c, verb{operation: "jwt/profiles/read", need: policy.Read}, func(a *gate.Admission) error {
		noteProfile(a, issuer, name)
		i, p := c.view.Issuer(issuer), c.view.Profile(issuer, name)
		if i == nil || i.Deleted != 0 || p == nil {
			return ErrNotFound
		}
		out.Profile = p
		return nil
	})
	return out, err
}

// ListProfiles returns the names of an issuer's profiles, sorted. It needs list.
// Error: ErrNotFound when there are none, or no such issuer.
func (s *Service) ListProfiles(c *Call, issuer string) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "jwt/profiles/list", need: policy.List}, func(a *gate.Admission) error {
		a.Record.Key = issuer
		if i := c.view.Issuer(issuer); i == nil || i.Deleted != 0 {
			return ErrNotFound
		}
		c.view.Profiles(issuer, func(p *state.Profile) { names = append(names, p.Name) })
		if names == nil {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}

// DeleteProfile removes a profile; one that does not exist is no error. Tokens of
// it stay valid. It needs delete. Errors: ErrIssuerNotFound, ErrKeyDeleted.
func (s *Service) DeleteProfile(ctx context.Context, c *Call, issuer, name string) error {
	_, err := s.write(ctx, c, verb{operation: "jwt/profiles/delete", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
		noteProfile(a, issuer, name)
		if _, err := c.view.issuer(issuer); err != nil {
			return nil, err
		}
		if c.view.Profile(issuer, name) == nil {
			return nil, nil
		}
		return &state.DeleteProfile{Issuer: issuer, Name: name}, nil
	})
	if errors.Is(err, ErrProfileNotFound) {
		return nil // somebody else removed it meanwhile
	}
	return err
}
