package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/cmd/signet/offline"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code. The context of the
// command ends at the first SIGINT or SIGTERM; a second one kills the process.
func run(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRootCommand(&cli{stdin: stdin, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
}

// Groups of the help, by who needs them.
const (
	groupUse     = "use"
	groupKeys    = "keys"
	groupAccess  = "access"
	groupOperate = "operate"
	groupOther   = "other"
)

func newRootCommand(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "signet",
		Short: "sign, verify, encrypt and decrypt with keys that never leave the server",
		Long: `Signet keeps private keys in a sealed server, signs, verifies, encrypts and
decrypts with them on request, and records every use of a key.`,
		SilenceErrors: true, // report prints them, with hints
		SilenceUsage:  true,
		Args:          subcommandRequired,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddGroup(
		&cobra.Group{ID: groupUse, Title: "To use keys:"},
		&cobra.Group{ID: groupKeys, Title: "To manage keys:"},
		&cobra.Group{ID: groupAccess, Title: "To manage access:"},
		&cobra.Group{ID: groupOperate, Title: "To run a server:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add(groupUse, newSignCommand(c), newVerifyCommand(c), newEncryptCommand(c), newDecryptCommand(c), newRewrapCommand(c), newHMACCommand(c), newJWTCommand(c, decodeJWT))
	add(groupKeys, newKeyCommand(c), newIssuerCommand(c), newProfileCommand(c))
	add(groupAccess, newLoginCommand(c), newTokenCommand(c), newPolicyCommand(c), newQuotaCommand(c), newApplicationCommand(c), newAppRoleCommand(c))
	add(groupOperate, newServerCommand(), newOperatorCommand(c, inspectSnapshot), newStatusCommand(c), newBenchCommand(c))
	add(groupOther, newVersionCommand(c))
	addRecovery(c, root)
	addIdempotencyKeys(root)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A flag of a subcommand that is unknown: the flags are read first.
		if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		// What was glued to an unknown shorthand is not repeated: -tTOKEN.
		text, _, _ := strings.Cut(err.Error(), " in -")
		return usage(cmd, text)
	})
	root.SetUsageTemplate(root.UsageTemplate() + environmentHelp)
	return root
}

// decodeJWT lends the commands what needs no server.
func decodeJWT(token string) decodedJWT {
	d := offline.DecodeJWT(token)
	return decodedJWT{Malformed: d.Malformed, Encrypted: d.Encrypted, Header: d.Header, Claims: d.Claims, Problems: d.Problems}
}

func inspectSnapshot(r io.Reader) (snapshotContent, error) {
	s, err := offline.InspectSnapshot(r)
	if err != nil {
		return snapshotContent{}, err
	}
	return snapshotContent{
		ClusterID: s.ClusterID, ClusterEpoch: s.ClusterEpoch, Index: s.Index, Term: s.Term, Time: s.Time, Made: s.Made, Node: s.Node, Software: s.Software,
		Shares: s.Shares, Threshold: s.Threshold, ShareGeneration: s.ShareGeneration, Members: s.Members, StateSize: s.StateSize, SHA256: s.SHA256,
	}, nil
}

const environmentHelp = `{{if not .HasParent}}
Environment:
  SIGNET_ADDR         address of the server (https://127.0.0.1:8200), or of several
                      nodes of one cluster with commas between them: the first one
                      that serves is used; what is about one node, such as unseal
                      and status, is asked of the first address alone
  SIGNET_TOKEN        token; without it the one that "signet login" stored
  SIGNET_CACERT       PEM file of the CA of the server's certificate
  SIGNET_CLIENT_CERT  PEM file of a client certificate
  SIGNET_CLIENT_KEY   PEM file of its key
  SIGNET_FORMAT       table or json

Exit codes: 0 done, 1 server or network said no, 2 usage, 3 sealed, 4 negative verdict
{{end}}`
