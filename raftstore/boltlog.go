package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"time"

	metrics "github.com/hashicorp/go-metrics/compat"
	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// boltLog keeps raft's log and its few values in a bolt file, in the buckets, under the
// keys and with the bytes of hashicorp/raft-boltdb, which it took the place of: files of
// either are files of both. That library encodes each entry by reflection, with type
// information that it gathers anew for each, which took more than the rest of a write.
type boltLog struct {
	db     *bbolt.DB
	handle codec.MsgpackHandle // for reading; keeps what it learnt of raft.Log by reflection
	room   []byte              // of the entries that StoreLogs encoded last
}

var (
	logsBucket = []byte("logs")
	confBucket = []byte("conf")
)

// errNoValue says that the stable store has no value of that name. Raft compares the
// text.
var errNoValue = errors.New("not found")

// keepRoom is up to how many bytes of encoded entries the room for them is kept.
const keepRoom = 1 << 20

// logFill is how full a page of the log becomes before the next is begun. Bolt's own
// half leaves room for keys in between, of which a log has none: its pages are only
// ever added to, and it would be twice as long.
const logFill = 0.9

// newBoltLog opens a file, which it makes if there is none.
func newBoltLog(path string, o *bbolt.Options) (*boltLog, error) {
	db, err := bbolt.Open(path, 0o600, o)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(logsBucket)
		if err == nil {
			_, err = tx.CreateBucketIfNotExists(confBucket)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &boltLog{db: db}, nil
}

// Close closes the file.
func (b *boltLog) Close() error { return b.db.Close() }

// Sync syncs the file, which every write does by itself.
func (b *boltLog) Sync() error { return b.db.Sync() }

// FirstIndex implements raft.LogStore.
func (b *boltLog) FirstIndex() (i uint64, err error) {
	return b.index(func(c *bbolt.Cursor) []byte { key, _ := c.First(); return key })
}

// LastIndex implements raft.LogStore.
func (b *boltLog) LastIndex() (i uint64, err error) {
	return b.index(func(c *bbolt.Cursor) []byte { key, _ := c.Last(); return key })
}

// index is the number of an entry; 0 for none.
func (b *boltLog) index(of func(*bbolt.Cursor) []byte) (i uint64, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		if key := of(tx.Bucket(logsBucket).Cursor()); key != nil {
			i = binary.BigEndian.Uint64(key)
		}
		return nil
	})
	return i, err
}

// GetLog implements raft.LogStore.
func (b *boltLog) GetLog(index uint64, l *raft.Log) error {
	defer metrics.MeasureSince([]string{"raft", "boltdb", "getLog"}, time.Now())
	return b.db.View(func(tx *bbolt.Tx) error {
		value := tx.Bucket(logsBucket).Get(logKey(index))
		if value == nil {
			return raft.ErrLogNotFound
		}
		// A copy: value is the file itself, and gone with the transaction.
		return codec.NewDecoderBytes(bytes.Clone(value), &b.handle).Decode(l)
	})
}

// StoreLog implements raft.LogStore.
func (b *boltLog) StoreLog(l *raft.Log) error { return b.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore. It is called by one goroutine at a time, raft's.
func (b *boltLog) StoreLogs(logs []*raft.Log) error {
	begun, size := time.Now(), 0
	err := b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(logsBucket)
		bucket.FillPercent = logFill
		room := b.room[:0]
		for _, l := range logs {
			start := len(room)
			room = appendLog(room, l)
			// Bolt reads key and value until the transaction is committed. Where room
			// grows, what it was stays as it is.
			if err := bucket.Put(logKey(l.Index), room[start:]); err != nil {
				return err
			}
			size += len(room) - start
		}
		b.room = nil
		if cap(room) <= keepRoom {
			b.room = room
		}
		return nil
	})
	metrics.AddSample([]string{"raft", "boltdb", "logsPerBatch"}, float32(len(logs)))
	metrics.AddSample([]string{"raft", "boltdb", "logBatchSize"}, float32(size))
	metrics.AddSample([]string{"raft", "boltdb", "writeCapacity"}, float32(float64(len(logs))/time.Since(begun).Seconds()))
	metrics.MeasureSince([]string{"raft", "boltdb", "storeLogs"}, begun)
	return err
}

// DeleteRange implements raft.LogStore.
func (b *boltLog) DeleteRange(min, max uint64) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		c := tx.Bucket(logsBucket).Cursor()
		for key, _ := c.Seek(logKey(min)); key != nil && binary.BigEndian.Uint64(key) <= max; key, _ = c.Next() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Set implements raft.StableStore.
func (b *boltLog) Set(key, value []byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(confBucket).Put(key, value) })
}

// Get implements raft.StableStore. Error: errNoValue.
func (b *boltLog) Get(key []byte) (value []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		held := tx.Bucket(confBucket).Get(key)
		if held == nil {
			return errNoValue
		}
		value = bytes.Clone(held)
		return nil
	})
	return value, err
}

// SetUint64 implements raft.StableStore.
func (b *boltLog) SetUint64(key []byte, n uint64) error {
	return b.Set(key, binary.BigEndian.AppendUint64(nil, n))
}

// GetUint64 implements raft.StableStore.
func (b *boltLog) GetUint64(key []byte) (uint64, error) {
	value, err := b.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}

func logKey(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

// appendLog appends an entry in msgpack as codec writes it in raft-boltdb: a map with
// the names of the fields in order, bytes in the old form without bin, a time as such bytes.
func appendLog(b []byte, l *raft.Log) []byte {
	b = append(b, "\x86\xaaAppendedAt"...)
	b = appendLogTime(b, l.AppendedAt)
	b = append(b, "\xa4Data"...)
	b = appendLogBytes(b, l.Data)
	b = append(b, "\xaaExtensions"...)
	b = appendLogBytes(b, l.Extensions)
	b = append(b, "\xa5Index"...)
	b = appendLogNumber(b, l.Index)
	b = append(b, "\xa4Term"...)
	b = appendLogNumber(b, l.Term)
	b = append(b, "\xa4Type"...)
	return appendLogNumber(b, uint64(l.Type))
}

const msgpackNil = 0xc0

func appendLogBytes(b, p []byte) []byte {
	switch n := len(p); {
	case p == nil:
		return append(b, msgpackNil)
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
	}
	return append(b, p...)
}

func appendLogNumber(b []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), n)
}

// appendLogTime appends msgpack's timestamp of 4, 8 or 12 bytes.
func appendLogTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, msgpackNil)
	}
	sec, nsec := t.Unix(), uint64(t.Nanosecond())
	switch {
	case sec < 0 || sec>>34 != 0:
		b = binary.BigEndian.AppendUint32(append(b, 0xa0|12), uint32(nsec))
		return binary.BigEndian.AppendUint64(b, uint64(sec))
	case nsec == 0 && sec <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xa0|4), uint32(sec))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xa0|8), nsec<<34|uint64(sec))
}
