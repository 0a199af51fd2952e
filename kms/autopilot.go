package kms

import (
	"cmp"
	"slices"
	"time"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// memberHealth is what a leader knows of one member, from asking it again and again.
type memberHealth struct {
	NodeID      string
	Incarnation string
	Voter       bool // votes now
	WillVote    bool // is to have a vote
	Leader      bool
	Address     string
	Status      *MemberStatus // nil: it did not answer the last time
	LastContact time.Duration // since it heard from the leader, as it says; since it answered, of one that does not
	Healthy     bool
	Since       time.Time // Healthy is what it is from then on, as far as this leader has seen
	heard       time.Time // when it last answered, or this leader first asked
}

// judge tells from one look at the members how each is. before is what the look before
// gave; leader is the leader's word on itself. It reads no clock.
func judge(before []memberHealth, seen []MemberInfo, leader MemberStatus, cfg state.Autopilot, now time.Time) []memberHealth {
	out := make([]memberHealth, len(seen))
	for i, m := range seen {
		h := memberHealth{NodeID: m.NodeID, Incarnation: m.Incarnation, Voter: m.Voter, WillVote: m.WillVote, Leader: m.Leader, Address: m.Address, Status: m.Status, Since: now, heard: now}
		// A dead node that was replaced under its id: the new one owes nobody an answer yet.
		j := slices.IndexFunc(before, func(o memberHealth) bool { return o.NodeID == m.NodeID && o.Incarnation == m.Incarnation })
		switch st := m.Status; {
		case st == nil:
			if j >= 0 {
				h.heard = before[j].heard
			}
			h.LastContact = now.Sub(h.heard)
		case m.Leader:
			h.Healthy = st.Healthy
		default:
			h.LastContact = time.Duration(st.LastContact) * time.Millisecond
			h.Healthy = st.Healthy && st.LastContact >= 0 && h.LastContact <= time.Duration(cfg.LastContact) &&
				st.Term == leader.Term && st.LastIndex+cfg.MaxTrailing >= leader.LastIndex
		}
		if j >= 0 && before[j].Healthy == h.Healthy {
			h.Since = before[j].Since
		}
		out[i] = h
	}
	slices.SortFunc(out, func(a, b memberHealth) int { return cmp.Compare(a.NodeID, b.NodeID) })
	return out
}

// decide says which members are to get their votes, and which one, if any, is to be
// removed because it is dead: one at a time, so that each removal is decided on what
// the one before has left. A voter goes only while most of those that vote answer, and
// as many voters as are wanted stay. It reads no clock.
func decide(members []memberHealth, cfg state.Autopilot, now time.Time) (promote []string, remove *memberHealth) {
	voters, alive := 0, 0
	for i := range members {
		m := &members[i]
		if m.Voter {
			voters++
			if m.Status != nil {
				alive++
			}
		} else if m.WillVote && m.Healthy && now.Sub(m.Since) >= time.Duration(cfg.Stabilization) {
			promote = append(promote, m.NodeID)
		}
	}
	if !cfg.Cleanup {
		return promote, nil
	}
	spare := voters > 1 && uint64(voters-1) >= cfg.MinQuorum && 2*alive > voters
	for i := range members {
		m := &members[i]
		dead := m.Status == nil && !m.Leader && now.Sub(m.heard) >= time.Duration(cfg.DeadAfter)
		switch {
		case !dead || m.Voter && !spare:
		case remove == nil, remove.Voter && !m.Voter: // one without a vote costs nothing
			remove = m
		}
	}
	return promote, remove
}

// AutopilotState is how a leader finds the members of the cluster.
type AutopilotState struct {
	Leader           string         `json:"leader"`
	Healthy          bool           `json:"healthy"`           // each of them is
	FailureTolerance int            `json:"failure_tolerance"` // healthy voters that can fail, and writes still work
	Members          []MemberHealth `json:"members"`
}

// MemberHealth is one member in it.
type MemberHealth struct {
	NodeID      string        `json:"node_id"`
	Address     string        `json:"address"`
	Voter       bool          `json:"voter"`
	Leader      bool          `json:"leader"`
	Alive       bool          `json:"alive"` // it answers; what follows is its word, except where it says otherwise
	Healthy     bool          `json:"healthy"`
	Since       time.Time     `json:"since"`        // of this leader's own clock
	LastContact time.Duration `json:"last_contact"` // without a leader; of one that does not answer, since it did
	Term        uint64        `json:"term"`
	LastIndex   uint64        `json:"last_index"`
	Version     string        `json:"version"`
	Level       uint64        `json:"level"`
}

func stateOf(members []memberHealth) *AutopilotState {
	out := &AutopilotState{Healthy: true}
	voters, healthy := 0, 0
	for _, m := range members {
		h := MemberHealth{NodeID: m.NodeID, Address: m.Address, Voter: m.Voter, Leader: m.Leader, Alive: m.Status != nil, Healthy: m.Healthy, Since: m.Since, LastContact: m.LastContact}
		if st := m.Status; st != nil {
			h.Term, h.LastIndex, h.Version, h.Level = st.Term, st.LastIndex, st.Version, st.Level
		}
		if m.Leader {
			out.Leader = m.NodeID
		}
		if m.Voter {
			voters++
			if m.Healthy {
				healthy++
			}
		}
		out.Healthy = out.Healthy && m.Healthy
		out.Members = append(out.Members, h)
	}
	out.FailureTolerance = max(0, healthy-(voters/2+1))
	return out
}

// rolesOf completes what raft's configuration says of the members with the roster.
func rolesOf(servers []raftstore.Server, roster *raftstore.Roster, leader string) []MemberInfo {
	list := make([]MemberInfo, len(servers))
	for i, server := range servers {
		m := MemberInfo{NodeID: server.NodeID, Voter: server.Voter, Leader: server.NodeID == leader}
		if known := roster.Member(server.NodeID); known != nil {
			m.Incarnation, m.Address, m.APIAddress, m.WillVote = known.Incarnation, known.Address, known.APIAddress, known.Suffrage == raftstore.Voter && !known.Removed
		}
		list[i] = m
	}
	return list
}
