package raftstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Bootstrap makes this node the only voter of a new cluster and waits until it
// leads. It is for the first node alone. When ctx ends before the node leads,
// the cluster exists all the same and WaitLeader can be called again. Errors:
// ErrBootstrapped, ErrClosed, the fatal error, that of ctx.
func (s *Store) Bootstrap(ctx context.Context) error {
	if err := s.found(); err != nil {
		return err
	}
	return s.WaitLeader(ctx)
}

// found writes the first state of a cluster and starts raft on it.
func (s *Store) found() error {
	s.bootstrap.Lock()
	defer s.bootstrap.Unlock()
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	switch {
	case s.Err() != nil:
		return s.Err()
	case closing:
		return ErrClosed
	case s.Bootstrapped():
		return ErrBootstrapped
	}
	err := isolated(func() error {
		if err := s.undoHalf(); err != nil {
			return err
		}
		conf := s.opts.raftConfig(s.identity.NodeID, nil, s.log)
		return raft.BootstrapCluster(conf, s.records, s.records, s.snapshots, s.transport, raft.Configuration{
			Servers: []raft.Server{{
				Suffrage: raft.Voter,
				ID:       raft.ServerID(s.identity.NodeID),
				Address:  s.transport.LocalAddr(),
			}},
		})
	})
	switch {
	case s.Err() != nil:
		return s.Err()
	case errors.Is(err, raft.ErrCantBootstrap):
		return ErrBootstrapped
	case err != nil:
		return fmt.Errorf("writing the first state: %w", err)
	}
	return s.start()
}

// undoHalf takes back a bootstrap that a crash cut in two. Raft writes the term
// and then the first entry; with the term alone it would take the node for a
// member of a cluster it does not know, for ever. A node that has voted is one.
func (s *Store) undoHalf() error {
	last, err := s.records.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	term, err := s.records.GetUint64([]byte("CurrentTerm"))
	if errors.Is(err, errNoValue) {
		return nil
	}
	if err != nil || term != 1 {
		return err
	}
	if _, err := s.records.GetUint64([]byte("LastVoteTerm")); !errors.Is(err, errNoValue) {
		return err
	}
	return s.records.SetUint64([]byte("CurrentTerm"), 0)
}
