package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

func newAutopilotCommand(c *cli) *cobra.Command {
	config := newAutopilotConfigCommand(c)
	config.AddCommand(newAutopilotSetCommand(c))
	return group("autopilot", "how the leader tends the nodes by itself", newAutopilotStateCommand(c), config)
}

func newAutopilotStateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "state", Short: "show how the leader finds the nodes", Args: exactly(),
		Long: `Shows the nodes as the leader finds them: who answers, who is healthy and since
when, and how many voters can fail before writes stop. A node is healthy when it
answers, can write its audit log, has heard from the leader a short while ago and
is not far behind: see signet operator raft autopilot config. Sealed nodes count as
any others. A new leader counts anew.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		st, err := cl.Raft().AutopilotState(ctx)
		if err != nil {
			return err
		}
		rows := []row{{"healthy", st.Healthy}, {"failure tolerance", st.FailureTolerance}, {"leader", st.Leader}, {"voters", strings.Join(st.Voters, ", ")}, {},
			{"NODE", "STATUS", "ALIVE", "HEALTHY", "SINCE", "LAST CONTACT", "TERM", "INDEX", "VERSION"}}
		for _, id := range slices.Sorted(maps.Keys(st.Servers)) {
			s := st.Servers[id]
			rows = append(rows, row{id, s.Status, s.NodeStatus == "alive", s.Healthy, s.StableSince, s.LastContact, s.LastTerm, s.LastIndex, s.Version})
		}
		return c.emit(st, columns(rows...))
	})
}

func newAutopilotConfigCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "show or set by what rules the leader tends the nodes", Args: exactly(),
		Long: "Shows by what rules the leader tends the nodes; the flags of config set say what each of them is.",
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		a, err := cl.Raft().AutopilotConfig(ctx)
		if err != nil {
			return err
		}
		return c.emit(a, columns(
			row{"cleanup dead servers", a.CleanupDeadServers}, row{"dead server last contact threshold", a.DeadServerLastContactThreshold}, row{"min quorum", a.MinQuorum},
			row{"last contact threshold", a.LastContactThreshold}, row{"max trailing logs", a.MaxTrailingLogs}, row{"server stabilization time", a.ServerStabilizationTime},
		))
	})
}

func newAutopilotSetCommand(c *cli) *cobra.Command {
	var req wire.AutopilotConfigRequest
	cmd := &cobra.Command{
		Use: "set", Short: "set by what rules the leader tends the nodes", Args: exactly(),
		Long: `Sets by what rules the leader tends the nodes. What is not given stays as it is.

With --cleanup-dead-servers the leader removes a node that has not answered it for
--dead-server-last-contact-threshold: for good, as signet operator raft remove
does, one at a time, while most of the voters answer, and never so that fewer than
--min-quorum voters stay. A new leader counts anew.`,
		Example: "  signet operator raft autopilot config set --cleanup-dead-servers --min-quorum 3 --dead-server-last-contact-threshold 24h",
	}
	f := cmd.Flags()
	addBoolFlag(cmd, &req.CleanupDeadServers, "cleanup-dead-servers", "remove nodes that are dead")
	f.Var(durationFlag{&req.DeadServerLastContactThreshold}, "dead-server-last-contact-threshold", "how long a node is silent that is dead, a minute at least")
	f.Var(durationFlag{&req.LastContactThreshold}, "last-contact-threshold", "how long a healthy node has not heard from the leader, at most")
	f.Var(countFlag{&req.MaxTrailingLogs}, "max-trailing-logs", "by how many entries a healthy node is behind, at most")
	f.Var(countFlag{&req.MinQuorum}, "min-quorum", "how many voters the clean-up leaves, 3 to 7")
	f.Var(durationFlag{&req.ServerStabilizationTime}, "server-stabilization-time", "how long a node is healthy before it gets its vote")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if req == (wire.AutopilotConfigRequest{}) {
			return usage(cmd, "nothing to set")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Raft().SetAutopilotConfig(ctx, req); err != nil {
			return err
		}
		return c.emit(map[string]bool{"set": true}, line("set"))
	})
}

// countFlag is a flag of a whole number, 0 included.
type countFlag struct{ to *wire.Int }

func (f countFlag) String() string {
	if f.to == nil || !f.to.Set {
		return ""
	}
	return strconv.FormatInt(f.to.Value, 10)
}

func (f countFlag) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return wire.ErrWantInt
	}
	*f.to = wire.IntOf(int(n))
	return nil
}

func (f countFlag) Type() string { return "N" }

func newJoinTokensCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "join-tokens", Short: "list the join tokens that have not expired", Args: exactly(),
		Long: "Lists the join tokens that have not expired, by their ids: the tokens themselves are kept nowhere.",
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		list, err := cl.Raft().JoinTokens(ctx)
		if err != nil {
			return err
		}
		rows := []row{{"ID", "NODE", "REPLICA", "EXPIRES", "MADE BY", "USED"}}
		for _, id := range list.Keys {
			t := list.KeyInfo[id]
			rows = append(rows, row{id, t.NodeID, t.NonVoter, t.ExpiresAt, t.CreatedBy, t.UsedBy != ""})
		}
		return c.emit(list, columns(rows...))
	})
}

func newRevokeJoinTokenCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke-join-token ID", Short: "make a join token worth nothing", Args: exactly("ID"),
		Long: "Makes a join token worth nothing, by its id: see signet operator raft join-tokens. A node that joined with it stays.",
	}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Raft().RevokeJoinToken(ctx, args[0]); err != nil {
			return err
		}
		return c.emit(map[string]string{"revoked": args[0]}, line("revoked: "+printable(args[0])))
	})
}
