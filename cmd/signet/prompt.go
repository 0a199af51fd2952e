package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// maxSecret bounds a line that holds a share or a token.
const maxSecret = 4096

// secretFromStdin is the Args of a command that reads a secret: none, or "-",
// which says the same.
func secretFromStdin(cmd *cobra.Command, args []string) error {
	if len(args) > 1 || (len(args) == 1 && args[0] != "-") {
		// Whatever it was, it is not repeated: it may have been the secret.
		return usage(cmd, "a share or token is not taken from the command line: type it when asked, or pipe it in")
	}
	return nil
}

// readSecret returns one secret: typed without echo if stdin is a terminal,
// otherwise the only line of stdin. what names it, such as "share".
func (c *cli) readSecret(ctx context.Context, what string) (client.Secret, error) {
	if c.interactive() {
		return c.ask(ctx, what)
	}
	all, err := c.pipedSecrets(what)
	if err != nil {
		return client.Secret{}, err
	}
	if len(all) > 1 {
		return client.Secret{}, usageError("more than one line on stdin, want one "+what, "")
	}
	return all[0], nil
}

// interactive reports that a person can be asked.
func (c *cli) interactive() bool { return term.IsTerminal(int(c.stdin.Fd())) }

// pipedSecrets returns the lines of stdin that are not empty, at least one.
func (c *cli) pipedSecrets(what string) ([]client.Secret, error) {
	scanner := bufio.NewScanner(io.LimitReader(c.stdin, 256*maxSecret))
	scanner.Buffer(make([]byte, 0, maxSecret), maxSecret)
	var out []client.Secret
	for scanner.Scan() {
		if text := strings.TrimSpace(scanner.Text()); text != "" {
			out = append(out, wire.SecretOf(text))
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, usageError(fmt.Sprintf("read the %s from stdin: %v", what, err), "")
	}
	if len(out) == 0 {
		return nil, usageError("no "+what+" on stdin", "type it at a terminal, or pipe it in")
	}
	return out, nil
}

// ask prompts on stderr and reads without echo. The terminal is put back even
// if the command is interrupted while it waits.
func (c *cli) ask(ctx context.Context, what string) (client.Secret, error) {
	fd := int(c.stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return client.Secret{}, fmt.Errorf("read the %s: %w", what, err)
	}
	_, _ = fmt.Fprintf(c.stderr, "%s (not shown): ", what)
	type typed struct {
		text []byte
		err  error
	}
	done := make(chan typed, 1)
	// A read from a terminal cannot be interrupted; if the context ends, the
	// process does soon after, and this goroutine with it.
	go func() {
		text, err := term.ReadPassword(fd)
		done <- typed{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		_, _ = io.WriteString(c.stderr, "\n")
		return client.Secret{}, ctx.Err()
	case got := <-done:
		_, _ = io.WriteString(c.stderr, "\n")
		text := strings.TrimSpace(string(got.text))
		if errors.Is(got.err, io.EOF) || (got.err == nil && text == "") {
			return client.Secret{}, usageError("no "+what+" given", "")
		}
		if got.err != nil {
			return client.Secret{}, fmt.Errorf("read the %s: %w", what, got.err)
		}
		return wire.SecretOf(text), nil
	}
}
