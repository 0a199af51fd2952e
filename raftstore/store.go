package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

// Store is one node's part in the replicated log. All methods are safe for
// concurrent use.
type Store struct {
	opts      Options
	log       hclog.Logger
	dir       *dataDir
	identity  Identity
	records   *records
	snapshots *snapshots
	fsm       *adapter
	metrics   prometheus.Collector
	transport raft.Transport
	port      *port  // nil: this node has no cluster port
	peers     *peers // of the port
	leases    *Leases

	raft   atomic.Pointer[node] // nil until there is cluster state
	before atomic.Uint64        // what was applied when this process opened the store, at least
	leader leadership

	transferring atomic.Int64 // the boot time since when a transfer refuses all; 0 for none: see noteTransfer

	queue          queue        // of proposals
	logged         atomic.Int64 // bytes of entries put into the log since the last snapshot, about
	pacing         sync.Mutex   // held while raft's configuration is read and replaced
	enqueueTimeout time.Duration
	drainTimeout   time.Duration
	reserve        uint64 // bytes
	space          space

	failed   chan struct{} // closed once failure is set
	failure  error         // written once, before failed is closed
	failOnce sync.Once
	fatal    chan error // capacity 1; gets failure

	stopped  chan struct{} // closed when raft has stopped for good
	watching sync.WaitGroup

	closeOnce sync.Once
	closeErr  error

	mu        sync.Mutex // guards what follows; never held while waiting for raft or disk, bootstrap apart
	closing   bool
	proposals sync.WaitGroup // those under way; nothing is added once closing is set

	bootstrap sync.Mutex // one Bootstrap at a time
}

// node is a raft that runs.
type node struct {
	*raft.Raft
	// shutdown makes the one call of Shutdown whose future waits for raft's
	// goroutines.
	shutdown func() raft.Future
}

// Open locks and tightens the data directory, loads or makes this node's
// identity, verifies the log file and the newest snapshot, restores m from that
// snapshot and, if the directory holds cluster state, starts raft. The entries
// after the snapshot reach m once this node leads or follows a leader: wait for
// WaitLeader and Barrier before reading m. The caller closes the store.
//
// Errors: ErrLocked, ErrUnfinished, ErrNodeID, ErrPortMissing, ErrIdentity, ErrLevel, a *Corruption of kind
// ErrCorruptStore or ErrCorruptSnapshot, a *Fatal from the machine,
// ErrStorageFailed, and those of the file system.
func Open(o Options, m Machine) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts:           o,
		log:            o.Logger,
		enqueueTimeout: enqueueTimeout,
		drainTimeout:   drainTimeout,
		reserve:        reserve,
		space:          space{begun: time.Now()},
		failed:         make(chan struct{}),
		fatal:          make(chan error, 1),
		stopped:        make(chan struct{}),
	}
	s.leader.changed = make(chan struct{})
	s.leases = &Leases{store: s, wake: make(chan struct{}, 1)}
	s.fsm = &adapter{machine: m, fail: func(f *Fatal) { s.fail(f) }}
	if s.dir, err = openDataDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// open does what Open promises, in a directory that is locked.
func (s *Store) open() (err error) {
	shape, index, err := s.openFiles()
	if err != nil {
		return err
	}
	if err := s.dir.hasLost(max(shape.last, index)); err != nil {
		return err
	}
	s.logged.Store(shape.bytesAfter(index))
	s.before.Store(max(index, readApplied(s.dir)))
	s.records.applied = func() uint64 { return max(s.before.Load(), s.Indexes().Applied) }
	if s.metrics, err = newCollector(); err != nil {
		return err
	}
	if err := s.openTransport(); err != nil {
		return err
	}
	joined, err := s.Joined()
	if err != nil || shape.last == 0 && index == 0 && !joined {
		return err
	}
	return s.start()
}

// openFiles opens identity, log and snapshots, in a directory that is locked, and
// checks them. It returns the shape of the log and the index of the newest snapshot.
func (s *Store) openFiles() (shape logShape, index uint64, err error) {
	if err := s.dir.finished(); err != nil {
		return shape, 0, err
	}
	if s.identity, err = identify(s.dir, s.opts.NodeID); err != nil {
		return shape, 0, err
	}
	if s.records, shape, err = openRecords(s.dir, s.fail); err != nil {
		return shape, 0, err
	}
	if s.snapshots, err = openSnapshots(s.dir, s.log); err != nil {
		return shape, 0, err
	}
	if index, err = s.snapshots.verify(); err != nil {
		return shape, 0, err
	}
	if err := shape.follows(index); err != nil {
		return shape, 0, &Corruption{File: s.records.path, Kind: ErrCorruptStore, Err: err}
	}
	return shape, index, nil
}

// openTransport opens the cluster port, or lets raft talk to itself.
func (s *Store) openTransport() (err error) {
	if s.opts.Listen == "" {
		_, s.transport = raft.NewInmemTransport(raft.ServerAddress(s.identity.NodeID))
		return nil
	}
	if s.port, err = openPort(s.opts, s.dir, s.identity, s.log); err != nil {
		return err
	}
	s.peers = newPeers(s.port, s.leases)
	t := newTransport(streams{s.port}, s.mayInstall, raft.NetworkTransportConfig{
		Logger: newQuiet(s.log), MaxPool: 3, Timeout: rpcTimeout,
		MaxRPCsInFlight: 1, // no pipelines, which may lock up for good: see DESIGN.md
	})
	s.transport, s.fsm.committed = t, t.commits.committed
	return nil
}

// start runs raft on the state in the directory.
func (s *Store) start() error {
	notify := make(chan bool) // unbuffered: raft waits until a change has been taken
	conf := s.opts.raftConfig(s.identity.NodeID, notify, s.log)
	// Reloaded below with the timings just as they are: raft acts on a
	// shorter heartbeat at once.
	settled := raft.ReloadableConfig{
		TrailingLogs:      conf.TrailingLogs,
		SnapshotInterval:  conf.SnapshotInterval,
		SnapshotThreshold: conf.SnapshotThreshold,
		HeartbeatTimeout:  conf.HeartbeatTimeout,
		ElectionTimeout:   conf.ElectionTimeout,
	}
	conf.HeartbeatTimeout += time.Millisecond
	conf.ElectionTimeout += time.Millisecond

	// Each entry is read once for each follower, and on a follower once to be applied.
	recent, err := raft.NewLogCache(recentLogs, s.records)
	if err != nil {
		return err
	}
	s.snapshots.took, s.records.appended = s.tookSnapshot, s.appended
	var r *raft.Raft
	err = isolated(func() (err error) {
		r, err = raft.NewRaft(conf, s.fsm, cached{recent, s}, s.records, s.snapshots, s.transport)
		return err
	})
	if r == nil {
		// What was reported on the way is the cause; raft says only that
		// it could not go on.
		if cause := s.Err(); cause != nil {
			return cause
		}
		return fmt.Errorf("starting raft: %w", err)
	}
	n := &node{Raft: r, shutdown: sync.OnceValue(r.Shutdown)}
	s.raft.Store(n)
	s.watching.Go(func() { s.watch(r, notify) })
	leasing, stop := context.WithCancel(context.Background())
	go func() {
		<-s.stopped
		stop()
	}()
	s.watching.Go(func() { s.leases.run(leasing) })
	s.watching.Go(s.keepApplied)
	r.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		if state, ok := o.Data.(raft.RaftState); ok && state == raft.Shutdown {
			s.fail(ErrStopped)
		}
		return false
	}))
	if s.Err() != nil { // reported before there was a raft to stop
		n.shutdown()
	}
	if err := s.nudge(r, settled); err != nil {
		return err
	}
	s.paceSnapshots()
	return nil
}

// nudge makes a lone voter stand for election now. Raft would wait one to two
// heartbeat timeouts first for a leader, and there can be none. Safe whenever
// it happens: elections are safe at any time.
func (s *Store) nudge(r *raft.Raft, settled raft.ReloadableConfig) error {
	future := r.GetConfiguration()
	if err := future.Error(); err != nil {
		return err
	}
	var voters int
	var member bool
	servers := future.Configuration().Servers
	for _, server := range servers {
		if server.Suffrage == raft.Voter {
			voters++
			member = member || string(server.ID) == s.identity.NodeID
		}
	}
	alone := member && voters == 1
	switch {
	case s.port == nil && len(servers) > 1:
		return fmt.Errorf("%w: the log in %s is of a cluster of %d nodes", ErrPortMissing, s.dir.path, len(servers))
	case s.port == nil && !member:
		return fmt.Errorf("%w: the log in %s is of a cluster without %q", ErrIdentity, s.dir.path, s.identity.NodeID)
	case !alone: // a leader's heartbeats come, or an election
		return nil
	}
	s.pacing.Lock()
	defer s.pacing.Unlock()
	return r.ReloadConfig(settled)
}

// Leases returns this node's right to serve.
func (s *Store) Leases() *Leases { return s.leases }

// Identity returns what this node is known by.
func (s *Store) Identity() Identity { return s.identity }

// Bootstrapped tells whether this node holds cluster state.
func (s *Store) Bootstrapped() bool { return s.raft.Load() != nil }

// Indexes are positions in raft's log. None is the machine's own index: Applied
// is what was handed to the machine, not what it has finished, and raft's own
// entries count in all of them. 0 is before the first entry.
type Indexes struct {
	Commit       uint64 // newest entry known to be committed
	Applied      uint64 // newest entry handed to the machine
	LastSnapshot uint64 // newest entry covered by a snapshot on disk
}

// Indexes returns raft's positions.
func (s *Store) Indexes() Indexes {
	i := Indexes{LastSnapshot: s.snapshots.last.Load()}
	if r := s.raft.Load(); r != nil {
		i.Commit, i.Applied = r.CommitIndex(), r.AppliedIndex()
	}
	return i
}

// Collector returns raft's own metrics, with names that begin with
// signet_raft_. In a process with several stores, that of the store opened last
// has the metrics of all.
func (s *Store) Collector() prometheus.Collector { return s.metrics }

// Fatal delivers one error when the node must stop: a *Fatal from the machine,
// ErrStorageFailed, a *Corruption met while reading the log, or ErrStopped. The
// store takes no part in the cluster any more; close it and end the process.
// Nothing is delivered after Close.
func (s *Store) Fatal() <-chan error { return s.fatal }

// Err returns the error that Fatal delivers, nil while there is none.
func (s *Store) Err() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

// fail records the first fatal error and stops raft. It is called from raft's
// goroutines, so it does not wait for them.
func (s *Store) fail(err error) {
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing { // what stops now was told to
		return
	}
	s.failOnce.Do(func() {
		s.log.Error("the node must stop", "error", err)
		s.failure = err
		close(s.failed)
		s.fatal <- err
		if r := s.raft.Load(); r != nil {
			// In a goroutine, since raft may hold its locks around this call.
			go r.shutdown()
		}
	})
}

// Close waits a few seconds for proposals under way, stops raft and unlocks the
// directory. It waits for a call of the machine to return. Later calls return
// the same error.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Store) close() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()

	var err error
	if r := s.raft.Load(); r != nil {
		s.drain()
		stopping := r.shutdown()
		if s.port != nil {
			// A stream to a peer that is cut off would hold raft up until each answer
			// it waits for is overdue.
			s.port.close()
		}
		err = stopping.Error()
	}
	// Raft that stopped by itself is not waited for above; whatever is left of
	// it reaches neither the machine nor, further down, the file.
	s.fsm.stop()
	close(s.stopped)
	s.watching.Wait()
	s.leader.set(false, 0)
	if s.port != nil {
		if t, ok := s.transport.(raft.WithClose); ok {
			err = errors.Join(err, t.Close())
		}
		s.port.close()
		s.peers.close()
	}
	if s.records != nil {
		err = errors.Join(err, s.records.store.Close())
	}
	s.dir.close()
	return err
}

// drain waits for the proposals under way. Raft drops what it has handed to the
// machine's queue when it stops, and answers nobody.
func (s *Store) drain() {
	done := make(chan struct{})
	go func() {
		s.proposals.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-s.failed:
	case <-time.After(s.drainTimeout):
	}
}
