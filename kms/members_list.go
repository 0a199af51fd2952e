package kms

import (
	"context"
	"encoding/json"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/raftstore"
)

// MemberInfo is one node of the cluster, as the leader or this node knows it.
type MemberInfo struct {
	NodeID     string
	Address    string
	APIAddress string
	Voter      bool // votes now
	WillVote   bool // is to have a vote
	Leader     bool
	Status     *MemberStatus // nil: it did not answer
}

// MemberStatus is what a member says of itself.
type MemberStatus struct {
	Version   string `json:"version"`
	Sealed    bool   `json:"sealed"`
	Serving   bool   `json:"serving"`
	LastIndex uint64 `json:"last_index"` // of its log
	Applied   uint64 `json:"applied"`
	State     uint64 `json:"state"` // index of the state that requests see; 0 while sealed
	Healthy   bool   `json:"healthy"`
}

func (s *Service) memberStatus() MemberStatus {
	v := s.view.Load()
	return MemberStatus{
		Version: s.cfg.Version, Sealed: v == nil, Serving: s.mayServe(v) == nil,
		LastIndex: s.store.LastIndex(), Applied: s.store.Indexes().Applied, State: s.stateIndex(), Healthy: s.audit.Err() == nil,
	}
}

// Members lists the nodes of the cluster. It needs read on
// sys/storage/raft/configuration.
func (s *Service) Members(ctx context.Context, c *Call) (list []MemberInfo, index uint64, err error) {
	err = s.act(c, verb{operation: "sys/storage/raft/configuration", need: policy.Read}, func(*gate.Admission) error {
		list, err = s.listMembers(ctx)
		index = c.view.Membership.Version
		return err
	})
	return list, index, err
}

func (s *Service) listMembers(ctx context.Context) ([]MemberInfo, error) {
	servers, err := s.store.Servers()
	if err != nil {
		return nil, translate(err)
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, err
	}
	leader, _ := s.store.Leader()
	list := make([]MemberInfo, len(servers))
	for i, server := range servers {
		m := MemberInfo{NodeID: server.NodeID, Voter: server.Voter, Leader: server.NodeID == leader}
		if known := roster.Member(server.NodeID); known != nil {
			m.Address, m.APIAddress, m.WillVote = known.Address, known.APIAddress, known.Suffrage == raftstore.Voter
		}
		list[i] = m
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	tasks := make([]func(), len(list))
	for i := range list {
		tasks[i] = func() { list[i].Status = s.statusOf(ctx, list[i].NodeID) }
	}
	sideBySide(tasks...)
	return list, nil
}

// statusTime bounds how long members are asked how they are.
const statusTime = 500 * time.Millisecond

func (s *Service) statusOf(ctx context.Context, id string) *MemberStatus {
	if id == s.store.Identity().NodeID {
		own := s.memberStatus()
		return &own
	}
	b, err := s.store.Ask(ctx, id, opStatus, nil)
	out := &MemberStatus{}
	if err != nil || json.Unmarshal(b, out) != nil {
		return nil
	}
	return out
}
