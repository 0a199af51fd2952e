package kms

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// raiseLevel raises the feature level of the cluster to the highest that every member
// knows, once each of them says so: one that does not answer may be of an older build.
// A member that is admitted meanwhile has another version of the roster made, and then
// the command is refused; one that is started with an older build afterwards stops at
// the command.
func (s *Service) raiseLevel(ctx context.Context, v *view) error {
	if v.Membership.Level >= state.Level || time.Since(s.promotion.leveled) < levelEvery {
		return nil
	}
	s.promotion.leveled = time.Now()
	roster, err := s.machine.rosterNow()
	if err != nil {
		return err
	}
	level, old := s.levelOfAll(ctx, roster)
	if level <= v.Membership.Level {
		if text := strings.Join(old, ", "); text != s.promotion.heldBack {
			s.promotion.heldBack = text
			s.log.Warn("the feature level of the cluster stays until every node is upgraded, or removed", "level", v.Membership.Level, "of_this_build", state.Level, "waits_for", text)
		}
		return nil
	}
	next := *roster
	next.Version, next.Level = roster.Version+1, level
	next.ClusterID, next.Epoch = v.Cluster.ID, max(1, roster.Epoch)
	err = s.putRoster(ctx, "cluster/level", &next, func() (*withRoster, error) {
		return s.beside(&next, &state.SetClusterLevel{Level: level, Version: next.Version})
	})
	if err == nil {
		s.log.Info("the feature level of the cluster was raised: older builds take no part any more", "level", level)
	}
	return err
}

const levelEvery = time.Second

// levelOfAll asks all members which feature level they know. It returns the lowest, 0
// while one does not answer, and in words who is below that of this build.
func (s *Service) levelOfAll(ctx context.Context, roster *raftstore.Roster) (uint64, []string) {
	var ids []string
	for _, m := range roster.Members {
		if !m.Removed {
			ids = append(ids, m.NodeID)
		}
	}
	level, old := state.Level, []string(nil)
	for i, st := range s.statuses(ctx, ids) {
		switch {
		case st == nil:
			level = 0
			old = append(old, "node "+ids[i]+" (does not answer)")
		case st.Level < state.Level:
			level = min(level, st.Level)
			old = append(old, fmt.Sprintf("node %s (version %s, level %d)", ids[i], st.Version, st.Level))
		}
	}
	return level, old
}

// levelAllows refuses a command that the cluster's feature level does not have. Error:
// ErrClusterLevel. A state that is behind refuses more, never less.
func (s *Service) levelAllows(cmd state.Command) error {
	v := s.view.Load()
	if need := state.LevelOf(cmd); v != nil && v.Membership.Level < need {
		return saying(ErrClusterLevel, "this needs feature level %d of the cluster, which is at %d", need, v.Membership.Level)
	}
	return nil
}

// raiseTime is how long a write waits for a level that all members know already:
// the leader raises it as soon as it leads.
const raiseTime = 3 * time.Second

// knownToAll is levelAllows, and says which nodes are too old.
func (s *Service) knownToAll(ctx context.Context, cmd state.Command) error {
	refused := s.levelAllows(cmd)
	if refused == nil {
		return nil
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return err
	}
	need := state.LevelOf(cmd)
	level, old := s.levelOfAll(ctx, roster)
	if level < need {
		return fmt.Errorf("%w: upgrade or remove %s", refused, strings.Join(old, ", "))
	}
	ctx, cancel := context.WithTimeout(ctx, raiseTime)
	defer cancel()
	for s.levelAllows(cmd) != nil && ctx.Err() == nil {
		pause(ctx, 10*time.Millisecond)
	}
	return s.levelAllows(cmd)
}
