package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Exit codes, as doc.go promises them.
const (
	exitDone     = 0
	exitRefused  = 1
	exitUsage    = 2
	exitSealed   = 3
	exitNegative = 4
)

// wrongUsage is a command line, environment or input that cannot work.
type wrongUsage struct{ text, hint string }

func (e *wrongUsage) Error() string { return e.text }

// usageError returns an error that ends the process with 2. Its hint, if any,
// says what to do.
func usageError(text, hint string) error { return &wrongUsage{text, hint} }

// usage returns a usageError that points to the help of cmd.
func usage(cmd *cobra.Command, text string) error {
	return usageError(text, fmt.Sprintf("see: %s --help", cmd.CommandPath()))
}

// advice is an error with hints that only the command can give; they take the place
// of those of its code.
type advice struct {
	err   error
	hints []string
}

func (a *advice) Error() string { return a.err.Error() }
func (a *advice) Unwrap() error { return a.err }

// codeOf is the code that the server refused with, "" where it did not.
func codeOf(err error) wire.Code {
	answered := (*client.Error)(nil)
	if errors.As(err, &answered) {
		return answered.Code
	}
	return ""
}

// errVerdict ends a command whose result, already printed, is negative.
var errVerdict = errors.New("the verdict is negative")

// errSealedShown ends a command that has shown that the server is sealed.
var errSealedShown = errors.New("the server is sealed")

// report prints err as one line and its hints, and returns the exit code.
func report(stderr io.Writer, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errVerdict):
		return exitNegative
	case errors.Is(err, errSealedShown):
		return exitSealed
	}
	_, _ = fmt.Fprintf(stderr, "signet: %s\n", printable(describe(err)))
	for _, hint := range hints(err) {
		_, _ = fmt.Fprintf(stderr, "hint: %s\n", printable(hint))
	}
	switch {
	case isUsage(err):
		return exitUsage
	case errors.Is(err, client.ErrSealed):
		return exitSealed
	default:
		return exitRefused
	}
}

func isUsage(err error) bool {
	wrong := (*wrongUsage)(nil)
	return errors.As(err, &wrong) || errors.Is(err, client.ErrBadName) || errors.Is(err, client.ErrBadAddress) ||
		errors.Is(err, client.ErrPlaintext) || errors.Is(err, client.ErrBadTLS)
}

// describe returns the error in the words of the command line: what the server
// said, without method, path and status, which hints repeat where they help.
func describe(err error) string {
	answered := (*client.Error)(nil)
	network := (*client.NetworkError)(nil)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted" + unknownOutcome(err)
	case errors.As(err, &answered):
		return describeAnswer(answered)
	case errors.As(err, &network):
		return describeNetwork(network) + unknownOutcome(err)
	default:
		return err.Error()
	}
}

func unknownOutcome(err error) string {
	if errors.Is(err, client.ErrOutcomeUnknown) {
		return "; it may or may not have been done"
	}
	return ""
}

// spelledHere is what a command that operators know from Vault is called here, "" for
// any other.
func spelledHere(command string) string {
	about := "signet operator raft "
	switch command {
	case about + "list-peers", "signet operator members":
		return about + "list"
	case about + "remove-peer":
		return about + "remove NODE_ID"
	case about + "snapshot":
		return "signet operator snapshot, with save, inspect and restore"
	case about + "autopilot get-config":
		return about + "autopilot config"
	case about + "autopilot set-config":
		return about + "autopilot config set"
	}
	return ""
}

func unknownCommand(cmd *cobra.Command, name string) error {
	hint := "one of: " + subcommands(cmd)
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if ours := spelledHere(cmd.CommandPath() + " " + name); ours != "" {
		hint = "here that is: " + ours
	} else if similar := cmd.SuggestionsFor(name); len(similar) > 0 {
		hint = "did you mean: " + cmd.CommandPath() + " " + strings.Join(similar, ", ")
	}
	return usageError(fmt.Sprintf("unknown command %q for %s", name, cmd.CommandPath()), hint)
}

func subcommands(cmd *cobra.Command) string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return strings.Join(names, ", ")
}
