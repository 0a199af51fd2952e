package kms

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
)

// JWTRequest is one token that is asked for.
type JWTRequest struct {
	Subject   *string
	Audience  []string // nil: none was named
	Scope     string
	TTL       *time.Duration // nil: the profile's
	NotBefore time.Duration  // from now
	Claims    []byte         // one JSON object as it was sent, or nil
}

// IssuedJWT is what became of a JWTRequest.
type IssuedJWT struct {
	Token   []byte // compact: a JWS, or a JWE with one inside
	JTI     string
	KID     string // of the version that signed
	Expires time.Time
	Err     error // wraps a sentinel; the other fields are zero
}

// SignJWT issues tokens of one profile. It needs update. context is what the
// caller knows of the end user's request, for the record alone. A single request's
// error is the token's; the tokens of a batch have their own. Nothing leaves before
// the record of it is durable.
//
// Errors: ErrIssuerNotFound, ErrProfileNotFound, ErrKeyDeleted, ErrNoSigningKey,
// ErrClaimNotAllowed, ErrBadRequest; of a profile with a transit key to encrypt with
// those of Encrypt too.
func (s *Service) SignJWT(c *Call, issuer, profile string, reqs []JWTRequest, context map[string]string, batch bool) ([]IssuedJWT, error) {
	out := make([]IssuedJWT, len(reqs))
	err := s.useIssuer(c, verb{operation: "jwt/sign", need: policy.Update, action: pass.Sign, further: c.encrypts(issuer, profile)}, issuer, func(a *gate.Admission, i *issuerView, u *keyring.Use) error {
		a.Record.Profile = profile
		if err := checkJWTBatch(len(reqs), batch); err != nil {
			return err
		}
		if err := noteContext(a, context); err != nil {
			return err
		}
		p, err := i.profile(profile)
		if err != nil {
			return err
		}
		m, err := p.ready()
		switch {
		case err != nil:
			return err
		case i.signer == nil:
			return saying(ErrNoSigningKey, "no version of the key of the issuer %s is active", i.Name)
		}
		c.uses(i.signer)
		a.Record.KID, a.Record.KeyVersion, a.Record.Alg = i.signer.KID, i.signer.Number, i.Alg
		w := &minter{s: s, use: u, issuer: i, minting: m, facts: c.facts(i), call: c, now: c.seconds()}
		w.facts.Overhead = m.header.CompactLen(0, m.sig)
		if m.to != nil {
			if w.sealer, err = s.newSealer(c, a, i, m.to); err != nil {
				return err
			}
			defer w.sealer.close()
		}
		if batch {
			return w.batch(c, a, reqs, out)
		}
		seen, err := w.mint(&reqs[0], &out[0])
		a.Record.JTI, a.Record.Claims, a.Record.Output = seen.JTI, seen.Claims, seen.Output
		noteClaim(a, err)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// fraction is the ttl or nbf that is not in whole seconds.
func (r *JWTRequest) fraction() time.Duration {
	if r.NotBefore%time.Second != 0 {
		return r.NotBefore
	}
	return *r.TTL
}

// minter issues the tokens of one request.
type minter struct {
	*minting
	s      *Service
	use    *keyring.Use
	issuer *issuerView
	facts  *jose.Facts
	sealer *sealer // nil: tokens are signed alone
	random [16]byte
	call   *Call
	now    int64 // seconds since 1970
}

// mint fills out, and returns what the record has of it.
func (w *minter) mint(req *JWTRequest, out *IssuedJWT) (audit.ItemHash, error) {
	q := jose.Request{Audience: req.Audience, Scope: req.Scope, NotBefore: int64(req.NotBefore / time.Second), Claims: req.Claims}
	if req.Subject != nil {
		q.Subject, q.HasSubject = *req.Subject, true
	}
	if req.TTL != nil {
		if q.TTL = int64(*req.TTL / time.Second); q.TTL == 0 {
			q.TTL = -1 // 0 is absent
		}
	}
	if req.NotBefore%time.Second != 0 || req.TTL != nil && *req.TTL%time.Second != 0 {
		return audit.ItemHash{}, saying(ErrBadRequest, "ttl and nbf are whole seconds, not %s", req.fraction())
	}
	_, _ = rand.Read(w.random[:]) // does not fail: crypto/rand ends the process instead
	at, err := w.issuer.issueAt(w.call, w.now, q.Subject, w.facts.ClientID)
	if err != nil {
		return audit.ItemHash{}, err
	}
	w.facts.Now = at
	w.facts.JTI = base64.RawURLEncoding.EncodeToString(w.random[:])
	issued, err := w.rules.Build(&q, w.facts)
	if err != nil {
		return audit.ItemHash{}, notAllowed(err, req)
	}
	token := w.header.AppendSigningInput(make([]byte, 0, w.header.CompactLen(len(issued.Payload), w.sig)), issued.Payload)
	sig, err := w.use.SignJOSE(w.issuer.signer, jose.Alg(w.issuer.Alg), token)
	if err != nil {
		return audit.ItemHash{}, err
	}
	token = jose.AppendSignature(token, sig)
	if w.sealer != nil {
		if token, err = w.sealer.seal(token, w.rules.MaxTokenBytes()); err != nil {
			return audit.ItemHash{}, err
		}
	}
	*out = IssuedJWT{Token: token, JTI: w.facts.JTI, KID: w.issuer.signer.KID, Expires: time.Unix(issued.Expires, 0).UTC()}
	return audit.ItemHash{Output: w.s.gate.Hash(token), JTI: out.JTI, Claims: w.s.auditClaims(issued.Audit), KeyVersion: w.issuer.signer.Number}, nil
}

// notAllowed gives what a profile refuses its sentinel. The text names the claim, and
// of a lifetime, an audience or a scope what was asked for.
func notAllowed(err error, req *JWTRequest) error {
	var claim *jose.ClaimError
	if !errors.As(err, &claim) {
		return err
	}
	text := gate.Scrub(err.Error())
	switch {
	case claim.Value == "":
	case claim.Claim == "ttl" && req.TTL != nil:
		text += ", not " + req.TTL.String()
	case claim.Claim == "nbf":
		text += ", not " + req.NotBefore.String()
	default:
		text += ": " + quoteTarget(claim.Value)
	}
	return &refusedClaim{claim: claim.Claim, text: text}
}

// quoteTarget shows an audience or a scope. URLs are longer than what [Quote] shows;
// one with a user or a query may carry a secret.
func quoteTarget(value string) string {
	if len(value) > 128 || !strings.Contains(value, "://") || strings.ContainsAny(value, "@?#") || gate.LooksSecret(value) {
		return Quote(value)
	}
	return strconv.QuoteToASCII(value)
}

// refusedClaim is ErrClaimNotAllowed with the claim.
type refusedClaim struct{ claim, text string }

func (r *refusedClaim) Error() string { return r.text }
func (r *refusedClaim) Unwrap() error { return ErrClaimNotAllowed }

// noteClaim records which claim was refused.
func noteClaim(a *gate.Admission, err error) {
	var refused *refusedClaim
	if errors.As(err, &refused) {
		note(a, "claim", refused.claim)
	}
}

// batch issues the tokens one after the other, each with its own error.
func (w *minter) batch(c *Call, a *gate.Admission, reqs []JWTRequest, out []IssuedJWT) error {
	a.Record.Items = len(reqs)
	seen := make([]audit.ItemHash, len(reqs))
	for n := range reqs {
		var err error
		seen[n], err = w.mint(&reqs[n], &out[n])
		if err = translate(err); err != nil {
			if outcome(err) != audit.OutcomeRefused {
				return err // the node's fault, which is no item's
			}
			out[n], seen[n] = IssuedJWT{Err: err}, audit.ItemHash{Code: Code(err)}
			c.missed = c.missed || absent(err)
		}
		seen[n].Index = n
	}
	recordItems(c, a, seen)
	return nil
}
