package kms

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal/barrier"
)

// A raft snapshot of the machine: a magic, then fields, each its kind, its length
// as an unsigned varint and its bytes, then an end field. Clear records, the
// state as one sealed stream, and the entries that a sealed node had not opened.
const (
	snapshotMagic = "SIGNETS1"

	fieldSeal   = 1
	fieldRoster = 2
	fieldNumber = 3 // epoch, seq, index as unsigned varints
	fieldState  = 4
	fieldEntry  = 5 // index as an unsigned varint, then the entry
	fieldEnd    = 6
)

// maxSnapshotField refuses lengths that no field has. It is no bound on memory:
// what is read grows with the bytes that are there, and a state that could be
// written must be readable.
const maxSnapshotField = 1 << 40

// machineSnapshot is the machine at one index. Its values are shared with the
// machine and never changed.
type machineSnapshot struct {
	record, roster clearRecord
	base           sealedState // when sealed
	tail           []tailEntry // when sealed
	state          *state.State
	bar            *barrier.Barrier
	term           uint64 // of the barrier, that record holds as the active one
}

// Snapshot implements raftstore.Machine. It copies pointers only; the state is
// immutable.
func (m *machine) Snapshot() (raftstore.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &machineSnapshot{
		record: m.record, roster: m.roster, base: m.base, tail: append([]tailEntry(nil), m.tail...),
		state: m.state,
	}
	if m.opened != nil {
		// The barrier moves on while the snapshot is written; its record does not.
		s.bar = m.opened.Barrier()
		s.term = s.bar.Term()
	}
	return s, nil
}

// Release implements raftstore.Snapshot; there is nothing to release.
func (s *machineSnapshot) Release() {}

// WriteTo implements raftstore.Snapshot. If the node seals meanwhile, the barrier
// is wiped and WriteTo fails: raft keeps its log and tries again later.
func (s *machineSnapshot) WriteTo(w io.Writer) (int64, error) {
	base := s.base
	if s.state != nil {
		var err error
		if base, err = sealState(s.bar, s.term, s.state); err != nil {
			return 0, err
		}
	}
	fw := &fieldWriter{w: w}
	fw.raw([]byte(snapshotMagic))
	if s.record.body != nil {
		fw.field(fieldSeal, s.record.encode())
		fw.field(fieldRoster, s.roster.encode())
	}
	if base.stream != nil {
		number := binary.AppendUvarint(nil, base.epoch)
		number = binary.AppendUvarint(number, base.seq)
		fw.field(fieldNumber, binary.AppendUvarint(number, base.index))
		fw.field(fieldState, base.stream)
	}
	for _, e := range s.tail {
		fw.field(fieldEntry, append(binary.AppendUvarint(nil, e.index), e.data...))
	}
	fw.field(fieldEnd, nil)
	return fw.n, fw.err
}

type fieldWriter struct {
	w   io.Writer
	n   int64
	err error
}

func (f *fieldWriter) raw(b []byte) {
	if f.err != nil {
		return
	}
	n, err := f.w.Write(b)
	f.n, f.err = f.n+int64(n), err
}

func (f *fieldWriter) field(kind byte, data []byte) {
	f.raw(binary.AppendUvarint([]byte{kind}, uint64(len(data))))
	f.raw(data)
}

// Restore implements raftstore.Machine: it replaces everything. An unsealed
// machine opens what it is given at once and stays as it was if that fails.
func (m *machine) Restore(r io.Reader) error {
	fresh := &machine{publish: func(*state.State) {}}
	if err := fresh.readSnapshot(bufio.NewReader(r)); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened != nil {
		// Opened beside what is in use: what fails halfway must not have given
		// this machine a term.
		beside, err := m.opened.Beside(fresh.sealRecord())
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		defer beside.Wipe()
		if err := fresh.unseal(beside); err != nil {
			return err
		}
		if err := m.opened.Reach(fresh.sealRecord()); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		m.state = fresh.state
		m.publish(m.state)
	}
	m.record, m.roster, m.base, m.tail = fresh.record, fresh.roster, fresh.base, fresh.tail
	m.parsed.Store(fresh.parsed.Load())
	m.seen.Store(fresh.seen.Load())
	m.setRosters(fresh.rosters)
	if m.roster.body != nil {
		roster, err := raftstore.ParseRoster(m.roster.body)
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		m.tellMembers(roster)
	}
	return nil
}

func (m *machine) readSnapshot(r *bufio.Reader) error {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != snapshotMagic {
		return errors.New("not a snapshot of a known format")
	}
	for {
		kind, data, err := readField(r)
		if err != nil {
			return err
		}
		switch kind {
		case fieldSeal:
			if m.record.body != nil {
				return errors.New("two seal records")
			}
			err = m.takeClear(state.Part{Kind: state.PartSeal, Data: data})
		case fieldRoster:
			err = m.takeClear(state.Part{Kind: state.PartRoster, Data: data})
		case fieldNumber:
			err = m.base.parseNumber(data)
		case fieldState:
			m.base.stream = data
		case fieldEntry:
			index, width := binary.Uvarint(data)
			if width <= 0 {
				return errors.New("entry without an index")
			}
			m.tail = append(m.tail, tailEntry{index, data[width:]})
			err = m.look(index, data[width:])
		case fieldEnd:
			if _, err := r.ReadByte(); err != io.EOF {
				return errors.New("data after the end")
			}
			return nil
		default:
			return fmt.Errorf("field %d is unknown to this build", kind)
		}
		if err != nil {
			return err
		}
	}
}

// look takes note of what stands in clear in an entry that waits for unseal.
func (m *machine) look(index uint64, entry []byte) error {
	parts, err := state.DecodeEntry(entry)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.Kind != state.PartSeal || m.record.body == nil {
			continue // a log that holds its genesis still, which unseal reads
		}
		if err := m.takeClear(p); err != nil {
			return err
		}
	}
	return m.noteRosters(index, parts)
}

func readField(r *bufio.Reader) (byte, []byte, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return 0, nil, errors.New("cut short")
	}
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxSnapshotField {
		return 0, nil, errors.New("field length is damaged")
	}
	var buf bytes.Buffer // grows with what is there, not with what the length claims
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		return 0, nil, errors.New("cut short")
	}
	return kind, buf.Bytes(), nil
}

func (b *sealedState) parseNumber(data []byte) error {
	for _, to := range []*uint64{&b.epoch, &b.seq, &b.index} {
		n, width := binary.Uvarint(data)
		if width <= 0 {
			return errors.New("state number is damaged")
		}
		*to, data = n, data[width:]
	}
	if len(data) != 0 {
		return errors.New("state number is damaged")
	}
	return nil
}
