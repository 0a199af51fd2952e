package kms

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// bench is a log made by hand, and two machines that apply it: one unsealed
// throughout, one sealed until somebody asks.
type bench struct {
	t      *testing.T
	shares []seal.Share
	live   *machine
	late   *machine
	index  uint64
	seq    uint64
	again  bool // the next commands say that they come again
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, live: &machine{publish: func(*state.State) {}}, late: &machine{publish: func(*state.State) {}}}
	record, shares, opened, err := seal.Create(seal.Params{ClusterID: "cluster", Shares: 1, Threshold: 1, Now: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Wipe()
	b.shares = shares
	body, err := record.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var parts []state.Part
	for kind, c := range map[state.PartKind]clearRecord{state.PartSeal: {body: body}, state.PartRoster: {body: []byte("[]")}} {
		purpose := map[state.PartKind]string{state.PartSeal: macSeal, state.PartRoster: macRoster}[kind]
		if c.mac, err = opened.Barrier().MAC(purpose, c.body); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, state.Part{Kind: kind, Data: c.encode()})
	}
	b.sealedBy(opened, &state.Genesis{
		Cluster: state.Cluster{ID: "cluster", Created: 1, TokenKey: bytes.Repeat([]byte{1}, 32), AuditKey: bytes.Repeat([]byte{2}, 32)},
		Mount:   state.Mount{UUID: newUUID(), Path: "transit/"},
		Root:    state.Token{Hash: bytes.Repeat([]byte{3}, 32), Accessor: "a", Policies: []string{"root"}},
	}, newProposal(), parts...)
	b.unseal(b.live)
	return b
}

// sealedBy gives both machines one entry, and returns what the live one said.
func (b *bench) sealedBy(opened *seal.Opened, cmd state.Command, id []byte, beside ...state.Part) any {
	b.t.Helper()
	parts := beside
	if cmd != nil {
		b.seq++
		clear, err := state.Encode(&state.Numbered{Epoch: 1, Seq: b.seq, At: int64(b.seq), Proposal: id, Again: b.again, Command: cmd})
		if err != nil {
			b.t.Fatal(err)
		}
		sealed, err := opened.Barrier().Seal(commandName, clear)
		if err != nil {
			b.t.Fatal(err)
		}
		parts = append(parts, state.Part{Kind: state.PartCommand, Data: sealed})
	}
	b.index++
	entry := state.EncodeEntry(parts...)
	if got, ok := b.late.Apply(b.index, entry).(kept); !ok && b.late.opened == nil {
		b.t.Logf("the sealed machine refused, as %T", got)
	}
	return b.live.Apply(b.index, entry)
}

func (b *bench) entry(cmd state.Command, beside ...state.Part) any {
	b.t.Helper()
	return b.sealedBy(b.live.opened, cmd, newProposal(), beside...)
}

func (b *bench) open(m *machine) *seal.Opened {
	b.t.Helper()
	_, opened, err := seal.NewUnsealing(m.sealRecord()).Submit(b.shares[0].Hex())
	if err != nil {
		b.t.Fatal(err)
	}
	return opened
}

func (b *bench) unseal(m *machine) {
	b.t.Helper()
	if err := m.unseal(b.open(m)); err != nil {
		b.t.Fatal(err)
	}
}

// next is the parts of a rotation that is to come.
func (b *bench) next() (state.Command, state.Part) {
	b.t.Helper()
	cmd, _, err := b.live.nextTerm(5)
	if err != nil {
		b.t.Fatal(err)
	}
	plain, parts := inClear(cmd)
	return plain, parts[0]
}

func (b *bench) rotate() {
	b.t.Helper()
	cmd, record := b.next()
	if r, ok := b.entry(cmd, record).(applied); !ok {
		b.t.Fatalf("rotation: %v", r)
	}
}

// agree unseals the late machine and compares.
func (b *bench) agree() {
	b.t.Helper()
	b.unseal(b.late)
	x, err1 := b.live.state.Digest()
	y, err2 := b.late.state.Digest()
	if err1 != nil || err2 != nil || x != y {
		b.t.Errorf("the two have other states: %v, %v", err1, err2)
	}
	if !bytes.Equal(b.live.record.encode(), b.late.record.encode()) {
		b.t.Error("the two have other seal records in force")
	}
	for _, m := range []*machine{b.live, b.late} {
		if bar := m.opened.Barrier().Term(); bar != m.state.Term {
			b.t.Errorf("the barrier has term %d, the state %d", bar, m.state.Term)
		}
	}
	sealed, err := b.live.opened.Barrier().Seal(commandName, []byte("x"))
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.late.opened.Barrier().Open(commandName, sealed); err != nil {
		b.t.Errorf("the late one cannot open what the live one sealed: %v", err)
	}
}

func TestSealedAndUnsealedMachinesAgreeOnRotations(t *testing.T) {
	b := newBench(t)
	b.rotate()
	b.entry(&state.Tick{})
	b.rotate()
	b.rotate()
	b.entry(&state.Tick{}) // sealed under the new term
	b.agree()
	if b.live.state.Term != 4 {
		t.Errorf("term %d", b.live.state.Term)
	}
}

// The record beside a command that has no effect has none.
func TestRefusedRotationHasNoEffectAtAll(t *testing.T) {
	for what, try := range map[string]func(b *bench) any{
		"number too high": func(b *bench) any {
			_, record := b.next()
			return b.entry(&state.RotateTerm{Term: b.live.state.Term + 2}, record)
		},
		"number in use": func(b *bench) any {
			_, record := b.next()
			return b.entry(&state.RotateTerm{Term: b.live.state.Term}, record)
		},
		"a second of the same number": func(b *bench) any {
			cmd, record := b.next()
			b.rotate()
			return b.entry(cmd, record)
		},
	} {
		b := newBench(t)
		b.rotate()
		if got, ok := try(b).(error); !ok || !errors.Is(got, state.ErrBadTerm) {
			t.Errorf("%s: %v", what, got)
		}
		b.entry(&state.Tick{})
		b.agree()
		b.late.publish(nil)
		b.rotate() // builds on what is in force
		if b.live.state.Term != b.live.opened.Barrier().Term() {
			t.Errorf("%s: a later rotation goes astray", what)
		}
	}
}

func TestRecordWithoutRotationHasNoEffect(t *testing.T) {
	b := newBench(t)
	_, record := b.next()
	before := b.live.record
	if err, bad := b.entry(&state.Tick{}, record).(error); bad {
		t.Fatal(err)
	}
	if err, bad := b.entry(nil, record).(error); bad {
		t.Fatal(err)
	}
	if !bytes.Equal(before.body, b.live.record.body) || b.live.opened.Barrier().Term() != 1 {
		t.Error("it came into force")
	}
	b.agree()
}

// A proposal that is sent again after a lost leadership brings its record again.
func TestRepeatedRotationHasOneEffect(t *testing.T) {
	b := newBench(t)
	cmd, record := b.next()
	id := newProposal()
	opened := b.live.opened
	b.sealedBy(opened, cmd, id, record)
	b.again = true
	if r, ok := b.sealedBy(opened, cmd, id, record).(applied); !ok {
		t.Fatalf("the second: %v", r)
	} else if _, replay := r.result.(state.Replay); !replay {
		t.Fatalf("the second had an effect: %v", r.result)
	}
	if b.live.state.Term != 2 {
		t.Errorf("term %d", b.live.state.Term)
	}
	b.agree()
}

func TestCorruptRotationsStopTheNode(t *testing.T) {
	for what, c := range map[string]struct {
		try  func(b *bench) any
		says string
	}{
		"without a record": {func(b *bench) any {
			cmd, _ := b.next()
			return b.entry(cmd)
		}, "no seal record came with it"},
		"two records": {func(b *bench) any {
			cmd, record := b.next()
			_, other := b.next()
			return b.entry(cmd, record, other)
		}, "two seal records came with it"},
		"MAC altered": {func(b *bench) any {
			cmd, record := b.next()
			record.Data[len(record.Data)-1] ^= 1
			return b.entry(cmd, record)
		}, "changed outside of the cluster"},
		"MAC missing": {func(b *bench) any {
			cmd, record := b.next()
			record.Data = record.Data[:len(record.Data)-41]
			return b.entry(cmd, record)
		}, "changed outside of the cluster"},
		"the record in force": {func(b *bench) any {
			cmd, _ := b.next()
			return b.entry(cmd, state.Part{Kind: state.PartSeal, Data: b.live.record.encode()})
		}, "the same record"},
		"an older record": {func(b *bench) any {
			old := b.live.record
			b.rotate()
			cmd, _ := b.next()
			return b.entry(cmd, state.Part{Kind: state.PartSeal, Data: old.encode()})
		}, "does not continue"},
		"another seal": {func(b *bench) any {
			record, _, _, err := seal.Create(seal.Params{ClusterID: "cluster", Shares: 1, Threshold: 1, Now: 1})
			if err != nil {
				b.t.Fatal(err)
			}
			body, err := record.Marshal()
			if err != nil {
				b.t.Fatal(err)
			}
			cmd, _ := b.next()
			return b.entry(cmd, state.Part{Kind: state.PartSeal, Data: clearRecord{body: body, mac: []byte("m")}.encode()})
		}, "a second seal record"},
	} {
		b := newBench(t)
		term, record := b.live.opened.Barrier().Term(), b.live.record
		got := c.try(b)
		var fatal *raftstore.Fatal
		err, _ := got.(error)
		if !errors.As(err, &fatal) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, got)
			continue
		}
		if what != "an older record" && (b.live.opened.Barrier().Term() != term || !bytes.Equal(b.live.record.body, record.body)) {
			t.Errorf("%s came into force", what)
		}
		if b.late.sealRecord() == nil || what == "another seal" {
			continue // refused by the sealed machine at once, as by the other
		}
		if err := b.late.unseal(b.open(b.late)); !errors.As(err, &fatal) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, at unseal: %v", what, err)
		}
		if b.late.opened != nil || b.late.state != nil {
			t.Errorf("%s: the machine is unsealed after all", what)
		}
	}
}

// While a snapshot is written the barrier may move on. What is in the snapshot
// must open with the record in the snapshot.
func TestSnapshotOpensWithItsOwnRecord(t *testing.T) {
	b := newBench(t)
	b.rotate()
	taken, err := b.live.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	b.rotate()
	b.rotate()
	fresh := b.restored(taken)
	b.unseal(fresh)
	if fresh.state.Term != 2 || fresh.opened.Barrier().Term() != 2 {
		t.Errorf("term %d", fresh.state.Term)
	}
}

func (b *bench) restored(s raftstore.Snapshot) *machine {
	b.t.Helper()
	m := &machine{publish: func(*state.State) {}}
	if err := m.Restore(bytes.NewReader(b.bytes(s))); err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *bench) bytes(s raftstore.Snapshot) []byte {
	b.t.Helper()
	var out bytes.Buffer
	if _, err := s.WriteTo(&out); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

// A sealed machine's snapshot has the rotations in its tail; one of another life
// is opened by shares that opened an earlier record.
func TestRestoreAcrossRotations(t *testing.T) {
	b := newBench(t)
	b.rotate()
	early, err := b.live.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	earlyBytes := b.bytes(early)
	behind := b.restored(early)
	b.unseal(behind)
	sealedBehind := b.restored(early)
	openedEarly := b.open(sealedBehind)
	b.rotate()
	b.rotate()
	fromSealed, err := b.late.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	fromLive, err := b.live.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	bar := behind.opened.Barrier()
	for what, s := range map[string]raftstore.Snapshot{"sealed": fromSealed, "live": fromLive} {
		content := b.bytes(s)
		m := b.restored(s)
		b.unseal(m)
		if m.state.Term != 4 || m.opened.Barrier().Term() != 4 {
			t.Errorf("%s: term %d", what, m.state.Term)
		}
		if err := behind.Restore(bytes.NewReader(content)); err != nil {
			t.Fatalf("%s, by an unsealed machine: %v", what, err)
		}
		if behind.opened.Barrier() != bar || bar.Term() != 4 || behind.state.Term != 4 {
			t.Errorf("%s: the live barrier has term %d", what, bar.Term())
		}
	}
	if err := sealedBehind.Restore(bytes.NewReader(b.bytes(fromLive))); err != nil {
		t.Fatal(err)
	}
	if err := sealedBehind.unseal(openedEarly); err != nil || openedEarly.Barrier().Term() != 4 {
		t.Errorf("with shares given before the snapshot came: %v", err)
	}
	if err := behind.Restore(bytes.NewReader(earlyBytes)); err == nil || bar.Term() != 4 || behind.state.Term != 4 {
		t.Errorf("a snapshot from before the terms in use: %v", err)
	}
	other := newBench(t)
	foreign, err := other.live.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := behind.Restore(bytes.NewReader(other.bytes(foreign))); !errors.Is(err, seal.ErrNotSuccessor) || bar.Term() != 4 {
		t.Errorf("another cluster's snapshot: %v", err)
	}
	var none bytes.Buffer
	if _, err := (&machineSnapshot{}).WriteTo(&none); err != nil {
		t.Fatal(err)
	}
	if err := behind.Restore(&none); !errors.Is(err, seal.ErrRecord) {
		t.Errorf("a snapshot from before genesis: %v", err)
	}
}

func TestSnapshotWithTwoSealRecordsIsRefused(t *testing.T) {
	b := newBench(t)
	taken, err := b.live.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	field := &bytes.Buffer{}
	(&fieldWriter{w: field}).field(fieldSeal, b.live.record.encode())
	content := b.bytes(taken)
	twice := append(append([]byte(snapshotMagic), field.Bytes()...), content[len(snapshotMagic):]...)
	if err := new(machine).Restore(bytes.NewReader(twice)); err == nil || !strings.Contains(err.Error(), "two seal records") {
		t.Errorf("%v", err)
	}
}
