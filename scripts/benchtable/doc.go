// Command benchtable measures a signet binary and prints the benchmark table;
// scripts/bench builds what it needs and runs it.
//
//	benchtable -signet FILE -floor FILE [-op NAMES] [-part NAMES] [-pairs N] [-seconds N] [-json FILE] [-markdown]
//
// It owns the nodes that it starts, in a directory of its own, and what figures
// mean: microseconds of CPU are those of the server process, user and system, for
// one request, or one item of a batch. It never measures a server it did not
// start, and knows nothing of this module: it speaks HTTP like any other client.
//
// The invariant: no figure without a check. The first answer on every connection
// is verified in full (signatures under the public key that was read, plaintexts,
// equal HMACs), every other one for its form, and one failure is an error of the
// whole run. A node and the bare handler, or two nodes, are measured by turns, so
// that what else the machine does meets both; a figure is the median of the pairs
// with the smallest and the largest beside it.
//
// Start reading at main.go; then operation.go (what is asked), load.go (how it is
// measured), aim.go (what is wanted), and the parts: operations.go, versions.go,
// loaded.go, idle.go.
package main
