package kms

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/backup"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal/barrier"
)

// Names of what a backup seals. They differ from those of raft's snapshots, so that
// neither is ever taken for the other.
const (
	backupState = "backup state"
	backupSums  = "backup checksums"
)

// Backup is the whole state at one index, ready to be written down, once. What it
// writes is sealed: it is as secret as the data directory, and opens with the same
// shares.
type Backup struct {
	s    *Service
	c    *Call // nil: of the node itself
	meta backup.Meta
	at   *machineSnapshot
}

// Backup prepares a backup of what the cluster has now, that is all that was
// acknowledged before. Its record is durable when this returns. It needs read and
// sudo on sys/storage/raft/snapshot.
func (s *Service) Backup(ctx context.Context, c *Call) (*Backup, error) {
	if err := s.fence(ctx, c); err != nil {
		s.Reject(c.Origin, c, err)
		return nil, err
	}
	var b *Backup
	err := s.act(c, verb{operation: "sys/storage/raft/snapshot", need: policy.Read | policy.Sudo}, func(a *gate.Admission) (err error) {
		if b, err = s.newBackup(); err == nil {
			b.c = c
			note(a, "index", fmt.Sprint(b.meta.Index))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// newBackup takes the state as it is; it costs no more than a few pointers.
func (s *Service) newBackup() (*Backup, error) {
	taken, err := s.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	at := taken.(*machineSnapshot)
	if at.state == nil {
		return nil, ErrSealed
	}
	roster, err := raftstore.ParseRoster(at.roster.body)
	if err != nil {
		return nil, err
	}
	st := at.state
	return &Backup{s: s, at: at, meta: backup.Meta{
		ClusterID: st.Cluster.ID, ClusterEpoch: roster.Epoch, RosterVersion: roster.Version, Generation: st.Generation,
		Index: st.Index, CommandEpoch: st.Epoch, CommandSeq: st.Seq, Term: at.term, Time: time.Unix(0, st.Time).UTC(),
		Made: wall.Now().UTC().Truncate(time.Second), Node: s.store.Identity().NodeID, Software: s.cfg.Version,
	}}, nil
}

// Name is a file name for the backup, by the time of what is in it.
func (b *Backup) Name() string {
	return fmt.Sprintf("signet-%s-%d"+backupSuffix, b.meta.Time.Format("20060102T150405Z"), b.meta.Index)
}

// Write writes the backup as a stream. The state is encoded twice, first to learn
// its length, and never kept. If the node seals meanwhile the barrier is wiped and
// Write fails; what was written then is no backup. That it failed is recorded.
func (b *Backup) Write(w io.Writer) error {
	err := b.write(w)
	if err != nil && b.c != nil {
		b.s.audit.AppendLate(&audit.Record{
			Type: audit.TypeOutcome, RequestID: b.c.RequestID, Method: b.c.Method, Path: gate.Scrub(b.c.Path), Remote: b.c.Remote,
			Accessor: b.c.Caller.Accessor, Application: b.c.Caller.Application, Outcome: audit.OutcomeFailed, Code: Code(translate(err)),
		})
	}
	return err
}

func (b *Backup) write(w io.Writer) error {
	var clear counter
	if err := b.at.state.Write(&clear); err != nil {
		return err
	}
	content := &backup.Content{
		Meta: b.meta, Seal: b.at.record.body, Roster: b.at.roster.body,
		State: func(w io.Writer) error {
			return b.sealed(w, stateName(&b.meta), b.at.state.Write)
		},
		Sign: func(sums []byte) ([]byte, error) {
			var out bytes.Buffer
			err := b.sealed(&out, barrier.Name{Kind: backupSums}, func(w io.Writer) error {
				_, err := w.Write(sums)
				return err
			})
			return out.Bytes(), err
		},
	}
	content.Meta.StateSize = barrier.StreamSize(int64(clear))
	return backup.Write(w, content)
}

// sealed seals what write writes, under the term that the backup's own seal record
// makes the active one.
func (b *Backup) sealed(w io.Writer, name barrier.Name, write func(io.Writer) error) error {
	stream, err := b.at.bar.SealStreamUnder(b.at.term, w, name)
	if err != nil {
		return err
	}
	if err := write(stream); err != nil {
		return err
	}
	return stream.Close()
}

func stateName(m *backup.Meta) barrier.Name {
	return barrier.Name{Kind: backupState, Name: fmt.Sprintf("%d.%d", m.CommandEpoch, m.CommandSeq), Version: m.Index}
}

// counter is a writer that only counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
