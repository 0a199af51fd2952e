package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// raftFlags say which node of a replicated floor this process is.
type raftFlags struct {
	id     string
	peers  string // id=host:port of all of them, with commas between; "" for one voter alone
	dir    string
	cert   string // file with the certificate and key that all of them show; unused without peers
	entry  int    // bytes of one proposal
	record int    // bytes of one line of the log beside it
}

// openRaft starts one voter with the set-up of a Signet node: the same timings,
// queue, bolt options and TLS, the same snapshots. Its machine forgets what it is
// told.
func openRaft(f raftFlags) (*raft.Raft, error) {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(f.id)
	c.Logger = hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Warn})
	c.NoLegacyTelemetry = true
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 8192, 5*time.Second, 512
	c.CommitTimeout = 5 * time.Millisecond
	c.HeartbeatTimeout, c.ElectionTimeout = 500*time.Millisecond, 500*time.Millisecond
	c.BatchApplyCh = true
	peers, err := parsePeers(f.id, f.peers)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, err
	}
	store, err := openStore(filepath.Join(f.dir, "raft.db"))
	if err != nil {
		return nil, err
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(f.dir, 2, c.Logger)
	if err != nil {
		return nil, err
	}
	transport, err := openTransport(f, peers)
	if err != nil {
		return nil, err
	}
	recent, err := raft.NewLogCache(128, store)
	if err != nil {
		return nil, err
	}
	r, err := raft.NewRaft(c, deaf{}, recent, store, snapshots, transport)
	if err != nil {
		return nil, err
	}
	var members raft.Configuration
	for _, p := range peers {
		members.Servers = append(members.Servers, raft.Server{ID: raft.ServerID(p.id), Address: raft.ServerAddress(p.address)})
	}
	if err := r.BootstrapCluster(members).Error(); err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return nil, err
	}
	return r, nil
}

func openStore(path string) (*raftboltdb.BoltStore, error) {
	return raftboltdb.New(raftboltdb.Options{
		Path:                    path,
		BoltOptions:             &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType},
		MsgpackUseNewTimeFormat: true,
	})
}

func openTransport(f raftFlags, peers []peer) (raft.Transport, error) {
	if f.peers == "" {
		_, t := raft.NewInmemTransport(raft.ServerAddress(f.id))
		return t, nil
	}
	s, err := openStreams(f.cert, ownAddress(f.id, peers))
	if err != nil {
		return nil, err
	}
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: s, Logger: hclog.NewNullLogger(), MaxPool: 3, Timeout: 10 * time.Second, MaxRPCsInFlight: 1, // as raftstore has it
	}), nil
}

type peer struct{ id, address string }

// parsePeers reads id=host:port,…; without any, id is alone.
func parsePeers(id, text string) ([]peer, error) {
	if text == "" {
		return []peer{{id, id}}, nil
	}
	var out []peer
	for one := range strings.SplitSeq(text, ",") {
		name, address, ok := strings.Cut(one, "=")
		if !ok || name == "" || address == "" {
			return nil, fmt.Errorf("bad peer %q: use id=host:port", one)
		}
		out = append(out, peer{name, address})
	}
	if ownAddress(id, out) == "" {
		return nil, fmt.Errorf("%q is not among the peers", id)
	}
	return out, nil
}

func ownAddress(id string, peers []peer) string {
	for _, p := range peers {
		if p.id == id {
			return p.address
		}
	}
	return ""
}

// deaf is a machine that forgets what it is told.
type deaf struct{}

func (deaf) Apply(*raft.Log) any                 { return nil }
func (deaf) Snapshot() (raft.FSMSnapshot, error) { return deaf{}, nil }
func (deaf) Restore(r io.ReadCloser) error       { return r.Close() }
func (deaf) Persist(s raft.SnapshotSink) error   { return s.Close() }
func (deaf) Release()                            {}
