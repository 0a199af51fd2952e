// Command interop has tokens of Signet verified by libraries of others, and writes
// what came of it as a table. scripts/interop runs it:
//
//	interop issue >samples.json              # tokens of every algorithm, from SIGNET_ADDR with SIGNET_TOKEN
//	interop verify <samples.json >verdicts   # the libraries in Go, and Signet itself
//	interop table VERDICTS… >INTEROP.md      # one table of all verdicts; fails unless each is as it must be
//
// The programs in the folders beside this one do what verify does in other
// languages: samples in, a verdict a line out. sample and verdict in wire.go are
// the whole contract.
//
// It is a nested module, so that Signet itself depends on none of these libraries.
// It never imports Signet: what goes between them is HTTP, as for any verifier.
//
// The invariant it keeps: a library counts as working with an algorithm only if it
// also refuses, and for the right reason, the tokens that differ from the good one
// in a bit, in their lifetime or in their audience.
//
// Start reading at wire.go, then libraries in verify.go.
package main
