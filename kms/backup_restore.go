package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Restore says how a backup is to be restored.
type Restore struct {
	DryRun bool // say what would change, and change nothing
	Force  bool // also if it is older than an earlier restore
	// IdempotencyKey is the caller's, or "": see Call.Idempotent. The request is the
	// backup itself.
	IdempotencyKey string
	// Wrong is what is wrong with the request, nil for nothing. Who may not restore is not
	// told.
	Wrong error
}

// RestoreReport says what a restore did, or would do.
type RestoreReport struct {
	Backup     *BackupReport
	SHA256     string // of the file, hex
	Generation uint64 // of the cluster, after it
	// Changes is nil where an earlier request did it under the same idempotency key, or
	// an earlier attempt of this one did.
	Changes []state.Change
}

// RestoredNames counts records that a restore changes, and has the names of the first.
type RestoredNames = state.Names

const restoreOperation = "sys/storage/raft/restore"

// RestoreBackup merges a backup of this cluster into what it has now: see state.Merge
// for what comes back and what does not. It needs update and sudo on the path that
// was asked for, before it reads anything. Until the backup is read and checked to its
// end, and brought to the other nodes, nothing changes; then one command changes all
// of it. It ends when ctx does, while nothing has changed yet. Errors: ErrBadSnapshot,
// ErrBusy while another backup is read or restored, ErrOutcomeUnknown, and others of a
// write.
func (s *Service) RestoreBackup(ctx context.Context, c *Call, r io.Reader, o Restore) (*RestoreReport, error) {
	if err := s.fence(ctx, c); err != nil {
		s.Reject(c.Origin, c, err)
		return nil, err
	}
	a, err := s.admit(c, verb{operation: restoreOperation, need: policy.Update | policy.Sudo})
	if err != nil {
		return nil, err
	}
	if o.Wrong != nil {
		return nil, firstError(s.close(a, o.Wrong), o.Wrong)
	}
	// One at a time: a whole state is in memory meanwhile.
	if !s.readingBackup.TryLock() {
		err := saying(ErrBusy, "another snapshot is being read on this node; try again when that is done")
		return nil, firstError(s.close(a, err), err)
	}
	defer s.readingBackup.Unlock()
	job := &restoring{s: s, c: c, a: a, o: o}
	if err = translate(job.read(ctx, r)); err != nil {
		return nil, firstError(s.close(a, err), err)
	}
	if o.DryRun {
		_, job.out.Changes = state.Merge(c.view.State, job.b.state, job.caller())
		return job.out, s.finish(c, a, nil)
	}
	if _, again, err := c.repeated(a); again {
		if err == nil {
			err = s.awaitEarlier(ctx, c)
		}
		job.out.Generation = c.view.Generation
		return job.out, s.finish(c, a, err)
	}
	return job.run(ctx)
}

// restoring is one restore at work.
type restoring struct {
	s      *Service
	c      *Call
	a      *gate.Admission
	o      Restore
	b      *openedBackup
	pieces [][]byte // of the state, as it is staged
	sum    []byte   // SHA-256 of the pieces together
	out    *RestoreReport
}

// read reads the backup to its end, and finds out all that can be known before
// anything is proposed.
func (j *restoring) read(ctx context.Context, r io.Reader) error {
	file := sha256.New()
	var err error
	if j.b, err = j.s.openBackup(io.TeeReader(r, file), j.c.view.Cluster.ID); err != nil {
		return err
	}
	sum := file.Sum(nil)
	j.out = &RestoreReport{Backup: j.b.report(j.s.machine.sealRecord()), SHA256: hex.EncodeToString(sum)}
	note(j.a, "index", fmt.Sprint(j.b.meta.Index))
	note(j.a, "generation", fmt.Sprint(j.b.meta.Generation))
	note(j.a, "sha256", j.out.SHA256)
	if j.o.Force {
		note(j.a, "force", "true")
	}
	if j.o.DryRun {
		note(j.a, "dry_run", "true")
	}
	if err := j.refresh(ctx); err != nil {
		return err
	}
	// Every node reads what is staged, in the format of this build.
	if err := j.s.knownToAll(ctx, &state.StageRestore{}); err != nil {
		return err
	}
	if j.o.IdempotencyKey != "" && !j.o.DryRun {
		if err := j.c.Idempotent(j.o.IdempotencyKey, []byte(j.c.Path), sum); err != nil {
			return err
		}
		if j.c.earlier() != nil {
			return nil // what was done before is told again, whatever has changed since
		}
	}
	if err := state.MayRestore(j.c.view.State, j.b.state, j.o.Force); err != nil {
		return j.explain(err)
	}
	j.out.Generation = max(j.c.view.Generation, j.b.state.Generation) + 1
	return j.encode()
}

// refresh decides on what is so now: to read the backup may have taken long. Errors:
// ErrInvalidToken, ErrApplicationBlocked or ErrPermissionDenied where the caller may not
// any more.
func (j *restoring) refresh(ctx context.Context) error {
	j.c.fenced = false
	if err := j.s.fence(ctx, j.c); err != nil {
		return err
	}
	v := j.s.view.Load()
	if v == nil {
		return ErrSealed
	}
	j.c.view = v
	t := v.Token(j.c.token.Hash)
	if j.c.spent() {
		t = j.c.token // it went with this request, its last
	}
	if t == nil {
		return ErrInvalidToken
	}
	for up := t; up != nil; up = v.Token(up.Parent) { // a child is worth no more than its parents
		if up.Expired(max(time.Now().UnixNano(), v.Time)) {
			return ErrInvalidToken
		}
	}
	if t.Application != "" {
		if err := v.notBlocked(t.Application); err != nil {
			return err
		}
	}
	caller := j.c.Caller
	if caller.ACL = v.acls.get(v.State, t); !caller.Allow(j.c.Path, policy.Update|policy.Sudo) {
		return ErrPermissionDenied
	}
	return nil
}

// explain says of a refusal what can be done.
func (j *restoring) explain(err error) error {
	if errors.Is(err, state.ErrOldGeneration) {
		return saying(ErrBadSnapshot, "it is of generation %d, and the cluster is of generation %d: it was restored since; force it if that is what you want",
			j.b.state.Generation, j.c.view.Generation)
	}
	return err
}

// encode makes what is staged, and reads it as every node will: one that could not
// would stop.
func (j *restoring) encode() error {
	var buf bytes.Buffer
	if err := j.b.state.Restorable(&buf); err != nil {
		return err
	}
	st, err := state.Read(bytes.NewReader(buf.Bytes()), sideBySide)
	if err != nil {
		return err
	}
	j.b.state = st
	if j.pieces, err = state.Pieces(buf.Bytes()); err != nil {
		return saying(ErrBadSnapshot, "%v", err)
	}
	sum := sha256.Sum256(buf.Bytes())
	j.sum = sum[:]
	return nil
}

// caller is the token that stays: the caller's, or its parent where its last use was
// spent on this request.
func (j *restoring) caller() []byte {
	t := j.c.token
	if j.c.view.Token(t.Hash) == nil && len(t.Parent) == len(t.Hash) {
		return t.Parent
	}
	return t.Hash
}

// run stages the pieces and commits them.
func (j *restoring) run(ctx context.Context) (*RestoreReport, error) {
	s, c, a := j.s, j.c, j.a
	proposal := newProposal()
	if err := translate(a.Intent(proposalText(proposal))); err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // does not fail: crypto/rand ends the process instead
	err := j.stage(ctx, id)
	var done applied
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitRestoreTime)
		defer cancel()
		done, err = s.proposeFor(ctx, &state.Numbered{
			Proposal: proposal, Once: c.once, Caller: c.authority(),
			Command: &state.CommitRestore{ID: id, Sum: j.sum, Caller: j.caller(), Force: j.o.Force},
		})
		err = j.explain(err)
	}
	if err != nil && !errors.Is(err, ErrOutcomeUnknown) {
		j.abort(ctx, id)
	}
	if err == nil {
		c.barrier, c.replayed = done.barrier, done.replayed
		c.view = &view{State: done.state, acls: c.view.acls, issuers: c.view.issuers}
		j.out.Generation = done.state.Generation
		if did, ok := done.result.(*state.Restored); ok {
			j.out.Generation, j.out.Changes = did.Generation, did.Changes
		}
	}
	if closeErr := s.close(a, err); closeErr != nil && err == nil {
		err = c.unrecorded("the restore", closeErr)
	}
	if err != nil {
		return nil, err
	}
	return j.out, nil
}

// How long a restore waits for one piece, and for the command that merges them all,
// which takes each node some time.
const (
	stageTime         = 30 * time.Second
	commitRestoreTime = 2 * time.Minute
)

// stage brings the pieces into the state, where they do nothing. Its errors say that
// nothing was changed.
func (j *restoring) stage(ctx context.Context, id []byte) error {
	for i, piece := range j.pieces {
		err := j.stageOne(ctx, &state.StageRestore{ID: id, Number: uint32(i), Of: uint32(len(j.pieces)), Data: piece})
		switch {
		case ctx.Err() != nil:
			return saying(ErrBusy, "the request ended while the restore was being prepared; nothing was changed")
		case errors.Is(err, ErrOutcomeUnknown):
			return saying(ErrNoLeader, "the cluster lost its leader while the restore was being prepared; nothing was changed, try again")
		case err != nil:
			return err
		}
	}
	return nil
}

func (j *restoring) stageOne(ctx context.Context, piece *state.StageRestore) error {
	ctx, cancel := context.WithTimeout(ctx, stageTime)
	defer cancel()
	_, err := j.s.proposeFor(ctx, &state.Numbered{Proposal: newProposal(), Caller: j.c.authority(), Command: piece})
	return err
}

// abort drops what was staged, if it can. What stays is in nobody's way for long.
func (j *restoring) abort(ctx context.Context, id []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := j.s.propose(ctx, newProposal(), &state.AbortRestore{ID: id}); err != nil {
		j.s.log.Warn("what a restore had prepared could not be dropped yet; it goes by itself", "error", err)
	}
}

// RestoreStatus says where a cluster stands with restores.
type RestoreStatus struct {
	Generation uint64 // how many it has been through
	Restoring  bool   // one is being prepared: so far
	Pieces, Of uint32
	Touched    time.Time // when its last piece came
}

// RestoreStatus needs read on sys/storage/raft/snapshot-status.
func (s *Service) RestoreStatus(c *Call) (*RestoreStatus, error) {
	var out *RestoreStatus
	err := s.act(c, verb{operation: "sys/storage/raft/snapshot-status", need: policy.Read}, func(*gate.Admission) error {
		out = &RestoreStatus{Generation: c.view.Generation}
		if g := c.view.Staging(); g != nil {
			out.Restoring, out.Pieces, out.Of, out.Touched = true, g.Pieces, g.Of, time.Unix(0, g.Touched).UTC()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
