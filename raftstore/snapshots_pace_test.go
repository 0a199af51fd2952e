package raftstore

import (
	"strings"
	"testing"
	"time"
)

func TestSnapshotThreshold(t *testing.T) {
	for _, c := range []struct {
		least        uint64
		size, logged int64
		want         uint64
	}{
		{8192, 0, 0, 8192}, {8192, 8192 * entryLength, 0, 8192}, {8192, 10000 * entryLength, 0, 10000}, {8192, 1 << 40, 0, mostEntries},
		{8192, -1, -1, 8192}, {1 << 20, 1 << 40, 0, 1 << 20},
		{8192, 10000 * entryLength, 10000 * entryLength, 10000}, {8192, 10000 * entryLength, 10000*entryLength + 1, 8192},
	} {
		if got := snapshotThreshold(c.least, c.size, c.logged); got != c.want {
			t.Errorf("at least %d, after %d bytes and %d of log: %d, want %d", c.least, c.size, c.logged, got, c.want)
		}
	}
}

// A large state is not written again after so few entries as a small one is, after a
// restart neither.
func TestSnapshotsOfALargeStateAreRarer(t *testing.T) {
	o := Options{Dir: t.TempDir(), Dev: true, SnapshotThreshold: 20, SnapshotInterval: 5 * time.Millisecond, TrailingLogs: 5}
	s, err := Open(o, newBook())
	must(t, err)
	defer s.Close()
	settle(t, s)
	for range 30 {
		propose(t, s, strings.Repeat("x", 16384))
		time.Sleep(10 * time.Millisecond) // so that the first one comes as soon as it may
	}
	least := uint64(12 * 16384 / entryLength) // some of the twenty entries are raft's own
	until(t, "the next snapshot comes later", func() bool { return s.raft.Load().ReloadableConfig().SnapshotThreshold >= least })
	closeStore(t, s)
	s, err = Open(o, newBook())
	must(t, err)
	defer s.Close()
	if got := s.raft.Load().ReloadableConfig(); got.SnapshotThreshold < least || got.HeartbeatTimeout != 50*time.Millisecond {
		t.Errorf("after a restart: %+v, want %d at least", got, least)
	}
	before := s.Indexes().LastSnapshot
	settle(t, s)
	for range 50 {
		propose(t, s, "y")
	}
	time.Sleep(100 * time.Millisecond) // twenty looks
	if now := s.Indexes().LastSnapshot; now != before {
		t.Errorf("a snapshot at %d after one at %d, of some 400 KiB", now, before)
	}
	for range 30 { // long ones, though far fewer than the state has kilobytes
		propose(t, s, strings.Repeat("z", 32768))
	}
	until(t, "a snapshot comes once the log is as long as the state", func() bool { return s.Indexes().LastSnapshot != before })
}

func TestBytesAfterASnapshot(t *testing.T) {
	for _, c := range []struct {
		shape logShape
		index uint64
		want  int64
	}{
		{logShape{}, 0, 0}, {logShape{}, 7, 0}, {logShape{runStart: 1, last: 10, entries: 10, bytes: 1000}, 0, 1000},
		{logShape{runStart: 1, last: 10, entries: 10, bytes: 1000}, 7, 300}, {logShape{runStart: 1, last: 10, entries: 10, bytes: 1000}, 10, 0},
		{logShape{runStart: 6, last: 10, entries: 5, bytes: 1000}, 3, 1000}, {logShape{runStart: 6, last: 10, entries: 5, bytes: 1000}, 12, 0},
	} {
		if got := c.shape.bytesAfter(c.index); got != c.want {
			t.Errorf("%+v after %d: %d, want %d", c.shape, c.index, got, c.want)
		}
	}
}
