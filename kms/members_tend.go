package kms

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// leaderMissed is how long a node without a leader waits before it asks the others for a
// sign of life.
const leaderMissed = 2 * time.Second

// follow does what a follower owes: it says where it is to be reached, when that is
// not what the roster has. Without a leader it asks the others for a sign of life: a
// replica calls nobody for a vote, and would not hear that the others refuse it. See
// refusedByPeers.
func (s *Service) follow(ctx context.Context) {
	roster := s.store.Roster()
	if roster == nil || s.store.Leading() {
		return
	}
	own, want := roster.Member(s.store.Identity().NodeID), s.selfMember("")
	if own == nil {
		return
	}
	moved := own.Address != want.Address || own.APIAddress != want.APIAddress
	if known, _ := s.store.Leader(); !moved && (known != "" || s.store.Leaderless() < leaderMissed) {
		return
	}
	if time.Since(s.promotion.announced) < time.Second {
		return
	}
	s.promotion.announced = time.Now()
	leader := s.whomToTell(roster, own.NodeID)
	if leader == "" {
		return
	}
	if !moved {
		asking, cancel := context.WithTimeout(ctx, statusTime)
		defer cancel()
		_ = s.statusOf(asking, leader, false)
		return
	}
	body, err := json.Marshal(announcement{want.Address, want.APIAddress})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, statusTime)
		defer cancel()
		_, err = s.store.Ask(ctx, leader, opAnnounce, body)
	}
	if err != nil {
		s.log.Debug("could not tell the leader this node's addresses yet", "error", err)
	}
}

// whomToTell is the leader, or each other member in turn while this node knows none:
// the leader may be looking for it under the old address, so that nothing of it ever
// arrives here.
func (s *Service) whomToTell(roster *raftstore.Roster, own string) string {
	if leader := s.follows(); leader != "" {
		return leader
	}
	var others []string
	for _, m := range roster.Members {
		if m.NodeID != own && !m.Removed && m.Address != "" {
			others = append(others, m.NodeID)
		}
	}
	if len(others) == 0 {
		return ""
	}
	s.promotion.told++
	return others[s.promotion.told%len(others)]
}

type announcement struct {
	Address    string `json:"cluster_addr"`
	APIAddress string `json:"api_addr"`
}

func (s *Service) answerAnnounce(ctx context.Context, from string, body []byte) ([]byte, error) {
	var in announcement
	if json.Unmarshal(body, &in) != nil || raftstore.CheckAddress(in.Address) != nil {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: "no address of a cluster port"}
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, err
	}
	m := roster.Member(from)
	if m == nil || m.Removed {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: "not a member"}
	}
	moved := *m
	moved.Address, moved.APIAddress = in.Address, in.APIAddress
	return nil, s.changeRoster(ctx, "cluster/address", roster.With(moved), state.SetRoster{})
}

// handing is why and how a leader gives the lead away.
type handing struct {
	why   error    // nil: it keeps it
	slow  bool     // to one that is not slow itself
	right []string // voters whose clocks are right, who are asked first; nil: unknown
	only  bool     // to one of right only
	blind bool     // to whoever did not have it from this node the last time
}

// whyHandOver says why this leader is to give the lead away, if it is.
//
// For its clock it gives it to a voter whose clock is right, and keeps it while it knows of
// none: a new leader that has heard of a wrong clock alone cannot tell that from its own,
// and the lead would go to and fro between the two. Where that lasts, and there are voters
// whom it does not hear, somebody else may hear more, so it gives it to one after the other.
func (s *Service) whyHandOver() handing {
	p := &s.promotion
	right, all := s.store.Leases().RightClocks()
	if err := s.unfit(); err != nil {
		return handing{why: err, right: right}
	}
	clock := s.clockWrong()
	if clock == nil || len(right) > 0 {
		p.doubting = time.Time{}
	}
	switch {
	case clock != nil && len(right) > 0:
		return handing{why: clock, right: right, only: true}
	case clock == nil && s.store.Slow() && time.Since(p.slowed) >= slowAgain:
		return handing{why: errSlowLog, slow: true, right: right, only: right != nil}
	case clock == nil:
		return handing{}
	case p.doubting.IsZero():
		p.doubting = time.Now()
	}
	if time.Since(p.doubting) >= raftstore.LongestLease && time.Since(p.doubted) >= doubtAgain {
		p.doubted = time.Now()
		s.log.Warn("this node leads and writes nothing, and knows of no voter whose clock is right", "why", clock)
	}
	if all || time.Since(p.doubting) < blindAfter {
		return handing{}
	}
	return handing{why: clock, blind: true}
}

// handOver gives leadership to an unsealed voter whose audit log can be written, when
// a node has it that cannot lead: nobody can write while it leads. It does so too when
// every write waits for this node's disk, and for none of the voter's.
func (s *Service) handOver(ctx context.Context) {
	if !s.store.Leading() {
		s.promotion.doubting = time.Time{}
		return
	}
	if time.Since(s.promotion.handed) < time.Second {
		return
	}
	h := s.whyHandOver()
	if h.why == nil || !s.hasPeers() {
		return
	}
	s.promotion.handed = time.Now()
	if h.slow {
		s.promotion.slowed = time.Now()
	}
	servers, err := s.store.Servers()
	if err != nil {
		return
	}
	self := s.store.Identity().NodeID
	for _, server := range h.order(servers, s.promotion.heir) {
		if !server.Voter || server.NodeID == self {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, statusTime)
		st := s.statusOf(asking, server.NodeID, false)
		cancel()
		if st == nil || st.Sealed || !st.Healthy || h.slow && st.Slow {
			continue
		}
		giving, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := s.store.Transfer(giving, server.NodeID)
		cancel()
		if err == nil {
			s.promotion.heir = server.NodeID
			s.log.Warn("this node cannot lead and gave the lead away", "why", h.why, "to", server.NodeID)
			return
		}
	}
	s.log.Warn("this node cannot lead, and no other voter takes over", "why", h.why)
}

// order gives whom to try, in order; last had the lead from this node the last time.
func (h handing) order(servers []raftstore.Server, last string) (out []raftstore.Server) {
	if h.blind { // those behind the last one come first; they are sorted
		i := slices.IndexFunc(servers, func(o raftstore.Server) bool { return o.NodeID > last })
		i = max(i, 0)
		return append(slices.Clone(servers[i:]), servers[:i]...)
	}
	var rest []raftstore.Server
	for _, o := range servers {
		if slices.Contains(h.right, o.NodeID) {
			out = append(out, o)
		} else if !h.only {
			rest = append(rest, o)
		}
	}
	return append(out, rest...)
}

// slowAgain is how long a node whose disk is slow keeps the lead before it tries again to
// give it away: where all disks are slow, leadership must not go round.
const slowAgain = time.Minute

// blindAfter is how long a leader that knows of nobody whose clock is right keeps the lead
// before others may try. doubtAgain is how often it says that it knows of none.
const (
	blindAfter = 10 * time.Second
	doubtAgain = time.Minute
)

var errSlowLog = errors.New("every write to its log has taken half a second or more for a while")

// promotion is what a node keeps in mind of its tending and following. It is lead's alone.
type promotion struct {
	looked, announced, handed time.Time
	settled                   time.Time // when a sealed node last asked for the roster in force and was not told
	slowed                    time.Time // when it last tried to give the lead away for its disk
	doubting                  time.Time // since when it leads with a wrong clock and knows of no right one; zero: it does not
	doubted                   time.Time // when it last said so
	heir                      string    // who last had the lead from it
	told                      int       // members whom this one told or asked something, see whomToTell

	members []memberHealth // as this leader saw them last; nil: it has not looked yet
	waits   bool           // one of them is to get its vote
	removed time.Time      // when a removal was last tried and failed

	leveled  time.Time // when the members were last asked for their feature levels
	heldBack string    // who keeps the level down, as it was logged
}
