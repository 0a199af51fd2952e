package raftstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// The files of one snapshot, as raft's FileSnapshotStore lays them out.
const (
	snapshotMetaFile  = "meta.json"
	snapshotStateFile = "state.bin"
)

// snapshots is raft's snapshot store on disk, with a SHA-256 at the end of each
// stream over the stream and what raft's own file says about it. raft skips a
// snapshot that it cannot read, takes the next older one and then panics or
// loses entries; here only the newest exists, and a damaged one is an error.
type snapshots struct {
	raft.SnapshotStore
	dir  string
	last atomic.Uint64 // index of the newest snapshot
	size atomic.Int64  // of it in bytes, without the checksum
	took func()        // called after each new one; nil: nothing is. Set before raft has the store
}

func openSnapshots(d *dataDir, log hclog.Logger) (*snapshots, error) {
	inner, err := raft.NewFileSnapshotStoreWithLogger(d.path, keepSnapshots, newQuiet(log))
	if err != nil {
		return nil, fmt.Errorf("opening the snapshot directory: %w", err)
	}
	s := &snapshots{SnapshotStore: inner, dir: d.file(snapshotsDir)}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		return nil, err
	}
	return s, syncDir(d.path)
}

// verify checks the whole newest snapshot and returns the index up to which it
// holds the state, 0 if there is none. Error: a *Corruption of kind
// ErrCorruptSnapshot, and those of listing the directory.
func (s *snapshots) verify() (uint64, error) {
	metas, err := s.List()
	if err != nil || len(metas) == 0 {
		return 0, err
	}
	_, stream, err := s.Open(metas[0].ID)
	if err != nil {
		return 0, err
	}
	s.last.Store(metas[0].Index)
	s.size.Store(metas[0].Size)
	return metas[0].Index, stream.Close()
}

// List implements raft.SnapshotStore with the newest snapshot alone.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var newest snapshotName
	for _, e := range entries {
		if name, ok := parseSnapshotName(e.Name()); ok && e.IsDir() && newest.before(name) {
			newest = name
		}
	}
	if newest == (snapshotName{}) {
		return nil, nil
	}
	meta, err := s.meta(newest.String())
	if err != nil {
		return nil, err
	}
	return []*raft.SnapshotMeta{meta}, nil
}

// Open implements raft.SnapshotStore. The stream has been read and verified as
// a whole before the first byte is returned.
func (s *snapshots) Open(id string) (_ *raft.SnapshotMeta, _ io.ReadCloser, err error) {
	meta, err := s.meta(id)
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(s.dir, id, snapshotStateFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, corruptSnapshot(path, err)
	}
	sum := snapshotSum(meta.Version, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex)
	if err := verifyStream(f, meta.Size, sum); err != nil {
		f.Close()
		return nil, nil, corruptSnapshot(path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, nil, err
	}
	return meta, struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, meta.Size), f}, nil
}

// verifyStream reads size bytes into sum and compares it with what follows them
// up to the end.
func verifyStream(r io.Reader, size int64, sum hash.Hash) error {
	if _, err := io.CopyN(sum, r, size); err != nil {
		return fmt.Errorf("reading %d bytes: %w", size, err)
	}
	trailer, err := io.ReadAll(io.LimitReader(r, sha256.Size+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(trailer, sum.Sum(nil)) {
		return errors.New("wrong checksum")
	}
	return nil
}

// meta reads what raft noted about a snapshot. Size is made that of the stream
// without the checksum.
func (s *snapshots) meta(id string) (*raft.SnapshotMeta, error) {
	path := filepath.Join(s.dir, id, snapshotMetaFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, corruptSnapshot(path, err)
	}
	meta := new(raft.SnapshotMeta)
	if err := json.Unmarshal(data, meta); err != nil {
		return nil, corruptSnapshot(path, err)
	}
	meta.Size -= sha256.Size
	if meta.ID != id || meta.Size < 0 || meta.Version != raft.SnapshotVersionMax {
		return nil, corruptSnapshot(path, errors.New("it describes another snapshot"))
	}
	return meta, nil
}

func corruptSnapshot(path string, err error) error {
	return &Corruption{File: path, Kind: ErrCorruptSnapshot, Err: err}
}

// Create implements raft.SnapshotStore.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, servers raft.Configuration, serversIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	inner, err := s.SnapshotStore.Create(version, index, term, servers, serversIndex, t)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, inner.ID()+tempSuffix)
	// raft asks for wider modes; the files are inside our 0700 all the time.
	err = errors.Join(
		os.Chmod(dir, 0o700),
		os.Chmod(filepath.Join(dir, snapshotMetaFile), 0o600),
		os.Chmod(filepath.Join(dir, snapshotStateFile), 0o600))
	if err != nil {
		return nil, errors.Join(err, inner.Cancel())
	}
	return &sink{
		SnapshotSink: inner,
		dir:          dir,
		index:        index,
		sum:          snapshotSum(version, index, term, servers, serversIndex),
		store:        s,
	}, nil
}

// sink writes one snapshot and ends it with the checksum.
type sink struct {
	raft.SnapshotSink
	dir    string
	index  uint64
	sum    hash.Hash
	size   int64
	store  *snapshots
	closed bool
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.SnapshotSink.Write(p)
	s.sum.Write(p[:n])
	s.size += int64(n)
	return n, err
}

// Close completes the snapshot. The names of its files are made durable before
// raft gives the directory its final name, so that a crash leaves a whole
// snapshot or none.
func (s *sink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	_, err := s.SnapshotSink.Write(s.sum.Sum(nil))
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		return errors.Join(err, s.SnapshotSink.Cancel())
	}
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	s.store.last.Store(s.index)
	s.store.size.Store(s.size)
	if s.store.took != nil {
		s.store.took()
	}
	return nil
}

// snapshotSum starts the checksum of a snapshot with everything that raft keeps
// beside the stream and acts on.
func snapshotSum(version raft.SnapshotVersion, index, term uint64, servers raft.Configuration, serversIndex uint64) hash.Hash {
	h := sha256.New()
	encoded := raft.EncodeConfiguration(servers)
	head := []byte("signet raftstore snapshot v1\n")
	for _, n := range []uint64{uint64(version), index, term, serversIndex, uint64(len(encoded))} {
		head = binary.BigEndian.AppendUint64(head, n)
	}
	h.Write(head)
	h.Write(encoded)
	return h
}

// snapshotName is the name of a snapshot's directory, in raft's order of age.
type snapshotName struct{ term, index, millis uint64 }

func (n snapshotName) String() string { return fmt.Sprintf("%d-%d-%d", n.term, n.index, n.millis) }

func (n snapshotName) before(o snapshotName) bool {
	if n.term != o.term {
		return n.term < o.term
	}
	if n.index != o.index {
		return n.index < o.index
	}
	return n.millis < o.millis
}

// parseSnapshotName takes exactly what String gives. Anything else in the
// directory is not ours.
func parseSnapshotName(s string) (n snapshotName, ok bool) {
	_, err := fmt.Sscanf(s, "%d-%d-%d", &n.term, &n.index, &n.millis)
	return n, err == nil && n.String() == s
}
