package kms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// withRoster is a command that puts a roster in force, SetRoster or SetClusterLevel,
// with the roster that goes into the same entry.
type withRoster struct {
	state.Command
	roster clearRecord
}

// rosterOf is the roster in force, as the machine has it.
func (m *machine) rosterNow() (*raftstore.Roster, error) {
	m.mu.Lock()
	body := m.roster.body
	m.mu.Unlock()
	if body == nil {
		return nil, errors.New("there is no roster yet")
	}
	return raftstore.ParseRoster(body)
}

// setRoster makes the command that puts another roster in force.
func (s *Service) setRoster(next *raftstore.Roster, change state.SetRoster) (*withRoster, error) {
	change.Version = next.Version
	return s.beside(next, &change)
}

// beside puts the next roster beside the command that puts it in force.
func (s *Service) beside(next *raftstore.Roster, cmd state.Command) (*withRoster, error) {
	body, err := next.Marshal()
	if err != nil {
		return nil, err
	}
	s.numbering.Lock()
	bar := s.numbering.bar
	s.numbering.Unlock()
	if bar == nil {
		return nil, ErrSealed
	}
	mac, err := bar.MAC(macRoster, body)
	if err != nil {
		return nil, err
	}
	return &withRoster{cmd, clearRecord{body, mac}}, nil
}

// selfMember is how this node stands, or should stand, in the roster.
func (s *Service) selfMember(suffrage string) raftstore.Member {
	id := s.store.Identity()
	return raftstore.Member{
		NodeID: id.NodeID, Incarnation: id.Incarnation, TLSKey: id.Public,
		Address: s.cfg.Store.Address, APIAddress: s.cfg.APIAddr, Suffrage: suffrage,
	}
}

// tendMembers does what a leader owes the cluster: a CA, its own place in the
// roster, and the votes of nodes that are ready for them. It is called often and
// does one thing at a time, and not for long: who calls it has to see whether the lead
// was lost, and to take it up when it comes back.
func (s *Service) tendMembers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tendTime)
	defer cancel()
	v := s.view.Load()
	if v == nil {
		return
	}
	if err := s.raiseLevel(ctx, v); err != nil && ctx.Err() == nil && !errors.Is(err, ErrNoLeader) {
		s.log.Warn("could not raise the feature level of the cluster, trying again", "error", err)
	}
	if s.cfg.Store.Listen == "" {
		return
	}
	if err := firstError(s.ensureRecovered(ctx), s.ensureCA(ctx, v)); err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrNoLeader) {
			s.log.Warn("could not set the cluster port up, trying again", "error", err)
		}
		return
	}
	s.tendVotes(ctx, v)
}

// tendTime is longer than any change of a member waits until it is in force everywhere.
const tendTime = 5 * time.Second

// ensureCA makes the cluster's CA, gives this node its certificate, and keeps its
// addresses in the roster right.
func (s *Service) ensureCA(ctx context.Context, v *view) error {
	roster, err := s.machine.rosterNow()
	if err != nil {
		return err
	}
	own := roster.Member(s.store.Identity().NodeID)
	want := s.selfMember(raftstore.Voter)
	if len(v.Membership.CAKey) == 0 {
		cert, key, err := newCA(v.Cluster.ID)
		if err != nil {
			return err
		}
		defer clear(key)
		next := roster.With(want)
		next.ClusterID, next.CA, next.Epoch = v.Cluster.ID, cert, max(1, roster.Epoch)
		return s.changeRoster(ctx, "cluster/ca", next, state.SetRoster{CAKey: key})
	}
	if !s.store.HasCertificate() {
		cert, err := signMember(roster.CA, v.Membership.CAKey, want.NodeID, want.TLSKey)
		if err != nil {
			return err
		}
		return s.store.SetCertificate(cert, roster.CA)
	}
	if own != nil && (own.Address != want.Address || own.APIAddress != want.APIAddress) {
		moved := *own
		moved.Address, moved.APIAddress = want.Address, want.APIAddress
		return s.changeRoster(ctx, "cluster/address", roster.With(moved), state.SetRoster{})
	}
	return nil
}

// changeRoster is a change of the roster that the node makes by itself, with its
// records.
func (s *Service) changeRoster(ctx context.Context, operation string, next *raftstore.Roster, change state.SetRoster) error {
	return s.putRoster(ctx, operation, next, func() (*withRoster, error) { return s.setRoster(next, change) })
}

func (s *Service) putRoster(ctx context.Context, operation string, next *raftstore.Roster, build func() (*withRoster, error)) error {
	c, err := s.asNode("cluster", "PUT", "sys/storage/raft/configuration")
	if err != nil {
		return err
	}
	_, err = s.write(ctx, c, verb{operation: operation, need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		note(a, "roster_version", fmt.Sprint(next.Version))
		if next.Level != c.view.Membership.Level {
			note(a, "feature_level", fmt.Sprint(next.Level))
		}
		return build()
	})
	return err
}
