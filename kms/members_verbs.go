package kms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// RemoveMember takes a node out of the cluster for good: its data can come back only
// as another incarnation, through a join token. It returns when the node can serve
// nothing any more. Any other node takes the call. It needs update and sudo on
// sys/storage/raft/remove-peer. Errors: ErrNotFound, ErrBadRequest for the last voter,
// for a vote without which there is no majority, and for the node that is asked;
// ErrNoLeader.
func (s *Service) RemoveMember(ctx context.Context, c *Call, nodeID string) error {
	return s.changeMember(ctx, c, "sys/storage/raft/remove-peer", memberRemove, nodeID)
}

// PromoteMember gives a replica a vote, as soon as it has caught up. Any node takes
// the call. It needs update and sudo on sys/storage/raft/promote. Errors: ErrNotFound,
// ErrNoLeader.
func (s *Service) PromoteMember(ctx context.Context, c *Call, nodeID string) error {
	return s.changeMember(ctx, c, "sys/storage/raft/promote", memberPromote, nodeID)
}

// DemoteMember takes a voter's vote; it serves on as a replica. Any node takes the
// call. It needs update and sudo on sys/storage/raft/demote. Errors: ErrNotFound,
// ErrBadRequest as for RemoveMember, ErrNoLeader.
func (s *Service) DemoteMember(ctx context.Context, c *Call, nodeID string) error {
	return s.changeMember(ctx, c, "sys/storage/raft/demote", memberDemote, nodeID)
}

// changeMember decides and records a change of a member here, and has the leader make
// it, which writes a record of its own that names this node.
func (s *Service) changeMember(ctx context.Context, c *Call, operation, what, nodeID string) error {
	if err := s.fence(ctx, c); err != nil {
		s.Reject(c.Origin, c, err)
		return err
	}
	a, err := s.admit(c, verb{operation: operation, need: policy.Update | policy.Sudo})
	if err != nil {
		return err
	}
	note(a, "node_id", nodeID)
	if _, again, err := c.repeated(a); again {
		if err == nil {
			err = s.awaitEarlier(ctx, c)
		}
		return s.finish(c, a, err)
	}
	if what == memberRemove && nodeID == s.store.Identity().NodeID {
		err := fmt.Errorf("%w: node %s is the one that was asked, and would not hear what came of it: ask another node of the cluster", ErrBadRequest, nodeID)
		return firstError(s.close(a, err), err)
	}
	id := newProposal()
	if err := translate(a.Intent(proposalText(id))); err != nil {
		return err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	change := c.memberChange(what, nodeID)
	change.Proposal, change.Once = id, c.once
	err = s.atLeader(ctx, change, func(m *memberChange) error {
		var err error
		c.replayed, err = s.changeHere(ctx, m)
		return err
	})
	err = translate(err)
	if closeErr := s.close(a, err); closeErr != nil && err == nil {
		err = c.unrecorded("the change", closeErr)
	}
	return err
}

// Transfer hands the lead to another voter; to the one that is furthest when nodeID
// is empty. Requests under way finish. Any node takes the call. It needs update and
// sudo on sys/step-down. Errors: ErrNotFound, ErrBadRequest, ErrBusy, ErrNoLeader.
func (s *Service) Transfer(ctx context.Context, c *Call, nodeID string) error {
	a, err := s.admit(c, verb{operation: "sys/step-down", need: policy.Update | policy.Sudo, late: true})
	if err != nil {
		return err
	}
	note(a, "to", nodeID)
	ctx, cancel := detached(ctx)
	defer cancel()
	err = s.atLeader(ctx, c.memberChange(memberLead, nodeID), func(m *memberChange) error {
		return s.leadFor(ctx, m)
	})
	err = translate(err)
	return firstError(s.close(a, err), err) // nothing to withhold: the lead has gone
}

// memberChange is what a member asks the leader to do for one of its callers.
type memberChange struct {
	What     string      `json:"what"`
	NodeID   string      `json:"node_id"`
	Proposal []byte      `json:"proposal,omitempty"`
	Once     *state.Once `json:"once,omitempty"`
	Origin   Origin      `json:"origin"`
	Name     string      `json:"name"`     // the caller's, for the leader's record
	Accessor string      `json:"accessor"` // the caller's
	Caller   []byte      `json:"caller"`   // see Call.authority

	minVoters int // of those that are left when a vote is taken; 0 for any majority
}

func (c *Call) memberChange(what, nodeID string) *memberChange {
	return &memberChange{What: what, NodeID: nodeID, Origin: c.Origin, Name: c.Caller.DisplayName, Accessor: c.Caller.Accessor, Caller: c.authority()}
}

// memberChanged is the leader's answer.
type memberChanged struct {
	Index uint64 `json:"index"` // of the leader's state with the change in it
}

// leaderTime is how long a change of a member waits for a leader.
const leaderTime = 6 * time.Second

// atLeader does something here if this node leads, and asks the leader otherwise;
// again, as long as there is none: an answer ErrNoLeader says that nothing was done.
func (s *Service) atLeader(ctx context.Context, m *memberChange, here func(*memberChange) error) error {
	for started := time.Now(); ; {
		leader := s.follows()
		var err error
		if leader == "" {
			err = here(m)
		} else {
			err = s.askChange(ctx, leader, m)
		}
		if !errors.Is(err, ErrNoLeader) || time.Since(started) > leaderTime || ctx.Err() != nil {
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// askChange is one request to the leader. The change is in this node's state when it
// returns nil, if it is one of the state.
func (s *Service) askChange(ctx context.Context, leader string, m *memberChange) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sealed, err := s.sealBetween(memberName, body)
	if err != nil {
		return err
	}
	b, err := s.askWhileItLeads(ctx, leader, opMember, sealed)
	refusal := (*raftstore.PeerError)(nil)
	switch {
	case err == nil:
		var done memberChanged
		if json.Unmarshal(b, &done) != nil {
			return ErrOutcomeUnknown
		}
		_ = s.reach(ctx, done.Index) // it is done, whether this node sees it yet or not
		return nil
	case errors.Is(err, raftstore.ErrNotDelivered):
		return fmt.Errorf("%w: %w", ErrNoLeader, errForwarding)
	case !errors.As(err, &refusal):
		return saying(ErrOutcomeUnknown, "the leader, node %s, did not answer; list the nodes before trying again", leader)
	case refusal.Code == codeNotProposed || refusal.Code == "not_ready" || refusal.Code == ErrNoLease.code:
		return saying(ErrNoLeader, "the leader, node %s: %s", leader, refusal.Text)
	}
	for _, known := range []*Error{ErrBadRequest, ErrNotFound, ErrSealed, ErrBusy, ErrStorageFull, ErrAuditUnavailable, ErrIdempotencyMismatch, ErrClusterLevel, ErrInvalidToken, ErrApplicationBlocked} {
		if refusal.Code == known.code {
			return saying(known, "%s", refusal.Text)
		}
	}
	return saying(ErrOutcomeUnknown, "the leader, node %s: %s; list the nodes before trying again", leader, refusal.Text)
}

// answerMember makes a change for another member, which authenticated its caller,
// asked the policy and wrote its own records. That it is unsealed the seal of the message
// proves: what lies on its disk is not enough to change who belongs to the cluster.
func (s *Service) answerMember(ctx context.Context, from string, sealed []byte) ([]byte, error) {
	body, err := s.openBetween(memberName, sealed)
	if err != nil {
		return nil, &raftstore.PeerError{Code: codeNotProposed, Text: "the request to change a member cannot be opened here: " + err.Error()}
	}
	var m memberChange
	if json.Unmarshal(body, &m) != nil {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: ErrBadRequest.text}
	}
	operation := map[string]string{
		memberRemove: "sys/storage/raft/remove-peer", memberPromote: "sys/storage/raft/promote", memberDemote: "sys/storage/raft/demote", memberLead: "sys/step-down",
	}[m.What]
	switch {
	case operation == "":
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: "this node does not know the change " + Quote(m.What) + "; it may be of another version"}
	case !s.store.Leading():
		return nil, &raftstore.PeerError{Code: codeNotProposed, Text: "this node does not lead"}
	}
	c, err := s.BeginUnaudited(m.Origin)
	if err != nil {
		return nil, peerError(err)
	}
	c.Caller = policy.Caller{Root: true, DisplayName: m.Name, Accessor: m.Accessor}
	ctx, cancel := detached(ctx)
	defer cancel()
	a, err := s.admit(c, verb{operation: operation, need: policy.Update | policy.Sudo, late: m.What == memberLead})
	if err != nil {
		return nil, peerError(err)
	}
	note(a, "node_id", m.NodeID)
	note(a, "asked_by", from)
	if err = s.doForMember(ctx, a, &m); err != nil {
		return nil, peerError(err)
	}
	return json.Marshal(memberChanged{s.stateIndex()})
}

func (s *Service) doForMember(ctx context.Context, a *gate.Admission, m *memberChange) error {
	var err error
	if m.What == memberLead {
		err = s.leadFor(ctx, m)
	} else if err = translate(a.Intent(proposalText(m.Proposal))); err != nil {
		return err
	} else {
		_, err = s.changeHere(ctx, m)
	}
	err = translate(err)
	_ = s.close(a, err) // what is done is done: a record that cannot be written now follows
	return err
}
