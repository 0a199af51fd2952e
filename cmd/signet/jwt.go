package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// maxTokenInput is what is read of a file or stdin that holds a token, in bytes.
const maxTokenInput = 64<<10 + 16

// newJWTCommand holds what is done with tokens that others verify. decode is in the
// room of commands that need no server.
func newJWTCommand(c *cli, decode func(token string) decodedJWT) *cobra.Command {
	return group("jwt", "issue, verify, decrypt, revoke and read tokens for other services",
		newJWTSignCommand(c), newJWTVerifyCommand(c), newJWTDecryptCommand(c), newJWTRevokeCommand(c), newJWTIntrospectCommand(c), newJWTDecodeCommand(c, decode))
}

// withToken takes names, and then a token or - or nothing for stdin.
func withToken(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(cmd, names[len(args)]+" is missing")
		case len(args) > len(names)+1:
			return usage(cmd, fmt.Sprintf("too many arguments: %d, want %s and a token", len(args), strings.Join(names, ", ")))
		}
		return nil
	}
}

// tokenInput is the token of an argument, or of stdin. Tokens hold no spaces; those
// around one come with the file.
func (c *cli) tokenInput(args []string, at int) (string, error) {
	text := "-"
	if len(args) > at {
		text = args[at]
		if err := fileForToken(text); err != nil {
			return "", err
		}
	}
	if text == "-" {
		raw, err := c.readInput("-", maxTokenInput)
		if err != nil {
			return "", err
		}
		text = string(raw)
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", usageError("there is no token in the input", "the token is an argument, or comes from stdin")
	}
	return text, nil
}

// fileForToken refuses an argument that names a file: other commands take one there,
// and as a token it would only be malformed.
func fileForToken(text string) error {
	info, err := os.Stat(text)
	if text == "-" || err != nil || info.IsDir() {
		return nil
	}
	return usageError(printable(text)+" is a file, and a token is taken here", "hand over what is in it on stdin: - < "+printable(text))
}

// jwtHints returns what to do about a token that was not issued.
func jwtHints(err *client.Error) []string {
	parts := strings.Split(err.Path, "/")
	if len(parts) < 4 {
		return nil
	}
	issuer, profile := printable(parts[2]), printable(parts[3])
	if err.Code == wire.NoSigningKey {
		return []string{"see the versions of its key with: signet issuer read " + issuer}
	}
	return []string{"see what the profile allows with: signet profile read " + issuer + " " + profile}
}
