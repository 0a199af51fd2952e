package kms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/backup"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/barrier"
)

// sealedTombstones names the seal on a tombstones file.
const sealedTombstones = "tombstones"

func tombstonesName(m *backup.TombstonesMeta) barrier.Name {
	return barrier.Name{Kind: sealedTombstones, Name: fmt.Sprintf("%d.%d", m.CommandEpoch, m.CommandSeq), Version: m.Index}
}

// Tombstones is what a restore must not bring back, at one index, ready to be written
// down, once. Nothing in it is secret: it is names, numbers, times and keyed hashes.
type Tombstones struct {
	b    *Backup
	what *state.Tombstones
}

// Tombstones prepares the tombstones of all that was acknowledged before, on any
// node. Their record is durable when this returns. It needs read and sudo on
// sys/storage/raft/tombstones.
func (s *Service) Tombstones(ctx context.Context, c *Call) (*Tombstones, error) {
	if err := s.fence(ctx, c); err != nil {
		s.Reject(c.Origin, c, err)
		return nil, err
	}
	var t *Tombstones
	err := s.act(c, verb{operation: "sys/storage/raft/tombstones", need: policy.Read | policy.Sudo}, func(a *gate.Admission) error {
		b, err := s.newBackup()
		if err != nil {
			return err
		}
		b.c = c
		t = b.tombstones()
		note(a, "index", fmt.Sprint(b.meta.Index))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// tombstones are those of what b is a backup of.
func (b *Backup) tombstones() *Tombstones { return &Tombstones{b, b.at.state.Tombstones()} }

// Name is a file name for them, beside that of a backup of the same state.
func (t *Tombstones) Name() string {
	return strings.TrimSuffix(t.b.Name(), backupSuffix) + tombstonesSuffix
}

// The endings of the names of backups and tombstones.
const (
	backupSuffix     = ".snapshot"
	tombstonesSuffix = ".tombstones"
)

// Write writes them as a stream. What was written when it fails is no tombstones
// file, and that it failed is recorded.
func (t *Tombstones) Write(w io.Writer) error {
	err := t.write(w)
	if c := t.b.c; err != nil && c != nil {
		t.b.s.audit.AppendLate(&audit.Record{
			Type: audit.TypeOutcome, RequestID: c.RequestID, Method: c.Method, Path: gate.Scrub(c.Path), Remote: c.Remote,
			Accessor: c.Caller.Accessor, Application: c.Caller.Application, Outcome: audit.OutcomeFailed, Code: Code(translate(err)),
		})
	}
	return err
}

func (t *Tombstones) write(w io.Writer) error {
	m := &t.b.meta
	content := &backup.TombstonesContent{
		Meta: backup.TombstonesMeta{
			ClusterID: m.ClusterID, ClusterEpoch: m.ClusterEpoch, Generation: m.Generation, Index: m.Index,
			CommandEpoch: m.CommandEpoch, CommandSeq: m.CommandSeq, Term: m.Term, Time: m.Time, Node: m.Node, Software: m.Software,
		},
		Seal: t.b.at.record.body,
		Each: t.what.Each,
	}
	content.Sign = func(sum []byte) ([]byte, error) {
		var out bytes.Buffer
		err := t.b.sealed(&out, tombstonesName(&content.Meta), func(w io.Writer) error {
			_, err := w.Write(sum)
			return err
		})
		return out.Bytes(), err
	}
	return backup.WriteTombstones(w, content)
}

// readTombstones is a tombstones file that was read and that nobody has vouched for.
type readTombstones struct {
	file   *backup.Tombstones
	record *seal.Record
	what   *state.Tombstones
}

// parseTombstones reads such a file. Errors: ErrBadSnapshot, which says what is wrong;
// those of r.
func parseTombstones(r io.Reader, clusterID string) (*readTombstones, error) {
	what := state.NewTombstones()
	file, err := backup.ReadTombstones(r, what.Add)
	if err == nil {
		err = what.Done()
		if err != nil {
			err = saying(ErrBadSnapshot, "the tombstones cannot be used: %v", err)
		}
	}
	if errors.Is(err, backup.ErrTombstones) {
		return nil, saying(ErrBadSnapshot, "the tombstones cannot be used: %v", err)
	}
	if err != nil {
		return nil, err
	}
	record, err := seal.ParseRecord(file.Seal)
	switch {
	case err != nil:
		return nil, saying(ErrBadSnapshot, "the tombstones cannot be used: their seal record is damaged")
	case file.Meta.ClusterID != record.ClusterID:
		return nil, saying(ErrBadSnapshot, "the tombstones cannot be used: their seal record is of another cluster")
	case file.Meta.ClusterID != clusterID:
		return nil, saying(ErrBadSnapshot, "the tombstones are of the cluster %s, and the backup is of %s", Quote(file.Meta.ClusterID), clusterID)
	}
	return &readTombstones{file, record, what}, nil
}

// older says whether the tombstones tell of nothing that happened after a backup.
func (t *readTombstones) older(m *backup.Meta) bool {
	of := t.file.Meta
	return of.Generation < m.Generation || of.Generation == m.Generation && of.Index < m.Index
}

// vouch has the barrier say whether the cluster wrote them. opened is of the same
// seal, and moves on to the terms that the tombstones know. Errors: ErrBadSnapshot.
func (t *readTombstones) vouch(opened *seal.Opened) error {
	if err := opened.Reach(t.record); err != nil {
		if t.record.Generation != 0 && errors.Is(err, seal.ErrNotSuccessor) {
			return saying(ErrBadSnapshot, "the tombstones cannot be used: other shares open them than the backup (%v)", err)
		}
		return errForgedTombstones
	}
	sealed, err := opened.Barrier().OpenStream(bytes.NewReader(t.file.Signed), tombstonesName(t.file.Meta))
	if err != nil {
		return errForgedTombstones
	}
	sum, err := io.ReadAll(io.LimitReader(sealed, 1<<10))
	if err != nil || !bytes.Equal(sum, t.file.Sum) {
		return errForgedTombstones
	}
	return nil
}

var errForgedTombstones = saying(ErrBadSnapshot, "the tombstones were changed, or another cluster wrote them: the barrier does not vouch for them")

// known is how far the tombstones know the former cluster.
func (t *readTombstones) known() state.Known {
	m := t.file.Meta
	return state.Known{Generation: m.Generation, Index: m.Index, Epoch: m.CommandEpoch, Time: m.Time.UnixNano()}
}

// TombstonesFile is what a tombstones file says of itself.
type TombstonesFile struct {
	Index  uint64
	Time   time.Time
	Node   string
	Counts state.TombstoneCounts
}
