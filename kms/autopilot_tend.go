package kms

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// How often a leader looks at its members: soon while one waits for its vote.
const (
	tendSoon  = 500 * time.Millisecond
	tendEvery = 2 * time.Second

	tendGap     = 30 * time.Second // after so long without a look who was silent is not known
	removeAgain = time.Minute      // after a removal that came to nothing
)

// tendVotes looks at the members, gives those that are ready their votes, and removes
// one that is dead, if the settings say so. See decide. It is called by lead alone.
func (s *Service) tendVotes(ctx context.Context, v *view) {
	now := time.Now()
	wait := tendEvery
	if s.promotion.waits {
		wait = tendSoon
	}
	since := now.Sub(s.promotion.looked)
	if since < wait {
		return
	}
	if since > tendGap { // this node was stopped, or sealed
		s.forgetMembers()
	}
	s.promotion.looked = now
	members, err := s.lookAtMembers(ctx, v, s.promotion.members, now)
	if err != nil || ctx.Err() != nil {
		return
	}
	s.promotion.members, s.promotion.waits = members, false
	s.autopilot.Store(&members)
	for _, m := range members {
		s.promotion.waits = s.promotion.waits || m.WillVote && !m.Voter && m.Status != nil
	}
	promote, remove := decide(members, v.AutopilotNow(), now)
	for _, id := range promote {
		s.promote(ctx, id)
	}
	if remove != nil && now.Sub(s.promotion.removed) >= removeAgain {
		s.promotion.removed = now
		if s.removeDead(ctx, remove) == nil {
			s.promotion.removed = time.Time{}
		}
	}
}

// lookAtMembers asks all members how they are.
func (s *Service) lookAtMembers(ctx context.Context, v *view, before []memberHealth, now time.Time) ([]memberHealth, error) {
	servers, err := s.store.Servers()
	if err != nil {
		return nil, translate(err)
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, err
	}
	list := rolesOf(servers, roster, s.store.Identity().NodeID)
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].NodeID
	}
	for i, st := range s.statuses(ctx, ids) {
		list[i].Status = st
	}
	return judge(before, list, s.memberStatus(false), v.AutopilotNow(), now), nil
}

func (s *Service) promote(ctx context.Context, id string) {
	if err := s.store.Promote(ctx, id); err != nil {
		s.log.Warn("could not give a node its vote, trying again", "node", id, "error", err)
		return
	}
	s.log.Info("a node has caught up and votes now", "node", id)
	rec := &audit.Record{Type: audit.TypeNode, Operation: "cluster/promote", Outcome: audit.OutcomeOK, Fields: map[string]string{"node_id": id}}
	s.audit.AppendLate(rec)
}

// removeDead removes a member as RemoveMember does, in the name of autopilot.
func (s *Service) removeDead(ctx context.Context, m *memberHealth) error {
	c, err := s.asNode("autopilot", "PUT", "sys/storage/raft/remove-peer")
	if err != nil {
		return err
	}
	a, err := s.admit(c, verb{operation: "sys/storage/raft/remove-peer", need: policy.Update | policy.Sudo})
	if err != nil {
		return err
	}
	silent := m.LastContact.Round(time.Second)
	note(a, "node_id", m.NodeID)
	note(a, "reason", fmt.Sprintf("it did not answer for %v", silent))
	id := newProposal()
	if err := translate(a.Intent(proposalText(id))); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	// Somebody may have removed another node since this one was found dead.
	_, err = s.changeHere(ctx, &memberChange{What: memberRemove, NodeID: m.NodeID, Proposal: id, minVoters: int(c.view.AutopilotNow().MinQuorum)})
	err = translate(err)
	_ = s.close(a, err) // what is done is done: a record that cannot be written now follows
	if err != nil {
		s.log.Warn("could not remove a dead node, trying again in a while", "node", m.NodeID, "silent_for", silent, "error", err)
	} else {
		s.log.Warn("a dead node was removed from the cluster", "node", m.NodeID, "silent_for", silent)
	}
	return err
}

// autopilotState is the state as the leader has it. A leader that has not looked yet
// looks now.
func (s *Service) autopilotState(ctx context.Context, v *view) (*AutopilotState, error) {
	if leader := s.follows(); leader != "" {
		b, err := s.store.Ask(ctx, leader, opAutopilot, nil)
		out := &AutopilotState{}
		if err == nil {
			err = json.Unmarshal(b, out)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoLeader, errForwarding)
		}
		return out, nil
	}
	if !s.leading() {
		return nil, ErrNoLeader
	}
	if members := s.autopilot.Load(); members != nil {
		return stateOf(*members), nil
	}
	members, err := s.lookAtMembers(ctx, v, nil, time.Now())
	if err != nil {
		return nil, err
	}
	return stateOf(members), nil
}

// answerAutopilot is autopilotState for another member.
func (s *Service) answerAutopilot(ctx context.Context) ([]byte, error) {
	v := s.view.Load()
	if v == nil || !s.leading() {
		return nil, errNotTheLeader
	}
	out, err := s.autopilotState(ctx, v)
	if err != nil {
		return nil, &raftstore.PeerError{Code: Code(err), Text: err.Error()}
	}
	return json.Marshal(out)
}

// forgetMembers forgets what this node saw of the members while it led: the next
// leader counts anew, and so does this one when it leads again.
func (s *Service) forgetMembers() {
	s.promotion.members, s.promotion.waits = nil, false
	s.autopilot.Store(nil)
}

// autopilotLimits are what settings may be.
const (
	minDeadAfter  = time.Minute
	maxAutopilot  = 365 * 24 * time.Hour
	minMinQuorum  = 3 // with cleanup
	maxTrailing   = 1 << 32
	minStatusTime = time.Millisecond
)

func checkAutopilot(a state.Autopilot) error {
	bad := func(text string, args ...any) error {
		return fmt.Errorf("%w: "+text, append([]any{ErrBadRequest}, args...)...)
	}
	dead, contact, stable := time.Duration(a.DeadAfter), time.Duration(a.LastContact), time.Duration(a.Stabilization)
	switch {
	case max(dead, contact, stable) > maxAutopilot:
		return bad("a time of more than a year")
	case dead < minDeadAfter:
		return bad("dead_server_last_contact_threshold is at least %v: who restarts is not dead", minDeadAfter)
	case contact < minStatusTime:
		return bad("last_contact_threshold is more than nothing")
	case stable < 0:
		return bad("server_stabilization_time is not negative")
	case a.MaxTrailing < 1 || a.MaxTrailing > maxTrailing:
		return bad("max_trailing_logs is 1 to %d", uint64(maxTrailing))
	case a.MinQuorum > maxVoters: // the clean-up would never remove a voter, and nobody would be told
		return bad("min_quorum is at most %d, as many voters as a cluster has", maxVoters)
	case a.Cleanup && a.MinQuorum < minMinQuorum:
		return bad("cleanup_dead_servers needs a min_quorum of at least %d, which it leaves", minMinQuorum)
	}
	return nil
}
