package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// JWTRevocation names what to revoke: one of Token, JTI, Subject and ClientID.
type JWTRevocation struct {
	Token        string
	JTI          string
	Expires      int64 // of JTI, in seconds since 1970; 0: kept as long as any token of the issuer lives
	Subject      string
	ClientID     string
	IssuedBefore int64 // of Subject and ClientID, in seconds since 1970; 0: all that was issued until now
}

// RevokedJWT is what became of a JWTRevocation.
type RevokedJWT struct {
	JTI          string    // of the token, where one was revoked
	IssuedBefore int64     // tokens issued before it are refused, in seconds since 1970; 0 where one token was revoked
	KeptUntil    time.Time // nothing that it refuses is accepted anywhere from then on; zero when Expired
	Expired      bool      // nobody accepts the token any more, and nothing was recorded
	Err          error     // wraps a sentinel; the other fields are zero
}

// RevokeJWT revokes tokens of an issuer. It needs update. When it returns, no request
// begun afterwards is told that one of them is active, and no crash or snapshot
// changes that. A single request's error is the item's; the items of a batch have
// their own, and all others of it are revoked in one command.
//
// A cut-off refuses tokens whose iat is before it. With IssuedBefore 0 it lies behind
// the second that runs, so that whatever was issued in it is refused too; what is
// issued afterwards waits for the next second.
//
// Errors: ErrIssuerNotFound, ErrKeyDeleted, ErrBadRequest; those of a write.
func (s *Service) RevokeJWT(ctx context.Context, c *Call, issuer string, items []JWTRevocation, batch bool) ([]RevokedJWT, error) {
	v := verb{operation: "jwt/revoke", need: policy.Update}
	r := &revoker{s: s, c: c, items: items, batch: batch, found: make([]revocation, len(items))}
	if i, err := c.view.issuer(issuer); err == nil && i.key != nil {
		v.action, v.key = pass.Verify, i.key.ID()
	}
	_, err := s.write(ctx, c, v, func(a *gate.Admission) (state.Command, error) {
		a.Record.Issuer = issuer
		return r.command(a, issuer, v)
	})
	if err != nil {
		return nil, err
	}
	if r.issuer == nil { // carried out before: what was asked for is found, and nothing done
		if err := r.find(issuer, nil); err != nil {
			return nil, err
		}
	}
	return r.answer(), nil
}

// revoker finds what one request wants revoked.
type revoker struct {
	s      *Service
	c      *Call
	issuer *issuerView
	items  []JWTRevocation
	batch  bool
	found  []revocation
	named  []string // client ids
}

// revocation is one item, found.
type revocation struct {
	id    state.IssuedID
	entry state.Revocation // without an id where there is nothing to revoke
	exp   int64            // of what is revoked, seconds since 1970; 0 where that is not known
	out   RevokedJWT
	seen  audit.ItemHash
}

// command is what the cluster is to do; nil for nothing.
func (r *revoker) command(a *gate.Admission, issuer string, v verb) (state.Command, error) {
	if err := checkJWTBatch(len(r.items), r.batch); err != nil {
		return nil, err
	}
	if v.key == "" {
		_, err := r.c.view.issuer(issuer)
		return nil, firstError(err, fmt.Errorf("the issuer %s has no key", issuer))
	}
	u, err := r.s.keys.Open(a.Pass(), pass.Verify, v.key)
	if err != nil {
		return nil, err
	}
	defer u.Close()
	if err := r.find(issuer, u); err != nil {
		return nil, err
	}
	cmd := &state.RevokeIssued{Issuer: r.issuer.Name, UUID: r.issuer.UUID}
	for n := range r.found {
		if f := &r.found[n]; len(f.entry.ID) != 0 {
			cmd.Entries = append(cmd.Entries, f.entry)
		}
	}
	r.record(a)
	r.c.warnOfClients(r.named)
	if len(cmd.Entries) == 0 {
		return nil, nil
	}
	return cmd, nil
}

// find looks each item up. Without u no signature is checked.
func (r *revoker) find(issuer string, u *keyring.Use) (err error) {
	if r.issuer, err = r.c.view.issuer(issuer); err != nil {
		return err
	}
	for n := range r.items {
		f := &r.found[n]
		*f = revocation{}
		if err := f.find(r, u, &r.items[n]); err != nil {
			if err = translate(err); !r.batch || outcome(err) != audit.OutcomeRefused {
				return err
			}
			*f = revocation{out: RevokedJWT{Err: err}}
		}
		f.seen.Index, f.seen.Code = n, Code(f.out.Err)
	}
	return nil
}

// Limits on what names a revocation, in bytes.
const maxRevokedName = 1024

func (f *revocation) find(r *revoker, u *keyring.Use, it *JWTRevocation) error {
	named := 0
	for _, name := range [...]string{it.Token, it.JTI, it.Subject, it.ClientID} {
		if name != "" {
			named++
		}
	}
	cutOff := it.Subject != "" || it.ClientID != ""
	switch {
	case named != 1:
		return saying(ErrBadRequest, "name what to revoke by one of 'token', 'jti', 'sub' and 'client_id'")
	case max(len(it.JTI), len(it.Subject), len(it.ClientID)) > maxRevokedName:
		return saying(ErrBadRequest, "a name of what to revoke has at most %d bytes", maxRevokedName)
	case it.IssuedBefore != 0 && !cutOff:
		return saying(ErrBadRequest, "issued_before goes with 'sub' or 'client_id'")
	case it.Expires != 0 && it.JTI == "":
		return saying(ErrBadRequest, "exp goes with 'jti'")
	case it.IssuedBefore < 0 || it.Expires < 0 || it.IssuedBefore > state.MaxCutOff || it.Expires > state.MaxCutOff:
		return saying(ErrBadRequest, "issued_before and exp are seconds since 1970")
	}
	switch {
	case it.Token != "":
		return f.findToken(r, u, it.Token)
	case gate.LooksSecret(it.JTI):
		return saying(ErrBadRequest, "'jti' holds what looks like a token: send a token as 'token', and replace it if it was a credential")
	case it.JTI != "":
		f.findJTI(r, it)
	case it.Subject != "":
		f.id = r.issuer.issued.Subject(it.Subject)
		f.seen.Claims = []audit.Claim{{Name: "sub", Value: r.s.gate.Hash(quoted(it.Subject))}}
	default:
		f.id = r.issuer.issued.Application(it.ClientID)
		r.named = append(r.named, it.ClientID)
		f.seen.Claims = []audit.Claim{{Name: "client_id", Value: gate.Scrub(it.ClientID)}}
	}
	if cutOff {
		if ahead := it.IssuedBefore - r.c.seconds(); ahead > 1 {
			return saying(ErrBadRequest, "issued_before lies %d s ahead: leave it out to revoke all that was issued until now", ahead)
		}
		f.entry = state.Revocation{ID: f.id[:], CutOff: true, Before: it.IssuedBefore}
	}
	return nil
}

func (f *revocation) findJTI(r *revoker, it *JWTRevocation) {
	f.id, f.out.JTI, f.seen.JTI = r.issuer.issued.Token(it.JTI), it.JTI, it.JTI
	f.entry = state.Revocation{ID: f.id[:], Exp: it.Expires}
	now, marks := r.c.seconds(), r.issuer.Marks
	switch {
	case it.Expires > now+marks.TTL+marks.NotBefore+jose.MaxLeeway:
		f.entry.Exp = 0 // later than any token: kept as long as the longest
	case it.Expires != 0 && r.over(it.Expires):
		f.entry, f.out.Expired = state.Revocation{}, true
	}
	f.exp = it.Expires
}

// over says whether what expires at exp, in seconds since 1970, is refused by all nodes:
// by the time that they agree on, not by the clock of this one, which may be ahead.
func (r *revoker) over(exp int64) bool {
	return exp != 0 && exp+jose.MaxLeeway <= r.c.view.Time/int64(time.Second)
}

// findToken takes a token whose signature is right, also of a version that is
// suspended, since that may come back. Error: ErrBadRequest.
func (f *revocation) findToken(r *revoker, u *keyring.Use, text string) error {
	f.seen.Input = r.s.hashOf([]byte(text))
	t, err := r.issuer.signedBy(u, text)
	switch {
	case err != nil:
		return err
	case t == nil:
		return saying(ErrBadRequest, "this is no token of the issuer %s: its form, its key or its signature is wrong", r.issuer.Name)
	}
	f.id = r.issuer.entryOf(t.claims)
	f.out.JTI, f.seen.JTI, f.seen.KeyVersion = t.claims.JTI, t.claims.JTI, t.number()
	exp := t.claims.Expires.Unix() + 1 // a fraction counts
	if f.exp = exp; r.over(exp) {
		f.out.Expired = true
		return nil
	}
	f.entry = state.Revocation{ID: f.id[:], Exp: min(exp, state.MaxCutOff)}
	return nil
}

// signedBy is a token that some version of the issuer's key signed, whatever became
// of the version and of the token since; nil for any other. Without u the signature
// is taken for right.
func (i *issuerView) signedBy(u *keyring.Use, text string) (*checkedToken, error) {
	token, err := jose.Parse(text)
	if err != nil {
		return nil, nil
	}
	v, alg := i.byKID[token.Header.KID], jose.Alg(i.Alg)
	if v == nil || v.KID == "" || v.State == state.Destroyed || alg.Check(&token.Header) != nil {
		return nil, nil
	}
	if u != nil {
		if good, err := u.VerifyJOSE(v, alg, token.SigningInput, token.Signature); err != nil || !good {
			return nil, err
		}
	}
	claims, err := jose.ParseClaims(token.Payload)
	if err != nil {
		return nil, nil
	}
	return &checkedToken{token: token, version: v, claims: claims}, nil
}

// quoted is a text as JSON has it, which is what is hashed of a claim.
func quoted(text string) []byte {
	b, _ := jsontext.AppendQuote(nil, text)
	return b
}

// record puts into the records what is revoked.
func (r *revoker) record(a *gate.Admission) {
	if !r.batch {
		seen := &r.found[0].seen
		a.Record.Input, a.Record.JTI, a.Record.KeyVersion, a.Record.Claims = seen.Input, seen.JTI, seen.KeyVersion, seen.Claims
		return
	}
	a.Record.Items = len(r.found)
	items := make([]audit.ItemHash, len(r.found))
	for n := range r.found {
		items[n] = r.found[n].seen
	}
	recordItems(r.c, a, items)
}

// answer tells of each item what the state has now.
func (r *revoker) answer() []RevokedJWT {
	out := make([]RevokedJWT, len(r.found))
	for n := range r.found {
		f := &r.found[n]
		if out[n] = f.out; len(f.entry.ID) == 0 {
			continue
		}
		if r.over(f.exp) { // as the write has shown
			out[n].Expired = true
			continue
		}
		out[n].IssuedBefore = r.c.view.CutOff(f.id)
		until := r.c.view.KeptUntil(f.id)
		if until == 0 { // told again, and refused or over since
			out[n] = RevokedJWT{Err: saying(ErrBadRequest, "nothing is recorded under this; ask again under another idempotency key")}
			continue
		}
		out[n].KeptUntil = time.Unix(0, until).UTC()
	}
	return out
}
