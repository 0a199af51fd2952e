// Package vaultclient tests the daemon with the client libraries of others, as they
// are: github.com/hashicorp/vault/api and github.com/openbao/openbao/api/v2. What a
// program that was written for Vault sends, and what it makes of an answer, is
// theirs here, and not a guess of ours.
//
// It is a nested module, so that Signet itself depends on neither library. It never
// imports Signet: it builds the binary from the checkout around it, runs it, and
// talks to it over a socket. It holds no code but tests.
//
// The same tests run with both libraries. The files library_*_test.go say which:
//
//	go test -race ./...                 # Vault's
//	go test -race -tags openbao ./...   # OpenBao's
//
// The invariant it keeps: no test knows a wire form. What one expects is what the
// library hands to its caller.
//
// Start reading at newDaemon in daemon_test.go.
package vaultclient
