package kms

import (
	"errors"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/seal"
)

// SealStatus is what everybody may know of the seal.
type SealStatus struct {
	Type        string // "shamir", or who holds the root key beside the shares: "transit", "exec"
	Initialized bool
	Sealed      bool
	Threshold   int
	Shares      int
	Progress    int
	Nonce       string // of the unseal under way
	ClusterName string // known once unsealed
	ClusterID   string
	Version     string
	Recovery    bool   // the shares are recovery shares: somebody else can unseal the node too
	Migration   bool   // the record is wrapped by others than the configured seals
	Waiting     string // why the node did not unseal by itself yet; "" if it did, or cannot
}

// SealStatus reports the seal; it needs no token, and waits for nothing.
func (s *Service) SealStatus() SealStatus {
	st := SealStatus{Type: s.sealType(), Sealed: true, Version: s.cfg.Version}
	st.Recovery = st.Type != seal.TypeShamir
	record := s.machine.sealRecord()
	if record == nil {
		st.Initialized = s.Initialized()
		return st
	}
	st.Initialized, st.Threshold, st.Shares, st.ClusterID = true, record.Threshold, record.Shares, record.ClusterID
	if p := s.progress.Load(); p != nil {
		st.Progress, st.Nonce = p.Submitted, p.Nonce
	}
	if v := s.view.Load(); v != nil {
		st.Sealed, st.ClusterName = false, v.Cluster.Name
	} else {
		st.Waiting = s.waiting.text()
	}
	st.Migration = s.migrationDue(s.machine.newestRecord())
	return st
}

// Initialized says whether the cluster was made. A node that cannot know it yet
// says yes: it has data, and nobody must be led to make a second cluster on it.
func (s *Service) Initialized() bool { return !errors.Is(s.exists(), ErrNotInitialized) }

// Sealed says whether the node holds no keys.
func (s *Service) Sealed() bool { return s.view.Load() == nil }

// Health is what a load balancer asks. Reason is the code that requests get now
// and Why its text; both are empty on a node that serves.
type Health struct {
	Initialized bool
	Sealed      bool
	Serving     bool
	Standby     bool // it serves, and another node leads
	Reason      string
	Why         string
	Now         time.Time
	Version     string
	ClusterName string
	ClusterID   string
	Level       uint64 // the cluster's feature level; 0 while sealed
}

// Health reports whether this node serves; it needs no token.
func (s *Service) Health() Health {
	h := Health{Initialized: s.Initialized(), Sealed: true, Now: wall.Now(), Version: s.cfg.Version}
	if v := s.view.Load(); v != nil {
		h.Sealed, h.ClusterName, h.ClusterID, h.Level = false, v.Cluster.Name, v.Cluster.ID, v.Membership.Level
	}
	_, err := s.Begin(Origin{})
	h.Serving = err == nil
	if err != nil {
		h.Reason, h.Why = Code(err), err.Error()
		if why := s.waiting.text(); h.Sealed && why != "" {
			h.Why += ": " + why
		}
	} else if err := s.audit.Err(); err != nil {
		h.Serving, h.Reason, h.Why = false, ErrAuditUnavailable.code, err.Error()
	}
	h.Standby = h.Serving && !s.store.Leading()
	if err := s.clockWrong(); h.Serving && err != nil {
		h.Standby, h.Reason, h.Why = true, Code(err), err.Error()
	}
	return h
}

// Leader is what is known of the cluster's leader.
type Leader struct {
	Self           bool
	ActiveSince    time.Time // zero unless Self
	APIAddress     string
	ClusterAddress string
	Committed      uint64 // raft's own indexes
	Applied        uint64
}

// Leader reports the leader; it needs no token.
func (s *Service) Leader() Leader {
	idx := s.store.Indexes()
	l := Leader{Self: s.store.Leading(), Committed: idx.Commit, Applied: idx.Applied}
	if l.Self {
		l.ActiveSince, l.APIAddress, l.ClusterAddress = s.store.LeaderSince(), s.cfg.APIAddr, s.cfg.Store.Address
		return l
	}
	id, _ := s.store.Leader()
	if m := s.store.Roster().Member(id); m != nil {
		l.APIAddress, l.ClusterAddress = m.APIAddress, m.Address
	}
	return l
}
