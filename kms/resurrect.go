package kms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/backup"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// Resurrection is a backup on its way into an empty data directory, of which a new
// cluster is to begin: with the same keys and the same shares, another CA, a later
// epoch, this node alone, and nothing in use. The calls come in this order: Inspect,
// ReadTombstones if there are some, Share or Unwrap until it is open, Prepare, Commit.
// One goroutine uses it. The caller wipes it.
type Resurrection struct {
	cfg   Config
	now   time.Time
	file  io.ReadSeeker
	size  int64
	tell  func(step string, done, of int64) // progress; done and of are bytes
	facts BackupFile
	meta  *backup.Meta

	record     *seal.Record
	roster     *raftstore.Roster
	tombstones *readTombstones // nil for none
	unsealing  *seal.Unsealing
	opened     *seal.Opened // nil until there were enough shares

	state *state.State // as it is in the backup; nil before Prepare
}

// BackupFile is what a backup says of itself, and of what opens it.
type BackupFile struct {
	SHA256 []byte
	Meta   backup.Meta
	Record *seal.Record
}

// NewResurrection reads a backup to its end and compares its files with the checksums
// in it. cfg is that of the node; nothing of it is opened. tell is told how far long
// work is, and may be nil. Errors: ErrBadSnapshot, those of file.
func NewResurrection(cfg Config, file io.ReadSeeker, tell func(step string, done, of int64)) (*Resurrection, error) {
	if tell == nil {
		tell = func(string, int64, int64) {}
	}
	r := &Resurrection{cfg: cfg, now: time.Now(), file: file, tell: tell}
	var err error
	if r.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	in, err := r.rewind("reading the backup")
	if err != nil {
		return nil, err
	}
	from := &watched{r: in}
	if err := from.judge(r.inspect(from)); err != nil {
		return nil, err
	}
	return r, nil
}

// rewind is the file from its beginning.
func (r *Resurrection) rewind(step string) (io.Reader, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return &progress{r: r.file, of: r.size, tell: func(done, of int64) { r.tell(step, done, of) }}, nil
}

// progress tells how much of a reader was read.
type progress struct {
	r        io.Reader
	done, of int64
	tell     func(done, of int64)
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	p.tell(p.done, p.of)
	return n, err
}

func (r *Resurrection) inspect(from io.Reader) error {
	sum := sha256.New()
	b, err := backup.NewReader(io.TeeReader(from, sum))
	if err != nil {
		return err
	}
	if _, err := b.Close(); err != nil {
		return err
	}
	if r.record, err = seal.ParseRecord(b.Seal); err != nil {
		return saying(ErrBadSnapshot, "its seal record is damaged")
	}
	if r.record.ClusterID != b.Meta.ClusterID {
		return saying(ErrBadSnapshot, "its seal record is of another cluster")
	}
	if r.roster, err = raftstore.ParseRoster(b.Roster); err != nil {
		return saying(ErrBadSnapshot, "its list of members is damaged")
	}
	r.meta = b.Meta
	r.facts = BackupFile{SHA256: sum.Sum(nil), Meta: *b.Meta, Record: r.record}
	r.unsealing = seal.NewUnsealing(r.record)
	return nil
}

// Backup is what the backup says of itself. It is not to be changed.
func (r *Resurrection) Backup() BackupFile { return r.facts }

// ReadTombstones reads a tombstones file of the backup's cluster. Errors:
// ErrBadSnapshot, also for one that is older than the backup; those of file.
func (r *Resurrection) ReadTombstones(file io.Reader) (*TombstonesFile, error) {
	t, err := parseTombstones(file, r.meta.ClusterID)
	if err != nil {
		return nil, err
	}
	m := t.file.Meta
	if t.older(r.meta) {
		return nil, saying(ErrBadSnapshot, "the tombstones are of %s, index %d, and the backup is of %s, index %d: they tell of nothing that happened after it; take later ones",
			m.Time.Format(time.RFC3339), m.Index, r.meta.Time.Format(time.RFC3339), r.meta.Index)
	}
	r.tombstones = t
	return &TombstonesFile{Index: m.Index, Time: m.Time, Node: m.Node, Counts: t.what.Counts()}, nil
}

// Open says whether there were enough shares.
func (r *Resurrection) Open() bool { return r.opened != nil }

// Share takes one share. A bad one is named and does not count. Errors: ErrShare….
func (r *Resurrection) Share(text string) (seal.Progress, seal.ShareInfo, error) {
	info, _ := r.record.Check(text)
	progress, opened, err := r.unsealing.Submit(text)
	if opened != nil {
		r.opened = opened
	}
	return progress, info, translate(err)
}

// Unwrap opens the backup with what the configured seals unwrap. Error:
// ErrSealUnavailable with the reason of each; the shares open it then.
func (r *Resurrection) Unwrap(ctx context.Context) error {
	var why []error
	for _, w := range r.cfg.Seals {
		opened, err := r.record.Unwrap(ctx, w, r.record)
		if err == nil {
			r.opened = opened
			return nil
		}
		why = append(why, sealUnavailable(w, err))
	}
	return errors.Join(why...)
}

// Unattended says whether Unwrap can do anything.
func (r *Resurrection) Unattended() bool { return len(r.cfg.Seals) > 0 && r.record.Unattended() }

// Prepare opens the backup, checks all of it and has the barrier vouch for the
// tombstones, and says what would become of it. It writes nothing. accept is that
// what ended since the backup comes back, where there are no tombstones. Errors:
// ErrBadSnapshot, ErrBadRequest.
func (r *Resurrection) Prepare(accept bool) (*Changes, error) {
	switch {
	case r.opened == nil:
		return nil, ErrSealed
	case accept == (r.tombstones != nil):
		return nil, saying(ErrBadRequest, "either there are tombstones, or it is accepted that what ended since the backup comes back")
	}
	in, err := r.rewind("opening the backup")
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	from := &watched{r: io.TeeReader(in, sum)}
	b, err := readBackup(from, r.opened.Barrier(), r.meta.ClusterID)
	if err := from.judge(err); err != nil {
		return nil, err
	}
	if !bytes.Equal(sum.Sum(nil), r.facts.SHA256) { // the seal record and the roster are those of the first time
		return nil, saying(ErrBadSnapshot, "it changed while it was read")
	}
	if level := b.state.Membership.Level; level > state.Level {
		return nil, saying(ErrClusterLevel, "the backup is of a cluster at feature level %d, and this build knows levels up to %d: take a later version", level, state.Level)
	}
	r.state = b.state
	if r.tombstones != nil {
		if err := r.tombstones.vouch(r.opened); err != nil {
			return nil, err
		}
	}
	// A dry run: what depends on the new directory is made up.
	_, report, err := state.Resurrect(r.state, r.resurrection(state.Token{Hash: make([]byte, 32), Accessor: "none"}))
	return report, r.judged(err)
}

func (r *Resurrection) judged(err error) error {
	if errors.Is(err, state.ErrOlderTombstones) {
		return saying(ErrBadSnapshot, "%v", err)
	}
	return err
}

// resurrection is what the new state is made with, as far as it does not depend on
// the new directory.
func (r *Resurrection) resurrection(root state.Token) *state.Resurrection {
	out := &state.Resurrection{Now: r.now.UnixNano(), Root: root, Revival: state.Revival{Backup: r.facts.SHA256, Epoch: r.epoch()}}
	if r.tombstones != nil {
		out.Tombstones, out.Known = r.tombstones.what, r.tombstones.known()
	}
	return out
}

// epoch is the new cluster's: members of the former one are turned away by it, and
// by the CA.
func (r *Resurrection) epoch() uint64 {
	epoch := max(1, r.roster.Epoch)
	if r.tombstones != nil {
		epoch = max(epoch, r.tombstones.file.Meta.ClusterEpoch)
	}
	return epoch + 1
}

// Resurrected is a cluster that is ready to begin.
type Resurrected struct {
	NodeID     string
	ClusterID  string
	Epoch      uint64 // of the cluster
	Index      uint64
	Generation uint64
	Term       uint64 // of the barrier
	RootToken  Token  // shown once: no other token is good
}

// Commit writes the data directory, which is whole when it returns nil. Errors:
// raftstore.ErrNotEmpty, raftstore.ErrLocked, those of the file system; it can then
// be done again from the beginning.
func (r *Resurrection) Commit() (*Resurrected, error) {
	if r.state == nil {
		return nil, ErrSealed
	}
	// A term of its own: nothing that is sealed from here on opens in the former
	// cluster, and nothing that was sealed there since its last known term opens here.
	record, err := r.opened.NextTerm(r.now.UnixNano())
	if err != nil {
		return nil, err
	}
	if err := r.opened.Adopt(record); err != nil {
		return nil, err
	}
	seed, err := raftstore.OpenSeed(r.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer seed.Close()
	snapshot, root, err := r.snapshot(record, seed.Identity())
	if err != nil {
		return nil, err
	}
	st := snapshot.state
	r.tell("writing the data directory", 0, 0)
	if err := seed.Fill(st.Index, snapshot); err != nil {
		return nil, err
	}
	return &Resurrected{
		NodeID: seed.Identity().NodeID, ClusterID: st.Cluster.ID, Epoch: st.Revival.Epoch, Index: st.Index,
		Generation: st.Generation, Term: st.Term, RootToken: root,
	}, nil
}

// snapshot is all that the new cluster begins with.
func (r *Resurrection) snapshot(record *seal.Record, id raftstore.Identity) (*machineSnapshot, Token, error) {
	bar := r.opened.Barrier()
	root := newToken(r.state.Cluster.TokenKey)
	in := r.resurrection(state.Token{
		Hash: root.hash(), Accessor: randomText(24), Policies: []string{"root"}, DisplayName: "root", Path: "auth/token/root", Created: r.now.UnixNano(),
	})
	cert, key, err := newCA(r.meta.ClusterID)
	if err != nil {
		return nil, Token{}, err
	}
	roster := &raftstore.Roster{ClusterID: r.meta.ClusterID, Epoch: r.epoch(), Version: r.meta.RosterVersion + 1, Level: r.state.Membership.Level, CA: cert, Members: []raftstore.Member{{
		NodeID: id.NodeID, Incarnation: id.Incarnation, TLSKey: id.Public, Address: r.cfg.Store.Address, APIAddress: r.cfg.APIAddr, Suffrage: raftstore.Voter,
	}}}
	in.CAKey, in.RosterVersion, in.Term, in.SealRevision = key, roster.Version, bar.Term(), record.Revision
	st, _, err := state.Resurrect(r.state, in)
	if err != nil {
		return nil, Token{}, r.judged(err)
	}
	rosterBody, err := roster.Marshal()
	if err != nil {
		return nil, Token{}, err
	}
	recordBody, err := record.Marshal()
	if err != nil {
		return nil, Token{}, err
	}
	s := &machineSnapshot{state: st, bar: bar, term: bar.Term()}
	if s.record.mac, err = bar.MAC(macSeal, recordBody); err != nil {
		return nil, Token{}, err
	}
	if s.roster.mac, err = bar.MAC(macRoster, rosterBody); err != nil {
		return nil, Token{}, err
	}
	s.record.body, s.roster.body = recordBody, rosterBody
	return s, root, s.readBack(r.opened)
}

// readBack opens the bytes as the first unseal will, before anything depends on them.
func (s *machineSnapshot) readBack(opened *seal.Opened) error {
	var buf bytes.Buffer
	if _, err := s.WriteTo(&buf); err != nil {
		return err
	}
	m := &machine{publish: func(*state.State) {}}
	if err := m.Restore(&buf); err != nil {
		return fmt.Errorf("what would be written does not read back: %w", err)
	}
	beside, err := opened.Beside(m.sealRecord())
	if err != nil {
		return fmt.Errorf("what would be written does not open: %w", err)
	}
	defer beside.Wipe()
	if err := m.unseal(beside); err != nil {
		return fmt.Errorf("what would be written does not open: %w", err)
	}
	return nil
}

// recordRevival records that the cluster came back out of a backup, at the first
// unseal: nothing was applied before it, and nothing is numbered before this is
// written or waits for the log.
func (s *Service) recordRevival(st *state.State) {
	r := st.Revival
	if r == nil || st.Index != r.At {
		return
	}
	fields := map[string]string{
		"backup_sha256": hex.EncodeToString(r.Backup), "backup_index": fmt.Sprint(r.Index), "backup_time": wallTime(r.Taken),
		"index": fmt.Sprint(r.At), "generation": fmt.Sprint(st.Generation), "cluster_epoch": fmt.Sprint(r.Epoch), "resurrection_accepted": fmt.Sprint(r.Accepted),
	}
	if r.TombstonesIndex != 0 {
		fields["tombstones_index"], fields["tombstones_time"] = fmt.Sprint(r.TombstonesIndex), wallTime(r.TombstonesTime)
	}
	s.audit.AppendLate(&audit.Record{Type: audit.TypeNode, Operation: "node/restore", Outcome: audit.OutcomeOK, Fields: fields})
}

// Wipe overwrites the root key and the shares.
func (r *Resurrection) Wipe() {
	r.opened.Wipe()
	r.unsealing.Reset()
}

// Changes is what a restore into an empty directory changes.
type Changes = state.Resurrected
