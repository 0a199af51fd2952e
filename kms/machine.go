package kms

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/barrier"
)

// machine stands between raft's bytes and the state. While the node is unsealed
// it opens each command and applies it; while it is sealed it keeps the bytes and
// applies them at unseal, so that a sealed node still votes and replicates.
type machine struct {
	publish func(*state.State) // told each new state, in order; nil at seal

	// members is told each roster that comes into force, in order, and some of them
	// again; a sealed machine tells those of which it heard. It may be nil.
	members func(*raftstore.Roster)

	// noticed is told each command that an unsealed machine applied: its number in
	// the log, what it was, and what came of it. It may be nil.
	noticed func(index uint64, n *state.Numbered, done applied, refusal error)

	// parsed is the seal record for those who must not wait for mu: it is held
	// while a large state is sealed or opened.
	parsed atomic.Pointer[seal.Record]
	// seen is the last seal record that stands in the log, in force or not: a
	// sealed node cannot tell. It is good for nothing but to look for what other
	// sides may unwrap.
	seen atomic.Pointer[seal.Record]

	// unsettled is the index of the last of rosters; 0 for none.
	unsettled atomic.Uint64

	mu      sync.Mutex        // held for one batch of entries, Restore, unseal or seal
	record  clearRecord       // the seal record in force at base, or now
	roster  clearRecord       // the roster in force at base, or now
	base    sealedState       // what the state was when this node last sealed or restored
	tail    []tailEntry       // committed after base, not yet applied
	rosters []rosterSeen      // in tail, see noteRosters
	settled [sha256.Size]byte // SHA-256 of the roster that settleRosters obeyed last
	opened  *seal.Opened      // nil while sealed
	state   *state.State      // nil while sealed
}

// tailEntry is a log entry that waits for unseal.
type tailEntry struct {
	index uint64
	data  []byte
}

// sealedState is a whole state as one sealed stream, and the number it is bound
// to, which stands beside it in clear.
type sealedState struct {
	epoch, seq, index uint64
	stream            []byte // nil: the state before genesis
}

func (b *sealedState) name() barrier.Name {
	return barrier.Name{Kind: "state", Name: fmt.Sprintf("%d.%d", b.epoch, b.seq), Version: b.index}
}

// applied is the result of an entry that took effect: the command's own, and the
// state right after it, so that an answer never depends on what came next. Between
// the two may be commands about other keys: see run.
type applied struct {
	result   any
	state    *state.State
	replayed bool // another request had done it before: see Call.Idempotent

	barrier barrierDone
}

// kept is the result of an entry that a sealed node will apply at unseal. What
// becomes of it then is not known before.
type kept struct{}

var commandName = barrier.Name{Kind: "command"}

// settle returns when whoever waits for what is published has been told of it too.
func (m *machine) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
}

func (m *machine) takeClear(p state.Part) error {
	switch p.Kind {
	case state.PartSeal:
		c, err := parseClear(p.Data)
		if err != nil {
			return err
		}
		parsed, err := seal.ParseRecord(c.body)
		if err != nil {
			return err
		}
		if m.record.body != nil {
			// One of another seal would lock out every share there is. One of
			// this seal waits for the command beside it: see position.
			if err := parsed.SameShares(m.sealRecord()); err != nil {
				return fmt.Errorf("a second seal record: %w", err)
			}
			m.seen.Store(parsed)
			return nil
		}
		m.record = c
		m.parsed.Store(parsed)
		m.seen.Store(parsed)
	case state.PartRoster:
		c, err := parseClear(p.Data)
		if err != nil {
			return err
		}
		return m.takeRoster(c)
	}
	return nil
}

// unseal opens what was kept sealed, checks the clear records against the
// barrier, and applies the tail. On an error the machine stays sealed as it was,
// and the caller wipes opened, which may have moved on.
func (m *machine) unseal(opened *seal.Opened) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := position{record: m.record, roster: m.roster, parsed: m.sealRecord()}
	// The shares may have opened the record of an earlier snapshot.
	if err := opened.Reach(at.parsed); err != nil {
		return err
	}
	bar := opened.Barrier()
	for purpose, c := range map[string]clearRecord{macSeal: m.record, macRoster: m.roster} {
		if err := bar.VerifyMAC(purpose, c.body, c.mac); err != nil {
			return fmt.Errorf("the %s was changed outside of the cluster: %w", purpose, err)
		}
	}
	base, err := m.openBase(bar)
	if err != nil {
		return err
	}
	at.run = state.NewApplier(base)
	for _, e := range m.tail {
		parts, err := state.DecodeEntry(e.data)
		if err == nil {
			var commands []*state.Numbered
			if commands, err = openCommands(bar, parts); err == nil {
				_, err = at.apply(opened, e.index, parts, commands)
			}
		}
		if refusal := state.Refusal(""); err != nil && !errors.As(err, &refusal) {
			return &raftstore.Fatal{Err: fmt.Errorf("log entry %d: %w", e.index, err)}
		}
	}
	s := at.run.State()
	if s.Cluster.ID == "" {
		return &raftstore.Fatal{Err: errors.New("the log holds a seal record but no genesis")}
	}
	if bar.Term() != s.Term {
		return &raftstore.Fatal{Err: fmt.Errorf("the seal record holds term %d as the active one, the state has term %d", bar.Term(), s.Term)}
	}
	if at.parsed.Revision != s.SealRevision {
		return &raftstore.Fatal{Err: fmt.Errorf("the seal record holds wrappings of revision %d, the state has revision %d", at.parsed.Revision, s.SealRevision)}
	}
	if at.members, err = raftstore.ParseRoster(at.roster.body); err != nil { // also when it is the one of base
		return &raftstore.Fatal{Err: err}
	}
	m.opened, m.base, m.tail = opened, sealedState{}, nil
	m.setRosters(nil)
	m.moveTo(at)
	m.publish(m.state)
	return nil
}

func (m *machine) openBase(bar *barrier.Barrier) (*state.State, error) {
	if m.base.stream == nil {
		return state.New(), nil
	}
	r, err := bar.OpenStream(bytes.NewReader(m.base.stream), m.base.name())
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s, err := state.Read(r, sideBySide)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if s.Index != m.base.index || s.Epoch != m.base.epoch || s.Seq != m.base.seq {
		return nil, errors.New("snapshot: its state is not the one it is labelled with")
	}
	return s, nil
}

// seal puts the state away under the barrier and forgets both. The caller wipes
// what it returns, which is nil if the machine was sealed.
func (m *machine) seal() (*seal.Opened, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	opened := m.opened
	if opened == nil {
		return nil, nil
	}
	bar := opened.Barrier()
	base, err := sealState(bar, bar.Term(), m.state)
	// Also when that failed: the keys go, and a node without them must not look
	// unsealed. The caller stops it, and the log on disk has everything.
	m.base, m.tail, m.opened, m.state = base, nil, nil, nil
	m.publish(nil)
	return opened, err
}

// sealState seals s under the term that was active when s was the state: the seal
// record beside it holds no later one.
func sealState(bar *barrier.Barrier, term uint64, s *state.State) (sealedState, error) {
	base := sealedState{epoch: s.Epoch, seq: s.Seq, index: s.Index}
	var buf bytes.Buffer
	w, err := bar.SealStreamUnder(term, &buf, base.name())
	if err != nil {
		return sealedState{}, err
	}
	if err := s.Write(w); err != nil {
		return sealedState{}, err
	}
	if err := w.Close(); err != nil {
		return sealedState{}, err
	}
	base.stream = buf.Bytes()
	return base, nil
}

// sealRecord returns the seal record in force, at base on a sealed node, or nil
// before init.
func (m *machine) sealRecord() *seal.Record { return m.parsed.Load() }

// newestRecord returns the last seal record of the log, or nil before init.
func (m *machine) newestRecord() *seal.Record { return m.seen.Load() }

// Purposes of the MACs on clear records.
const (
	macSeal   = "seal record"
	macRoster = "roster"
)

// clearRecord is a record that must be readable while sealed, and its MAC by the
// barrier, checked at unseal. On the wire: the body's length as an unsigned
// varint, the body, the MAC.
type clearRecord struct {
	body []byte
	mac  []byte
}

func (c clearRecord) encode() []byte {
	out := binary.AppendUvarint(nil, uint64(len(c.body)))
	return append(append(out, c.body...), c.mac...)
}

func parseClear(b []byte) (clearRecord, error) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n == 0 || n > uint64(len(b)-width) {
		return clearRecord{}, errors.New("clear record is cut short")
	}
	body := b[width : width+int(n)]
	return clearRecord{body: body, mac: b[width+int(n):]}, nil
}

var _ raftstore.BatchMachine = (*machine)(nil)
var _ io.WriterTo = (*machineSnapshot)(nil)

// sideBySide runs tasks on all processors: somebody waits for the unseal.
func sideBySide(tasks ...func()) {
	var wg sync.WaitGroup
	for _, task := range tasks {
		wg.Go(task)
	}
	wg.Wait()
}
