package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// records is raft's log and stable store: a boltLog, with a checksum in each
// record. raft panics when a record cannot be read or a term cannot be written,
// and carries on when an entry cannot be written; here each of these goes to
// fail, and no write is ever tried after one that failed.
type records struct {
	store  storage
	path   string
	fail   func(error)
	broken atomic.Bool // a write has failed
	pace   pace        // of StoreLogs

	applied  func() uint64     // the last entry that the machine was given
	appended func(bytes int64) // is told how long the entries are that were put in; nil: nobody is. Set before raft has them
}

// storage is what a boltLog offers.
type storage interface {
	raft.LogStore
	raft.StableStore
	Close() error
}

// openRecords opens the log file after checking all of it, and makes it when
// there is none. Errors: a *Corruption of kind ErrCorruptStore, and those of
// the file system.
func openRecords(d *dataDir, fail func(error)) (*records, logShape, error) {
	path := d.file(logFile)
	exists, err := d.exists(logFile)
	if err != nil {
		return nil, logShape{}, err
	}
	if !exists {
		// bbolt fills a new file in several steps and syncs no directory.
		bolt, err := openBolt(path + tempSuffix)
		if err != nil {
			return nil, logShape{}, err
		}
		if err := errors.Join(bolt.Sync(), bolt.Close()); err != nil {
			return nil, logShape{}, err
		}
		if err := d.publish(logFile); err != nil {
			return nil, logShape{}, err
		}
	}
	shape, err := checkLogFile(path)
	if err != nil {
		return nil, logShape{}, err
	}
	bolt, err := openBolt(path)
	var p *panicked
	switch {
	case errors.As(err, &p):
		return nil, logShape{}, &Corruption{File: path, Kind: ErrCorruptStore, Err: err}
	case err != nil: // the file was sound a moment ago: the disk is full, or worse
		return nil, logShape{}, fmt.Errorf("%w: %s: %w", ErrStorageFailed, path, err)
	}
	return &records{store: bolt, path: path, fail: fail, applied: func() uint64 { return 0 }}, shape, nil
}

// openBolt opens a bolt file. Every transaction is synced. The free list is not
// kept on disk: it follows from the pages in use, and one on disk could mark a
// page in use as free.
func openBolt(path string) (store *boltLog, err error) {
	err = guard(func() (err error) {
		store, err = newBoltLog(path, &bbolt.Options{
			Timeout:        time.Second,
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		})
		return err
	})
	return store, err
}

// panicked is a panic that was caught.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// guard turns a panic of bbolt, and a fault on its mapping when a page cannot
// be read from disk, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p}
		}
	}()
	return f()
}

// write runs one writing transaction. After one that failed, the file may hold
// either state, and a later sync may report success for pages the kernel has
// dropped: no further one is run.
func (r *records) write(f func() error) error {
	if r.broken.Load() {
		return ErrStorageFailed
	}
	err := guard(f)
	if err != nil {
		r.broken.Store(true)
		err = fmt.Errorf("%w: %s: %w", ErrStorageFailed, r.path, err)
		r.fail(err)
	}
	return err
}

// halt ends raft's goroutine at a point where raft would panic and take the
// process with it. Its deferred calls run, so what was under way is answered
// with lost leadership. The callers outside raft's goroutines go through
// isolated.
func (r *records) halt() { runtime.Goexit() }

// isolated runs f in a goroutine of its own, so that halt ends only that.
func isolated(f func() error) (err error) {
	done := make(chan struct{})
	err = ErrStorageFailed // stays if f never returns
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = &panicked{p}
			}
		}()
		err = f()
	}()
	<-done
	return err
}

// FirstIndex implements raft.LogStore.
func (r *records) FirstIndex() (i uint64, err error) {
	err = guard(func() error { i, err = r.store.FirstIndex(); return err })
	return i, err
}

// LastIndex implements raft.LogStore.
func (r *records) LastIndex() (i uint64, err error) {
	err = guard(func() error { i, err = r.store.LastIndex(); return err })
	return i, err
}

// GetLog implements raft.LogStore. An entry that is there and cannot be read
// stops the node; raft would panic, or take a follower for one that is behind.
func (r *records) GetLog(index uint64, l *raft.Log) error {
	err := guard(func() error {
		if err := r.store.GetLog(index, l); err != nil {
			return err
		}
		return openEntry(index, l)
	})
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		r.fail(&Corruption{File: r.path, Kind: ErrCorruptStore, Err: err})
		r.halt()
	}
	return err
}

// StoreLog implements raft.LogStore.
func (r *records) StoreLog(l *raft.Log) error { return r.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore. raft still uses the entries it passes, so
// the checksums go into copies.
func (r *records) StoreLogs(logs []*raft.Log) error {
	copies, sealed := make([]raft.Log, len(logs)), make([]*raft.Log, len(logs))
	for i, l := range logs {
		copies[i] = *l
		copies[i].Extensions = entrySum(l)
		sealed[i] = &copies[i]
	}
	r.pace.begin(time.Now())
	defer func() { r.pace.end(time.Now()) }()
	err := r.write(func() error { return r.store.StoreLogs(sealed) })
	if err == nil && r.appended != nil {
		var bytes int64
		for _, l := range logs {
			bytes += int64(len(l.Data))
		}
		r.appended(bytes)
	}
	return err
}

// DeleteRange implements raft.LogStore. Raft takes the beginning of the log away,
// which a snapshot holds, and an end that another leader contradicts. The second is
// never of entries that this node has applied, unless a majority that had stored them
// has them no longer.
func (r *records) DeleteRange(min, max uint64) error {
	if min <= r.applied() {
		if last, err := r.LastIndex(); err == nil && max >= last {
			err = r.diverged(min)
			r.fail(err)
			return err
		}
	}
	return r.write(func() error { return r.store.DeleteRange(min, max) })
}

// Set implements raft.StableStore. A term or vote that is not on disk must not
// be acted on, and raft panics without it.
func (r *records) Set(key, value []byte) error {
	err := r.write(func() error { return r.store.Set(key, sealValue(key, value)) })
	if err != nil {
		r.halt()
	}
	return err
}

// Get implements raft.StableStore. A missing key is errNoValue.
func (r *records) Get(key []byte) (value []byte, err error) {
	err = guard(func() error {
		sealed, err := r.store.Get(key)
		if err != nil {
			return err
		}
		value, err = openValue(key, sealed)
		return err
	})
	if err != nil && !errors.Is(err, errNoValue) {
		r.fail(&Corruption{File: r.path, Kind: ErrCorruptStore, Err: err})
		r.halt()
	}
	return value, err
}

// SetUint64 implements raft.StableStore.
func (r *records) SetUint64(key []byte, n uint64) error {
	return r.Set(key, binary.BigEndian.AppendUint64(nil, n))
}

// GetUint64 implements raft.StableStore.
func (r *records) GetUint64(key []byte) (uint64, error) {
	value, err := r.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("value %q is not a number", key)
	}
	return binary.BigEndian.Uint64(value), nil
}
