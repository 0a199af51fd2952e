package kms

import (
	"context"
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// leaderAlone refuses what only the leader can do, with the address to ask.
func (s *Service) leaderAlone() error {
	if s.follows() == "" {
		return nil
	}
	leader, _ := s.store.Leader()
	at := ""
	if m := s.store.Roster().Member(leader); m != nil && m.APIAddress != "" {
		at = ", at " + m.APIAddress
	}
	return saying(ErrNoLeader, "only the leader can do this: ask node %s%s", leader, at)
}

// votersAfter is how many voters there are when a node has none, or another, vote.
func (s *Service) voters(without string) (n int, member, votes bool, err error) {
	servers, err := s.store.Servers()
	for _, server := range servers {
		if server.NodeID == without {
			member, votes = true, server.Voter
		} else if server.Voter {
			n++
		}
	}
	return n, member, votes, err
}

// RemoveMember takes a node out of the cluster for good: its data can come back only
// as another incarnation, through a join token. It returns when the node can serve
// nothing any more. It needs update and sudo on sys/storage/raft/remove-peer. Errors:
// ErrNotFound, ErrBadRequest for the last voter, ErrNoLeader.
func (s *Service) RemoveMember(ctx context.Context, c *Call, nodeID string) error {
	return s.changeMember(ctx, c, "sys/storage/raft/remove-peer", nodeID, func(roster *raftstore.Roster) (*raftstore.Roster, func(context.Context) error, error) {
		left, member, votes, err := s.voters(nodeID)
		known := roster.Member(nodeID)
		switch {
		case err != nil:
			return nil, nil, err
		case !member && (known == nil || known.Removed):
			return nil, nil, fmt.Errorf("%w: no node %s in the cluster", ErrNotFound, Quote(nodeID))
		case votes && left == 0:
			return nil, nil, fmt.Errorf("%w: node %s is the only voter: the cluster would be gone", ErrBadRequest, nodeID)
		}
		gone := raftstore.Member{NodeID: nodeID, Suffrage: raftstore.Replica, Removed: true}
		if known != nil {
			gone = *known
			gone.Removed = true
		}
		return roster.With(gone), func(ctx context.Context) error { return s.store.Remove(ctx, nodeID) }, nil
	})
}

// PromoteMember gives a replica a vote, as soon as it has caught up. It needs update
// and sudo on sys/storage/raft/promote. Errors: ErrNotFound, ErrNoLeader.
func (s *Service) PromoteMember(ctx context.Context, c *Call, nodeID string) error {
	return s.changeMember(ctx, c, "sys/storage/raft/promote", nodeID, func(roster *raftstore.Roster) (*raftstore.Roster, func(context.Context) error, error) {
		return s.withSuffrage(roster, nodeID, raftstore.Voter, func(context.Context) error { return nil }) // see promoteReady
	})
}

// DemoteMember takes a voter's vote; it serves on as a replica. It needs update and
// sudo on sys/storage/raft/demote. Errors: ErrNotFound, ErrBadRequest for the last
// voter, ErrNoLeader.
func (s *Service) DemoteMember(ctx context.Context, c *Call, nodeID string) error {
	return s.changeMember(ctx, c, "sys/storage/raft/demote", nodeID, func(roster *raftstore.Roster) (*raftstore.Roster, func(context.Context) error, error) {
		left, _, votes, err := s.voters(nodeID)
		switch {
		case err != nil:
			return nil, nil, err
		case votes && left == 0:
			return nil, nil, fmt.Errorf("%w: node %s is the only voter", ErrBadRequest, nodeID)
		}
		return s.withSuffrage(roster, nodeID, raftstore.Replica, func(ctx context.Context) error { return s.store.Demote(ctx, nodeID) })
	})
}

func (s *Service) withSuffrage(roster *raftstore.Roster, nodeID, suffrage string, then func(context.Context) error) (*raftstore.Roster, func(context.Context) error, error) {
	m := roster.Member(nodeID)
	if m == nil || m.Removed {
		return nil, nil, fmt.Errorf("%w: no node %s in the cluster", ErrNotFound, Quote(nodeID))
	}
	next := *m
	next.Suffrage = suffrage
	return roster.With(next), then, nil
}

// changeMember changes raft's configuration and the roster, in an order in which a
// crash between the two leaves a node that can be removed again.
func (s *Service) changeMember(ctx context.Context, c *Call, operation, nodeID string, change func(*raftstore.Roster) (*raftstore.Roster, func(context.Context) error, error)) error {
	if err := s.leaderAlone(); err != nil {
		s.Reject(c.Origin, c, err)
		return err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	_, err := s.write(ctx, c, verb{operation: operation, need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		note(a, "node_id", nodeID)
		roster, err := s.machine.rosterNow()
		if err != nil {
			return nil, err
		}
		next, first, err := change(roster)
		if err != nil {
			return nil, err
		}
		if err := first(ctx); err != nil {
			return nil, translate(err)
		}
		return s.setRoster(next, state.SetRoster{})
	})
	s.store.Leases().MembersChanged()
	return err
}

// Transfer hands the lead to another voter; to the one that is furthest when nodeID
// is empty. Requests under way on this node finish. It needs update and sudo on
// sys/step-down. Errors: ErrNotFound, ErrBadRequest, ErrNoLeader.
func (s *Service) Transfer(ctx context.Context, c *Call, nodeID string) error {
	return s.act(c, verb{operation: "sys/step-down", need: policy.Update | policy.Sudo, late: true}, func(a *gate.Admission) error {
		note(a, "to", nodeID)
		if err := s.leaderAlone(); err != nil {
			return err
		}
		left, _, _, err := s.voters(s.store.Identity().NodeID)
		switch {
		case err != nil:
			return err
		case left == 0:
			return fmt.Errorf("%w: there is no other voter to take over", ErrBadRequest)
		}
		ctx, cancel := detached(ctx)
		defer cancel()
		if err := s.store.Transfer(ctx, nodeID); err != nil {
			return fmt.Errorf("%w: the lead was not handed over: %w", ErrBusy, err)
		}
		return nil
	})
}

// StepDown hands the lead over before this node stops, if it leads and can: those who
// write wait less than for an election.
func (s *Service) StepDown(ctx context.Context) {
	if !s.store.Leading() || !s.hasPeers() {
		return
	}
	if left, _, _, err := s.voters(s.store.Identity().NodeID); err != nil || left == 0 {
		return
	}
	if err := s.store.Transfer(ctx, ""); err != nil {
		s.log.Warn("could not hand the lead over; the others elect a leader by themselves", "error", err)
	}
}

// HasPeers says whether other nodes can serve in this one's place: whether the
// cluster has other members.
func (s *Service) HasPeers() bool { return s.hasPeers() }
