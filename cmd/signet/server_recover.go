package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/raftstore"
)

// addRecovery puts the one operator command that works on a node's own files beside
// the others, which ask a server.
func addRecovery(c *cli, root *cobra.Command) {
	operator, _, err := root.Find([]string{"operator"})
	if err != nil {
		panic(err) // the group is gone
	}
	operator.AddCommand(newRecoverCommand(c))
}

func newRecoverCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "recover", Short: "go on without a majority that is lost for good", Args: exactly(),
		Long: `Works on the data of a node that survives and is stopped, when a majority of the
voters is lost for good. It shows what this node has, and reads from stdin the ids of
the nodes that are given up. The others are the cluster from then on, in a new epoch;
those given up are refused for ever, and their data must be wiped before they may join
again. What a lost node had acknowledged and this one never received is lost.

With several survivors, run it on each of them, with the same ids, before any of them
is started. Try everything else first.`,
		Example: "  signet operator recover --config /etc/signet/signet.hcl --preview\n  signet operator recover --config /etc/signet/signet.hcl",
	}
	config := cmd.Flags().String("config", "", "configuration `file` of the node")
	preview := cmd.Flags().Bool("preview", false, "show what this node has, and change nothing")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if *config == "" {
			return usage(cmd, "--config is missing: the file that the node runs with")
		}
		cfg, err := loadServerConfig(serverFlags{config: *config})
		if err != nil {
			return err
		}
		if err := cfg.asOwner(); err != nil {
			return err
		}
		r, err := kms.OpenRecovery(cfg.serviceConfig(hclog.NewNullLogger()))
		switch {
		case errors.Is(err, raftstore.ErrLocked):
			return &advice{err, []string{"the node still runs: stop it first"}}
		case err != nil:
			return err
		}
		return errors.Join(c.recover(r, *preview), r.Close())
	})
}

// asOwner refuses to write, as root, files into a data directory that the service's
// user could not read any more.
func (c *serverConfig) asOwner() error {
	info, err := os.Stat(c.DataDir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if me := os.Geteuid(); me == 0 && owner != 0 {
		return &advice{fmt.Errorf("%s belongs to user %d, who could not read what root writes into it", c.DataDir, owner), []string{fmt.Sprintf("run it as that user, for instance: setpriv --reuid %d --regid %d --clear-groups signet operator recover …", owner, info.Sys().(*syscall.Stat_t).Gid)}}
	}
	return nil
}

// recovered is what the command prints.
type recovered struct {
	NodeID    string            `json:"node_id"`
	ClusterID string            `json:"cluster_id"`
	Epoch     uint64            `json:"cluster_epoch"`
	LastIndex uint64            `json:"last_index"`
	LastTerm  uint64            `json:"last_term"`
	Servers   []recoveredServer `json:"servers"`
	GivenUp   []string          `json:"given_up"`
	Changed   bool              `json:"changed"`
}

type recoveredServer struct {
	NodeID  string `json:"node_id"`
	Address string `json:"address"`
	Voter   bool   `json:"voter"`
}

func (c *cli) recover(r *kms.Recovery, preview bool) error {
	found := r.Survivor()
	out := describeSurvivor(found, found.Servers, found.Roster)
	if preview {
		return c.emit(out, recoveredTable(out))
	}
	if err := recoveredTable(out)(c.stderr); err != nil {
		return err
	}
	dead, err := c.readNodeIDs()
	if err != nil {
		return err
	}
	servers, _, err := r.Plan(dead)
	if err != nil {
		return &advice{err, []string{"nothing was changed"}}
	}
	roster, err := r.Give(dead)
	if err != nil {
		return &advice{err, []string{"run the same command again: it goes on where it ended"}}
	}
	out = describeSurvivor(found, servers, roster)
	out.GivenUp, out.Changed = dead, true
	if err := c.emit(out, recoveredTable(out)); err != nil {
		return err
	}
	c.note("now start this node and unseal it")
	c.note("wipe the data of " + strings.Join(dead, ", ") + ": started with it, they would be a second cluster, and this one refuses them")
	return nil
}

// readNodeIDs asks which nodes are given up: the line that a person types, or all that a
// pipe has. Spaces, commas and ends of lines part the ids; each comes once, in order.
func (c *cli) readNodeIDs() ([]string, error) {
	in := bufio.NewReader(io.LimitReader(c.stdin, 64<<10))
	var text string
	if c.interactive() {
		c.note("which nodes are lost for good? their ids, with spaces between them, then enter")
		line, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		text = line
	} else {
		all, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		text = string(all)
	}
	ids := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func describeSurvivor(found raftstore.Survivor, servers []raftstore.Server, roster *raftstore.Roster) recovered {
	out := recovered{NodeID: found.NodeID, LastIndex: found.LastIndex, LastTerm: found.LastTerm, Servers: []recoveredServer{}, GivenUp: []string{}}
	if roster != nil {
		out.ClusterID, out.Epoch = roster.ClusterID, roster.Epoch
	}
	for _, s := range servers {
		at := ""
		if m := roster.Member(s.NodeID); m != nil {
			at = m.Address
		}
		out.Servers = append(out.Servers, recoveredServer{s.NodeID, at, s.Voter})
	}
	return out
}

func recoveredTable(r recovered) func(io.Writer) error {
	rows := []row{
		{"node", r.NodeID}, {"cluster", r.ClusterID}, {"cluster epoch", r.Epoch},
		{"log", fmt.Sprintf("up to index %d of term %d", r.LastIndex, r.LastTerm)},
	}
	for _, s := range r.Servers {
		part := "replica"
		if s.Voter {
			part = "voter"
		}
		rows = append(rows, row{"member", s.NodeID + ", " + part + ", at " + s.Address})
	}
	for _, id := range r.GivenUp {
		rows = append(rows, row{"given up", id})
	}
	return columns(rows...)
}
