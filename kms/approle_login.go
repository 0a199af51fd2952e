package kms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// loginPath is where the tokens of logins come from, as they say themselves.
const loginPath = "auth/approle/login"

// credentials are a role id and a secret id that were found to be good.
type credentials struct {
	role   *state.AppRole
	secret *state.SecretID // nil: the role wants none
}

// credentials checks what a stranger shows. The same steps are done whatever is
// wrong, and what was is in the second result, for the audit log alone: the caller
// learns neither from words nor from time whether a role id exists.
func (c *Call) credentials(roleID, secretID string) (*credentials, string) {
	roleID = strings.TrimSpace(roleID)
	text := SecretIDFrom(secretID)
	key := c.view.Cluster.TokenKey
	if len(roleID) > maxRoleID || len(text.Reveal()) > maxCustomSecret {
		return nil, "form"
	}
	role := c.view.AppRoleByID(roleID)
	known := role != nil
	if !known {
		role = &state.AppRole{} // nobody's, for the same work
	}
	secret := c.view.SecretID(role.Name, text.hash(key, role.Name))
	formed := wellFormed(key, text.Reveal())
	allowed := len(role.SecretCIDRs) == 0 || within(role.SecretCIDRs, c.Remote)
	if !known {
		return nil, "role_id"
	}
	c.refused = map[string]string{"role": role.Name}
	if role.NoSecretID {
		if !allowed {
			return nil, "address"
		}
		return &credentials{role, nil}, ""
	}
	if !formed || secret == nil {
		return nil, "secret_id"
	}
	c.refused["secret_id_accessor"] = secret.Accessor
	switch {
	case secret.Expired(c.now()):
		return nil, "expired"
	case !allowed || len(secret.CIDRs) != 0 && !within(secret.CIDRs, c.Remote):
		return nil, "address"
	case !state.BoundsInside(secret.TokenCIDRs, role.TokenCIDRs):
		return nil, "token_bound_cidrs" // the role was narrowed since
	}
	return &credentials{role, secret}, ""
}

// admitted is credentials for a verb: ErrInvalidCredentials for what is wrong with
// them, and for good ones ErrApplicationBlocked.
func (s *Service) admitted(c *Call, roleID, secretID string) (*credentials, error) {
	found, wrong := c.credentials(roleID, secretID)
	if found == nil {
		if c.refused == nil {
			c.refused = map[string]string{}
		}
		c.refused["cause"] = wrong
		return nil, ErrInvalidCredentials
	}
	if name := found.role.Application; name != "" {
		if err := c.view.notBlocked(name); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// notBlocked refuses a blocked application, and one that is gone.
func (v *view) notBlocked(name string) error {
	a := v.Application(name)
	switch {
	case a == nil:
		return ErrInvalidToken
	case a.Blocked != 0:
		return saying(ErrApplicationBlocked, "the application %s is blocked: %s", name, a.Reason)
	}
	return nil
}

// hash of the secret id, nil where the role wants none.
func (f *credentials) hash() []byte {
	if f.secret == nil {
		return nil
	}
	return f.secret.Hash
}

// LoginAppRole makes a token for who shows a role id, and a secret id of it unless
// the role wants none. It needs no token. It spends a use of the secret id, in one
// command with the token, so n uses are n logins, however many arrive at once or
// before a crash.
//
// Errors: ErrInvalidCredentials, the same for every cause; ErrApplicationBlocked for
// who shows good ones; *Limited; those of a write; ErrBusy where the role or its
// application was narrowed while the login was under way; and ErrAuditUnavailable
// while little space is left for the audit log, which strangers must not use up.
func (s *Service) LoginAppRole(ctx context.Context, c *Call, roleID, secretID string) (Token, TokenInfo, error) {
	if s.audit.LowSpace() {
		err := saying(ErrAuditUnavailable, "the disk of the audit log is almost full: only requests with a token are served")
		s.Reject(c.Origin, c, err)
		return Token{}, TokenInfo{}, err
	}
	found, err := s.admitted(c, roleID, secretID)
	if s.doubts(c, err) {
		return Token{}, TokenInfo{}, &doubt{err}
	}
	if err == nil {
		err = s.limitLogin(c, found.role.Application)
	}
	if err != nil {
		s.Reject(c.Origin, c, err)
		return Token{}, TokenInfo{}, err
	}
	token := newToken(c.view.Cluster.TokenKey)
	record := c.loginToken(found, token)
	rec := s.credentialRecord(c, found, "auth/approle/login")
	rec.Fields["new_accessor"], rec.Fields["new_policies"] = record.Accessor, joined(record.Policies)
	cmd := &state.LoginAppRole{Role: found.role.Name, RoleID: found.role.RoleID, Hash: found.hash(), Token: record}
	if err := s.spendCredentials(ctx, c, rec, found, cmd); err != nil {
		return Token{}, TokenInfo{}, err
	}
	return token, infoOf(&record, c.now()), nil
}

// credentialRecord is what the records of a request with credentials have in common.
func (s *Service) credentialRecord(c *Call, found *credentials, operation string) *audit.Record {
	rec := &audit.Record{
		RequestID: c.RequestID, Operation: operation, Method: c.Method, Path: gate.Scrub(c.Path), Remote: c.Remote,
		Application: found.role.Application, Fields: map[string]string{"role": found.role.Name},
	}
	if found.secret != nil {
		rec.Fields["secret_id_accessor"] = found.secret.Accessor
	}
	return rec
}

// spendCredentials proposes cmd between its intent and its outcome, like write, but
// for somebody whom no policy admits: the credentials do. Errors: those of a write,
// and what admitted returns, should it have become so since.
func (s *Service) spendCredentials(ctx context.Context, c *Call, rec *audit.Record, found *credentials, cmd state.Command) error {
	id := newProposal()
	rec.Proposal = proposalText(id)
	intent := *rec
	intent.Type = audit.TypeIntent
	if err := s.audit.Append(&intent); err != nil {
		return translate(err)
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	began := time.Now()
	done, err := s.propose(ctx, id, cmd)
	if errors.Is(err, ErrInvalidCredentials) {
		err = ErrInvalidCredentials // spent, expired or destroyed since the view was taken: the usual words
	}
	rec.Type, rec.Outcome, rec.Code, rec.Duration = audit.TypeOutcome, outcome(err), Code(err), time.Since(began)
	if after, ok := done.result.(*state.SecretID); err == nil && ok && found.secret.Uses != 0 {
		rec.Fields["uses_left"] = fmt.Sprint(after.Uses)
	}
	if auditErr := s.audit.Append(rec); auditErr != nil {
		kept := s.audit.AppendLate(rec)
		switch {
		case err == nil && !kept:
			err = outcomeLost
		case err == nil:
			err = c.unrecorded("this", auditErr)
		}
	}
	if err == nil {
		c.view, c.fenced = &view{State: done.state, acls: c.view.acls, issuers: c.view.issuers}, true
	}
	return err
}

// loginToken is the token that a login gives: an orphan with the policies of role
// and application.
func (c *Call) loginToken(found *credentials, token Token) state.Token {
	r, now := found.role, c.now()
	asked := inSeconds(r.TTL)
	if asked == 0 {
		asked = DefaultTTL
		for _, most := range []int64{r.MaxTTL, r.ExplicitMax} { // nobody asked: no reason for a warning
			if most != 0 {
				asked = min(asked, inSeconds(most))
			}
		}
	}
	ttl, warnings := grantedWithin(inSeconds(r.MaxTTL), asked, inSeconds(r.Period), inSeconds(r.ExplicitMax), 0)
	c.Warnings = append(c.Warnings, warnings...)
	t := state.Token{
		Hash: token.hash(), Accessor: state.AccessorFor(token.hash(), randomText(8)), Policies: r.LoginPolicies(c.view.Application(r.Application)), Meta: map[string]string{},
		DisplayName: "approle", Path: loginPath, Created: now, TTL: int64(ttl / time.Second), Expire: now + int64(ttl), Renewable: true,
		Period: r.Period, ExplicitMax: r.ExplicitMax, Uses: r.Uses, BoundCIDRs: r.TokenCIDRs, Application: r.Application,
	}
	if found.secret != nil {
		maps.Copy(t.Meta, found.secret.Metadata)
		if len(found.secret.TokenCIDRs) != 0 {
			t.BoundCIDRs = found.secret.TokenCIDRs
		}
	}
	t.Meta["role_name"] = r.Name
	return t
}

// AuthenticateApplication finds the caller behind a role id and a secret id as
// LoginAppRole does, and makes no token: for the HTTP Basic authentication of RFC
// 6749, section 2.3.1. A limited secret id loses a use, through the cluster, before
// the request does anything. The caller has the policies and the application that a
// login would give it, which may be "", and no token of its own: it can neither make
// nor renew one.
//
// Like Authenticate it writes no record of a refusal: give the call to Reject. It
// counts the request against the rate limits of the application and, by the accessor
// of the secret id, against those of tokens.
//
// Errors: ErrInvalidCredentials, the same for every cause; ErrApplicationBlocked;
// *Limited; and, where a use is spent, those of a write.
func (s *Service) AuthenticateApplication(ctx context.Context, c *Call, roleID, secretID string) error {
	if s.audit.LowSpace() {
		return saying(ErrAuditUnavailable, "the disk of the audit log is almost full: only requests with a token are served")
	}
	found, err := s.admitted(c, roleID, secretID)
	if s.doubts(c, err) {
		return &doubt{err}
	}
	if err != nil {
		return err
	}
	// What a token of the login would be bound to holds for the request.
	bound := found.role.TokenCIDRs
	if found.secret != nil && len(found.secret.TokenCIDRs) != 0 {
		bound = found.secret.TokenCIDRs
	}
	if len(bound) != 0 && !within(bound, c.Remote) {
		return ErrInvalidCredentials
	}
	policies := found.role.LoginPolicies(c.view.Application(found.role.Application))
	caller := policy.Caller{
		Accessor: "approle:" + found.role.Name, DisplayName: "approle", Application: found.role.Application, Policies: policies, Remote: c.Remote,
		ACL: c.view.acls.of(c.view.State, policies),
	}
	if found.secret != nil {
		caller.Accessor = found.secret.Accessor
	}
	if err := s.limitToken(c, caller); err != nil {
		return err
	}
	if found.secret != nil && found.secret.Uses != 0 {
		rec := s.credentialRecord(c, found, "auth/approle/use")
		cmd := &state.UseSecretID{Role: found.role.Name, RoleID: found.role.RoleID, Hash: found.hash()}
		if err := s.spendCredentials(ctx, c, rec, found, cmd); err != nil {
			return err
		}
	}
	c.Caller, c.limited, c.refused = caller, true, nil
	// Nobody's token, with which nothing can be made: see Call.spent.
	c.token, c.counted = &state.Token{Accessor: caller.Accessor, DisplayName: caller.DisplayName, Policies: policies, Application: caller.Application}, true
	return nil
}
