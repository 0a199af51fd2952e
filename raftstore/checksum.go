package raftstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/raft"
)

// sumSize is the length, in bytes, of the checksums in the log file: the head
// of a SHA-256. They tell rot from what was written and defend against nobody;
// what the entries hold is authenticated by those who wrote it.
const sumSize = 16

// logShape is what the log file holds.
type logShape struct {
	runStart uint64 // first index of the last run of indexes without a gap; 0: no entries
	last     uint64 // 0: no entries
	lastTerm uint64
	entries  int64
	bytes    int64 // of what the entries carry
}

// bytesAfter is how long the entries after index are together, about: as if all were of
// one length. Those before it are kept for followers, or were not cut off before a kill.
func (s logShape) bytesAfter(index uint64) int64 {
	if s.last <= index {
		return 0
	}
	return int64(float64(s.bytes) * min(1, float64(s.last-index)/float64(s.entries)))
}

// checkLogFile verifies structure and checksums of the whole file. Errors: a
// *Corruption, and those of opening it.
func checkLogFile(path string) (shape logShape, err error) {
	f, err := os.Open(path)
	if err != nil {
		return shape, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return shape, err
	}
	var r recordCheck
	if err := checkBolt(f, info.Size(), r.record); err != nil {
		return shape, &Corruption{File: path, Kind: ErrCorruptStore, Err: err}
	}
	return r.logShape, nil
}

// recordCheck verifies records in the order of their keys.
type recordCheck struct {
	logShape
	handle codec.MsgpackHandle // keeps what it learnt of raft.Log by reflection
}

// record checks one record and notes it.
func (s *recordCheck) record(bucket string, key, value []byte) error {
	if bucket == "conf" {
		_, err := openValue(key, value)
		return err
	}
	if len(key) != 8 {
		return errors.New("an entry with a damaged index")
	}
	index := binary.BigEndian.Uint64(key)
	var l raft.Log
	decoder := codec.NewDecoderBytes(value, &s.handle)
	if err := decoder.Decode(&l); err != nil || decoder.NumBytesRead() != len(value) {
		return fmt.Errorf("entry %d does not decode", index)
	}
	if err := openEntry(index, &l); err != nil {
		return err
	}
	if l.Term < s.lastTerm {
		return fmt.Errorf("entry %d is of an older term than the one before", index)
	}
	if s.last == 0 || index != s.last+1 {
		s.runStart = index
	}
	s.last, s.lastTerm = index, l.Term
	s.entries, s.bytes = s.entries+1, s.bytes+int64(len(l.Data))
	return nil
}

// follows tells whether the log continues a state that ends at index. Entries
// up to index may have gaps, as they have after a snapshot came from a leader;
// behind it there may be none.
func (s *logShape) follows(index uint64) error {
	if s.last > index && s.runStart > index+1 {
		return fmt.Errorf("entries %d to %d are missing", index+1, s.runStart-1)
	}
	return nil
}

// entrySum binds what raft acts on. It is kept in the entry's Extensions, which
// raft leaves to layers like this one.
func entrySum(l *raft.Log) []byte {
	h := sha256.New()
	var head [17]byte
	binary.BigEndian.PutUint64(head[:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	h.Write(head[:])
	h.Write(l.Data)
	return h.Sum(nil)[:sumSize]
}

// openEntry checks an entry read at index and removes the checksum.
func openEntry(index uint64, l *raft.Log) error {
	if l.Index != index || string(l.Extensions) != string(entrySum(l)) {
		return fmt.Errorf("entry %d has the wrong checksum", index)
	}
	l.Extensions = nil
	return nil
}

func valueSum(key, value []byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(key))))
	h.Write(key)
	h.Write(value)
	return h.Sum(nil)[:sumSize]
}

func sealValue(key, value []byte) []byte {
	return append(append([]byte(nil), value...), valueSum(key, value)...)
}

func openValue(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sumSize
	if n < 0 || string(sealed[n:]) != string(valueSum(key, sealed[:n])) {
		return nil, fmt.Errorf("value %q has the wrong checksum", key)
	}
	return sealed[:n:n], nil
}
