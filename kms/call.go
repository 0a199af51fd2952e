package kms

import (
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// Origin is what a transport knows of a request before it is authenticated.
type Origin struct {
	RequestID string
	Method    string // of HTTP
	Path      string // the policy path: without /v1/, cleaned
	Remote    string // the peer's IP address
}

// Call is one request under way: where it came from, who asks, and the one view
// of the state that decides all of it. It is used by one goroutine.
type Call struct {
	Origin
	Caller   policy.Caller
	Warnings []string // for the answer

	view    *view
	serving uint64 // the serving period in which the view was taken
	token   *state.Token
	fenced  bool              // the view has all that was acknowledged before the call: see fence and BeginAt
	missed  bool              // the answer says that something is not there: see doubts
	counted bool              // the token's uses are limited, and one was spent on this request
	limited bool              // the token's rate limits were asked
	seen    *state.Token      // a live token that was refused for where it came from
	refused map[string]string // of credentials that were refused, for the record
	late    bool              // works even while the audit log cannot be written

	used []*state.KeyVersion // versions that made something for the answer: see uses

	once     *state.Once // nil: see Idempotent
	replayed bool        // an earlier request did the write, and its result is told again

	barrier barrierDone // of a write
}

// Begin takes the view that the whole request is decided on, before
// authentication. It fails on a node that may not answer: ErrNotInitialized,
// ErrSealed, ErrNoLeader, ErrAuditUnavailable.
//
// A node serves under a lease, on a state that is not older than the lease allows:
// see raftstore/lease. An unsealed node that has none answers ErrNoLease.
func (s *Service) Begin(o Origin) (*Call, error) {
	c, err := s.BeginUnaudited(o)
	if err != nil {
		return nil, err
	}
	if err := s.audit.Err(); err != nil {
		return nil, translate(err)
	}
	c.late = false
	return c, nil
}

// BeginUnaudited is Begin for what must work even while the audit log cannot be
// written, and is recorded when it can be: sealing the node.
func (s *Service) BeginUnaudited(o Origin) (*Call, error) {
	serving, v := s.serving.Load(), s.view.Load()
	if v == nil {
		if err := s.exists(); err != nil {
			return nil, err
		}
		return nil, ErrSealed
	}
	if serving == 0 || s.sealing.Load() {
		return nil, ErrSealed
	}
	if err := s.mayServe(v); err != nil {
		// Behind its lease by a moment: the leader has what this node gets next.
		if !errors.Is(err, raftstore.ErrBehind) || !s.catchUpWithLease() {
			return nil, s.whyNotServing()
		}
		if v = s.view.Load(); v == nil || s.mayServe(v) != nil {
			return nil, s.whyNotServing()
		}
	}
	return &Call{Origin: o, view: v, serving: serving, late: true}, nil
}

// Confirm says whether what was computed may still leave: the node neither
// sealed since Begin nor without a lease now, and the key versions that made it may
// still do so. Otherwise ErrSealed, ErrNoLease, ErrNoLeader, ErrKeyDeleted or
// ErrVersionState, and the result is withheld. That the lease demands a later state
// by now does not matter: what was taken away since then was taken away while the
// request was under way.
func (s *Service) Confirm(c *Call) error {
	switch {
	case s.view.Load() == nil || s.sealing.Load() || s.serving.Load() != c.serving:
		return ErrSealed
	case !s.store.Leases().Held():
		return s.whyNotServing()
	}
	return s.stillProduce(c)
}

// Authenticate finds the caller behind a token. ErrInvalidToken covers missing,
// malformed, forged, unknown, expired, revoked and used up ones alike, and those
// from where they may not be used; ErrApplicationBlocked a good one of a blocked
// application. Of a token whose uses are limited it spends one, and then it waits
// for the cluster and has the errors of a write too, and *Limited.
func (s *Service) Authenticate(c *Call, token string) error {
	t := s.lookupToken(c.view, token, c.now())
	if t == nil {
		// A token without this cluster's MAC is on no node.
		if validToken(c.view.Cluster.TokenKey, token) && s.doubts(c, ErrInvalidToken) {
			return &doubt{ErrInvalidToken}
		}
		return ErrInvalidToken
	}
	if len(t.BoundCIDRs) != 0 && !within(t.BoundCIDRs, c.Remote) {
		c.seen = t
		return ErrInvalidToken
	}
	c.token = t
	c.Caller = policy.Caller{
		Root: t.Root(), TokenID: t.ID(), Accessor: t.Accessor, DisplayName: t.DisplayName,
		Application: t.Application, Policies: t.Policies, Remote: c.Remote, ACL: c.view.acls.get(c.view.State, t),
	}
	if t.Application != "" {
		if err := c.view.notBlocked(t.Application); err != nil {
			return err
		}
	}
	if t.Uses != 0 {
		return s.count(c)
	}
	return nil
}

// lookupToken finds a live token. Only what carries this cluster's MAC is looked
// up, so a forged token costs one MAC and no search; a development cluster also
// knows tokens that were chosen by hand. With now 0 it finds expired ones too.
func (s *Service) lookupToken(v *view, token string, now int64) *state.Token {
	if !validToken(v.Cluster.TokenKey, token) && !v.Cluster.Dev {
		return nil
	}
	hash := tokenHash(token)
	t := v.Token(hash[:])
	// A child is worth no more than its parents, which may have expired and not
	// be removed yet.
	for up := t; up != nil; up = v.Token(up.Parent) {
		if up.Expired(now) {
			return nil
		}
		if len(up.Parent) == 0 {
			return t
		}
	}
	return nil
}

// Reject records a request that ended before any verb: no such route, a bad
// body, a bad token, a rate limit. Those of strangers and those of rate limits are
// recorded within limits, so that a flood of them cannot fill the disk.
func (s *Service) Reject(o Origin, c *Call, err error) {
	rec := &audit.Record{
		Type: audit.TypeRequest, RequestID: o.RequestID, Method: o.Method, Path: gate.Scrub(o.Path), Remote: o.Remote,
		Outcome: outcome(err), Code: Code(err),
	}
	if rec.Code == "internal" { // a refusal of a transport without a code of ours
		rec.Outcome = audit.OutcomeRefused
	}
	if c == nil || c.token == nil {
		if c != nil {
			rec.Fields = c.refused
		}
		if c != nil && c.seen != nil { // a token in the wrong hands, perhaps: say whose
			rec.Accessor, rec.DisplayName, rec.Application = c.seen.Accessor, c.seen.DisplayName, c.seen.Application
		}
		s.audit.Refuse(rec, o.Remote)
		return
	}
	rec.Accessor, rec.DisplayName, rec.Policies, rec.Application = c.Caller.Accessor, c.Caller.DisplayName, c.Caller.Policies, c.Caller.Application
	if errors.Is(err, ErrRateLimited) || errors.Is(err, ErrApplicationBlocked) {
		// A limit is there for those who ask too often, and a block for those who
		// must not ask at all: their refusals are bounded by token as those of
		// strangers are by address.
		s.audit.Refuse(rec, c.Caller.Accessor)
		return
	}
	if err := s.audit.Append(rec); err != nil {
		s.audit.AppendLate(rec)
	}
}

// Withhold records that the answer to a request, which was ready and is recorded,
// did not leave.
func (s *Service) Withhold(c *Call, err error) {
	s.audit.AppendLate(&audit.Record{
		Type: audit.TypeOutcome, RequestID: c.RequestID, Method: c.Method, Path: gate.Scrub(c.Path), Remote: c.Remote,
		Accessor: c.Caller.Accessor, Application: c.Caller.Application, Outcome: audit.OutcomeWithheld, Code: Code(err),
	})
}

// Count counts a public or health request for the audit log's summary.
func (s *Service) Count(what string) { s.audit.Count(what) }

// verb is what a Call is about, for policy and audit.
type verb struct {
	operation string
	need      policy.Capability
	action    pass.Action  // "" where no key is used
	key       string       // identity, "<mount uuid>/<name>"
	further   []gate.Right // what it does beside action, with other keys
	late      bool         // works even while the audit log cannot be written
}

func (s *Service) admit(c *Call, v verb) (*gate.Admission, error) {
	a, err := s.gate.Admit(&gate.Request{
		Caller: &c.Caller, RequestID: c.RequestID, Operation: v.operation, Method: c.Method, Path: c.Path,
		Need: v.need, Action: v.action, Key: v.key, Further: v.further, Remote: c.Remote, Late: v.late,
	})
	if err == gate.ErrDenied {
		return nil, ErrPermissionDenied
	}
	return a, translate(err)
}

// tokenHash is all that is stored of a token. A token holds 192 random bits, so
// a plain hash hides it.
func tokenHash(token string) [32]byte {
	const domain = "signet token v1\x00"
	var buf [128]byte
	return sha256.Sum256(append(append(buf[:0], domain...), token...))
}

// authority is the token that a command of this call stands on, and must still be there
// when the command is applied: the caller's. One whose uses are counted goes with its
// last use, while other requests may have theirs before them: its parent, if it has one,
// stands for it. nil: no token, as of a login.
func (c *Call) authority() []byte {
	switch {
	case c.token == nil:
		return nil
	case c.counted:
		return c.token.Parent
	}
	return c.token.Hash
}

// secondsOf rounds a time left up to whole seconds: a token with half a second
// left has not expired.
func secondsOf(nanos int64) int64 {
	return (nanos + int64(time.Second) - 1) / int64(time.Second)
}

func joined(list []string) string { return strings.Join(list, ", ") }
