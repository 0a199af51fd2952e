package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// Recovery gives up the majority of a cluster, on the data of a node that survives
// and does not run. It needs no share: nothing is opened. The caller closes it.
type Recovery struct {
	store *raftstore.Recovery
	audit audit.Options
}

// OpenRecovery locks the data directory of a node. Errors are those of
// raftstore.OpenRecovery.
func OpenRecovery(cfg Config) (*Recovery, error) {
	cfg.Store.Level = state.Level
	store, err := raftstore.OpenRecovery(cfg.Store, &machine{publish: func(*state.State) {}})
	if err != nil {
		return nil, err
	}
	cfg.Audit.Node = store.Survivor().NodeID
	return &Recovery{store, cfg.Audit}, nil
}

// Survivor tells what the node has.
func (r *Recovery) Survivor() raftstore.Survivor { return r.store.Survivor() }

// Plan says what Give would make of the cluster: see raftstore.Recovery.
func (r *Recovery) Plan(dead []string) ([]raftstore.Server, *raftstore.Roster, error) {
	return r.store.Plan(dead)
}

// Give gives up the dead, with a record before it and one with its outcome in the
// node's audit log, which is opened for it alone.
func (r *Recovery) Give(dead []string) (_ *raftstore.Roster, err error) {
	_, roster, err := r.store.Plan(dead)
	if err != nil {
		return nil, err
	}
	log, err := audit.Open(r.audit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	record := func(outcome string) *audit.Record {
		return &audit.Record{Type: audit.TypeNode, Operation: "node/recover", Outcome: outcome, Fields: map[string]string{
			"given_up": strings.Join(dead, ", "), "cluster_epoch": fmt.Sprint(roster.Epoch),
		}}
	}
	if err := log.Append(record("begun")); err != nil {
		return nil, translate(err)
	}
	roster, err = r.store.Give(dead)
	if err != nil {
		return nil, errors.Join(err, log.Append(record(audit.OutcomeFailed)))
	}
	return roster, log.Append(record(audit.OutcomeOK))
}

// Close unlocks the directory.
func (r *Recovery) Close() error { return r.store.Close() }

// ensureRecovered has the cluster agree on what a recovery wrote into this node's own
// files: the next epoch, and who is gone. Whoever can write those files could have
// put anything there; what is taken from them only takes members away.
func (s *Service) ensureRecovered(ctx context.Context) error {
	kept := s.store.Roster()
	committed, err := s.machine.rosterNow()
	if err != nil || kept == nil || kept.Epoch <= committed.Epoch {
		return err
	}
	next := *committed
	next.Epoch, next.Version = kept.Epoch, committed.Version+1
	next.Members = slices.Clone(committed.Members)
	for i := range next.Members {
		m := &next.Members[i]
		if old := kept.Member(m.NodeID); old != nil && old.Removed && old.Incarnation == m.Incarnation {
			m.Removed = true
		}
		if m.NodeID == s.store.Identity().NodeID {
			m.Suffrage = raftstore.Voter // it leads
		}
	}
	return s.changeRoster(ctx, "cluster/recovered", &next, state.SetRoster{})
}
