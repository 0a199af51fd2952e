package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/raft"
)

// Errors of recovery.
var (
	ErrMajorityLives = errors.New("a majority of the voters is not given up: start them, and remove the dead through the cluster")
	ErrNothingGiven  = errors.New("no node was given up")
)

// Recovery is the data directory of a node that does not run, opened to give up the
// members that are gone for good. The caller closes it.
type Recovery struct {
	store  *Store
	roster *Roster // as kept; nil for a node that never had peers
	config raft.Configuration
	found  Survivor
}

// Survivor is what such a directory holds.
type Survivor struct {
	NodeID    string
	Roster    *Roster  // as this node knew it last
	Servers   []Server // raft's configuration, as this node has it
	LastIndex uint64   // of the log, committed or not
	LastTerm  uint64
	Snapshot  uint64 // the index of the newest snapshot
}

// OpenRecovery locks and checks a data directory, as Open does, and opens no port.
// The machine is given everything in the directory when Give is called. Errors:
// ErrNotBootstrapped for a directory without cluster state, and those of Open.
func OpenRecovery(o Options, m Machine) (*Recovery, error) {
	o.Listen = ""
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	// Open would make an identity; there is nothing to recover then.
	if _, err := os.Stat(filepath.Join(o.Dir, nodeIDFile)); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotBootstrapped
	}
	s := &Store{
		opts: o, log: o.Logger, failed: make(chan struct{}), fatal: make(chan error, 1), stopped: make(chan struct{}),
	}
	s.leader.changed = make(chan struct{})
	s.fsm = &adapter{machine: m, fail: func(f *Fatal) { s.fail(f) }}
	if s.dir, err = openDataDir(o.Dir); err != nil {
		return nil, err
	}
	r := &Recovery{store: s}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Recovery) open() (err error) {
	s := r.store
	shape, index, err := s.openFiles()
	if err != nil {
		return err
	}
	// Open would refuse the directory after the recovery too, and what is missing was
	// acknowledged: a recovery keeps revocations, which such a log may have lost.
	if err := s.dir.hasLost(max(shape.last, index)); err != nil {
		return err
	}
	if shape.last == 0 && index == 0 {
		return ErrNotBootstrapped
	}
	if r.roster, err = readRoster(s.dir, s.opts.Level); err != nil {
		return err
	}
	r.found = Survivor{NodeID: s.identity.NodeID, Roster: r.roster, Snapshot: index}
	return r.scan()
}

// scan finds raft's configuration: that of the newest snapshot, or of an entry after
// it.
func (r *Recovery) scan() error {
	metas, err := r.store.snapshots.List()
	if err != nil {
		return err
	}
	if len(metas) > 0 {
		r.config, r.found.LastIndex, r.found.LastTerm = metas[0].Configuration, metas[0].Index, metas[0].Term
	}
	first, err := r.store.records.FirstIndex()
	if err != nil {
		return err
	}
	last, err := r.store.records.LastIndex()
	if err != nil {
		return err
	}
	for i := max(first, 1); i <= last; i++ {
		var entry raft.Log
		if err := r.store.records.GetLog(i, &entry); err != nil {
			return err
		}
		if entry.Type == raft.LogConfiguration {
			r.config = raft.DecodeConfiguration(entry.Data)
		}
		if i >= r.found.LastIndex {
			r.found.LastIndex, r.found.LastTerm = entry.Index, entry.Term
		}
	}
	for _, server := range r.config.Servers {
		r.found.Servers = append(r.found.Servers, Server{NodeID: string(server.ID), Voter: server.Suffrage == raft.Voter})
	}
	return nil
}

// Survivor tells what the directory holds. It is not to be changed.
func (r *Recovery) Survivor() Survivor { return r.found }

// Plan says what Give would make of the cluster, or why it would not: raft's
// configuration, and the roster with its next epoch, whose members refuse those of
// the one before. Where the node itself had no vote and none is left, it gets one.
// Errors: ErrNothingGiven, ErrNoMember, ErrMajorityLives, and for the node itself.
func (r *Recovery) Plan(dead []string) ([]Server, *Roster, error) {
	config, roster, err := r.plan(dead)
	if err != nil {
		return nil, nil, err
	}
	var servers []Server
	for _, server := range config.Servers {
		servers = append(servers, Server{NodeID: string(server.ID), Voter: server.Suffrage == raft.Voter})
	}
	return servers, roster, nil
}

func (r *Recovery) plan(dead []string) (raft.Configuration, *Roster, error) {
	var none raft.Configuration
	self := raft.ServerID(r.found.NodeID)
	switch {
	case len(dead) == 0:
		return none, nil, ErrNothingGiven
	case r.roster == nil:
		return none, nil, fmt.Errorf("%w: this node never had others beside it", ErrNoMember)
	case slices.Contains(dead, string(self)):
		return none, nil, fmt.Errorf("node %s is this one: run it on the data of a node that survives", self)
	}
	gone := func(id raft.ServerID) bool { return slices.Contains(dead, string(id)) }
	var strangers, servers []string
	for _, server := range r.config.Servers {
		servers = append(servers, string(server.ID))
	}
	for _, id := range dead {
		if r.roster.Member(id) == nil && !slices.Contains(servers, id) {
			strangers = append(strangers, strconv.Quote(id))
		}
	}
	if len(strangers) > 0 {
		return none, nil, fmt.Errorf("%w: %s (they are %s)", ErrNoMember, strings.Join(strangers, ", "), strings.Join(servers, ", "))
	}
	var config raft.Configuration
	voters, left := 0, 0
	for _, server := range r.config.Servers {
		voter := server.Suffrage == raft.Voter
		if voter {
			voters++
		}
		if gone(server.ID) {
			continue
		}
		if voter {
			left++
		}
		config.Servers = append(config.Servers, server)
	}
	if 2*left > voters {
		return none, nil, ErrMajorityLives
	}
	return r.withVote(config, left), r.nextRoster(dead, left), nil
}

// withVote makes this node a voter where no other is left.
func (r *Recovery) withVote(config raft.Configuration, voters int) raft.Configuration {
	if voters > 0 {
		return config
	}
	self := raft.ServerID(r.found.NodeID)
	config.Servers = slices.DeleteFunc(config.Servers, func(s raft.Server) bool { return s.ID == self })
	config.Servers = append(config.Servers, raft.Server{Suffrage: raft.Voter, ID: self, Address: raft.ServerAddress(self)})
	return config
}

// nextRoster is of the next epoch, unless a crash cut a recovery short that wrote it
// already.
func (r *Recovery) nextRoster(dead []string, voters int) *Roster {
	next := *r.roster
	next.Members = slices.Clone(next.Members)
	changed := false
	for i := range next.Members {
		m := &next.Members[i]
		switch {
		case slices.Contains(dead, m.NodeID) && !m.Removed:
			m.Removed, changed = true, true
		case m.NodeID == r.found.NodeID && voters == 0 && m.Suffrage != Voter:
			m.Suffrage, changed = Voter, true
		}
	}
	if changed {
		next.Epoch++
		next.Version++
	}
	return &next
}

// Give gives up the dead for good: the roster is written, and then one snapshot of
// all that the log holds, under the new configuration, takes the log's place. What
// was in this log and not committed is in force from then on. A crash at any step
// leaves a directory on which it can be run again. Errors: those of Plan, a *Fatal of
// the machine, and those of the file system.
func (r *Recovery) Give(dead []string) (*Roster, error) {
	config, roster, err := r.plan(dead)
	if err != nil {
		return nil, err
	}
	b, err := roster.Marshal()
	if err != nil {
		return nil, err
	}
	// Before all else: the recovered log is no evidence against other survivors.
	last, err := r.store.records.LastIndex()
	if err != nil {
		return nil, err
	}
	if err := r.store.dir.replace(recoveredFile, encodeMark(max(last, r.store.snapshots.last.Load()))); err != nil {
		return nil, err
	}
	if err := r.store.dir.replace(rosterFile, b); err != nil {
		return nil, fmt.Errorf("writing the roster: %w", err)
	}
	s := r.store
	_, transport := raft.NewInmemTransport(raft.ServerAddress(s.identity.NodeID))
	err = isolated(func() error {
		return raft.RecoverCluster(s.opts.raftConfig(s.identity.NodeID, nil, s.log), s.fsm, s.records, s.records, s.snapshots, transport, config)
	})
	if cause := s.Err(); cause != nil { // raft goes on after an entry that was not applied
		return nil, cause
	}
	if err != nil {
		return nil, fmt.Errorf("recovering: %w", err)
	}
	r.roster, r.config = roster, config
	return roster, nil
}

// Close unlocks the directory.
func (r *Recovery) Close() error {
	var err error
	if r.store.records != nil {
		err = r.store.records.store.Close()
	}
	r.store.dir.close()
	return err
}
