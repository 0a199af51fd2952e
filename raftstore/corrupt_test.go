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
	"slices"
	"testing"

	"github.com/hashicorp/raft"
)

// dump returns everything that a log file holds, as checkBolt reads it.
func dump(file []byte) (records []string, err error) {
	var shape logShape
	err = checkBolt(bytes.NewReader(file), int64(len(file)), func(bucket string, key, value []byte) error {
		records = append(records, fmt.Sprintf("%s %x %x", bucket, key, value))
		return shape.record(bucket, key, value)
	})
	return records, err
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
			size = 9000
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
	for at := range file {
		if at%os.Getpagesize() < 200 { // headers and element tables
			offsets = append(offsets, at)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		offsets = append(offsets, rng.IntN(len(file)))
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
		case !slices.Equal(got, want):
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

func FuzzCheckBolt(f *testing.F) {
	file := aLogFile(f)
	f.Add(file)
	f.Add(file[:2*os.Getpagesize()])
	f.Add(forgeMetas(slices.Clone(file), 16, 3))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		dump(file) // must not panic, nor run away
	})
}
