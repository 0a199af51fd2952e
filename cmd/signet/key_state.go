package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newKeyStateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "state NAME VERSION STATE", Short: "suspend, retire, give up or destroy a version of a key", Args: exactly("NAME", "VERSION", "STATE"),
		Long: `Puts one version of a key into another state:

  suspended    does nothing, until it is put back with active (or retired)
  retired      verifies and decrypts, and neither signs nor encrypts
  compromised  does nothing any more
  destroyed    its private half is erased, for good; of a version that is retired,
               compromised or pending, and it needs the capability sudo

If the latest version does not sign, nothing does: rotate the key for a new one.`,
		Example: "  signet key state web 3 suspended --reason 'under inquiry'\n  signet key state web 3 active",
	}
	reason := cmd.Flags().String("reason", "", "`text` for the audit log, at most 256 bytes")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		version, err := strconv.ParseUint(args[1], 10, 31)
		if err != nil || version == 0 {
			return usage(cmd, "VERSION is the number of a version, not "+printable(args[1]))
		}
		key, err := t.SetKeyVersionState(ctx, args[0], int(version), args[2], *reason)
		if codeOf(err) == wire.BadTransition {
			return stateAdvice(err, args, cmd.Flag("mount").Value.String())
		}
		if err != nil {
			return err
		}
		return c.emit(key, keyTable(key))
	})
}

// stateAdvice names the command that goes before a move that is not possible, or in
// its place. args are those of the command.
func stateAdvice(err error, args []string, mount string) error {
	k := keyPath{mount: mount, name: args[0]}
	hints := []string{"see the states of its versions with: signet key read " + k.args()}
	switch args[2] {
	case "destroyed":
		hints = append(hints, "retire it first with: signet key state "+k.args(args[1], "retired"))
	case "active", "pending":
		hints = append(hints, "make a version that signs with: signet key rotate "+k.args())
	}
	return &advice{err, hints}
}
