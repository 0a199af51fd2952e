package kms

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/signet-kms/signet/kms/backup"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/barrier"
)

// BackupReport says what a sound backup of this cluster is of.
type BackupReport struct {
	ClusterID    string
	ClusterEpoch uint64
	Generation   uint64 // how many restores the cluster had been through
	Index        uint64 // of the last log entry in the state
	Term         uint64 // of the barrier
	Time         time.Time
	Made         time.Time // when it was begun, by the clock of Node
	Node         string    // that wrote it
	Software     string
	Shares       int // that its seal record knows …
	Threshold    int // … and how many of them open it
	// ShareGeneration is the generation of those shares; SameShares says that they
	// are the ones that unseal this cluster now.
	ShareGeneration uint32
	SameShares      bool

	Keys, Versions, Tokens, Policies, Issuers int
}

// VerifyBackup opens a backup of this cluster as a restore would, and checks every
// byte of it. It changes nothing. It needs update and sudo on
// sys/storage/raft/snapshot-verify, and asks for that before it reads anything.
// Errors: ErrBadSnapshot, ErrBusy while another backup is read.
func (s *Service) VerifyBackup(c *Call, r io.Reader) (*BackupReport, error) {
	var out *BackupReport
	err := s.act(c, verb{operation: "sys/storage/raft/snapshot-verify", need: policy.Update | policy.Sudo}, func(a *gate.Admission) error {
		// One at a time: a whole state is in memory meanwhile.
		if !s.readingBackup.TryLock() {
			return saying(ErrBusy, "another snapshot is being read on this node; try again when that is done")
		}
		defer s.readingBackup.Unlock()
		b, err := s.openBackup(r, c.view.Cluster.ID)
		if err != nil {
			return err
		}
		out = b.report(s.machine.sealRecord())
		note(a, "index", fmt.Sprint(b.meta.Index))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (b *openedBackup) report(now *seal.Record) *BackupReport {
	m := b.meta
	out := &BackupReport{
		ClusterID: m.ClusterID, ClusterEpoch: m.ClusterEpoch, Generation: m.Generation, Index: m.Index, Term: m.Term, Time: m.Time, Made: m.Made, Node: m.Node, Software: m.Software,
		Shares: b.record.Shares, Threshold: b.record.Threshold, ShareGeneration: b.record.Generation,
		SameShares: now != nil && b.record.Generation == now.Generation,
	}
	out.Keys, out.Versions, out.Tokens, out.Policies = b.state.Counts()
	out.Issuers = b.state.IssuerCount()
	return out
}

// openedBackup is a backup that the barrier vouches for.
type openedBackup struct {
	meta   *backup.Meta
	record *seal.Record
	state  *state.State
}

// openBackup reads a backup of this cluster and checks all of it. Errors:
// ErrBadSnapshot, which says what is wrong; ErrSealed; those of r.
func (s *Service) openBackup(r io.Reader, clusterID string) (*openedBackup, error) {
	s.numbering.Lock()
	bar := s.numbering.bar
	s.numbering.Unlock()
	if bar == nil {
		return nil, ErrSealed
	}
	from := &watched{r: r}
	b, err := readBackup(from, bar, clusterID)
	return b, from.judge(err)
}

// quoteID shows an id of a file that nobody has checked: as it is, if it has the form of
// one, which nothing secret has.
func quoteID(id string) string {
	if uuidForm.MatchString(id) {
		return id
	}
	return Quote(id)
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func readBackup(r io.Reader, bar *barrier.Barrier, clusterID string) (*openedBackup, error) {
	b, err := backup.NewReader(r)
	if err != nil {
		return nil, err
	}
	if b.Meta.ClusterID != clusterID {
		return nil, saying(ErrBadSnapshot, "it is of the cluster %s, and this is %s; a backup of another cluster is restored into an empty cluster alone", quoteID(b.Meta.ClusterID), clusterID)
	}
	sealed, err := bar.OpenStream(b, stateName(b.Meta))
	if err != nil {
		return nil, err
	}
	st, err := state.Read(sealed, state.Sequential)
	if err != nil {
		return nil, err
	}
	sums, err := b.Close()
	if err != nil {
		return nil, err
	}
	list, err := bar.OpenStream(bytes.NewReader(sums.Sealed), barrier.Name{Kind: backupSums})
	if err != nil {
		return nil, err
	}
	signed, err := io.ReadAll(io.LimitReader(list, int64(len(sums.Sums))+1))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(signed, sums.Sums) {
		return nil, saying(ErrBadSnapshot, "its files are not those that the cluster wrote")
	}
	record, err := agrees(b, st)
	if err != nil {
		return nil, err
	}
	return &openedBackup{b.Meta, record, st}, nil
}

// agrees says whether what stands in clear is what the state says of itself. The
// checksums are sealed, so only a bug makes it fail.
func agrees(b *backup.Reader, st *state.State) (*seal.Record, error) {
	record, err := seal.ParseRecord(b.Seal)
	if err != nil {
		return nil, saying(ErrBadSnapshot, "its seal record is damaged")
	}
	roster, err := raftstore.ParseRoster(b.Roster)
	if err != nil {
		return nil, saying(ErrBadSnapshot, "its list of members is damaged")
	}
	m := b.Meta
	if record.ClusterID != m.ClusterID || st.Cluster.ID != m.ClusterID || st.Index != m.Index || st.Epoch != m.CommandEpoch ||
		st.Seq != m.CommandSeq || st.Term != m.Term || st.Generation != m.Generation || st.Membership.Version != roster.Version || st.Time != m.Time.UnixNano() {
		return nil, saying(ErrBadSnapshot, "its state is not the one that it is labelled with")
	}
	return record, nil
}

// watched remembers why the source could not be read: that is no fault of the
// backup.
type watched struct {
	r   io.Reader
	err error // other than io.EOF
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

func (w *watched) judge(err error) error {
	corrupt := (*state.Corruption)(nil)
	known := (*Error)(nil)
	switch {
	case err == nil:
		return nil
	case w.err != nil:
		return w.err
	case errors.As(err, &known):
		return err
	case errors.Is(err, barrier.ErrWiped):
		return ErrSealed
	case errors.Is(err, barrier.ErrUnknownTerm):
		return saying(ErrBadSnapshot, "it is sealed under a term that this cluster does not have")
	case errors.Is(err, backup.ErrFormat):
		return saying(ErrBadSnapshot, "%v", err)
	case errors.Is(err, barrier.ErrOpen), errors.Is(err, barrier.ErrFormat):
		return saying(ErrBadSnapshot, "it was changed, or another cluster wrote it: the barrier does not open it")
	case errors.As(err, &corrupt):
		return saying(ErrBadSnapshot, "this build does not read the state in it: %v", corrupt)
	}
	return err
}
