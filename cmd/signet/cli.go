package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
)

// cli is what the commands share: the streams and the output format.
type cli struct {
	stdin          *os.File
	stdout, stderr io.Writer
	output         string // of -o; "" means SIGNET_FORMAT
}

// connect returns a client as the environment describes it. A person waits for
// it, so it gives up sooner than a program would.
func (c *cli) connect() (*client.Client, error) {
	return c.connectWith(client.FromEnvironment())
}

func (c *cli) connectWith(cfg client.Config) (*client.Client, error) {
	cfg.Retry = client.Retry{Attempts: 3, MaxWait: time.Second}
	if several := len(cfg.Addresses); several > 1 {
		cfg.Retry.Attempts = 6 * several // an election takes seconds, and is worth them
	}
	cfg.Warn = func(text string) { c.note("warning: " + text) }
	return client.New(cfg)
}

// note writes a line for people, which is no result, to stderr.
func (c *cli) note(text string) { _, _ = io.WriteString(c.stderr, "signet: "+text+"\n") }

// printing makes cmd take -o and run do, after the format is checked, so that a
// misspelt format is found before anything is sent.
func (c *cli) printing(cmd *cobra.Command, do func(ctx context.Context, args []string) error) *cobra.Command {
	cmd.Flags().StringVarP(&c.output, "output", "o", "", "`format`: table or json (default: SIGNET_FORMAT, or table)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := c.format(); err != nil {
			return usage(cmd, err.Error())
		}
		return do(cmd.Context(), args)
	}
	return cmd
}

// exactly returns a check for the given arguments, in words.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(cmd, names[len(args)]+" is missing")
		case len(args) > len(names):
			return usage(cmd, "too many arguments: "+printable(args[len(names)]))
		}
		return nil
	}
}

// subcommandRequired refuses an unknown subcommand, with what may have been
// meant. The root alone may be called without one.
func subcommandRequired(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	if cmd.HasParent() {
		return usage(cmd, cmd.CommandPath()+" needs a subcommand: "+subcommands(cmd))
	}
	return nil
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: subcommandRequired,
		RunE: func(*cobra.Command, []string) error { return nil }, // Args has refused
	}
	cmd.AddCommand(commands...)
	return cmd
}
