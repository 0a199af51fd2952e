package kms

import (
	"context"
	"errors"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// entryOf is the id under which something is remembered about a token: by its jti,
// or by what it says where it has none, as a token of an imported key may.
func (i *issuerView) entryOf(claims *jose.Claims) state.IssuedID {
	if claims.JTI != "" {
		return i.issued.Token(claims.JTI)
	}
	return i.issued.Payload(claims.Raw)
}

// revoked says whether a token of an issuer, whose signature is right, was given up
// before its end: by itself, or with all that was issued for its subject or to its
// application before a time. It looks three entries up and asks nobody.
func (s *Service) revoked(c *Call, i *issuerView, claims *jose.Claims) jose.Reason {
	if claims.ClientID != "" {
		if app := c.view.Application(claims.ClientID); app != nil && app.Blocked != 0 {
			return jose.ReasonRevoked // for as long as it is blocked
		}
	}
	found := c.view.Remembered(&i.issued, &state.IssuedClaims{
		JTI: claims.JTI, Payload: claims.Raw, Subject: claims.Subject, Application: claims.ClientID,
	})
	switch {
	case found.Revoked:
		return jose.ReasonRevoked
	case found.Spent: // good for one use, which was made, whoever asks now
		return jose.ReasonReplayed
	case found.CutOff != 0 && (!claims.IssuedAt.Set() || claims.IssuedAt.Unix() < found.CutOff):
		return jose.ReasonRevoked
	}
	return jose.ReasonNone
}

// cutOff is when tokens for a subject and an application have to be issued at the
// earliest, in seconds since 1970; 0 for no matter when.
func (i *issuerView) cutOff(v *view, subject, clientID string) int64 {
	return v.Remembered(&i.issued, &state.IssuedClaims{Subject: subject, Application: clientID}).CutOff
}

// issueAt is the iat of a token that is issued at now. iat is in whole seconds, so
// within the second in which all tokens of a subject or an application were revoked
// the next one could not be told from those: it waits for the next second. No token
// says that it was issued later than it was. Error: ErrBusy, where this node's clock
// is behind the revocation.
func (i *issuerView) issueAt(c *Call, now int64, subject, clientID string) (int64, error) {
	cut := i.cutOff(c.view, subject, clientID)
	if cut <= now {
		return now, nil
	}
	wait := time.Duration(cut*int64(time.Second) - c.now())
	if wait > time.Second {
		return 0, saying(ErrBusy, "all tokens of this subject or application were revoked a moment ago; try again in a second")
	}
	time.Sleep(wait + time.Millisecond) // a wall clock is not that exact
	return cut, nil
}

// spend uses a token that is good for one use. It goes through the cluster, between
// an intent and an outcome, before the verdict leaves: so of any number at once, or
// through a crash, one is told that the token is active. Where it is not known
// whether this was the first there is an error and no verdict.
func (s *Service) spend(c *Call, i *issuerView, t *checkedToken) (jose.Reason, error) {
	id := i.entryOf(t.claims)
	if _, spent := c.view.Issued(id); spent {
		return jose.ReasonReplayed, nil
	}
	proposal := newProposal()
	rec := audit.Record{
		Type: audit.TypeIntent, RequestID: c.RequestID, Operation: "jwt/spend", Accessor: c.Caller.Accessor, DisplayName: c.Caller.DisplayName,
		Policies: c.Caller.Policies, Remote: c.Remote, Issuer: i.Name, KID: t.kid(), JTI: t.jti(), Proposal: proposalText(proposal),
	}
	intent := rec
	if err := s.audit.Append(&intent); err != nil {
		return "", translate(err)
	}
	// Not the request's own context: what became of the use must be known to the
	// log even if the client hangs up.
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	done, err := s.proposeFor(ctx, &state.Numbered{Proposal: proposal, Caller: c.authority(), Command: &state.SpendIssued{
		Issuer: i.Name, UUID: i.UUID, ID: id[:], Exp: min(max(1, t.claims.Expires.Unix()+1), state.MaxCutOff),
	}})
	reason := jose.ReasonNone
	switch {
	case errors.Is(err, state.ErrIssuedSpent):
		reason, err = jose.ReasonReplayed, nil
	case errors.Is(err, state.ErrIssuedRevoked):
		reason, err = jose.ReasonRevoked, nil // since the view was taken
	case errors.Is(err, state.ErrIssuedOver):
		reason, err = jose.ReasonExpired, nil // likewise
	case err == nil && done.result != true:
		err = saying(ErrOutcomeUnknown, "the token was used, and whether this was the first use is not known")
	}
	err = translate(err)
	rec.Type, rec.Outcome, rec.Code = audit.TypeOutcome, outcome(err), Code(err)
	if reason != jose.ReasonNone {
		rec.Outcome, rec.Code = audit.OutcomeRefused, string(reason)
	}
	s.audit.AppendLate(&rec)
	return reason, err
}
