package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// status is the result of `signet status`.
type status struct {
	Seal   wire.SealStatus `json:"seal"`
	Health wire.Health     `json:"health"`
	Leader wire.Leader     `json:"leader"`
}

func newStatusCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "show whether the server is sealed and healthy", Args: exactly(),
		Long: `Shows whether the server is initialized, sealed and healthy, and who leads. Needs no
token. With several addresses in SIGNET_ADDR it asks each of them and prints a line
for each. Exits with 3 if a server is sealed.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error { return c.showStatus(ctx) })
}

func (c *cli) showStatus(ctx context.Context) error {
	if cfg := client.FromEnvironment(); len(cfg.Addresses) > 1 {
		return c.showStatuses(ctx, cfg)
	}
	cl, err := c.connect()
	if err != nil {
		return err
	}
	s, err := readStatus(ctx, cl)
	if err != nil {
		return err
	}
	err = c.emit(s, columns(
		row{"initialized", s.Seal.Initialized},
		row{"sealed", s.Seal.Sealed},
		row{"seal type", s.Seal.Type},
		row{"unseal progress", progress(s.Seal)},
		row{"unseals by itself", unattended(s.Seal)},
		row{"health", s.health()},
		row{"role", s.role()},
		row{"lease", s.lease()},
		row{"leader", s.leader()},
		row{"log", fmt.Sprintf("applied to entry %d of %d", s.Leader.RaftAppliedIndex, s.Leader.RaftCommittedIndex)},
		row{"cluster", s.Seal.ClusterName},
		row{"cluster id", s.Seal.ClusterID},
		row{"feature level", s.level()},
		row{"storage", s.Seal.StorageType},
		row{"version", s.Seal.Version},
	))
	if err == nil && s.Seal.Sealed {
		return errSealedShown
	}
	return err
}

// health says whether the server answers, and why it does not.
func (s status) health() string {
	if s.Health.Reason == "" {
		return "serving"
	}
	text := "not serving: " + string(s.Health.Reason)
	if s.Health.Why != "" {
		text += " (" + printable(s.Health.Why) + ")"
	}
	return text
}

// role is what the node is in its cluster, as it says.
func (s status) role() string {
	switch {
	case !s.Health.Initialized:
		return ""
	case s.Leader.IsSelf:
		return "leader"
	case s.leader() == "":
		return "follower, and knows no leader"
	}
	return "follower"
}

// lease says whether the node may answer requests.
func (s status) lease() string {
	switch {
	case s.Health.Sealed || !s.Health.Initialized:
		return ""
	case s.Health.Reason == wire.NoLease || s.Health.Reason == wire.NoLeader:
		return "none: it answers when the leader has heard from a majority"
	}
	return "held"
}

// level is the cluster's feature level, which a sealed node does not know.
func (s status) level() string {
	if s.Health.Sealed || !s.Health.Initialized {
		return ""
	}
	return fmt.Sprint(s.Health.FeatureLevel)
}

// leader is where the leader is to be reached.
func (s status) leader() string {
	if s.Leader.LeaderAddress == "" {
		return s.Leader.LeaderClusterAddress
	}
	return s.Leader.LeaderAddress
}

func readStatus(ctx context.Context, cl *client.Client) (s status, err error) {
	if s.Seal, err = cl.Sys().SealStatus(ctx); err != nil {
		return s, err
	}
	if s.Health, err = cl.Sys().Health(ctx); err != nil {
		return s, err
	}
	s.Leader, err = cl.Sys().Leader(ctx)
	return s, err
}

// unattended says who unseals the server beside the shareholders.
func unattended(s wire.SealStatus) string {
	text := "no"
	if s.RecoverySeal {
		text = "yes"
	}
	if s.Waiting != "" {
		text += ", but waits: " + printable(s.Waiting)
	}
	if s.Migration {
		text += "; but the configuration of this node has other seals, so it may not: see 'signet operator migrate-seal'"
	}
	return text
}

func progress(s wire.SealStatus) string {
	switch {
	case !s.Initialized:
		return "not initialized"
	case !s.Sealed:
		return fmt.Sprintf("unsealed (any %d of %d shares unseal it)", s.T, s.N)
	}
	return fmt.Sprintf("%d of %d shares given, of %d that exist", s.Progress, s.T, s.N)
}
