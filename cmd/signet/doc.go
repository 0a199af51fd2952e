// Command signet is the whole of Signet in one binary: the server, and the
// commands that operators, key managers and users of keys type.
//
// The command files own the words: arguments, prompts, output as tables or
// JSON, exit codes, and hints that say what to do after an error. What a command
// does is a call of package client. They never import anything else of the
// module, never take a share or a token from an argument, and never print one
// except where it is issued; the server's own files (server*.go) wire the
// daemon and print no tables.
//
// The invariant: 0 is returned only when what was asked for was done; 1 when
// server or network said no, 2 for wrong usage, before anything was sent; 3
// when the server is sealed; 4 when a verdict is negative. Results go to
// stdout, everything else to stderr.
//
// Start reading at main.go, then exit.go and hint.go; after that there is one
// file for each group of commands.
package main
