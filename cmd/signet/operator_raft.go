package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newRaftCommand(c *cli) *cobra.Command {
	return group("raft", "list, admit, remove and change the nodes of a cluster",
		newRaftListCommand(c), newRaftJoinTokenCommand(c), newRaftJoinCommand(c), newRaftRemoveCommand(c),
		newRaftPromoteCommand(c), newRaftDemoteCommand(c), newRaftTransferCommand(c),
		newAutopilotCommand(c), newJoinTokensCommand(c), newRevokeJoinTokenCommand(c))
}

func newRaftListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list the nodes of the cluster, and how they are", Args: exactly(),
		Long: `Lists the nodes of the cluster as any of them knows it. A node that does not answer
has a "-" for all that only it could say.

  ROLE     leader, voter, "waiting for its vote" until it has caught up, or replica,
           which never votes
  SEALED   whether its shares are still to be given: it votes and answers nothing
  SERVING  whether it answers requests: it is unsealed and has a lease of the leader's
  HEALTHY  whether its audit log can be written and its disk has room
  LAG      how many entries of the log it has not got yet
  VERSION  of its build
  LEVEL    the feature level that its build knows: the cluster rises to the lowest of
           them by itself (see signet status)`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		out, err := cl.Raft().Configuration(ctx)
		if err != nil {
			return err
		}
		return c.emit(out, columns(memberRows(out.Servers)...))
	})
}

func memberRows(servers []wire.RaftServer) []row {
	rows := []row{{"NODE", "ROLE", "SEALED", "SERVING", "HEALTHY", "LAG", "CLUSTER ADDRESS", "API ADDRESS", "VERSION", "LEVEL"}}
	var last uint64
	for _, s := range servers {
		last = max(last, s.LastIndex)
	}
	for _, s := range servers {
		r := row{s.NodeID, roleOf(s), "-", "-", "-", "-", s.Address, s.APIAddress, "-", "-"}
		if s.Reachable {
			r[2], r[3], r[4], r[5], r[8], r[9] = s.Sealed, s.Serving, s.Healthy, last-s.LastIndex, s.Version, s.FeatureLevel
		}
		rows = append(rows, r)
	}
	return rows
}

// roleOf is a node's part in the cluster, in words.
func roleOf(s wire.RaftServer) string {
	switch {
	case s.Leader:
		return "leader"
	case s.Voter:
		return "voter"
	case s.WillVote:
		return "waiting for its vote"
	}
	return "replica"
}

func newRaftJoinTokenCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "join-token NODE_ID", Short: "make a token that lets one node join, once", Args: exactly("NODE_ID"),
		Long: `Makes a token that lets the node with this id join the cluster, once, and prints
it: it is not shown again. It also names the cluster, so that the node cannot be
led to join another one.`,
		Example: "  signet operator raft join-token n2 > join-token     (then chmod 600, and to the node)\n  signet operator raft join-token reader1 --replica --ttl 10m",
	}
	var req wire.JoinTokenRequest
	f := cmd.Flags()
	f.Var(durationFlag{&req.TTL}, "ttl", "lifetime, a minute to a day (default 1h)")
	replica := f.Bool("replica", false, "the node serves everything and has no vote")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		req.NodeID = args[0]
		setIfChanged(*replica, &req.NonVoter, wire.BoolOf(true))
		cl, err := c.connect()
		if err != nil {
			return err
		}
		made, err := cl.Raft().CreateJoinToken(ctx, req)
		if err != nil {
			return err
		}
		if err := c.emit(made, line(printable(made.JoinToken.Reveal()))); err != nil {
			return err
		}
		if format, _ := c.format(); format == "table" { // on stderr, so that a pipe gets the token alone
			c.note("node " + printable(made.NodeID) + " can join with it until " + text(made.ExpiresAt) + ", once; either")
			c.note("  put it into a file of mode 0600 on that node, and name that as join_token_file in raft { retry_join { … } },")
			c.note("  or pipe it, on that node, into: signet operator raft join --leader URL")
		}
		return nil
	})
}

func newRaftJoinCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "join --leader URL [-]", Short: "make the node at SIGNET_ADDR a member of a cluster", Args: secretFromStdin,
		Long: `Makes the node at SIGNET_ADDR, which has no data yet, a member of a cluster. The
join token is typed without echo, piped in, or read from a file. Any node of the
cluster can be named as the leader: it asks the one that leads. Needs no token.`,
		Example: "  SIGNET_ADDR=https://10.0.0.2:8200 signet operator raft join --leader https://10.0.0.1:8200 < join-token",
	}
	f := cmd.Flags()
	leader := f.String("leader", "", "`URL` of a node of the cluster, as the joining node reaches it")
	ca := f.String("leader-ca", "", "PEM `file` of the CA of that node's certificate (default: the roots of the joining node's system)")
	from := f.String("token-file", "-", "`file` with the join token, or - for the terminal or stdin")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if *leader == "" {
			return usage(cmd, "--leader is missing: the URL of a node of the cluster")
		}
		if u, err := url.Parse(*leader); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return usage(cmd, "--leader is a URL such as https://10.0.0.1:8200")
		}
		if joins, _, _ := strings.Cut(os.Getenv("SIGNET_ADDR"), ","); sameAddress(*leader, joins) {
			return usage(cmd, "--leader "+printable(*leader)+" is the node that joins, at SIGNET_ADDR: name a node of the cluster")
		}
		req := wire.JoinRequest{LeaderAPIAddr: *leader}
		if *ca != "" {
			pem, err := os.ReadFile(*ca)
			if err != nil {
				return usageError(err.Error(), "--leader-ca is a PEM file")
			}
			req.LeaderCACert = string(pem)
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if req.JoinToken, err = c.joinToken(ctx, *from); err != nil {
			return err
		}
		if err := cl.Raft().Join(ctx, req); err != nil {
			return err
		}
		return c.emit(wire.JoinResponse{Joined: true}, line("joined; now unseal it, with the shares of the cluster: signet operator unseal"))
	})
}

// sameAddress says whether two URLs are of one server, as far as they show it.
func sameAddress(a, b string) bool {
	of := func(text string) string { return strings.ToLower(strings.TrimRight(strings.TrimSpace(text), "/")) }
	return of(a) == of(b)
}

func (c *cli) joinToken(ctx context.Context, from string) (client.Secret, error) {
	if from == "-" {
		return c.readSecret(ctx, "join token")
	}
	token, err := readPrivate(from)
	if err != nil {
		return client.Secret{}, usageError(err.Error(), "")
	}
	return wire.SecretOf(token), nil
}

// readPrivate returns what a file holds that nobody else may read, without the space
// around it.
func readPrivate(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", name)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others (mode %04o); run chmod 600 on it", name, info.Mode().Perm())
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(string(content)) == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return strings.TrimSpace(string(content)), nil
}
