package kms

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// MemberInfo is one node of the cluster, as the leader or this node knows it.
type MemberInfo struct {
	NodeID string
	// Incarnation tells a node from another one that had its id before.
	Incarnation string
	Address     string
	APIAddress  string
	Voter       bool // votes now
	WillVote    bool // is to have a vote
	Leader      bool
	Status      *MemberStatus // nil: it did not answer
}

// MemberList is the nodes of the cluster.
type MemberList struct {
	List    []MemberInfo
	Version uint64 // of the roster
	Level   uint64 // the cluster's feature level
}

// MemberStatus is what a member says of itself.
type MemberStatus struct {
	Version   string `json:"version"`
	Level     uint64 `json:"level"` // the feature level that its build knows
	Sealed    bool   `json:"sealed"`
	Serving   bool   `json:"serving"`
	LastIndex uint64 `json:"last_index"` // of its log
	Term      uint64 `json:"term"`
	Applied   uint64 `json:"applied"`
	State     uint64 `json:"state"` // index of the state that requests see; 0 while sealed
	Healthy   bool   `json:"healthy"`
	Slow      bool   `json:"slow,omitzero"` // its log's disk has been slow for a while
	// LastContact is how long ago it heard from a leader, in milliseconds: -1 never, 0 on
	// a leader.
	LastContact int64  `json:"last_contact_ms"`
	Digest      string `json:"digest,omitempty"` // SHA-256 of the state at State, hex; only when it was asked for
}

func (s *Service) memberStatus(digest bool) MemberStatus {
	v := s.view.Load()
	m := MemberStatus{
		Version: s.cfg.Version, Level: state.Level, Sealed: v == nil, Serving: s.mayServe(v) == nil && s.audit.Err() == nil,
		LastIndex: s.store.LastIndex(), Term: s.store.Term(), LastContact: s.sinceContact(), Applied: s.store.Indexes().Applied, Healthy: s.mayLead(), Slow: s.store.Slow(),
	}
	if v == nil {
		return m
	}
	m.State = v.Index
	if digest { // of the same view as the index
		if sum, err := v.Digest(); err == nil {
			m.Digest = hex.EncodeToString(sum[:])
		}
	}
	return m
}

// sinceContact is MemberStatus.LastContact.
func (s *Service) sinceContact() int64 {
	at := s.store.LastContact()
	switch {
	case s.store.Leading():
		return 0
	case at.IsZero():
		return -1
	}
	return max(0, time.Since(at).Milliseconds())
}

// askDigest is the body of opStatus that asks for the digest of the state too: it
// costs as much as writing a snapshot.
const askDigest = "digest"

// Members lists the nodes of the cluster. It needs read on
// sys/storage/raft/configuration. With digest each unsealed node says the SHA-256 of
// its state too: nodes at the same index must have the same.
func (s *Service) Members(ctx context.Context, c *Call, digest bool) (out MemberList, err error) {
	err = s.act(c, verb{operation: "sys/storage/raft/configuration", need: policy.Read}, func(*gate.Admission) error {
		out.List, err = s.listMembers(ctx, digest)
		out.Version, out.Level = c.view.Membership.Version, c.view.Membership.Level
		return err
	})
	return out, err
}

// HAStatus is Members for sys/ha-status, where it needs read.
func (s *Service) HAStatus(ctx context.Context, c *Call) (list []MemberInfo, err error) {
	err = s.act(c, verb{operation: "sys/ha-status", need: policy.Read}, func(*gate.Admission) error {
		list, err = s.listMembers(ctx, false)
		return err
	})
	return list, err
}

func (s *Service) listMembers(ctx context.Context, digest bool) ([]MemberInfo, error) {
	servers, err := s.store.Servers()
	if err != nil {
		return nil, translate(err)
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, err
	}
	leader, _ := s.store.Leader()
	list := rolesOf(servers, roster, leader)
	patience := statusTime
	if digest {
		patience = digestTime
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tasks := make([]func(), len(list))
	for i := range list {
		tasks[i] = func() { list[i].Status = s.statusOf(ctx, list[i].NodeID, digest) }
	}
	sideBySide(tasks...)
	return list, nil
}

// How long members are asked how they are, and for a digest.
const (
	statusTime = 500 * time.Millisecond
	digestTime = 5 * time.Second
)

func (s *Service) statusOf(ctx context.Context, id string, digest bool) *MemberStatus {
	if id == s.store.Identity().NodeID {
		own := s.memberStatus(digest)
		return &own
	}
	var question []byte
	if digest {
		question = []byte(askDigest)
	}
	b, err := s.store.Ask(ctx, id, opStatus, question)
	out := &MemberStatus{}
	if err != nil || json.Unmarshal(b, out) != nil {
		return nil
	}
	return out
}
