package gate

import (
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
)

// ErrDenied says that no policy of the caller allows the request. Its record is
// durable.
var ErrDenied = errors.New("permission denied")

// Gate admits requests. It is safe for concurrent use.
type Gate struct {
	log *audit.Log
}

// New returns a gate that records in log, which it does not own.
func New(log *audit.Log) *Gate { return &Gate{log: log} }

// Request is what is asked.
type Request struct {
	Caller    *policy.Caller
	RequestID string
	Operation string            // what the record calls it, "transit/sign"
	Method    string            // of HTTP
	Path      string            // the policy path, without /v1/
	Need      policy.Capability // all of them
	Action    pass.Action       // "" where no key is used
	Key       string            // "<mount uuid>/<name>" for Action
	Further   []Right           // what else the same permission includes
	Remote    string
	Late      bool // go on while the log cannot be written; the record follows, marked late
}

// Right is one action on one key, "<mount uuid>/<name>".
type Right struct {
	Action pass.Action
	Key    string
}

// Admission is an admitted request: the right to proceed once, and the record
// that has to be durable before anything leaves. Fill Record, then call Close.
type Admission struct {
	Record  audit.Record
	Chunks  []*audit.Record // further records of a batch, appended with Record
	gate    *Gate
	pass    *pass.Pass
	further map[Right]*pass.Pass // nil: none were asked for
	started time.Time
	intent  bool
	late    bool
}

// Admit asks policy. It returns ErrDenied, after recording the refusal, or an
// error of the audit log, or an Admission that holds a Pass if an action was
// asked for.
func (g *Gate) Admit(r *Request) (*Admission, error) {
	if err := g.log.Err(); err != nil && !r.Late {
		// Asked early, so that no key is used for a result that cannot leave.
		return nil, err
	}
	a := &Admission{gate: g, started: time.Now(), late: r.Late}
	a.Record = audit.Record{
		Type: audit.TypeRequest, RequestID: r.RequestID, Operation: r.Operation, Method: r.Method, Path: r.Path,
		Accessor: r.Caller.Accessor, DisplayName: r.Caller.DisplayName, Application: r.Caller.Application,
		Policies: r.Caller.Policies, Remote: r.Remote,
	}
	if !r.Caller.Allow(r.Path, r.Need) {
		a.Record.Outcome, a.Record.Code = audit.OutcomeRefused, "permission_denied"
		scrub(&a.Record)
		if err := a.append(); err != nil {
			return nil, err
		}
		return nil, ErrDenied
	}
	if r.Action != "" {
		a.pass = pass.Mint(r.Action, r.Key)
	}
	if len(r.Further) > 0 {
		a.further = make(map[Right]*pass.Pass, len(r.Further))
		for _, right := range r.Further {
			a.further[right] = pass.Mint(right.Action, right.Key)
		}
	}
	return a, nil
}

// FurtherPass is the right to what Request.Further named, to be redeemed once. It
// is nil for anything else, which no keyring takes.
func (a *Admission) FurtherPass(r Right) *pass.Pass { return a.further[r] }

// Pass is the right to use the key, to be redeemed in the keyring. It is nil
// where none was asked for.
func (a *Admission) Pass() *pass.Pass { return a.pass }

// Intent makes durable that a write is about to be proposed under id. After it
// the request may have an effect, so Outcome must follow, whatever happens.
func (a *Admission) Intent(proposal string) error {
	scrub(&a.Record)
	intent := a.Record
	intent.Type, intent.Proposal = audit.TypeIntent, proposal
	if err := a.gate.log.Append(&intent); err != nil {
		return err
	}
	a.intent, a.Record.Proposal = true, proposal
	return nil
}

// Close writes the record with the outcome and returns when it is durable. An
// error means that nothing may leave.
//
// After an Intent the outcome is written if it can be; otherwise it is kept and
// written late, since the write itself is recorded already and may have
// happened: the caller must not be told that it failed. Where it cannot be kept the
// error is audit.ErrLost.
func (a *Admission) Close(outcome, code string) error {
	a.Record.Outcome, a.Record.Code = outcome, code
	a.Record.Duration = time.Since(a.started)
	scrub(&a.Record)
	if !a.intent {
		if len(a.Chunks) == 0 {
			return a.append()
		}
		for _, chunk := range a.Chunks {
			scrub(chunk)
		}
		return a.gate.log.Append(append([]*audit.Record{&a.Record}, a.Chunks...)...)
	}
	a.Record.Type = audit.TypeOutcome
	err := a.gate.log.Append(&a.Record)
	if err != nil && !a.gate.log.AppendLate(&a.Record) {
		err = fmt.Errorf("%w: %w", audit.ErrLost, err)
	}
	return err
}

func (a *Admission) append() error {
	if a.late {
		a.gate.log.AppendLate(&a.Record)
		return nil
	}
	return a.gate.log.Append(&a.Record)
}

// Hash is the keyed hash under which a sensitive value appears in the log.
func (g *Gate) Hash(b []byte) string { return g.log.Hash(b) }
