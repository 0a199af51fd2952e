package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// The changes of one member, as they are named in requests between members.
const (
	memberRemove  = "remove"
	memberPromote = "promote"
	memberDemote  = "demote"
	memberLead    = "lead" // the member is to lead; no change of the roster
)

// votersBut lists the voters other than one node, and says what that node is.
func (s *Service) votersBut(nodeID string) (others []string, member, votes bool, err error) {
	servers, err := s.store.Servers()
	for _, server := range servers {
		if server.NodeID == nodeID {
			member, votes = true, server.Voter
		} else if server.Voter {
			others = append(others, server.NodeID)
		}
	}
	return others, member, votes, translate(err)
}

// maxVoters bounds the voters: more make no decision safer, and each of them slower.
const maxVoters = 7

// roomToVote refuses another voter where there are enough. Error: ErrBadRequest.
func roomToVote(roster *raftstore.Roster, nodeID string) error {
	voters := 0
	for _, m := range roster.Members {
		if m.Suffrage == raftstore.Voter && !m.Removed && m.NodeID != nodeID {
			voters++
		}
	}
	if voters < maxVoters {
		return nil
	}
	return fmt.Errorf("%w: the cluster has %d voters, and more make it slower and no safer: let the node be a replica, or demote a voter first", ErrBadRequest, voters)
}

// changeHere changes a member, on the leader. What it did of a change that was cut
// short it does again without harm. Errors: ErrNoLeader when this node does not lead
// and changed nothing, ErrNotFound, ErrBadRequest, what a write returns.
//
// The caller must still be one when the change begins. A change of raft's configuration
// that was made is not left half done because the caller went meanwhile.
func (s *Service) changeHere(ctx context.Context, m *memberChange) (replayed bool, err error) {
	for try := range rosterTries {
		if !s.leading() {
			return false, ErrNoLeader
		}
		if try == 0 {
			if err := s.stillAuthorised(m); err != nil {
				return false, err
			}
		}
		var done applied
		if done, err = s.changeOnce(ctx, m); !errors.Is(err, errMembersChanged) || ctx.Err() != nil {
			s.store.Leases().MembersChanged()
			return done.replayed, err
		}
	}
	return false, err
}

// stillAuthorised asks whether the token of who asks for a change is one here and now.
// Errors: ErrSealed, those of State.Authorises.
func (s *Service) stillAuthorised(m *memberChange) error {
	v := s.view.Load()
	if v == nil {
		return ErrSealed
	}
	return v.Authorises(m.Caller)
}

// rosterTries is how often a change is made anew when another one came first.
const rosterTries = 5

var errMembersChanged = saying(ErrBusy, "%s", state.ErrRosterChanged.Error())

func (s *Service) changeOnce(ctx context.Context, m *memberChange) (applied, error) {
	s.changing.Lock() // what is found out here about the voters must be so when the vote is taken
	defer s.changing.Unlock()
	what, nodeID := m.What, m.NodeID
	roster, err := s.machine.rosterNow()
	if err != nil {
		return applied{}, err
	}
	others, member, votes, err := s.votersBut(nodeID)
	if err != nil {
		return applied{}, err
	}
	known := roster.Member(nodeID)
	if known != nil && known.Removed && !member || known == nil {
		return applied{}, fmt.Errorf("%w: no node %s in the cluster", ErrNotFound, Quote(nodeID))
	}
	if votes && len(others) < m.minVoters {
		return applied{}, fmt.Errorf("%w: without node %s there would be %d voters, and min_quorum is %d", ErrBadRequest, nodeID, len(others), m.minVoters)
	}
	if votes && what != memberPromote {
		if err := s.majorityOf(ctx, others, nodeID); err != nil {
			return applied{}, err
		}
		if nodeID == s.store.Identity().NodeID { // whoever leads next does the rest
			if err := s.leadTo(ctx, ""); err != nil {
				return applied{}, err
			}
			return applied{}, ErrNoLeader
		}
	}
	next := *known
	switch what {
	case memberRemove:
		next.Removed = true
		err = s.store.Remove(ctx, nodeID)
	case memberDemote:
		next.Suffrage = raftstore.Replica
		if votes {
			err = s.store.Demote(ctx, nodeID)
		}
	case memberPromote:
		next.Suffrage = raftstore.Voter // see tendVotes
		err = roomToVote(roster, nodeID)
	}
	if err != nil {
		return applied{}, translate(err)
	}
	cmd, err := s.setRoster(roster.With(next), state.SetRoster{})
	if err != nil {
		return applied{}, err
	}
	done, err := s.proposeFor(ctx, &state.Numbered{Proposal: m.Proposal, Once: m.Once, Command: cmd})
	if errors.Is(err, ErrBusy) {
		err = errMembersChanged
	}
	return done, err
}

// majorityOf refuses to take a vote when those that are left would not be able to
// decide anything, not even to give it back. Error: ErrBadRequest.
func (s *Service) majorityOf(ctx context.Context, left []string, without string) error {
	if len(left) == 0 {
		return fmt.Errorf("%w: node %s is the only voter: without it nobody could decide anything; let another node join first", ErrBadRequest, without)
	}
	var silent []string
	for i, st := range s.statuses(ctx, left) {
		if st == nil {
			silent = append(silent, left[i])
		}
	}
	if 2*(len(left)-len(silent)) > len(left) {
		return nil
	}
	return fmt.Errorf("%w: without the vote of %s only %d of %d voters answer, which is no majority: start %s again, or remove the dead ones first",
		ErrBadRequest, without, len(left)-len(silent), len(left), strings.Join(silent, ", "))
}

// statuses asks members how they are, all at once; nil is one that does not answer.
func (s *Service) statuses(ctx context.Context, ids []string) []*MemberStatus {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	list := make([]*MemberStatus, len(ids))
	tasks := make([]func(), len(ids))
	for i, id := range ids {
		tasks[i] = func() { list[i] = s.statusOf(ctx, id, false) }
	}
	sideBySide(tasks...)
	return list
}

// leadFor is leadTo for a caller, who must still be one.
func (s *Service) leadFor(ctx context.Context, m *memberChange) error {
	if err := s.stillAuthorised(m); err != nil {
		return err
	}
	return s.leadTo(ctx, m.NodeID)
}

// leadTo hands the lead to a voter that can use it; to the one that is furthest when
// nodeID is empty. Errors: ErrNoLeader when this node does not lead, ErrNotFound,
// ErrBadRequest, ErrBusy.
func (s *Service) leadTo(ctx context.Context, nodeID string) error {
	own := s.store.Identity().NodeID
	others, _, _, err := s.votersBut(own)
	switch {
	case err != nil:
		return err
	case !s.store.Leading():
		return ErrNoLeader
	case nodeID == own:
		return fmt.Errorf("%w: node %s leads already", ErrBadRequest, nodeID)
	case len(others) == 0:
		return fmt.Errorf("%w: there is no other voter to take over", ErrBadRequest)
	}
	to, err := s.successor(ctx, others, nodeID)
	if err != nil {
		return err
	}
	switch err := s.store.Transfer(ctx, to); {
	case errors.Is(err, raftstore.ErrNotLeader):
		return ErrNoLeader
	case err != nil:
		return fmt.Errorf("%w: the lead was not handed over: %w", ErrBusy, err)
	}
	return nil
}

// successor picks who is to lead: a sealed node could not write, and one that does
// not answer would let everybody wait for an election.
func (s *Service) successor(ctx context.Context, voters []string, wanted string) (string, error) {
	best, furthest, why := "", uint64(0), ""
	for i, st := range s.statuses(ctx, voters) {
		id := voters[i]
		if wanted != "" && id != wanted {
			continue
		}
		switch {
		case st == nil:
			why = "node " + id + " does not answer"
		case st.Sealed:
			why = "node " + id + " is sealed: unseal it first"
		case !st.Healthy:
			why = "node " + id + " cannot write its audit log"
		case best == "" || st.LastIndex > furthest:
			best, furthest = id, st.LastIndex
		}
	}
	switch {
	case best != "":
		return best, nil
	case why != "" && wanted == "":
		return "", fmt.Errorf("%w: no other voter can take over; %s", ErrBadRequest, why)
	case why != "":
		return "", fmt.Errorf("%w: %s", ErrBadRequest, why)
	}
	if roster, err := s.machine.rosterNow(); err == nil {
		if m := roster.Member(wanted); m != nil && !m.Removed {
			return "", fmt.Errorf("%w: node %s has no vote: it gets one when it has caught up, unless it is a replica, which must be promoted first", ErrBadRequest, wanted)
		}
	}
	return "", fmt.Errorf("%w: no node %s in the cluster", ErrNotFound, Quote(wanted))
}

// StepDown hands the lead over before this node stops, if it leads and can: those who
// write wait less than for an election.
func (s *Service) StepDown(ctx context.Context) {
	if !s.store.Leading() || !s.hasPeers() {
		return
	}
	if err := s.leadTo(ctx, ""); err != nil && !errors.Is(err, ErrNoLeader) {
		s.log.Warn("could not hand the lead over; the others elect a leader by themselves", "error", err)
	}
}

// HasPeers says whether other nodes can serve in this one's place: whether the
// cluster has other members.
func (s *Service) HasPeers() bool { return s.hasPeers() }
