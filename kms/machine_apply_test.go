package kms

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// sealed is the bytes of an entry with commands, each numbered in turn.
func (b *bench) sealed(at int64, again []byte, commands ...state.Command) []byte {
	b.t.Helper()
	var parts []state.Part
	for _, cmd := range commands {
		b.seq++
		n := &state.Numbered{Epoch: 1, Seq: b.seq, At: at, Proposal: newProposal(), Command: cmd}
		if again != nil {
			n.Proposal, n.Again = again, true
		}
		clear, err := state.Encode(n)
		if err != nil {
			b.t.Fatal(err)
		}
		sealed, err := b.live.opened.Barrier().Seal(commandName, clear)
		if err != nil {
			b.t.Fatal(err)
		}
		parts = append(parts, state.Part{Kind: state.PartCommand, Data: sealed})
	}
	return state.EncodeEntry(parts...)
}

func version(mount, name string, number uint32) state.KeyVersion {
	return state.KeyVersion{Mount: mount, Name: name, Number: number, Type: state.AES256GCM, State: state.Active, KID: fmt.Sprint(name, number), Sealed: []byte{byte(number)}}
}

// randomEntries is rotations mostly, some of which are refused, and among them
// commands that end a run, entries of two commands and proposals that come twice.
func (b *bench) randomEntries(random *rand.Rand, n int) (entries []raftstore.Entry) {
	mount := ""
	b.live.state.Mounts(func(m *state.Mount) { mount = m.UUID })
	latest := map[string]uint32{}
	rotate := func() state.Command {
		name := fmt.Sprint("k", random.IntN(6))
		if latest[name] == 0 {
			latest[name] = 1
			return &state.CreateKey{Key: state.Key{Mount: mount, Name: name, Type: state.AES256GCM}, Version: version(mount, name, 1)}
		}
		latest[name]++
		return &state.RotateKey{Version: version(mount, name, latest[name])}
	}
	for i := range n {
		at := int64(1000 + i)
		var data []byte
		switch random.IntN(12) {
		case 0:
			data = b.sealed(at, nil, &state.Tick{})
		case 1:
			data = b.sealed(at, nil, &state.RotateKey{Version: version(mount, "k0", 99)}) // refused
		case 2:
			data = b.sealed(at, nil, rotate(), rotate())
		case 3:
			trimmed := uint32(1 + random.IntN(3))
			data = b.sealed(at, nil, &state.TrimKey{Mount: mount, Name: fmt.Sprint("k", random.IntN(6)), MinAvailable: trimmed})
		case 4:
			id := newProposal()
			cmd := rotate()
			b.index++
			entries = append(entries, raftstore.Entry{Index: b.index, Data: b.sealed(at, id, cmd)})
			data = b.sealed(at, id, cmd)
		case 5:
			data = b.sealed(at, nil, &state.ReserveEncryptions{Mount: mount, Name: fmt.Sprint("k", random.IntN(6)), Number: 1, Count: 10})
		default:
			data = b.sealed(at, nil, rotate())
		}
		b.index++
		entries = append(entries, raftstore.Entry{Index: b.index, Data: data})
	}
	return entries
}

// Entries give the same results, refusals included, and the same states, however they
// come in batches; what a command's answer is made from is as if it had come alone.
func TestBatchesAreWhatTheirEntriesAre(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	b := newBench(t)
	other := newBenchBeside(b)
	entries := b.randomEntries(random, 600)
	var published, told int
	other.publish = func(*state.State) { published++ }
	other.noticed = func(index uint64, _ *state.Numbered, done applied, _ error) {
		told++
		if done.state != other.state || index > other.state.Index {
			t.Fatal("told before the state that has it is the machine's")
		}
	}
	for from := 0; from < len(entries); {
		to := min(len(entries), from+1+random.IntN(40))
		got := other.ApplyBatch(entries[from:to])
		if len(got) != to-from {
			t.Fatalf("%d results for %d entries", len(got), to-from)
		}
		for i, e := range entries[from:to] {
			want := b.live.Apply(e.Index, e.Data)
			checkOutcome(t, e.Index, got[i], want)
		}
		x, err1 := b.live.state.Digest()
		y, err2 := other.state.Digest()
		if err1 != nil || err2 != nil || x != y || b.live.state.Index != other.state.Index {
			t.Fatalf("the states are others after entry %d: %v, %v", entries[to-1].Index, err1, err2)
		}
		from = to
	}
	if told != len(entries) || published >= len(entries)*3/4 {
		t.Errorf("%d entries were published %d times and told %d times", len(entries), published, told)
	}
}

func checkOutcome(t *testing.T, index uint64, got, want any) {
	t.Helper()
	one, done := want.(applied)
	many, doneToo := got.(applied)
	if done != doneToo {
		t.Fatalf("entry %d: %v, and alone %v", index, got, want)
	}
	if !done {
		if a, b := got.(error), want.(error); a.Error() != b.Error() {
			t.Fatalf("entry %d: %v, and alone %v", index, a, b)
		}
		return
	}
	if !reflect.DeepEqual(many.result, one.result) {
		t.Fatalf("entry %d: %+v, and alone %+v", index, many.result, one.result)
	}
	k, ok := one.result.(*state.Key)
	if replay, is := one.result.(state.Replay); is {
		k, ok = replay.Result.(*state.Key)
	}
	if ok && !reflect.DeepEqual(info(many.state, k, VersionRange{}).Versions, info(one.state, k, VersionRange{}).Versions) {
		t.Fatalf("entry %d is answered with other versions", index)
	}
	if many.state.Index < one.state.Index {
		t.Fatalf("entry %d: its state is of index %d", index, many.state.Index)
	}
}

// newBenchBeside is a second unsealed machine with the log of the first so far.
func newBenchBeside(b *bench) *machine {
	m := &machine{publish: func(*state.State) {}}
	s, err := b.live.Snapshot()
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := s.WriteTo(&out); err != nil {
		b.t.Fatal(err)
	}
	if err := m.Restore(&out); err != nil {
		b.t.Fatal(err)
	}
	b.unseal(m)
	return m
}

// What cannot be opened stops the machine there; it publishes nothing that it is not
// sure of, and nothing behind it is done.
func TestABatchEndsAtWhatIsFatal(t *testing.T) {
	b := newBench(t)
	mount := ""
	b.live.state.Mounts(func(m *state.Mount) { mount = m.UUID })
	create := func(name string) []byte {
		return b.sealed(1000, nil, &state.CreateKey{Key: state.Key{Mount: mount, Name: name, Type: state.AES256GCM}, Version: version(mount, name, 1)})
	}
	bad := create("b")
	bad[len(bad)-1] ^= 1
	first := b.index + 1
	got := b.live.ApplyBatch([]raftstore.Entry{{Index: first, Data: create("a")}, {Index: first + 1, Data: bad}, {Index: first + 2, Data: create("c")}})
	var fatal *raftstore.Fatal
	if len(got) != 2 || !errors.As(got[1].(error), &fatal) {
		t.Fatalf("%v", got)
	}
	if b.live.state.Key(mount, "a") == nil || b.live.state.Key(mount, "c") != nil {
		t.Error("not the entries before it, or one behind it, were applied")
	}
}
