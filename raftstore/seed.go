package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// Errors of seeding.
var (
	// ErrNotEmpty: a directory that holds anything is not written over.
	ErrNotEmpty = errors.New("the data directory is not empty: use another one, or move what is in it away")
	// ErrUnfinished: a Seed that was not finished. What is there is not whole.
	ErrUnfinished = errors.New("a restore into this data directory was begun and not finished: run it again, or empty the directory")
)

// seedFile stands in a directory from before anything else is in it until all of it
// is there.
const seedFile = "restore-unfinished"

// Seed is an empty data directory that is being filled with one state, of which this
// node is the only member. A crash at any moment leaves a directory that Open
// refuses with ErrUnfinished and OpenSeed begins anew, or a whole one. The caller
// closes it.
type Seed struct {
	opts     Options
	dir      *dataDir
	identity Identity
}

// CheckSeed says whether OpenSeed would take a directory, and changes nothing.
// Errors: ErrNotEmpty with what is in it, and those of the file system.
func CheckSeed(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	other := ""
	for _, e := range entries {
		switch e.Name() {
		case seedFile:
			return nil
		case lockFile, seedFile + tempSuffix:
		default:
			other = e.Name()
		}
	}
	if other != "" {
		return fmt.Errorf("%w: there is %s", ErrNotEmpty, filepath.Join(dir, other))
	}
	return nil
}

// OpenSeed makes and locks the directory, marks it as unfinished, drops what an
// earlier one left, and makes this node's identity. Errors: ErrNotEmpty, ErrLocked,
// ErrNodeID, and those of the file system.
func OpenSeed(o Options) (_ *Seed, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if err := CheckSeed(o.Dir); err != nil { // before anything in it is touched
		return nil, err
	}
	s := &Seed{opts: o}
	if s.dir, err = openDataDir(o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := CheckSeed(o.Dir); err != nil { // nobody else has it from here on
		return nil, err
	}
	if err := s.mark(); err != nil {
		return nil, err
	}
	s.identity, err = identify(s.dir, o.NodeID)
	return s, err
}

// mark makes the mark durable, with the directories that lead to it, and removes all
// the rest.
func (s *Seed) mark() error {
	if err := syncDir(filepath.Dir(filepath.Dir(s.dir.path))); err != nil {
		return err
	}
	there, err := s.dir.exists(seedFile)
	if err != nil {
		return err
	}
	if !there {
		if err := s.dir.replace(seedFile, line("what is here is not whole")); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.dir.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != lockFile && e.Name() != seedFile {
			if err := os.RemoveAll(s.dir.file(e.Name())); err != nil {
				return err
			}
		}
	}
	return syncDir(s.dir.path)
}

// finished refuses a directory that a Seed left unfinished.
func (d *dataDir) finished() error {
	unfinished, err := d.exists(seedFile)
	if err == nil && unfinished {
		err = fmt.Errorf("%w: %s", ErrUnfinished, d.path)
	}
	return err
}

// Identity is what this node will be known by.
func (s *Seed) Identity() Identity { return s.identity }

// seedTerm is raft's term of the first snapshot.
const seedTerm = 1

// Fill writes the state at index, as a snapshot of a cluster whose only voter is this
// node, and removes the mark when all of it is on disk: the directory is whole when
// this returns nil. Errors are those of state and of the file system.
func (s *Seed) Fill(index uint64, state io.WriterTo) (err error) {
	failed := error(nil)
	records, _, err := openRecords(s.dir, func(err error) { failed = err })
	if err != nil {
		return err
	}
	err = isolated(func() error { return records.SetUint64([]byte("CurrentTerm"), seedTerm) })
	if err = errors.Join(err, failed, records.store.Close()); err != nil {
		return err
	}
	snapshots, err := openSnapshots(s.dir, s.opts.Logger)
	if err != nil {
		return err
	}
	self := raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(s.identity.NodeID), Address: raft.ServerAddress(s.identity.NodeID)}
	_, transport := raft.NewInmemTransport(self.Address)
	sink, err := snapshots.Create(raft.SnapshotVersionMax, index, seedTerm, raft.Configuration{Servers: []raft.Server{self}}, index, transport)
	if err != nil {
		return err
	}
	if _, err := state.WriteTo(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	if _, err := snapshots.verify(); err != nil {
		return err
	}
	if err := syncDir(snapshots.dir); err != nil {
		return err
	}
	if err := os.Remove(s.dir.file(seedFile)); err != nil {
		return err
	}
	return syncDir(s.dir.path)
}

// Close unlocks the directory, finished or not.
func (s *Seed) Close() { s.dir.close() }
