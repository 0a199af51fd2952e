package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
)

// writing returns the commands that change something on the server, each of them
// with one request: those that can be sent again under one key.
func writing() []string {
	return []string{
		"key create", "key rotate", "key config", "key delete", "key undelete", "key trim", "key state", "issuer rotate", "issuer cancel-rotation", "issuer compromise", "issuer state",
		"issuer create", "issuer config", "issuer delete", "issuer undelete", "profile write", "profile delete",
		"token create", "token renew", "token revoke", "policy write", "policy delete",
		"jwt revoke",
		"operator migrate-seal",
		"application write", "application block", "application unblock", "application delete",
		"operator raft remove", "operator raft promote", "operator raft demote",
		"operator raft autopilot config set", "operator raft revoke-join-token",
		"approle write", "approle delete", "approle secret-id create", "approle secret-id destroy",
	}
}

const idempotencyFlag = "idempotency-key"

// addIdempotencyKeys lets the commands that write take --idempotency-key.
func addIdempotencyKeys(root *cobra.Command) {
	for _, path := range writing() {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil || cmd.CommandPath() != root.Name()+" "+path {
			panic("no command: signet " + path) // the list above is wrong
		}
		key := cmd.Flags().String(idempotencyFlag, "", "under the same `key`, the same command takes effect once a day, however often it is run")
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed(idempotencyFlag) {
				if !goodIdempotencyKey(*key) {
					return usage(cmd, "--idempotency-key is 1 to 255 printable ASCII characters")
				}
				cmd.SetContext(client.WithIdempotencyKey(cmd.Context(), *key))
			}
			return run(cmd, args)
		}
	}
}

// goodIdempotencyKey is the server's rule, asked before anything is sent.
func goodIdempotencyKey(key string) bool {
	other := func(r rune) bool { return r < ' ' || r > '~' }
	return key != "" && len(key) <= 255 && !strings.ContainsFunc(key, other) && strings.TrimSpace(key) == key
}
