package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// dump returns the records of a log file as the check reads them.
func dump(file []byte) (records [][3]string, err error) {
	var check recordCheck
	err = checkBolt(bytes.NewReader(file), int64(len(file)), func(bucket string, key, value []byte) error {
		records = append(records, [3]string{bucket, string(key), string(value)})
		return check.record(bucket, key, value)
	})
	return records, err
}

// same tells whether raft would act alike on two records. When an entry was
// appended is for information only.
func same(a, b [3]string) bool {
	if a == b || a[0] != "logs" || a[1] != b[1] {
		return a == b
	}
	var logs [2]raft.Log
	for i, value := range []string{a[2], b[2]} {
		if codec.NewDecoderBytes([]byte(value), &codec.MsgpackHandle{}).Decode(&logs[i]) != nil {
			return false
		}
		logs[i].AppendedAt = time.Time{}
	}
	return reflect.DeepEqual(logs[0], logs[1])
}

// aLogFile returns a log file with branches, long entries and free pages.
func aLogFile(t testing.TB) []byte {
	t.Helper()
	dir, err := openDataDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	r, _, err := openRecords(dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(40) {
		size := 60
		if i%15 == 7 {
			size = 5000
		}
		if err := r.StoreLog(&raft.Log{Index: i + 1, Term: 1 + i/10, Data: bytes.Repeat([]byte{byte(i)}, size)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.DeleteRange(1, 3), r.SetUint64([]byte("CurrentTerm"), 4), r.Set([]byte("LastVoteCand"), []byte("me"))); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A flipped bit is noticed, or is in a place that holds nothing.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	file := aLogFile(t)
	want, err := dump(file)
	if err != nil || len(want) != 39 {
		t.Fatalf("%d records, %v", len(want), err)
	}
	var offsets []int
	rng := rand.New(rand.NewPCG(1, 2))
	for page := 0; page < len(file); page += os.Getpagesize() {
		file[page+8] ^= 0x80 // its kind
		_, err := dump(file)
		file[page+8] ^= 0x80
		if page >= 2*os.Getpagesize() && err == nil {
			continue // not in use
		}
		for at := range 96 { // header and element table
			offsets = append(offsets, page+at)
		}
		for range 60 {
			offsets = append(offsets, page+rng.IntN(os.Getpagesize()))
		}
	}
	noticed := 0
	for i, at := range offsets {
		bit := byte(1) << (i % 8)
		file[at] ^= bit
		got, err := dump(file)
		file[at] ^= bit
		switch {
		case err != nil:
			noticed++
		case !slices.EqualFunc(got, want, same):
			t.Fatalf("bit %d of byte %d (page %d, offset %d): other records and no error", bit, at, at/os.Getpagesize(), at%os.Getpagesize())
		}
	}
	t.Logf("%d of %d flips noticed, the others change no record", noticed, len(offsets))
	if noticed == 0 {
		t.Error("nothing noticed")
	}
}

// The check accepts whatever bbolt writes: a false alarm would keep a sound
// node from starting.
func TestSoundFilesPass(t *testing.T) {
	dir, err := openDataDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	r, _, err := openRecords(dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer r.store.Close()
	rng := rand.New(rand.NewPCG(3, 4))
	first, last := uint64(1), uint64(0)
	for step := range 250 {
		switch n := rng.IntN(10); {
		case n < 6:
			var batch []*raft.Log
			for range 1 + rng.IntN(40) {
				last++
				size := rng.IntN(300)
				if rng.IntN(20) == 0 {
					size = rng.IntN(40_000)
				}
				batch = append(batch, &raft.Log{Index: last, Term: last / 100, Data: make([]byte, size)})
			}
			err = r.StoreLogs(batch)
		case n < 8 && last >= first: // compaction, sometimes of all
			to := first + rng.Uint64N(last-first+1)
			err = r.DeleteRange(first, to)
			first = to + 1
		case n < 9 && last >= first: // a conflicting suffix
			from := first + rng.Uint64N(last-first+1)
			err = r.DeleteRange(from, last)
			last = from - 1
		default:
			err = r.SetUint64([]byte("CurrentTerm"), rng.Uint64())
		}
		if err != nil {
			t.Fatal(err)
		}
		shape, err := checkLogFile(r.path)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if last >= first && (shape.runStart != first || shape.last != last) || last < first && shape.last != 0 {
			t.Fatalf("step %d: %+v, want %d to %d", step, shape, first, last)
		}
		if step%60 == 59 { // as after a restart
			if err := r.store.Close(); err != nil {
				t.Fatal(err)
			}
			if r, _, err = openRecords(dir, func(err error) { t.Error(err) }); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCorruptLogFile(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprint("entry ", i))
	}
	propose(t, s, want...)
	closeStore(t, s)
	path := filepath.Join(dir, logFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for name, damage := range map[string]func([]byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"one byte":     func(b []byte) []byte { return b[:1] },
		"two pages":    func(b []byte) []byte { return b[:2*page] },
		"half":         func(b []byte) []byte { return b[:len(b)/2/page*page] },
		"meta page 0":  func(b []byte) []byte { b[20] ^= 1; return b },
		"meta page 1":  func(b []byte) []byte { b[page+50] ^= 1; return b },
		"both metas":   func(b []byte) []byte { clear(b[:2*page]); return b },
		"all zero":     func(b []byte) []byte { clear(b); return b },
		"all one":      func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
		"zeroed data":  func(b []byte) []byte { clear(b[2*page:]); return b },
		"one entry":    func(b []byte) []byte { return bytes.Replace(b, []byte("entry 20"), []byte("entry 2O"), -1) },
		"a text":       func([]byte) []byte { return []byte("this is no bolt file") },
		"root astray":  func(b []byte) []byte { return forgeMetas(b, 16, 1<<40) },
		"root is meta": func(b []byte) []byte { return forgeMetas(b, 16, 1) },
		"many pages":   func(b []byte) []byte { return forgeMetas(b, 40, 1<<50) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, damage(slices.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			b := newBook()
			s, err := Open(Options{Dir: dir, Dev: true}, b)
			if err == nil {
				s.Close()
			}
			wantErr(t, err, ErrCorruptStore)
			var damage *Corruption
			if errors.As(err, &damage) && damage.File != path {
				t.Errorf("it names %s", damage.File)
			}
			if applies, _ := b.count(); applies != 0 {
				t.Error("the machine was given something")
			}
		})
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBook()
	lead(t, dir, b)
	if got := b.read(); !slices.Equal(got, want) {
		t.Errorf("entries %q", got)
	}
}

// forgeMetas sets one number of both meta pages and corrects their checksums.
func forgeMetas(file []byte, at int, n uint64) []byte {
	for page := range 2 {
		meta := file[page*os.Getpagesize()+boltHeaderSize:]
		binary.NativeEndian.PutUint64(meta[at:], n)
		sum := fnv.New64a()
		sum.Write(meta[:boltMetaSize-8])
		binary.NativeEndian.PutUint64(meta[boltMetaSize-8:], sum.Sum64())
	}
	return file
}

func TestGapInTheLog(t *testing.T) {
	dir := t.TempDir()
	s := lead(t, dir, newBook())
	propose(t, s, "a", "b", "c", "d")
	last, err := s.records.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.records.DeleteRange(last-2, last-2); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	_, err = Open(Options{Dir: dir, Dev: true}, newBook())
	wantErr(t, err, ErrCorruptStore)
}

func TestLogShape(t *testing.T) {
	for _, c := range []struct {
		shape    logShape
		snapshot uint64
		ok       bool
	}{
		{logShape{}, 0, true},
		{logShape{}, 9, true},
		{logShape{runStart: 1, last: 5}, 0, true},
		{logShape{runStart: 2, last: 5}, 0, false},
		{logShape{runStart: 3, last: 9}, 5, true},
		{logShape{runStart: 6, last: 9}, 5, true},
		{logShape{runStart: 7, last: 9}, 5, false},
		{logShape{runStart: 2, last: 4}, 5, true},
	} {
		if err := c.shape.follows(c.snapshot); (err == nil) != c.ok {
			t.Errorf("%+v behind %d: %v", c.shape, c.snapshot, err)
		}
	}
}

func TestStableValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	dir, err := openDataDir(file)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	r, _, err := openRecords(dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer r.store.Close()
	if _, err := r.Get([]byte("missing")); err == nil || err.Error() != "not found" {
		t.Errorf("a missing key gives %v, which raft does not know", err)
	}
	if err := r.SetUint64([]byte("n"), 1<<63); err != nil {
		t.Fatal(err)
	}
	if n, err := r.GetUint64([]byte("n")); n != 1<<63 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	sealed := sealValue([]byte("k"), []byte("v"))
	for name, err := range map[string]error{
		"other key": func() error { _, err := openValue([]byte("l"), sealed); return err }(),
		"cut":       func() error { _, err := openValue([]byte("k"), sealed[1:]); return err }(),
		"empty":     func() error { _, err := openValue([]byte("k"), nil); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// aSmallLogFile has pages of 1 KiB and is cut behind the last one in use, for
// the fuzzer's sake.
func aSmallLogFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), logFile)
	bolt, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{PageSize: 1024, NoFreelistSync: true}})
	if err != nil {
		t.Fatal(err)
	}
	r := &records{store: bolt, path: path, fail: func(err error) { t.Error(err) }}
	for i := range uint64(8) {
		if err := r.StoreLog(&raft.Log{Index: i + 1, Term: 1, Data: make([]byte, 100+i%2*900)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.SetUint64([]byte("CurrentTerm"), 4), bolt.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.TrimRight(file, "\x00")
	file = append(file, make([]byte, -len(file)&1023)...)
	if records, err := dump(file); err != nil || len(records) != 9 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	return file
}

func FuzzCheckBolt(f *testing.F) {
	file := aSmallLogFile(f)
	f.Add(file)
	f.Add(file[:2048])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		dump(file) // must not panic, nor run away
	})
}

// FuzzCheckBoltBehindMetas gets past the checksums of the meta pages, which
// rot does not and a fuzzer hardly ever does.
func FuzzCheckBoltBehindMetas(f *testing.F) {
	file := aSmallLogFile(f)
	for page := 2 * 1024; page < len(file); page += 1024 {
		f.Add(page, file[page:page+64])
	}
	f.Add(2048, []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, at int, patch []byte) {
		if at < 2048 || at > len(file) || len(patch) > len(file)-at {
			return
		}
		damaged := slices.Clone(file)
		copy(damaged[at:], patch)
		dump(damaged)
	})
}

func FuzzParseElements(f *testing.F) {
	file := aSmallLogFile(f)
	for page := 2 * 1024; page < len(file); page += 1024 {
		f.Add(file[page : page+1024])
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		if len(page) < boltHeaderSize {
			return
		}
		p, end, err := parseElements(page)
		if err != nil {
			return
		}
		used := boltHeaderSize + len(p.list)*boltElementSize
		for _, e := range p.list {
			used += len(e.key) + len(e.value)
		}
		if used != end || end > len(page) {
			t.Errorf("%d bytes used, end at %d of %d", used, end, len(page))
		}
	})
}
