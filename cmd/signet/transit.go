package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
)

// onTransit makes a command that uses or manages keys: it adds --mount and hands
// do the calls of that mount.
func (c *cli) onTransit(cmd *cobra.Command, do func(ctx context.Context, t client.Transit, args []string) error) *cobra.Command {
	mount := mountFlag(cmd)
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if *mount == "" { // of a variable that is not set, and not a wish for the default
			return usage(cmd, "--mount is empty")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		return do(ctx, cl.Transit(*mount), args)
	})
}

func mountFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("mount", "transit", "`path` of the transit engine that holds the keys")
}

// result is what a command prints.
type result struct {
	value   any                   // as JSON
	table   func(io.Writer) error // for people
	verdict error                 // errVerdict if it is negative
}

// onInput makes the command of one call with a key and an input of at most limit
// bytes: args are KEY and FILE, or - for stdin. It reads the input, connects,
// calls and prints.
func (c *cli) onInput(cmd *cobra.Command, limit int64, call func(ctx context.Context, t client.Transit, key string, input []byte) (result, error)) *cobra.Command {
	cmd.Args = exactly("KEY", "FILE or - (stdin)")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		input, err := c.readInput(args[1], limit)
		if err != nil {
			return err
		}
		out, err := call(ctx, t, args[0], input)
		if err != nil {
			return err
		}
		if err := c.emit(out.value, out.table); err != nil {
			return err
		}
		return out.verdict
	})
}
