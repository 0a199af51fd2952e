// Package state owns the replicated state of a cluster: a value, and the one
// function that carries it from one command to the next.
//
// It never reads a clock, draws a random number or does I/O: time and randomness
// arrive inside the command, so that every node that applies the same commands
// holds the same state. It never sees a clear private key: key versions carry
// sealed bytes.
//
// The invariant it keeps: the same commands give the same bytes (Digest) on
// every node, and a command that this build does not know stops the node
// instead of being skipped. A State is never changed once it is visible; Apply
// returns a new one that shares what did not change.
//
// Start reading at Apply, then at Command in command.go.
package state
