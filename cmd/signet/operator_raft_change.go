package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newRaftRemoveCommand(c *cli) *cobra.Command {
	return c.memberCommand(&cobra.Command{
		Use: "remove NODE_ID", Short: "take a node out of the cluster, for good", Args: exactly("NODE_ID"),
		Long: `Takes a node out of the cluster, for good, and returns when it can serve nothing
any more, whether it runs or not. To come back it needs an empty data directory
and a new join token. Its old data directory still holds what the cluster kept,
sealed: wipe it. Any other node of the cluster takes the command.`,
	}, "removed", c.removeNode)
}

// removeNode asks the next address where the node that is to go was asked itself.
func (c *cli) removeNode(r client.Raft, ctx context.Context, nodeID string) error {
	err := r.Remove(ctx, nodeID)
	nodes := client.FromEnvironment()
	for more := len(nodes.Addresses) - 1; more > 0 && askedItself(err); more-- {
		nodes.Addresses = append(nodes.Addresses[1:], nodes.Addresses[0])
		cl, wrong := c.connectWith(nodes)
		if wrong != nil {
			return wrong
		}
		err = cl.Raft().Remove(ctx, nodeID)
		cl.Close()
	}
	return err
}

// askedItself says whether a node refused to remove itself. There is no code for it:
// another node does what this one was asked for.
func askedItself(err error) bool {
	var refused *client.Error
	return errors.As(err, &refused) && refused.Code == wire.BadRequest && strings.Contains(strings.Join(refused.Errors, " "), "is the one that was asked")
}

func newRaftPromoteCommand(c *cli) *cobra.Command {
	return c.memberCommand(&cobra.Command{
		Use: "promote NODE_ID", Short: "give a replica a vote", Args: exactly("NODE_ID"),
		Long: "Gives a replica a vote, as soon as it has caught up; see: signet operator raft list",
	}, "promoted", client.Raft.Promote)
}

func newRaftDemoteCommand(c *cli) *cobra.Command {
	return c.memberCommand(&cobra.Command{
		Use: "demote NODE_ID", Short: "make a voter a replica", Args: exactly("NODE_ID"),
		Long: "Takes a voter's vote. It serves on, as a replica. A leader hands over first.",
	}, "demoted", client.Raft.Demote)
}

// memberCommand completes a command that changes one node. done is what has become of
// it.
func (c *cli) memberCommand(cmd *cobra.Command, done string, change func(r client.Raft, ctx context.Context, nodeID string) error) *cobra.Command {
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := change(cl.Raft(), ctx, args[0]); err != nil {
			return err
		}
		return c.emit(map[string]string{done: args[0]}, line(done+": "+printable(args[0])))
	})
}

func newRaftTransferCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "transfer [NODE_ID]", Short: "hand the lead to another voter", Args: optionalNode,
		Long: `Has the node that leads hand over: to the voter named, or to the one whose log is
furthest. Requests under way finish. Any node of the cluster takes the command.`,
	}
	return c.transferring(cmd)
}

func newStepDownCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "step-down", Short: "hand the lead to another voter, whichever is furthest", Args: exactly(),
		Long: "The same as: signet operator raft transfer",
	}
	return c.transferring(cmd)
}

func optionalNode(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exactly("NODE_ID")(cmd, args)
}

func (c *cli) transferring(cmd *cobra.Command) *cobra.Command {
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		to := ""
		if len(args) > 0 {
			to = args[0]
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Raft().StepDown(ctx, to); err != nil {
			return err
		}
		said := "handed over"
		if to != "" {
			said += " to " + printable(to)
		}
		return c.emit(map[string]any{"handed_over": true, "to": to}, line(said))
	})
}
