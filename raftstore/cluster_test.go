package raftstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// three nodes whose in-memory transports are joined: what a store says when
// leadership is really lost cannot be seen with one.
type three struct {
	stores []*Store
	books  []*book
}

func newThree(t *testing.T) *three {
	t.Helper()
	c := &three{}
	for i := range 3 {
		b := newBook()
		s, err := Open(Options{Dir: t.TempDir(), NodeID: fmt.Sprint("node", i), SnapshotThreshold: 1 << 20, TrailingLogs: 1}, b)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		c.stores, c.books = append(c.stores, s), append(c.books, b)
	}
	c.join(true)
	settle(t, c.stores[0])
	propose(t, c.stores[0], "alone")
	if err := c.stores[0].Snapshot(testContext(t)); err != nil { // the others begin with it
		t.Fatal(err)
	}
	for _, s := range c.stores[1:] {
		if err := s.follow(); err != nil {
			t.Fatal(err)
		}
		add := c.stores[0].raft.Load().AddVoter(raft.ServerID(s.identity.NodeID), inMemory(s).LocalAddr(), 0, 0)
		if err := add.Error(); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// follow starts raft on an empty directory, as a joining node will.
func (s *Store) follow() error {
	notify := make(chan bool)
	conf := s.opts.raftConfig(s.identity.NodeID, notify, s.log)
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = 200e6, 200e6, 100e6
	r, err := raft.NewRaft(conf, s.fsm, s.records, s.records, s.snapshots, s.transport)
	if err != nil {
		return err
	}
	s.raft.Store(&node{Raft: r, shutdown: func() raft.Future { return r.Shutdown() }})
	s.watching.Go(func() { s.watch(r, notify) })
	return nil
}

func inMemory(s *Store) raft.LoopbackTransport { return s.transport.(raft.LoopbackTransport) }

func (c *three) join(on bool) {
	for _, a := range c.stores {
		for _, b := range c.stores {
			if a != b && on {
				inMemory(a).Connect(b.transport.LocalAddr(), b.transport)
			}
		}
	}
	if !on {
		inMemory(c.stores[0]).DisconnectAll()
		for _, s := range c.stores[1:] {
			inMemory(s).Disconnect(c.stores[0].transport.LocalAddr())
		}
	}
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func TestLeadershipLost(t *testing.T) {
	c := newThree(t)
	old := c.stores[0]
	propose(t, old, "together")
	ctx := testContext(t)
	for _, b := range c.books { // one that does not know the cluster yet would not vote
		until(t, "all applied", func() bool { return slices.Equal(b.read(), []string{"alone", "together"}) })
	}

	_, err := c.stores[1].Propose(ctx, []byte("to a follower"))
	wantErr(t, err, ErrNotLeader)
	wantErr(t, c.stores[1].Barrier(ctx), ErrNotLeader)
	if id, _ := c.stores[1].Leader(); id != "node0" || c.stores[1].Leading() {
		t.Errorf("a follower knows %q as leader", id)
	}

	c.join(false)
	lost := old.Enqueue([]byte("into the void"))
	_, err = lost.Wait(ctx)
	wantErr(t, err, ErrUnknownOutcome, raft.ErrLeadershipLost)
	if errors.Is(err, ErrNotProposed) || errors.Is(err, ErrNotLeader) {
		t.Errorf("%v is also determinate", err)
	}
	until(t, "the old leader steps down", func() bool { return !old.Leading() && old.LeaderSince().IsZero() })
	_, err = old.Propose(ctx, []byte("too late"))
	wantErr(t, err, ErrNotLeader)

	var leader *Store
	until(t, "the others elect one", func() bool {
		i := slices.IndexFunc(c.stores[1:], (*Store).Leading)
		if i >= 0 {
			leader = c.stores[1+i]
		}
		return leader != nil
	})
	propose(t, leader, "without it")

	c.join(true)
	want := []string{"alone", "together", "without it"}
	for i, b := range c.books {
		until(t, fmt.Sprintf("node%d has all", i), func() bool { return slices.Equal(b.read(), want) })
	}
	if old.Err() != nil {
		t.Error(old.Err())
	}
}

// A follower takes the snapshot of its leader, checks included.
func TestSnapshotReachesFollowers(t *testing.T) {
	c := newThree(t)
	propose(t, c.stores[0], "tail")
	for i, b := range c.books {
		until(t, "all applied", func() bool { return slices.Equal(b.read(), []string{"alone", "tail"}) })
		if _, restores := b.count(); i > 0 && restores != 1 {
			t.Errorf("node%d restored %d times", i, restores)
		}
	}
	for i, s := range c.stores[1:] {
		wantTight(t, s.dir.path)
		if n, err := s.snapshots.verify(); n == 0 || err != nil {
			t.Errorf("node%d: %d, %v", i+1, n, err)
		}
	}
}
