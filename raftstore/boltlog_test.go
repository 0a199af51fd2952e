package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// anyLog has what lies at the borders of msgpack's forms.
func anyLog(t *rapid.T) *raft.Log {
	numbers := rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1}), rapid.Uint64())
	some := rapid.Custom(func(t *rapid.T) []byte {
		if rapid.Bool().Draw(t, "nil") {
			return nil
		}
		return bytes.Repeat([]byte{0xc1}, rapid.SampledFrom([]int{0, 1, 16, 31, 32, 255, 256, 65535, 65536, 70000}).Draw(t, "length"))
	})
	var at time.Time
	if rapid.Bool().Draw(t, "a time") {
		at = time.Unix(rapid.OneOf(rapid.SampledFrom([]int64{0, 1, -1, 1<<32 - 1, 1 << 32, 1<<34 - 1, 1 << 34}), rapid.Int64Range(-1<<35, 1<<35)).Draw(t, "seconds"),
			rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999_999_999)).Draw(t, "nanoseconds")).UTC()
	}
	return &raft.Log{
		Index: numbers.Draw(t, "index"), Term: numbers.Draw(t, "term"), Type: raft.LogType(rapid.Byte().Draw(t, "type")),
		Data: some.Draw(t, "data"), Extensions: some.Draw(t, "extensions"), AppendedAt: at,
	}
}

// The log is written as raft-boltdb wrote it, and reads back as it was.
func TestEntriesAreWhatCodecWrites(t *testing.T) {
	var handle codec.MsgpackHandle
	rapid.Check(t, func(t *rapid.T) {
		l := anyLog(t)
		var want bytes.Buffer
		if err := codec.NewEncoder(&want, &codec.MsgpackHandle{}).Encode(l); err != nil {
			t.Fatal(err)
		}
		if got := appendLog([]byte("before"), l); !bytes.Equal(got, append([]byte("before"), want.Bytes()...)) {
			t.Fatalf("%+v: %x, and codec writes %x", l, got, want.Bytes())
		}
		var back raft.Log
		if err := codec.NewDecoderBytes(want.Bytes(), &handle).Decode(&back); err != nil || !back.AppendedAt.Equal(l.AppendedAt) {
			t.Fatal(back, err)
		}
		back.AppendedAt = l.AppendedAt
		if !reflect.DeepEqual(&back, l) {
			t.Fatalf("%+v became %+v", l, &back)
		}
	})
}

// bothLogs opens a file with raft-boltdb, or without.
func bothLogs(t *testing.T, path string, theirs bool) storage {
	t.Helper()
	o := &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType}
	if !theirs {
		b, err := newBoltLog(path, o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: o, MsgpackUseNewTimeFormat: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A file of one is a file of the other: nodes are upgraded, and may go back.
func TestLogFilesAreThoseOfRaftBoltDB(t *testing.T) {
	for _, theirs := range []bool{true, false} {
		t.Run(fmt.Sprint("raft-boltdb writes: ", theirs), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), logFile)
			w := bothLogs(t, path, theirs)
			var logs []*raft.Log
			for i := range uint64(300) {
				logs = append(logs, &raft.Log{Index: i + 1, Term: 1 + i/100, Data: bytes.Repeat([]byte{byte(i)}, int(i*i)), Extensions: []byte("0123456789abcdef"), AppendedAt: time.Unix(int64(i), 7).UTC()})
			}
			err := errors.Join(w.StoreLog(logs[0]), w.StoreLogs(logs[1:200]), w.StoreLogs(logs[200:]), w.SetUint64([]byte("CurrentTerm"), 9), w.Set([]byte("empty"), nil),
				w.DeleteRange(1, 17), w.DeleteRange(290, 400), w.DeleteRange(500, 600), w.Close())
			if err != nil {
				t.Fatal(err)
			}
			r := bothLogs(t, path, !theirs)
			defer r.Close()
			first, err := r.FirstIndex()
			last, err2 := r.LastIndex()
			if first != 18 || last != 289 || err != nil || err2 != nil {
				t.Errorf("entries %d to %d; %v, %v", first, last, err, err2)
			}
			for i := first; i <= last; i++ {
				var got raft.Log
				if err := r.GetLog(i, &got); err != nil || !got.AppendedAt.Equal(logs[i-1].AppendedAt) {
					t.Fatal(i, got.AppendedAt, err)
				}
				got.AppendedAt = logs[i-1].AppendedAt
				if !reflect.DeepEqual(&got, logs[i-1]) {
					t.Fatalf("entry %d is another", i)
				}
			}
			for _, gone := range []uint64{0, 17, 290} {
				if err := r.GetLog(gone, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
					t.Errorf("entry %d: %v", gone, err)
				}
			}
			if n, err := r.GetUint64([]byte("CurrentTerm")); n != 9 || err != nil {
				t.Errorf("a value: %d, %v", n, err)
			}
			if value, err := r.Get([]byte("empty")); len(value) != 0 || err != nil {
				t.Errorf("an empty value: %q, %v", value, err)
			}
			if _, err := r.Get([]byte("no such")); err == nil || err.Error() != raftboltdb.ErrKeyNotFound.Error() {
				t.Errorf("no value: %v", err)
			}
		})
	}
}

// An empty file has no entries, and what was read stays when the file changes.
func TestWhatIsReadFromTheLogIsItsOwn(t *testing.T) {
	b, err := newBoltLog(filepath.Join(t.TempDir(), logFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.FirstIndex()
	last, err2 := b.LastIndex()
	if first != 0 || last != 0 || err != nil || err2 != nil {
		t.Errorf("entries %d to %d; %v, %v", first, last, err, err2)
	}
	data := bytes.Repeat([]byte("data"), 400)
	if err := errors.Join(b.StoreLog(&raft.Log{Index: 1, Data: data}), b.Set([]byte("k"), data)); err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	value, err := b.Get([]byte("k"))
	if err := errors.Join(err, b.GetLog(1, &l), b.DeleteRange(1, 1), b.Close()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(l.Data, data) || !bytes.Equal(value, data) { // a fault here: it was the mapping
		t.Error("what was read changed with the file")
	}
}

// BenchmarkStoreLogs is a batch of 32 entries of a rotation's size, beside raft-boltdb.
func BenchmarkStoreLogs(b *testing.B) {
	for _, theirs := range []bool{false, true} {
		b.Run(fmt.Sprint("raft-boltdb: ", theirs), func(b *testing.B) {
			o := &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoSync: true}
			path := filepath.Join(b.TempDir(), logFile)
			var store storage
			var err error
			if theirs {
				store, err = raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: o, MsgpackUseNewTimeFormat: true, NoSync: true})
			} else {
				store, err = newBoltLog(path, o)
			}
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			const batch = 32
			logs := make([]*raft.Log, batch)
			for i := range logs {
				logs[i] = &raft.Log{Index: uint64(i + 1), Term: 3, Data: make([]byte, 520), Extensions: make([]byte, sumSize), AppendedAt: time.Now()}
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := store.StoreLogs(logs); err != nil {
					b.Fatal(err)
				}
				for _, l := range logs {
					l.Index += batch
				}
			}
		})
	}
}
