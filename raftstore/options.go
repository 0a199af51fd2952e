package raftstore

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// MaxEntry is the largest entry that Enqueue takes, in bytes. Larger ones would
// hold up heartbeats, which share raft's connections with them.
const MaxEntry = raft.SuggestedMaxDataSize

const (
	// enqueueTimeout bounds how long raft may take to take what is handed over at once.
	// Raft takes them between two writes to the log file, so this is reached
	// only when the disk or the machine stands still.
	enqueueTimeout = 5 * time.Second

	// drainTimeout bounds how long Close waits for proposals under way.
	drainTimeout = 5 * time.Second

	// reserve is the free space, in bytes, below which new entries are
	// refused. It is kept for what raft must write in any case: a refused
	// entry costs nothing, a failed write stops the node.
	reserve = 8 << 20

	// recentLogs is how many of the newest entries stay in memory: those that raft
	// writes or sends at once, twice over. Most have less than 2 KiB.
	recentLogs = 128

	// keepSnapshots is how many snapshots stay on disk. Only the newest is
	// ever read; the other is for an operator with a damaged disk.
	keepSnapshots = 2
)

// Options says where and how a store runs. Only Dir is required.
type Options struct {
	// Dir is the data directory. Open makes it 0700 and every file in it 0600.
	Dir string

	// NodeID names this node in the cluster, for good: letters, digits, '.',
	// '_' and '-', at most 128. Empty: the id that the directory has, or a
	// random one when it has none.
	NodeID string

	// Address is the host:port under which other nodes are to reach this one's
	// cluster port. Empty: it has none.
	Address string

	// Listen is the host:port on which the cluster port listens. Empty: there is
	// no port, and this node is the only one of its cluster.
	Listen string

	// Level is the highest feature level of a cluster that the owner knows. A
	// roster with a higher one is refused: see ErrLevel.
	Level uint64

	// Dev shortens raft's timings to 50 ms.
	Dev bool

	// Logger receives what an operator should know, under the name that the
	// caller gave it. Nil: nothing is logged.
	Logger hclog.Logger

	// SnapshotThreshold is the number of entries after the last snapshot from
	// which the next one is due, of a small state at least: see snapshotThreshold.
	// 0: 8192.
	SnapshotThreshold uint64

	// SnapshotInterval is how often it is looked whether a snapshot is due, at
	// the least; at the most twice that. 0: 5 s, so that what a node has to
	// go through again after a kill stays little even when writes are many.
	SnapshotInterval time.Duration

	// TrailingLogs is the number of entries kept in front of a snapshot for
	// followers that are a little behind. 0: 512.
	TrailingLogs uint64

	// commitTimeout is after how long of silence raft says again what is committed. 0:
	// 50 ms, raft's own. Followers hear of it at once otherwise: see commits.
	commitTimeout time.Duration

	// Now is the wall clock, which members compare with each other's. Nil: time.Now.
	Now func() time.Time
}

var nodeIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// addressPattern keeps what a snapshot's JSON would not give back unchanged out
// of the cluster's configuration.
var addressPattern = regexp.MustCompile(`^[!-~]{0,255}$`)

// withDefaults checks o and fills in what was left out, the node id excepted.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("no data directory: set one")
	}
	if o.NodeID != "" && !nodeIDPattern.MatchString(o.NodeID) {
		return o, fmt.Errorf("%w %q: use up to 128 letters, digits, '.', '_', '-', the first a letter or digit", ErrNodeID, o.NodeID)
	}
	if !addressPattern.MatchString(o.Address) {
		return o, fmt.Errorf("bad address %q: use host:port", o.Address)
	}
	if o.SnapshotThreshold == 0 {
		o.SnapshotThreshold = 8192
	}
	if o.SnapshotInterval == 0 {
		o.SnapshotInterval = 5 * time.Second
	}
	if o.TrailingLogs == 0 {
		o.TrailingLogs = 512
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// raftConfig translates o. PreVote stays on: it is raft's default.
func (o Options) raftConfig(nodeID string, notify chan<- bool, logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(nodeID)
	c.NotifyCh = notify
	c.Logger = newQuiet(logger)
	c.NoLegacyTelemetry = true
	c.SnapshotThreshold = o.SnapshotThreshold
	c.SnapshotInterval = o.SnapshotInterval
	c.TrailingLogs = o.TrailingLogs

	if o.commitTimeout != 0 {
		c.CommitTimeout = o.commitTimeout
	}

	// A follower stands for election after one to two heartbeat timeouts without a
	// leader: see DESIGN.md, "How long an election takes".
	c.HeartbeatTimeout, c.ElectionTimeout = o.heartbeat(), o.heartbeat()

	// Callers number their entries and so hand them over one at a time. With
	// an unbuffered channel each would be written and synced alone
	// (BenchmarkPropose: 2.5 ms an entry instead of 0.15 ms).
	c.BatchApplyCh = true

	if o.Dev {
		c.LeaderLeaseTimeout = 25 * time.Millisecond
	}
	return c
}

// heartbeat is how long a follower goes without a leader before it stands.
func (o Options) heartbeat() time.Duration {
	if o.Dev {
		return 50 * time.Millisecond
	}
	return 500 * time.Millisecond
}
