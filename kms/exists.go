package kms

import (
	"slices"

	"github.com/signet-kms/signet/raftstore"
)

// exists says whether the cluster was made: ErrNotInitialized when it was not,
// ErrNoLeader while that cannot be known yet.
func (s *Service) exists() error {
	switch {
	case s.machine.sealRecord() != nil:
		return nil
	case !s.caught.Load():
	case s.cfg.Joins:
		return s.joining()
	default:
		return ErrNotInitialized
	}
	if s.removed() {
		return errRemoved
	}
	if s.refusedByPeers() {
		return errRefused
	}
	return saying(ErrNoLeader, "the node has just started and does not know its log yet; try again shortly")
}

var errRemoved = saying(ErrNoLeader, "this node was removed from the cluster, for good: the others refuse it; give it an empty data directory, and it can join as a new one")

// errRefused is for a node that was dead when that happened: nobody can tell it which.
var errRefused = saying(ErrNoLeader, "the other members refuse this node's certificate: it was removed, or the cluster was recovered without it; look at 'signet operator raft list' there, and give this node an empty data directory, with which it can join as a new one")

// refusedByPeers says that it is not the lack of a majority that keeps this node from
// having a leader.
func (s *Service) refusedByPeers() bool {
	leader, _ := s.store.Leader()
	return leader == "" && s.store.RefusedByPeers()
}

// removed says whether this node was a member and is none any more, as far as it heard:
// a removed node is hung up on, and may have missed it. One that joins has a leader.
func (s *Service) removed() bool {
	id := s.store.Identity().NodeID
	if m := s.store.Roster().Member(id); m != nil && m.Removed {
		return true
	}
	if leader, _ := s.store.Leader(); leader != "" {
		return false
	}
	servers, err := s.store.Servers()
	return err == nil && len(servers) > 0 && !slices.ContainsFunc(servers, func(m raftstore.Server) bool { return m.NodeID == id })
}
