package raftstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// rpcTimeout bounds one exchange of raft with a peer.
const rpcTimeout = 10 * time.Second

// Errors of membership.
var (
	ErrNoMember = errors.New("no such node in the cluster")
	ErrNoPort   = errors.New("this node has no cluster port: set cluster_addr and start it again")
)

// Joined says whether this node was admitted to a cluster that others made, or
// belongs to one whose roster it knows.
func (s *Store) Joined() (bool, error) {
	roster, err := readRoster(s.dir, s.opts.Level)
	if err != nil || roster == nil {
		return false, err
	}
	return roster.Member(s.identity.NodeID) != nil, nil
}

// Roster returns the roster that this node obeys, nil for none yet. It is not to be
// changed.
func (s *Store) Roster() *Roster {
	if s.port == nil {
		return nil
	}
	roster, _ := s.port.known()
	return roster
}

// SetRoster obeys another roster, durably. One of an earlier epoch, or an earlier
// version of this one, is ignored. One of the same version takes the place of what this
// node has: what is committed is told here, and what a recovery wrote into the file may
// differ. Without a cluster port it does nothing. Errors are those of the file system.
func (s *Store) SetRoster(r *Roster) error {
	if s.port == nil {
		return nil
	}
	b, err := r.Marshal()
	if err != nil {
		return err
	}
	if old, _ := s.port.known(); old != nil {
		if r.Epoch < old.Epoch || r.Epoch == old.Epoch && r.Version < old.Version {
			return nil
		}
		if has, err := old.Marshal(); err == nil && bytes.Equal(has, b) {
			return nil
		}
	}
	if err := s.dir.replace(rosterFile, b); err != nil {
		return fmt.Errorf("writing the roster: %w", err)
	}
	s.port.setRoster(r)
	return nil
}

// SetCertificate takes the certificate that the cluster's CA signed for this node's
// key. Errors: one that is not, and those of the file system.
func (s *Store) SetCertificate(der, ca []byte) error {
	if s.port == nil {
		return ErrNoPort
	}
	if err := s.identity.CheckCertificate(der, ca); err != nil {
		return err
	}
	own, err := s.dir.nodeCertificate(der)
	if err != nil {
		return err
	}
	if err := s.dir.replace(nodeCertFile, der); err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	s.port.setCertificate(own)
	return nil
}

// HasCertificate says whether this node can prove to others who it is.
func (s *Store) HasCertificate() bool {
	if s.port == nil {
		return false
	}
	_, own := s.port.known()
	return own != nil
}

// CertificateRequest is a request for such a certificate (RFC 2986, DER).
func (s *Store) CertificateRequest() ([]byte, error) {
	return s.dir.certificateRequest(s.identity.NodeID)
}

// Join makes this node a member of the cluster whose roster has it, and waits for
// nothing: the leader sends it the log. Errors: ErrBootstrapped, ErrNoPort,
// ErrNoMember, ErrLevel, ErrClosed, the fatal error, those of the file system.
func (s *Store) Join(r *Roster, certificate []byte) error {
	s.bootstrap.Lock()
	defer s.bootstrap.Unlock()
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	switch {
	case s.Err() != nil:
		return s.Err()
	case closing:
		return ErrClosed
	case s.port == nil:
		return ErrNoPort
	case s.Bootstrapped():
		return ErrBootstrapped
	}
	if m := r.Member(s.identity.NodeID); m == nil || m.Removed {
		return ErrNoMember
	}
	if err := checkLevel(r.Level, s.opts.Level); err != nil {
		return err
	}
	if err := s.SetCertificate(certificate, r.CA); err != nil {
		return err
	}
	if err := s.SetRoster(r); err != nil { // last: from here on this node has joined
		return err
	}
	return s.start()
}

// Server is one node in raft's configuration.
type Server struct {
	NodeID string
	Voter  bool
}

// Servers is raft's configuration as this node has it, committed or not.
func (s *Store) Servers() ([]Server, error) {
	r := s.raft.Load()
	if r == nil {
		return nil, ErrNotBootstrapped
	}
	future := r.GetConfiguration()
	if err := future.Error(); err != nil {
		return nil, err
	}
	var out []Server
	for _, server := range future.Configuration().Servers {
		out = append(out, Server{NodeID: string(server.ID), Voter: server.Suffrage == raft.Voter})
	}
	slices.SortFunc(out, func(a, b Server) int { return compareText(a.NodeID, b.NodeID) })
	return out, nil
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// AddReplica lets a node take part without a vote. Only the leader can. The change
// is committed when it returns. It repeats without harm. Errors: ErrNotLeader,
// ErrUnknownOutcome, that of ctx.
func (s *Store) AddReplica(ctx context.Context, nodeID string) error {
	s.leases.sole.Store(false) // before there can be another
	return s.reconfigure(ctx, func(r *raft.Raft) raft.IndexFuture {
		return r.AddNonvoter(raft.ServerID(nodeID), raft.ServerAddress(nodeID), 0, membershipTimeout)
	})
}

// Promote gives a node a vote. Errors as for AddReplica.
func (s *Store) Promote(ctx context.Context, nodeID string) error {
	s.leases.sole.Store(false)
	return s.reconfigure(ctx, func(r *raft.Raft) raft.IndexFuture {
		return r.AddVoter(raft.ServerID(nodeID), raft.ServerAddress(nodeID), 0, membershipTimeout)
	})
}

// Demote takes a node's vote. Errors as for AddReplica.
func (s *Store) Demote(ctx context.Context, nodeID string) error {
	return s.reconfigure(ctx, func(r *raft.Raft) raft.IndexFuture {
		return r.DemoteVoter(raft.ServerID(nodeID), 0, membershipTimeout)
	})
}

// Remove takes a node out of the configuration. Errors as for AddReplica.
func (s *Store) Remove(ctx context.Context, nodeID string) error {
	return s.reconfigure(ctx, func(r *raft.Raft) raft.IndexFuture {
		return r.RemoveServer(raft.ServerID(nodeID), 0, membershipTimeout)
	})
}

const membershipTimeout = 10 * time.Second

func (s *Store) reconfigure(ctx context.Context, change func(*raft.Raft) raft.IndexFuture) error {
	r, err := s.enter()
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	go func() {
		defer s.proposals.Done()
		answer <- change(r.Raft).Error()
	}()
	select {
	case err = <-answer:
	case <-ctx.Done():
		return unknown(ctx.Err())
	case <-s.failed:
		return unknown(s.failure)
	}
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	case errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown):
		return unknown(err)
	}
	return err
}

// Transfer hands leadership to a voter, to the most up to date one when nodeID is
// empty. Errors: ErrNotLeader, and why it failed.
func (s *Store) Transfer(ctx context.Context, nodeID string) error {
	r, err := s.enter()
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	go func() {
		defer s.proposals.Done()
		if nodeID == "" {
			answer <- r.LeadershipTransfer().Error()
			return
		}
		answer <- r.LeadershipTransferToServer(raft.ServerID(nodeID), raft.ServerAddress(nodeID)).Error()
	}()
	select {
	case err = <-answer:
		if errors.Is(err, raft.ErrNotLeader) {
			return ErrNotLeader
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.failed:
		return s.failure
	}
}

// Term is the term that this node is in: it has voted for nobody in a later one.
func (s *Store) Term() uint64 {
	r := s.raft.Load()
	if r == nil {
		return 0
	}
	return r.CurrentTerm()
}

// LastIndex is the last entry in this node's log, committed or not.
func (s *Store) LastIndex() uint64 {
	r := s.raft.Load()
	if r == nil {
		return 0
	}
	return r.LastIndex()
}

// LastContact is when this node last heard from a leader; zero on the leader.
func (s *Store) LastContact() time.Time {
	r := s.raft.Load()
	if r == nil {
		return time.Time{}
	}
	return r.LastContact()
}
