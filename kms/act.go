package kms

import (
	"context"
	"errors"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/state"
)

// act runs a verb that changes nothing in the cluster: policy, then do, then one
// record with the outcome, durable before act returns nil. What do computed may
// be used only then. An error may be Doubted, and then there is no record.
func (s *Service) act(c *Call, v verb, do func(a *gate.Admission) error) error {
	a, err := s.admit(c, v)
	if err != nil {
		return err
	}
	if err = translate(do(a)); s.doubts(c, err) {
		return &doubt{err}
	}
	return s.finish(c, a, err)
}

// finish ends a verb that changed nothing, with its one record. The record may
// have taken its time, and the node may have been sealed, or have lost its right
// to answer, meanwhile: then the result is withheld.
func (s *Service) finish(c *Call, a *gate.Admission, err error) error {
	if closeErr := s.close(a, err); closeErr != nil || err != nil {
		return firstError(closeErr, err)
	}
	if err := s.Confirm(c); err != nil {
		rec := a.Record
		rec.Type, rec.Outcome, rec.Code = audit.TypeOutcome, audit.OutcomeWithheld, Code(err)
		s.audit.AppendLate(&rec)
		return err
	}
	return nil
}

// writeTimeout bounds how long a write without a deadline of its own waits for its
// outcome. No write ends because the client hung up: that would make the outcome
// unknown to the log.
const writeTimeout = 10 * time.Second

// write runs a verb that changes the cluster: policy, then build, which checks
// the request and makes the command, then a durable intent, the proposal, and a
// record of the outcome. The result is the state machine's.
//
// A request that was carried out before under the same idempotency key changes
// nothing and has the result of the first: see Call.Idempotent.
//
// If the outcome cannot be recorded after the write was done, the answer is a
// success with a warning: the intent is on disk, and the outcome follows when the
// log can be written again. Where it never will, because the disk failed, the answer is
// ErrOutcomeUnknown, which is what the log says too.
func (s *Service) write(ctx context.Context, c *Call, v verb, build func(a *gate.Admission) (state.Command, error)) (any, error) {
	if err := s.fence(ctx, c); err != nil {
		s.Reject(c.Origin, c, err)
		return nil, err
	}
	a, err := s.admit(c, v)
	if err != nil {
		return nil, err
	}
	if result, again, err := c.repeated(a); again {
		if err == nil {
			err = s.awaitEarlier(ctx, c)
		}
		return result, s.finish(c, a, err)
	}
	cmd, err := build(a)
	if cmd != nil && err == nil {
		err = s.knownToAll(ctx, cmd)
	}
	if cmd == nil && err == nil {
		// That there is nothing to revoke, or to delete, only the cluster knows: a
		// leader that was replaced may not have seen it being made.
		c.misses()
	}
	if err = translate(err); s.doubts(c, err) {
		return nil, &doubt{err}
	}
	if c.once != nil {
		note(a, "idempotent", "first")
	}
	if err != nil {
		return nil, firstError(s.close(a, err), err)
	}
	if cmd == nil { // nothing to change: but who changed it may wait yet until all nodes know
		return nil, s.finish(c, a, s.awaitEarlier(ctx, c))
	}
	id := newProposal()
	if err := translate(a.Intent(proposalText(id))); err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	done, err := s.proposeFor(ctx, &state.Numbered{Proposal: id, Once: c.once, Caller: c.authority(), Command: cmd})
	if c.replayed = done.replayed; c.replayed || errors.Is(err, ErrIdempotencyMismatch) || errors.Is(err, ErrIdempotencySpent) {
		note(a, "idempotent", "repeated") // by a request that was under way at the same time
	}
	if err == nil {
		c.barrier = done.barrier
		c.view = &view{State: done.state, acls: c.view.acls, issuers: c.view.issuers} // what the answer is made from
	}
	if closeErr := s.close(a, err); closeErr != nil && err == nil {
		err = c.unrecorded("the change", closeErr)
	}
	return done.result, err
}

// unrecorded makes a warning of what kept the outcome of something that is done out of
// the log until later. Error: ErrOutcomeUnknown where it is out for good.
func (c *Call) unrecorded(what string, err error) error {
	if errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	c.Warnings = append(c.Warnings, what+" is done, but its outcome is not in the audit log yet: "+err.Error())
	return nil
}

// outcomeLost is told when the outcome of what was done is not in the log and never will be.
var outcomeLost = saying(ErrOutcomeUnknown, "the disk under the audit log failed before the outcome was recorded; this node stops: ask another one what is so before trying again")

// detached keeps a request's deadline and drops its cancellation.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(writeTimeout)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// close writes the record. Its error is ErrAuditUnavailable with the reason, or
// ErrOutcomeUnknown for the outcome of a write that no log will ever have. The
// record names the code alone: an error's text may quote what the caller sent.
func (s *Service) close(a *gate.Admission, err error) error {
	closeErr := a.Close(outcome(err), Code(err))
	if errors.Is(closeErr, audit.ErrLost) {
		return outcomeLost
	}
	return translate(closeErr)
}

// outcome is the word in the audit record: whose fault it was that something did
// not happen, or that nobody knows whether it did.
func outcome(err error) string {
	if err == nil {
		return audit.OutcomeOK
	}
	switch Code(err) {
	case ErrOutcomeUnknown.code:
		return audit.OutcomeUnknown
	case "internal", ErrSealed.code, ErrNoLeader.code, ErrNoLease.code, ErrAuditUnavailable.code, ErrStorageFull.code, ErrBusy.code, ErrSealUnavailable.code:
		return audit.OutcomeFailed
	}
	return audit.OutcomeRefused
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
