package kms

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// mirror is another side that gives back to front what it is given.
type mirror struct{ name string }

func (mirror) Type() string   { return "exec" }
func (m mirror) Name() string { return m.name }
func (mirror) Wrap(_ context.Context, secret, _ []byte) (seal.Wrapping, error) {
	out := bytes.Clone(secret)
	slices.Reverse(out)
	return seal.Wrapping{Blob: out}, nil
}
func (mirror) Unwrap(_ context.Context, w seal.Wrapping, _ []byte) ([]byte, error) {
	out := bytes.Clone(w.Blob)
	slices.Reverse(out)
	return out, nil
}

// nextSeal is the parts of a migration that is to come; no names take all
// wrappings away.
func (b *bench) nextSeal(names ...string) (state.Command, state.Part) {
	b.t.Helper()
	var wrappers []seal.Wrapper
	for _, name := range names {
		wrappers = append(wrappers, mirror{name})
	}
	wrappings, err := b.live.opened.Wrap(b.t.Context(), wrappers)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd, err := b.live.nextSeal(wrappings)
	if err != nil {
		b.t.Fatal(err)
	}
	plain, parts := inClear(cmd)
	return plain, parts[0]
}

func (b *bench) migrate(names ...string) {
	b.t.Helper()
	cmd, record := b.nextSeal(names...)
	if r, ok := b.entry(cmd, record).(applied); !ok {
		b.t.Fatalf("migration: %v", r)
	}
}

// unwraps says whether the other side called name opens what m will begin with.
func (b *bench) unwraps(m *machine, name string) bool {
	b.t.Helper()
	opened, err := m.sealRecord().Unwrap(b.t.Context(), mirror{name}, m.newestRecord())
	opened.Wipe()
	if err != nil && !errors.Is(err, seal.ErrNoWrapping) {
		b.t.Fatal(err)
	}
	return err == nil
}

func TestSealedAndUnsealedMachinesAgreeOnMigrations(t *testing.T) {
	b := newBench(t)
	b.migrate("a")
	if !b.unwraps(b.live, "a") || !b.unwraps(b.late, "a") {
		t.Error("the wrapping is not known")
	}
	b.rotate()
	b.migrate("a", "b")
	b.rotate()
	if !b.unwraps(b.late, "b") || b.late.sealRecord().Revision != 0 {
		t.Error("a sealed machine does not see the newest wrapping, or put it in force")
	}
	b.migrate()
	if b.unwraps(b.late, "a") {
		t.Error("a sealed machine sees wrappings that were taken away")
	}
	b.entry(&state.Tick{})
	b.agree()
	if r := b.late.sealRecord(); r.Revision != 3 || r.Unattended() || b.late.state.SealRevision != 3 || b.late.newestRecord() != r {
		t.Errorf("revision %d", r.Revision)
	}
}

// What unwraps leads through the whole log to where shares lead.
func TestAWrappingUnsealsAMachineWithATail(t *testing.T) {
	b := newBench(t)
	b.rotate()
	b.migrate("a")
	b.rotate()
	opened, err := b.late.sealRecord().Unwrap(t.Context(), mirror{"a"}, b.late.newestRecord())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.late.unseal(opened); err != nil {
		t.Fatal(err)
	}
	if b.late.state.Term != 3 || b.late.sealRecord().Type != "exec" {
		t.Errorf("term %d, %s", b.late.state.Term, b.late.sealRecord().Type)
	}
}

func TestRefusedMigrationHasNoEffectAtAll(t *testing.T) {
	for what, c := range map[string]struct {
		try     func(b *bench) any
		refused error
	}{
		"made before a rotation": {func(b *bench) any {
			cmd, record := b.nextSeal("x")
			b.rotate()
			return b.entry(cmd, record)
		}, state.ErrBadSeal},
		"made before a migration": {func(b *bench) any {
			cmd, record := b.nextSeal("x")
			b.migrate("y")
			return b.entry(cmd, record)
		}, state.ErrBadSeal},
		"a rotation made before a migration": {func(b *bench) any {
			cmd, record := b.next()
			b.migrate("y")
			return b.entry(cmd, record)
		}, state.ErrBadSeal},
	} {
		b := newBench(t)
		b.migrate("a")
		if got, ok := c.try(b).(error); !ok || !errors.Is(got, c.refused) {
			t.Errorf("%s: %v", what, got)
		}
		// A sealed machine cannot know that it was refused; the wrapping is good
		// for the same root key all the same.
		if newest := b.late.newestRecord(); newest.Unattended() && !b.unwraps(b.late, newest.Wrappings[0].Name) {
			t.Errorf("%s: the newest wrapping does not unwrap", what)
		}
		b.agree()
		b.late.publish(nil)
		b.migrate("b")
		b.rotate()
	}
}

func TestCorruptMigrationsStopTheNode(t *testing.T) {
	for what, c := range map[string]struct {
		try  func(b *bench) any
		says string
	}{
		"without a record": {func(b *bench) any { cmd, _ := b.nextSeal("x"); return b.entry(cmd) }, "no seal record came with it"},
		"MAC altered": {func(b *bench) any {
			cmd, record := b.nextSeal("x")
			record.Data[len(record.Data)-1] ^= 1
			return b.entry(cmd, record)
		}, "changed outside of the cluster"},
		"a rotation's record": {func(b *bench) any {
			cmd, _ := b.nextSeal("x")
			_, record := b.next()
			return b.entry(cmd, record)
		}, "of revision 0, wanted is 1"},
		"a migration's record": {func(b *bench) any {
			cmd, _ := b.next()
			_, record := b.nextSeal("x")
			return b.entry(cmd, record)
		}, "format differs"},
		"both at once": {func(b *bench) any {
			rotation, _ := b.next()
			migration, record := b.nextSeal("x")
			sealed := func(cmd state.Command) state.Part {
				b.seq++
				clear, err := state.Encode(&state.Numbered{Epoch: 1, Seq: b.seq, At: int64(b.seq), Proposal: newProposal(), Command: cmd})
				if err != nil {
					b.t.Fatal(err)
				}
				out, err := b.live.opened.Barrier().Seal(commandName, clear)
				if err != nil {
					b.t.Fatal(err)
				}
				return state.Part{Kind: state.PartCommand, Data: out}
			}
			return b.entry(nil, record, sealed(migration), sealed(rotation))
		}, ""},
	} {
		b := newBench(t)
		record := b.live.record
		got := c.try(b)
		var fatal *raftstore.Fatal
		err, _ := got.(error)
		if what == "both at once" {
			// The second was made at a revision that the first has ended.
			if !errors.Is(err, state.ErrBadSeal) && !errors.As(err, &fatal) {
				t.Errorf("%s: %v", what, got)
			}
			continue
		}
		if !errors.As(err, &fatal) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, got)
			continue
		}
		if !bytes.Equal(b.live.record.body, record.body) {
			t.Errorf("%s came into force", what)
		}
		if err := b.late.unseal(b.open(b.late)); !errors.As(err, &fatal) {
			t.Errorf("%s, at unseal: %v", what, err)
		}
	}
}

// A sealed node's snapshot holds the entries that it could not open. A node that
// begins with it must find the wrapping in them.
func TestASnapshotsTailHoldsTheWrapping(t *testing.T) {
	b := newBench(t)
	first, err := b.live.Snapshot() // of before
	if err != nil {
		t.Fatal(err)
	}
	sealed := b.restored(first)
	b.late = sealed
	b.migrate("a")
	b.rotate()
	taken, err := sealed.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	fresh := b.restored(taken)
	if fresh.sealRecord().Unattended() || !b.unwraps(fresh, "a") {
		t.Fatal("the wrapping is not found")
	}
	opened, err := fresh.sealRecord().Unwrap(t.Context(), mirror{"a"}, fresh.newestRecord())
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.unseal(opened); err != nil || fresh.state.SealRevision != 1 || fresh.state.Term != 2 {
		t.Fatal(err)
	}
	// An unsealed machine takes it too, from however far behind.
	behind := b.restored(first)
	b.unseal(behind)
	if err := behind.Restore(bytes.NewReader(b.bytes(taken))); err != nil {
		t.Fatal(err)
	}
	if behind.state.SealRevision != 1 || behind.sealRecord().Type != "exec" || behind.opened.Barrier().Term() != 2 {
		t.Errorf("after the snapshot: revision %d, %s", behind.state.SealRevision, behind.sealRecord().Type)
	}
}
